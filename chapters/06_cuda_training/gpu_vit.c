/* gpu_vit.c: see gpu_vit.h. Beside vit.c and encoder_block.c, line for line. */
#include "gpu_vit.h"

#include "gpu_patches.h"

Gpu gpu_best(GpuStream stream) {
    return (Gpu){.stream = stream,
                 .matmul = MATMUL_BEST,
                 .attention = ATTENTION_BEST,
                 .layer_norm = LAYER_NORM_BEST,
                 .gelu = GELU_BEST};
}

bool gpu_vit_can(const VitConfig *config, Error *error) {
    if (config->positions != POSITIONS_1D || config->pool != POOL_CLASS) {
        return error_set(error, "there are kernels for --positions 1d and --pool class "
                                "only: ./chapter5 trains the others");
    }
    const int columns = config->block.D / config->block.heads;
    return columns <= ATTENTION_MOST_D ||
           error_set(error,
                     "a head of %d columns: the kernels take %d at most: more --heads, "
                     "or ./chapter5",
                     columns, ATTENTION_MOST_D);
}

/* ---- memory --------------------------------------------------------------- */

/* A tensor of this shape, or none where a version needs none. */
static Tensor arena_like(Arena *arena, Tensor shape) {
    if (shape.ndim == 0) {
        return shape;
    }
    return shape.ndim == 4
               ? arena_tensor4(arena, shape.shape[0], shape.shape[1], shape.shape[2],
                               shape.shape[3])
               : arena_tensor3(arena, shape.shape[0], shape.shape[1], shape.shape[2]);
}

static void block_activations(GpuBlockActivations *a, Arena *arena,
                              const BlockConfig *c, AttentionVersion attention, int B,
                              int n) {
    AttentionKept shapes;
    gpu_attention_shapes(attention, B, c->heads, n, &shapes);
    a->x1 = arena_tensor3(arena, B, n, c->D);
    a->mean1 = arena_tensor1(arena, B * n);
    a->rstd1 = arena_tensor1(arena, B * n);
    a->qkv = arena_tensor3(arena, B, n, 3 * c->D);
    a->kept = shapes;
    a->kept.A = arena_like(arena, shapes.A);
    a->kept.lse = arena_like(arena, shapes.lse);
    a->concat = arena_tensor3(arena, B, n, c->D);
    a->z_prime = arena_tensor3(arena, B, n, c->D);
    a->x2 = arena_tensor3(arena, B, n, c->D);
    a->mean2 = arena_tensor1(arena, B * n);
    a->rstd2 = arena_tensor1(arena, B * n);
    a->pre = arena_tensor3(arena, B, n, c->M);
    a->hidden = arena_tensor3(arena, B, n, c->M);
    a->y = arena_tensor3(arena, B, n, c->D);
}

static int partial_cols(const VitConfig *c) {
    const int D = c->block.D, M = c->block.M, K = c->classes;
    int most = 3 * D; /* the qkv bias; layer norm's 2 D */
    most = M > most ? M : most;
    return K > most ? K : most;
}

static void activations(GpuVitActivations *a, Arena *arena, const VitConfig *c,
                        AttentionVersion attention, int B) {
    const int n = vit_tokens(c), D = c->block.D, M = c->block.M;
    AttentionKept shapes;
    gpu_attention_shapes(attention, B, c->block.heads, n, &shapes);
    a->heads = c->block.heads;
    a->patches = arena_tensor3(arena, B, n - 1, c->channels * c->patch * c->patch);
    a->embedded = arena_tensor3(arena, B, n - 1, D);
    a->z_0 = arena_tensor3(arena, B, n, D);
    for (int l = 0; l < c->depth; l++) {
        block_activations(&a->blocks[l], arena, &c->block, attention, B, n);
    }
    a->cls = arena_tensor2(arena, B, D);
    a->mean = arena_tensor1(arena, B);
    a->rstd = arena_tensor1(arena, B);
    a->y = arena_tensor2(arena, B, D);
    a->logits = arena_tensor2(arena, B, c->classes);
    a->dcls = arena_tensor2(arena, B, D);
    a->dz = arena_tensor3(arena, B, n, D);
    a->dx = arena_tensor3(arena, B, n, D);
    a->dconcat = arena_tensor3(arena, B, n, D);
    a->dqkv = arena_tensor3(arena, B, n, 3 * D);
    a->dhidden = arena_tensor3(arena, B, n, M);
    a->scratch.dA = arena_like(arena, shapes.dA);
    a->scratch.delta = arena_like(arena, shapes.delta);
    a->partial = arena_tensor2(arena, SUM_ROWS_PARTS, partial_cols(c));
}

