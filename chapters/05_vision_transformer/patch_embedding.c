/* patch_embedding.c: [ViT 3.1], [ViT eq.1]. See patch_embedding.h. */
#include "patch_embedding.h"

#include <stddef.h>
#include <string.h>

#include "linear.h"

void patch_embedding_parameters(PatchEmbedding *layer, ParameterBlock *block, int D,
                                int N, int channels, int patch) {
    layer->cls_token =
        parameter_shaped(block, NO_DECAY, tensor3(NULL, 1, 1, D), "cls_token");
    layer->pos_embed =
        parameter_shaped(block, NO_DECAY, tensor3(NULL, 1, N + 1, D), "pos_embed");
    layer->E = parameter_shaped(block, DECAY, tensor4(NULL, D, channels, patch, patch),
                                "patch_embed.proj.weight");
    layer->b_E = parameter1(block, NO_DECAY, D, "patch_embed.proj.bias");
}

void patch_embedding_activations(PatchEmbeddingActivations *a, Arena *arena, int B,
                                 int N, int channels, int patch, int D) {
    a->patches = arena_tensor3(arena, B, N, channels * patch * patch);
    a->embedded = arena_tensor3(arena, B, N, D);
}

/* E (D, C, P, P) as the matrix (D, C P P) that a dense layer wants. */
static Tensor as_matrix(Tensor E) {
    return tensor2(E.data, E.shape[0], E.shape[1] * E.shape[2] * E.shape[3]);
}

void patches_from_images(Tensor images, int patch, Tensor patches) {
    const int B = images.shape[0], C = images.shape[1], H = images.shape[2],
              W = images.shape[3], across = W / patch, down = H / patch;
    expect_shape(patches, "A patch is C P P numbers, an image (H/P)(W/P) patches.", B,
                 down * across, C * patch * patch);
    /* exercise 5.2 */
    real *out = patches.data;
    for (int b = 0; b < B; b++) {
        for (int p = 0; p < down * across; p++) {
            const int top = p / across * patch, left = p % across * patch;
            for (int c = 0; c < C; c++) {
                for (int y = 0; y < patch; y++) {
                    long row = ((long)b * C + c) * H + top + y;
                    memcpy(out, images.data + row * W + left,
                           (size_t)patch * sizeof(real));
                    out += patch;
                }
            }
        }
    }
    /* end of exercise 5.2 */
}

void patch_embedding_forward(const PatchEmbedding *layer, Tensor images,
                             PatchEmbeddingActivations *a, Tensor z_0) {
    const int B = images.shape[0], n = z_0.shape[1], D = z_0.shape[2];
    Tensor patches = tensor_head(a->patches, B), embedded = tensor_head(a->embedded, B);
    expect_shape(z_0, "z_0 is (images, patches + 1, D).", B, layer->pos_embed.shape[1],
                 layer->pos_embed.shape[2]);

    patches_from_images(images, layer->E.shape[2], patches); /* [ViT 3.1] */
    linear_forward(patches, as_matrix(layer->E), layer->b_E, embedded);
    /* exercise 5.3 */
    /* [ViT eq.1]   z_0 = [x_class; x_p^1 E; ...; x_p^N E] + E_pos */
    const size_t token_bytes = (size_t)D * sizeof(real);
    for (int b = 0; b < B; b++) {
        Tensor z = tensor_slice(z_0, b), x = tensor_slice(embedded, b);
        memcpy(tensor_row(z, 0), layer->cls_token.data, token_bytes);
        memcpy(tensor_row(z, 1), x.data, (size_t)(n - 1) * token_bytes);
        tensor_add(z, tensor_slice(layer->pos_embed, 0));
    }
    /* end of exercise 5.3 */
}

void patch_embedding_backward(const PatchEmbedding *layer, PatchEmbedding *d,
                              PatchEmbeddingActivations *a, Tensor dz_0) {
    const int B = dz_0.shape[0], n = dz_0.shape[1], D = dz_0.shape[2];
    Tensor patches = tensor_head(a->patches, B), dx = tensor_head(a->embedded, B);
    /* exercise 5.3 */
    /* Every image adds the same E_pos and the same x_class: sum over images. */
    for (int b = 0; b < B; b++) {
        Tensor dz = tensor_slice(dz_0, b);
        tensor_add(tensor_slice(d->pos_embed, 0), dz);
        tensor_add(tensor_matrix(d->cls_token), tensor2(dz.data, 1, D));
        tensor_copy(tensor_slice(dx, b), tensor2(tensor_row(dz, 1), n - 1, D));
    }
    /* end of exercise 5.3 */
    const Tensor not_wanted = {.data = NULL}; /* pixels have no gradient */
    linear_backward(patches, as_matrix(layer->E), dx, not_wanted, as_matrix(d->E),
                    d->b_E);
}
