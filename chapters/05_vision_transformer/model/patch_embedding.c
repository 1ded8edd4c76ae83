/* patch_embedding.c: [ViT 3.1], [ViT eq.1]. See patch_embedding.h. */
#include "chapters/05_vision_transformer/model/patch_embedding.h"

#include <stddef.h>
#include <string.h>

#include "common/linear.h"
#include "chapters/03_multi_head_attention/positions.h"

/* ---- layout ------------------------------------------------------------ */

/* n, the class token included. */
static int tokens(const PatchEmbeddingConfig *c) {
    return c->down * c->across + (c->no_class_token ? 0 : 1);
}

/* `rows` vectors of `width` elements. */
static Tensor vectors(ParameterBlock *block, int rows, int width, const char *name) {
    return parameter_shaped(block, NO_DECAY, tensor3(NULL, 1, rows, width), "%s", name);
}

void patch_embedding_parameters(PatchEmbedding *layer, ParameterBlock *block,
                                const PatchEmbeddingConfig *c) {
    const int D = c->D;
    *layer = (PatchEmbedding){.positions = c->positions};
    if (!c->no_class_token) {
        layer->cls_token = vectors(block, 1, D, "cls_token");
    }
    if (c->positions == POSITIONS_1D) {
        layer->pos_embed = vectors(block, tokens(c), D, "pos_embed");
    } else if (c->positions == POSITIONS_2D) {
        layer->pos_embed_x = vectors(block, c->across, D / 2, "pos_embed_x");
        layer->pos_embed_y = vectors(block, c->down, D / 2, "pos_embed_y");
        if (!c->no_class_token) {
            layer->pos_embed_cls = vectors(block, 1, D, "pos_embed_cls");
        }
    }
    layer->E = parameter_shaped(block, DECAY,
                                tensor4(NULL, D, c->channels, c->patch, c->patch),
                                "patch_embed.proj.weight");
    layer->b_E = parameter1(block, NO_DECAY, D, "patch_embed.proj.bias");
}

long patch_embedding_formula(const PatchEmbeddingConfig *c) {
    const long D = c->D, P = c->patch, class_token = c->no_class_token ? 0 : D;
    const long patches = P * P * c->channels * D + D + class_token;
    switch (c->positions) {
    case POSITIONS_1D: return patches + tokens(c) * D;
    case POSITIONS_2D: return patches + (c->across + c->down) * (D / 2) + class_token;
    case POSITIONS_NONE:
    case POSITIONS_SINUSOIDAL: break;
    }
    return patches;
}

void patch_embedding_activations(PatchEmbeddingActivations *a, Arena *arena, int B,
                                 const PatchEmbeddingConfig *c) {
    const int N = c->down * c->across;
    a->patches = arena_tensor3(arena, B, N, c->channels * c->patch * c->patch);
    a->embedded = arena_tensor3(arena, B, N, c->D);
    a->E_pos = (Tensor){.data = NULL};
    if (c->positions == POSITIONS_2D || c->positions == POSITIONS_SINUSOIDAL) {
        a->E_pos = arena_tensor2(arena, tokens(c), c->D);
    }
    if (c->positions == POSITIONS_SINUSOIDAL && a->E_pos.data) {
        sinusoid_positions(a->E_pos); /* here, once: nothing changes it */
    }
}

/* ---- patches ----------------------------------------------------------- */

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

/* ---- positions --------------------------------------------------------- */

/* How many class tokens are in front of the patches: 1 or 0. */
static int class_tokens(const PatchEmbedding *layer) {
    return layer->cls_token.ndim == 0 ? 0 : 1;
}

/* A patch's half of the table, row p of E_pos: its column's, or its row's. */
typedef enum { HALF_X, HALF_Y } Half;

static Tensor half_of(Tensor E_pos, int row, Half half) {
    const int width = tensor_cols(E_pos) / 2;
    return tensor2(tensor_row(E_pos, row) + (half == HALF_Y ? width : 0), 1, width);
}

/* Vector i of (1, count, width), as a row. */
static Tensor vector(Tensor T, int i) {
    return tensor2(tensor_row(T, i), 1, tensor_cols(T));
}

/* E_pos[patch (y, x)] = [pos_embed_x[x]; pos_embed_y[y]] */
static void grid_positions(const PatchEmbedding *layer, Tensor E_pos) {
    const int first = class_tokens(layer), across = layer->pos_embed_x.shape[1];
    if (first > 0) {
        tensor_copy(vector(E_pos, 0), vector(layer->pos_embed_cls, 0));
    }
    for (int i = first; i < tensor_rows(E_pos); i++) {
        const int x = (i - first) % across, y = (i - first) / across;
        tensor_copy(half_of(E_pos, i, HALF_X), vector(layer->pos_embed_x, x));
        tensor_copy(half_of(E_pos, i, HALF_Y), vector(layer->pos_embed_y, y));
    }
}