static Arena plan_of(const VitConfig *config, AttentionVersion attention, int B) {
    static GpuVitActivations counted;
    Arena plan = {0};
    activations(&counted, &plan, config, attention, B);
    return plan;
}

double gpu_vit_activations_bytes(const VitConfig *config, AttentionVersion attention,
                                 int B) {
    return (double)plan_of(config, attention, B).used * sizeof(float);
}

bool gpu_vit_activations_make(GpuVitActivations *a, const VitConfig *config,
                              AttentionVersion attention, int B, Error *error) {
    const long count = plan_of(config, attention, B).used;
    *a = (GpuVitActivations){.arena = {.capacity = count}};
    a->arena.block = gpu_allocate((size_t)count * sizeof(float), "activations", error);
    if (!a->arena.block) {
        return false;
    }
    activations(a, &a->arena, config, attention, B);
    arena_check_full(&a->arena);
    return true;
}

void gpu_vit_activations_free(GpuVitActivations *a) {
    gpu_free(a->arena.block);
    *a = (GpuVitActivations){0};
}

/* ---- dense layers ------------------------------------------------------------ */

/* Y = X W^T + b; b.data NULL: no bias (a later kernel adds it) */
static void linear_forward_on(const Gpu *gpu, Tensor X, Tensor W, Tensor b, Tensor Y) {
    const MatmulEnd end = {.bias = b.data};
    gpu_matmul(gpu->stream, gpu->matmul, MATMUL_NT, X, W, end, Y);
}

/* dX = dY W;   dW += dY^T X;   db += sum of dY over its rows */
static void linear_backward_on(const Gpu *gpu, Tensor X, Tensor W, Tensor dY, Tensor dX,
                               Tensor dW, Tensor db, Tensor partial) {
    const MatmulEnd write = {0}, add = {.accumulate = true};
    gpu_matmul(gpu->stream, gpu->matmul, MATMUL_TN, dY, X, add, dW);
    gpu_sum_rows_add(gpu->stream, dY, db,
                     tensor2(partial.data, SUM_ROWS_PARTS, tensor_cols(dY)));
    if (dX.data) {
        gpu_matmul(gpu->stream, gpu->matmul, MATMUL_NN, dY, W, write, dX);
    }
}

static void layer_norm_on(const Gpu *gpu, const LayerNorm *layer, Tensor X, Tensor mean,
                          Tensor rstd, Tensor Y) {
    const int rows = tensor_rows(X);
    gpu_layer_norm_forward(gpu->stream, gpu->layer_norm, X, layer->gamma, layer->beta,
                           tensor_first(mean, rows), tensor_first(rstd, rows), Y);
}

/* dX may be dY */
static void layer_norm_back(const Gpu *gpu, const LayerNorm *layer, LayerNorm *d,
                            Tensor X, Tensor mean, Tensor rstd, Tensor dY, Tensor dX,
                            Tensor partial) {
    const int rows = tensor_rows(X), D = tensor_cols(X);
    gpu_layer_norm_backward(gpu->stream, gpu->layer_norm, X, layer->gamma,
                            tensor_first(mean, rows), tensor_first(rstd, rows), dY, dX,
                            d->gamma, d->beta,
                            tensor3(partial.data, LAYER_NORM_PARTS, 2, D));
}

/* ---- an encoder block: names and order as in encoder_block.c ------------------ */

enum {
    AFTER_POSITIONS = 0,
    AFTER_ATTENTION = 0,
    INSIDE_MLP,
    AFTER_MLP,
    DROPOUTS_A_BLOCK
};

static int place(const EncoderBlock *block, int which) {
    return 1 + block->index * DROPOUTS_A_BLOCK + which;
}

