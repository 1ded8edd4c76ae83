/*
 * gpu_patches.h: from pixels to tokens on the device (patch_embedding.h has the
 * equations).
 */
#pragma once

#include "chapters/06_cuda_training/gpu.h"

/* gpu_patches_from_images: patches (B, N, C P P) from images (B, C, H, W) [ViT 3.1] */
FOR_C void gpu_patches_from_images(GpuStream stream, Tensor images, int patch,
                                   Tensor patches);

/*
 * gpu_embed_forward: z_0 (B, N+1, D) = [x_class; embedded] + E_pos      [ViT eq.1]
 *   embedded (B, N, D)   cls_token (1, 1, D)   pos_embed (1, N+1, D)     in
 */
FOR_C void gpu_embed_forward(GpuStream stream, Tensor embedded, Tensor cls_token,
                             Tensor pos_embed, Tensor z_0);

/*
 * gpu_embed_backward: dembedded (B, N, D) = rows 1..N of dz_0; and
 *     dcls_token += sum over images of row 0,   dpos_embed += sum over images
 * Images are summed in order: the same bits every time.
 */
FOR_C void gpu_embed_backward(GpuStream stream, Tensor dz_0, Tensor dembedded,
                              Tensor dcls_token, Tensor dpos_embed);