/* A column has `down` patches, a row `across`: each patch adds its gradient. */
static void grid_positions_backward(PatchEmbedding *d, Tensor dE_pos) {
    const int first = class_tokens(d), across = d->pos_embed_x.shape[1];
    if (first > 0) {
        tensor_add(vector(d->pos_embed_cls, 0), vector(dE_pos, 0));
    }
    for (int i = first; i < tensor_rows(dE_pos); i++) {
        const int x = (i - first) % across, y = (i - first) / across;
        tensor_add(vector(d->pos_embed_x, x), half_of(dE_pos, i, HALF_X));
        tensor_add(vector(d->pos_embed_y, y), half_of(dE_pos, i, HALF_Y));
    }
}

/* z += E_pos, of whichever kind [ViT T.8] */
static void add_positions(const PatchEmbedding *layer, PatchEmbeddingActivations *a,
                          Tensor z) {
    switch (layer->positions) {
    case POSITIONS_1D: positions_add(z, tensor_slice(layer->pos_embed, 0)); break;
    case POSITIONS_2D: grid_positions(layer, a->E_pos); /* falls through */
    case POSITIONS_SINUSOIDAL: positions_add(z, a->E_pos); break;
    case POSITIONS_NONE: break;
    }
}

/* dE_pos += sum of dz over the images, for positions that are learned. */
static void add_positions_backward(PatchEmbedding *d, PatchEmbeddingActivations *a,
                                   Tensor dz) {
    if (d->positions == POSITIONS_1D) {
        positions_add_backward(dz, tensor_slice(d->pos_embed, 0));
    } else if (d->positions == POSITIONS_2D) {
        tensor_fill(a->E_pos, 0); /* forward makes the table anew */
        positions_add_backward(dz, a->E_pos);
        grid_positions_backward(d, a->E_pos);
    }
}

/* ---- forward and backward ---------------------------------------------- */

void patch_embedding_forward(const PatchEmbedding *layer, Tensor images,
                             PatchEmbeddingActivations *a, Tensor z_0) {
    const int B = images.shape[0], first = class_tokens(layer), D = layer->E.shape[0];
    Tensor patches = tensor_first(a->patches, B),
           embedded = tensor_first(a->embedded, B);
    const int N = patches.shape[1];
    expect_shape(z_0, "z_0 is (images, patches and class token, D).", B, first + N, D);
    /* exercise 5.3 */
    patches_from_images(images, layer->E.shape[2], patches); /* [ViT 3.1] */
    linear_forward(patches, as_matrix(layer->E), layer->b_E, embedded);
    /* [ViT eq.1]   z_0 = [x_class; x_p^1 E; ...; x_p^N E] + E_pos */
    const size_t token_bytes = (size_t)D * sizeof(real);
    for (int b = 0; b < B; b++) {
        Tensor z = tensor_slice(z_0, b), x = tensor_slice(embedded, b);
        if (first > 0) {
            memcpy(tensor_row(z, 0), layer->cls_token.data, token_bytes);
        }
        memcpy(tensor_row(z, first), x.data, (size_t)N * token_bytes);
    }
    add_positions(layer, a, z_0);
    /* end of exercise 5.3 */
}

void patch_embedding_backward(const PatchEmbedding *layer, PatchEmbedding *d,
                              PatchEmbeddingActivations *a, Tensor dz_0) {
    const int B = dz_0.shape[0], first = class_tokens(layer), D = dz_0.shape[2];
    /* exercise 5.3 */
    Tensor patches = tensor_first(a->patches, B), dx = tensor_first(a->embedded, B);
    const int N = patches.shape[1];
    add_positions_backward(d, a, dz_0);
    /* Every image has the same x_class: sum over images. */
    for (int b = 0; b < B; b++) {
        Tensor dz = tensor_slice(dz_0, b);
        if (first > 0) {
            tensor_add(tensor_matrix(d->cls_token), tensor2(dz.data, 1, D));
        }
        tensor_copy(tensor_slice(dx, b), tensor2(tensor_row(dz, first), N, D));
    }
    const Tensor not_wanted = {.data = NULL}; /* pixels have no gradient */
    linear_backward(patches, as_matrix(layer->E), dx, not_wanted, as_matrix(d->E),
                    d->b_E);
    /* end of exercise 5.3 */
}
