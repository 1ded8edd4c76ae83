/*
 * eigen.h: the eigenvectors of a symmetric matrix, by Jacobi's method (1846).
 *
 * A rotation in the plane of axes p and q makes A's element (p, q) zero. It spoils
 * others, but the sum of squares off the diagonal falls with every rotation. After
 * several sweeps over all pairs A is diagonal, with its eigenvalues there; the product
 * of the rotations has its eigenvectors. It is slow for large n, and very accurate.
 */
#pragma once

/*
 * eigen_symmetric: A = V^T diag(values) V
 *   A (n, n)        in, symmetric; out: destroyed
 *   values (n)      out, the largest first
 *   V (n, n)        out, row i is the unit eigenvector of values[i]; the sign is such
 *                   that its largest component is positive
 * Cost: about 8 n^3 flops per sweep, 5 to 10 sweeps.
 */
void eigen_symmetric(double *A, int n, double *values, double *V);
