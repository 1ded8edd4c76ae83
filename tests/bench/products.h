/*
 * products.h: matrix products in a child (peer.h): ours, OpenBLAS's or BLIS's.
 */
#pragma once

/*
 * products_serve: speaks the protocol on stdin and stdout; returns the exit status. Its
 * arguments are "ours", "openblas" or "blis", and a number of threads. Besides what
 * peer.h has:
 *
 *     product LAYOUT M N K LDA LDB LDC    prepares it: "ok"; "failed" if any element is
 *                                         not what matmul.h's product has there
 *     peak ROUNDS                         multiply-adds, GFLOP/s; 0 if it isn't known
 */
int products_serve(int argc, char **argv);