/* [ViT eq.5] to [ViT eq.8]   Y = MSA(x) */
static void msa_forward(const Gpu *gpu, const MultiHeadAttention *layer, Tensor x,
                        GpuBlockActivations *a, Tensor Y) {
    const int B = x.shape[0];
    Tensor qkv = tensor_first(a->qkv, B), concat = tensor_first(a->concat, B);
    linear_forward_on(gpu, x, layer->W_qkv, layer->b_qkv, qkv);
    gpu_attention_forward(gpu->stream, gpu->attention, layer->heads, qkv, &a->kept,
                          concat);
    linear_forward_on(gpu, concat, layer->W_O, layer->b_O, Y);
}

/* [ViT eq.3]   Y = W_2 GELU(W_1 x + b_1) + b_2 */
static void mlp_forward_on(const Gpu *gpu, const Mlp *layer, Tensor x, Tensor pre,
                           Tensor hidden, const Dropout *dropout, int p, Tensor Y) {
    const Tensor no_bias = {.data = NULL};
    linear_forward_on(gpu, x, layer->W_1, no_bias, pre);
    if (layer->activation == ACTIVATION_GELU) {
        gpu_bias_gelu_forward(gpu->stream, gpu->gelu, pre, layer->b_1, hidden);
    } else {
        gpu_bias_relu_forward(gpu->stream, pre, layer->b_1, hidden);
    }
    gpu_dropout_apply(gpu->stream, dropout, p, hidden);
    linear_forward_on(gpu, hidden, layer->W_2, layer->b_2, Y);
}

static Tensor block_forward(const Gpu *gpu, const EncoderBlock *block, Tensor z,
                            GpuBlockActivations *a, const Dropout *dropout) {
    const int B = z.shape[0];
    const int p_attn = place(block, AFTER_ATTENTION), p_in = place(block, INSIDE_MLP),
              p_mlp = place(block, AFTER_MLP);
    Tensor x1 = tensor_first(a->x1, B), z_prime = tensor_first(a->z_prime, B),
           x2 = tensor_first(a->x2, B);
    Tensor pre = tensor_first(a->pre, B), hidden = tensor_first(a->hidden, B);
    Tensor y = tensor_first(a->y, B);
    if (block->norm == PRE_NORM) {
        /* [ViT eq.2]   z' = MSA(LN(z)) + z */
        layer_norm_on(gpu, &block->norm1, z, a->mean1, a->rstd1, x1);
        msa_forward(gpu, &block->attn, x1, a, z_prime);
        gpu_dropout_add(gpu->stream, dropout, p_attn, z_prime, z, z_prime);
        /* [ViT eq.3]   y = MLP(LN(z')) + z' */
        layer_norm_on(gpu, &block->norm2, z_prime, a->mean2, a->rstd2, x2);
        mlp_forward_on(gpu, &block->mlp, x2, pre, hidden, dropout, p_in, y);
        gpu_dropout_add(gpu->stream, dropout, p_mlp, y, z_prime, y);
    } else {
        /* [AIAYN 3.1]   z' = LN(z + MSA(z)) */
        msa_forward(gpu, &block->attn, z, a, x1);
        gpu_dropout_add(gpu->stream, dropout, p_attn, x1, z, x1);
        layer_norm_on(gpu, &block->norm1, x1, a->mean1, a->rstd1, z_prime);
        /* [AIAYN 3.1]   y = LN(z' + MLP(z')) */
        mlp_forward_on(gpu, &block->mlp, z_prime, pre, hidden, dropout, p_in, x2);
        gpu_dropout_add(gpu->stream, dropout, p_mlp, x2, z_prime, x2);
        layer_norm_on(gpu, &block->norm2, x2, a->mean2, a->rstd2, y);
    }
    return y;
}

/* dz through a dropout: dz itself where there is none, else a masked copy in dx. */
static Tensor through_dropout(const Gpu *gpu, const Dropout *dropout, int p, Tensor dz,
                              Tensor dx) {
    if (dropout->rate == 0) {
        return dz;
    }
    gpu_tensor_copy(gpu->stream, dx, dz);
    gpu_dropout_apply(gpu->stream, dropout, p, dx);
    return dx;
}

