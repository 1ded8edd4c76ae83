/*
 * cpu_in_double.h: what the CPU's layers of chapters 1 to 5 compute, in double. They
 * are compiled once more for this, and joined into one object of which only the
 * functions below can be seen (the Makefile's cpu_in_double.o). Arrays of double, row
 * by row, without gaps; names and shapes as in the layers' own headers.
 *
 * Included by tests (float) and by in_double/ (double): no Tensor may appear here.
 */
#ifndef CPU_IN_DOUBLE_H
#define CPU_IN_DOUBLE_H

/* Y = GELU(X), dX = dY o GELU'(X); count numbers. */
void cpu_gelu(int count, const double *X, double *Y);
void cpu_gelu_backward(int count, const double *X, const double *dY, double *dX);

/* C (m, n) = A B^T, A B, A^T B; A and B as in common/matmul.h. */
void cpu_matmul_nt(int m, int n, int k, const double *A, const double *B, double *C);
void cpu_matmul_nn(int m, int n, int k, const double *A, const double *B, double *C);
void cpu_matmul_tn(int m, int n, int k, const double *A, const double *B, double *C);

/* A = softmax of each row of S; dS = A o (dA - rowsum(dA o A)). (rows, cols) */
void cpu_softmax(int rows, int cols, const double *S, double *A);
void cpu_softmax_backward(int rows, int cols, const double *A, const double *dA,
                          double *dS);

/* layer_norm.h's; dgamma and dbeta are added to. */
void cpu_layer_norm(int rows, int D, const double *X, const double *gamma,
                    const double *beta, double *mean, double *rstd, double *Y);
void cpu_layer_norm_backward(int rows, int D, const double *X, const double *gamma,
                             double *mean, double *rstd, const double *dY, double *dX,
                             double *dgamma, double *dbeta);

/* Every head of every image: qkv (B, n, 3 h d), A (B, h, n, n), O (B, n, h d);
 * dS (n, n) scratch. */
void cpu_attention(int B, int heads, int n, int d, const double *qkv, double *A,
                   double *O);
void cpu_attention_backward(int B, int heads, int n, int d, const double *qkv,
                            double *A, const double *dO, double *dS, double *dqkv);

/* z_0 (B, N+1, D) from images (B, C, H, W), patches of P; all of patch_embedding.h,
 * whose names the arrays have. Gradients are added to; dz_0 (B, N+1, D). */
typedef struct {
    int B, C, H, W, P, D;
    const double *images, *cls_token, *pos_embed, *E, *b_E;
    double *dcls_token, *dpos_embed, *dE, *db_E;
} CpuEmbedding;
void cpu_patches(int B, int C, int H, int W, int P, const double *images,
                 double *patches);
void cpu_embedding(const CpuEmbedding *layer, double *z_0);
void cpu_embedding_backward(const CpuEmbedding *layer, const double *dz_0);

/* The sum of the losses; dlogits (B, K) = scale (softmax(logits) - q). */
double cpu_cross_entropy(int B, int K, const double *logits,
                         const unsigned char *labels, double smoothing, double scale,
                         double *dlogits);
/* The first of row b's largest logits. */
int cpu_argmax(int K, const double *logits, int b);

/* adamw.h's; parameter i is the numbers ends[i-1]..ends[i]-1, decays if decay[i]. */
typedef struct {
    double beta1, beta2, epsilon, weight_decay;
    int parameters;
    const long *ends;
    const int *decay;
} CpuAdamW;
void cpu_adamw_step(const CpuAdamW *adamw, double lr, long t, double *weights,
                    const double *gradients, double *m, double *v);
double cpu_gradient_norm(const double *gradients, long count);

#endif
