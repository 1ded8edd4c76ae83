/*
 * ours.h: our side: this program, started again as a child that trains or infers
 * when it is told to (peer.h).
 */
#pragma once

/*
 * ours_serve: speaks the protocol on stdin and stdout; returns the exit status.
 * Its arguments are those of pytorch_peer.py: --phase=train --size=28 ...
 */
int ours_serve(int argc, char **argv);