/* dX may be dY. */
static void msa_backward(const Gpu *gpu, const MultiHeadAttention *layer,
                         MultiHeadAttention *d, Tensor x, GpuBlockActivations *a,
                         GpuVitActivations *all, Tensor dY, Tensor dX) {
    const int B = x.shape[0];
    Tensor qkv = tensor_first(a->qkv, B), concat = tensor_first(a->concat, B);
    Tensor dconcat = tensor_first(all->dconcat, B), dqkv = tensor_first(all->dqkv, B);
    AttentionKept kept = a->kept;
    kept.dA = all->scratch.dA;
    kept.delta = all->scratch.delta;
    linear_backward_on(gpu, concat, layer->W_O, dY, dconcat, d->W_O, d->b_O,
                       all->partial);
    gpu_attention_backward(gpu->stream, gpu->attention, layer->heads, qkv, &kept,
                           concat, dconcat, dqkv);
    linear_backward_on(gpu, x, layer->W_qkv, dqkv, dX, d->W_qkv, d->b_qkv,
                       all->partial);
}

static void mlp_backward_on(const Gpu *gpu, const Mlp *layer, Mlp *d, Tensor x,
                            Tensor pre, Tensor hidden, Tensor dhidden, Tensor partial,
                            const Dropout *dropout, int p, Tensor dY, Tensor dX) {
    Tensor dpre = dhidden;
    linear_backward_on(gpu, hidden, layer->W_2, dY, dhidden, d->W_2, d->b_2, partial);
    gpu_dropout_apply(gpu->stream, dropout, p, dhidden);
    if (layer->activation == ACTIVATION_GELU) {
        gpu_gelu_backward(gpu->stream, gpu->gelu, pre, dhidden, dpre);
    } else {
        gpu_relu_backward(gpu->stream, pre, dhidden, dpre);
    }
    linear_backward_on(gpu, x, layer->W_1, dpre, dX, d->W_1, d->b_1, partial);
}

static void block_backward(const Gpu *gpu, const EncoderBlock *block, EncoderBlock *d,
                           Tensor z, GpuBlockActivations *a, GpuVitActivations *all,
                           const Dropout *dropout, Tensor dz) {
    const int B = z.shape[0];
    const int p_attn = place(block, AFTER_ATTENTION), p_in = place(block, INSIDE_MLP),
              p_mlp = place(block, AFTER_MLP);
    Tensor dx = tensor_first(all->dx, B), dhidden = tensor_first(all->dhidden, B);
    Tensor z_prime = tensor_first(a->z_prime, B), x2 = tensor_first(a->x2, B);
    Tensor pre = tensor_first(a->pre, B), hidden = tensor_first(a->hidden, B);
    Tensor x1 = tensor_first(a->x1, B), dY;
    if (block->norm == PRE_NORM) {
        /* y = MLP(LN(z')) + z': dz flows on unchanged, and through the MLP */
        dY = through_dropout(gpu, dropout, p_mlp, dz, dx);
        mlp_backward_on(gpu, &block->mlp, &d->mlp, x2, pre, hidden, dhidden,
                        all->partial, dropout, p_in, dY, dx);
        layer_norm_back(gpu, &block->norm2, &d->norm2, z_prime, a->mean2, a->rstd2, dx,
                        dx, all->partial);
        gpu_tensor_add(gpu->stream, dz, dx);
        /* z' = MSA(LN(z)) + z: the same again */
        dY = through_dropout(gpu, dropout, p_attn, dz, dx);
        msa_backward(gpu, &block->attn, &d->attn, x1, a, all, dY, dx);
        layer_norm_back(gpu, &block->norm1, &d->norm1, z, a->mean1, a->rstd1, dx, dx,
                        all->partial);
    } else {
        /* y = LN(z' + MLP(z')) */
        layer_norm_back(gpu, &block->norm2, &d->norm2, x2, a->mean2, a->rstd2, dz, dz,
                        all->partial);
        dY = through_dropout(gpu, dropout, p_mlp, dz, dx);
        mlp_backward_on(gpu, &block->mlp, &d->mlp, z_prime, pre, hidden, dhidden,
                        all->partial, dropout, p_in, dY, dx);
        gpu_tensor_add(gpu->stream, dz, dx);
        /* z' = LN(z + MSA(z)) */
        layer_norm_back(gpu, &block->norm1, &d->norm1, x1, a->mean1, a->rstd1, dz, dz,
                        all->partial);
        dY = through_dropout(gpu, dropout, p_attn, dz, dx);
        msa_backward(gpu, &block->attn, &d->attn, z, a, all, dY, dx);
    }
    gpu_tensor_add(gpu->stream, dz, dx);
}

/* ---- the model ------------------------------------------------------------------ */

