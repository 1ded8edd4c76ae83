/*
 * gpu_patches.cu: see gpu_patches.h.
 *
 * One thread per element of what is written, neighbouring threads on neighbouring
 * elements: the writes fill whole lines. The reads of the cut jump from row to row of
 * the image every P pixels; a patch of 16 still uses 64 consecutive bytes. It moves 8
 * bytes per pixel, the embedding 8 per element of z_0 (E_pos is in cache).
 */
#include "chapters/06_cuda_training/kernels/gpu_patches.h"

#include "chapters/06_cuda_training/kernels/gpu_kernel.h"

enum { THREADS = 256 };

/* patches[b][n][c][y][x] = images[b][c][row of n + y][column of n + x]   [ViT 3.1] */
static __global__ void cut(Tensor images, Tensor patches, long count, int P) {
    const long i = my_element();
    if (i >= count) {
        return;
    }
    const int C = images.shape[1], H = images.shape[2], W = images.shape[3];
    const int across = W / P, N = across * (H / P);
    const int x = (int)(i % P), y = (int)(i / P % P);
    const int c = (int)(i / (P * P) % C);
    const long patch = i / ((long)P * P * C);
    const int n = (int)(patch % N);
    const long b = patch / N;
    const int row = n / across * P + y, column = n % across * P + x;
    patches.data[i] = images.data[((b * C + c) * H + row) * W + column];
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
    LAUNCH(cut, pieces(count, THREADS), THREADS, 0, stream, images, patches, count,
           patch);
}

/* z_0[b][t] = (t == 0 ? x_class : embedded[b][t - 1]) + E_pos[t]         [ViT eq.1] */
static __global__ void embed(const float *embedded, const float *cls_token,
                             const float *pos_embed, Tensor z_0, long count) {
    const int n = z_0.shape[1], D = z_0.shape[2];
    const long i = my_element();
    if (i < count) {
        const int j = (int)(i % D), t = (int)(i / D % n);
        const long b = i / ((long)n * D);
        const float x = t == 0 ? cls_token[j] : embedded[(b * (n - 1) + t - 1) * D + j];
        z_0.data[i] = x + pos_embed[(long)t * D + j];
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
           cls_token.data, pos_embed.data, z_0, count);
}

enum { COLS = 32, LANES = 16 }; /* a block: 32 elements of 16 images at a time */

/*
 * Element i = (t, j) of every image is column i of a matrix (B, n D): it is handed on
 * to the patch, and summed for the position. With one thread per column a large card
 * would be nearly empty, so 16 threads share the images among them.
 */
static __global__ void embed_back(Tensor dz_0, float *dembedded, float *dcls_token,
                                  float *dpos_embed) {
    __shared__ float lanes[LANES][COLS];
    const int B = dz_0.shape[0], D = dz_0.shape[2], per_image = dz_0.shape[1] * D;
    const int i = my_column(per_image);
    if (i >= D) {
        for (int b = threadIdx.y; b < B; b += LANES) {
            dembedded[(long)b * (per_image - D) + i - D] =
                dz_0.data[(long)b * per_image + i];
        }
    }
    const float sum = column_sum<LANES>(dz_0.data, i, B, per_image, lanes);
    if (threadIdx.y == 0 && i >= 0) {
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
    LAUNCH(embed_back, pieces((long)n * D, COLS), dim3(COLS, LANES), 0, stream, dz_0,
           dembedded.data, dcls_token.data, dpos_embed.data);
}
