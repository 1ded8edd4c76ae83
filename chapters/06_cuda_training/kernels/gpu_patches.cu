/*
 * gpu_patches.cu: see gpu_patches.h.
 *
 * A thread an element of what is written, neighbours beside each other: the writes
 * fill whole lines. The reads of patches_from_images jump from row to row of the image
 * every P pixels; a patch of 16 still uses 64 bytes in a row. 8 bytes moved for each
 * pixel; embedding moves 8 for each element of z_0, E_pos being read from cache.
 */
#include "chapters/06_cuda_training/kernels/gpu_patches.h"

#include "chapters/06_cuda_training/kernels/gpu_kernel.h"

enum { THREADS = 256 };

/* patches[b][n][c][y][x] = images[b][c][row of n + y][column of n + x]   [ViT 3.1] */
static __global__ void cut(const float *images, float *patches, long count, int C,
                           int H, int W, int P) {
    const long i = my_element();
    if (i >= count) {
        return;
    }
    const int across = W / P, N = across * (H / P);
    const int x = static_cast<int>(i % P), y = static_cast<int>(i / P % P);
    const int c = static_cast<int>(i / (P * P) % C);
    const long patch = i / (static_cast<long>(P) * P * C);
    const int n = static_cast<int>(patch % N);
    const long b = patch / N;
    const int row = n / across * P + y, column = n % across * P + x;
    patches[i] = images[((b * C + c) * H + row) * W + column];
}

void gpu_patches_from_images(GpuStream stream, Tensor images, int patch,
                             Tensor patches) {
    const int B = images.shape[0], C = images.shape[1], H = images.shape[2],
              W = images.shape[3];
    const long count = tensor_count(images);
    expect_contiguous(images);
    expect_contiguous(patches);
    expect_shape(patches, "(B, N, C P P) with N = H W / P^2.", B,
                 (H / patch) * (W / patch), C * patch * patch);
    LAUNCH(cut, pieces(count, THREADS), THREADS, 0, stream, images.data, patches.data,
           count, C, H, W, patch);
}

/* z_0[b][t] = (t == 0 ? x_class : embedded[b][t - 1]) + E_pos[t]         [ViT eq.1] */
static __global__ void embed(const float *embedded, const float *cls_token,
                             const float *pos_embed, float *z_0, long count, int n,
                             int D) {
    const long i = my_element();
    if (i < count) {
        const int j = static_cast<int>(i % D), t = static_cast<int>(i / D % n);
        const long b = i / (static_cast<long>(n) * D);
        const float x = t == 0 ? cls_token[j] : embedded[(b * (n - 1) + t - 1) * D + j];
        z_0[i] = x + pos_embed[static_cast<long>(t) * D + j];
    }
}

void gpu_embed_forward(GpuStream stream, Tensor embedded, Tensor cls_token,
                       Tensor pos_embed, Tensor z_0) {
    const int B = z_0.shape[0], n = z_0.shape[1], D = z_0.shape[2];
    const long count = tensor_count(z_0);
    expect_shape(embedded, "One row for each patch.", B, n - 1, D);
    expect_shape(cls_token, "One token.", 1, 1, D);
    expect_shape(pos_embed, "A position for each token.", 1, n, D);
    LAUNCH(embed, pieces(count, THREADS), THREADS, 0, stream, embedded.data,
           cls_token.data, pos_embed.data, z_0.data, count, n, D);
}

enum { COLS = 32, LANES = 16 }; /* a block: 32 elements of 16 images at a time */

/*
 * Element i = (t, j) of every image, as column i of a matrix (B, n D): handed on to the
 * patch, summed for the position. A thread for each element alone would leave a large
 * card nearly empty: 16 share the images among them.
 */
static __global__ void embed_back(const float *dz_0, float *dembedded,
                                  float *dcls_token, float *dpos_embed, int B, int n,
                                  int D) {
    __shared__ float lanes[LANES][COLS];
    const int per_image = n * D, i = blockIdx.x * COLS + threadIdx.x;
    const int col = i < per_image ? i : -1;
    if (col >= D) {
        for (int b = threadIdx.y; b < B; b += LANES) {
            dembedded[static_cast<long>(b) * (per_image - D) + i - D] =
                dz_0[static_cast<long>(b) * per_image + i];
        }
    }
    const float sum = column_sum<LANES>(dz_0, col, B, per_image, lanes);
    if (threadIdx.y == 0 && col >= 0) {
        dpos_embed[i] += sum;
        if (i < D) { /* t = 0 */
            dcls_token[i] += sum;
        }
    }
}

void gpu_embed_backward(GpuStream stream, Tensor dz_0, Tensor dembedded,
                        Tensor dcls_token, Tensor dpos_embed) {
    const int B = dz_0.shape[0], n = dz_0.shape[1], D = dz_0.shape[2];
    expect_shape(dembedded, "One row for each patch.", B, n - 1, D);
    expect_shape(dcls_token, "One token.", 1, 1, D);
    expect_shape(dpos_embed, "A position for each token.", 1, n, D);
    LAUNCH(embed_back, pieces(static_cast<long>(n) * D, COLS), dim3(COLS, LANES), 0,
           stream, dz_0.data, dembedded.data, dcls_token.data, dpos_embed.data, B, n,
           D);
}