/* E (D, C, P, P) as the matrix (D, C P P) */
static Tensor as_matrix(Tensor E) {
    return tensor2(E.data, E.shape[0], (int)(tensor_count(E) / E.shape[0]));
}

/* Row 0 of each image of z (B, n, D), as a view (B, D). */
static Tensor class_tokens(Tensor z) {
    const int B = z.shape[0], n = z.shape[1], D = z.shape[2];
    return tensor_columns(tensor2(z.data, B, n * D), 0, D);
}

Tensor gpu_vit_forward(const Gpu *gpu, const Vit *vit, Tensor images,
                       GpuVitActivations *a, const Dropout *dropout) {
    const VitConfig *c = &vit->config;
    const int B = images.shape[0];
    expect_shape(images, "Images are (B, C, H, W).", B, c->channels, c->height,
                 c->width);
    Tensor patches = tensor_first(a->patches, B),
           embedded = tensor_first(a->embedded, B);
    Tensor z_0 = tensor_first(a->z_0, B), y = tensor_first(a->y, B);
    Tensor cls = tensor_first(a->cls, B), logits = tensor_first(a->logits, B);

    /* [ViT eq.1]   z_0 = [x_class; x_p E] + E_pos */
    gpu_patches_from_images(gpu->stream, images, c->patch, patches);
    linear_forward_on(gpu, patches, as_matrix(vit->embedding.E), vit->embedding.b_E,
                      embedded);
    gpu_embed_forward(gpu->stream, embedded, vit->embedding.cls_token,
                      vit->embedding.pos_embed, z_0);
    gpu_dropout_apply(gpu->stream, dropout, AFTER_POSITIONS, z_0);
    /* [ViT eq.2] [ViT eq.3]   z_l = block_l(z_{l-1}) */
    Tensor z = z_0;
    for (int l = 0; l < c->depth; l++) {
        z = block_forward(gpu, &vit->blocks[l], z, &a->blocks[l], dropout);
    }
    /* [ViT eq.4]   y = LN(z_L^0) */
    gpu_tensor_copy(gpu->stream, cls, class_tokens(z));
    layer_norm_on(gpu, &vit->norm, cls, a->mean, a->rstd, y);
    linear_forward_on(gpu, y, vit->W_head, vit->b_head, logits);
    return logits;
}

void gpu_vit_backward(const Gpu *gpu, const Vit *vit, Vit *d, GpuVitActivations *a,
                      const Dropout *dropout, Tensor dlogits) {
    const VitConfig *c = &vit->config;
    const int B = dlogits.shape[0];
    expect_shape(dlogits, "One row of gradients for each image.", B, c->classes);
    Tensor cls = tensor_first(a->cls, B), dcls = tensor_first(a->dcls, B);
    Tensor dz = tensor_first(a->dz, B), dembedded = tensor_first(a->embedded, B);
    const Tensor not_wanted = {.data = NULL};

    /* logits = y W_head^T + b_head */
    linear_backward_on(gpu, tensor_first(a->y, B), vit->W_head, dlogits, dcls,
                       d->W_head, d->b_head, a->partial);
    /* y = LN(z_L^0): the head reads only the class token's row */
    layer_norm_back(gpu, &vit->norm, &d->norm, cls, a->mean, a->rstd, dcls, dcls,
                    a->partial);
    gpu_zero(gpu->stream, dz.data, (size_t)tensor_count(dz) * sizeof(float));
    gpu_tensor_copy(gpu->stream, class_tokens(dz), dcls);
    /* z_l = block_l(z_{l-1}), from the last to the first */
    for (int l = c->depth - 1; l >= 0; l--) {
        Tensor z = tensor_first(l > 0 ? a->blocks[l - 1].y : a->z_0, B);
        block_backward(gpu, &vit->blocks[l], &d->blocks[l], z, &a->blocks[l], a,
                       dropout, dz);
    }
    /* z_0 = [x_class; x_p E] + E_pos */
    gpu_dropout_apply(gpu->stream, dropout, AFTER_POSITIONS, dz);
    gpu_embed_backward(gpu->stream, dz, dembedded, d->embedding.cls_token,
                       d->embedding.pos_embed);
    linear_backward_on(gpu, tensor_first(a->patches, B), as_matrix(vit->embedding.E),
                       dembedded, not_wanted, as_matrix(d->embedding.E),
                       d->embedding.b_E, a->partial);
}
