/* gpu_vit.c: see gpu_vit.h. Beside vit.c and encoder_block.c, line for line. */
#include "chapters/06_cuda_training/gpu_vit.h"

#include "chapters/06_cuda_training/kernels/gpu_patches.h"

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
    layer_norm_activations(&a->norm1, arena, B * n);
    layer_norm_activations(&a->norm2, arena, B * n);
    a->qkv = arena_tensor3(arena, B, n, 3 * c->D);
    a->kept = shapes;
    a->kept.A = arena_like(arena, shapes.A);
    a->kept.lse = arena_like(arena, shapes.lse);
    a->concat = arena_tensor3(arena, B, n, c->D);
    a->z_prime = arena_tensor3(arena, B, n, c->D);
    a->x2 = arena_tensor3(arena, B, n, c->D);
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
    a->patches = arena_tensor3(arena, B, n - 1, c->channels * c->patch * c->patch);
    a->embedded = arena_tensor3(arena, B, n - 1, D);
    a->z_0 = arena_tensor3(arena, B, n, D);
    for (int l = 0; l < c->depth; l++) {
        block_activations(&a->blocks[l], arena, &c->block, attention, B, n);
    }
    a->cls = arena_tensor2(arena, B, D);
    layer_norm_activations(&a->norm, arena, B);
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

/* ---- a pass, and its layers --------------------------------------------------- */

/* A pass over B images: what every line of it needs. */
typedef struct {
    const Gpu *gpu;
    GpuVitActivations *a;
    const Dropout *dropout;
    int B;
} Pass;

/* Y = X W^T + b; b.data NULL: no bias (a later kernel adds it) */
static void linear_forward_on(const Pass *p, Tensor X, Tensor W, Tensor b, Tensor Y) {
    const MatmulEnd end = {.bias = b.data};
    gpu_matmul(p->gpu->stream, p->gpu->matmul, MATMUL_NT, X, W, end, Y);
}

/* dW += dY^T X;   db += sum of dY over its rows */
static void linear_backward_weights(const Pass *p, Tensor X, Tensor dY, Tensor dW,
                                    Tensor db) {
    const MatmulEnd add = {.accumulate = true};
    gpu_matmul(p->gpu->stream, p->gpu->matmul, MATMUL_TN, dY, X, add, dW);
    gpu_sum_rows_add(p->gpu->stream, dY, db,
                     tensor2(p->a->partial.data, SUM_ROWS_PARTS, tensor_cols(dY)));
}

/* dX = dY W */
static void linear_backward_input(const Pass *p, Tensor dY, Tensor W, Tensor dX) {
    gpu_matmul(p->gpu->stream, p->gpu->matmul, MATMUL_NN, dY, W, (MatmulEnd){0}, dX);
}

static void norm_forward(const Pass *p, const LayerNorm *layer, Tensor X,
                         const LayerNormActivations *a, Tensor Y) {
    const int rows = tensor_rows(X);
    gpu_layer_norm_forward(p->gpu->stream, p->gpu->layer_norm, X, layer->gamma,
                           layer->beta, tensor_first(a->mean, rows),
                           tensor_first(a->rstd, rows), Y);
}

/* dX: in, as dL/dY, and out */
static void norm_backward(const Pass *p, const LayerNorm *layer, LayerNorm *d, Tensor X,
                          const LayerNormActivations *a, Tensor dX) {
    const int rows = tensor_rows(X), D = tensor_cols(X);
    gpu_layer_norm_backward(p->gpu->stream, p->gpu->layer_norm, X, layer->gamma,
                            tensor_first(a->mean, rows), tensor_first(a->rstd, rows),
                            dX, dX, d->gamma, d->beta,
                            tensor3(p->a->partial.data, LAYER_NORM_PARTS, 2, D));
}

/* ---- an encoder block: names and order as in encoder_block.c ------------------ */

/* A block of the model, what its forward pass keeps, and in backward its gradients. */
typedef struct {
    const EncoderBlock *layer;
    GpuBlockActivations *a;
    EncoderBlock *d;
} Block;

/* [ViT eq.5] to [ViT eq.8]   Y = MSA(x), x and Y (B, n, D) */
static void msa_forward(const Pass *p, const Block *block, Tensor x, Tensor Y) {
    const MultiHeadAttention *layer = &block->layer->attn;
    Tensor qkv = tensor_first(block->a->qkv, p->B);
    Tensor concat = tensor_first(block->a->concat, p->B);
    linear_forward_on(p, x, layer->W_qkv, layer->b_qkv, qkv);
    gpu_attention_forward(p->gpu->stream, p->gpu->attention, layer->heads, qkv,
                          &block->a->kept, concat);
    linear_forward_on(p, concat, layer->W_O, layer->b_O, Y);
}

/* [ViT eq.3]   Y = W_2 GELU(W_1 x + b_1) + b_2 */
static void mlp_forward_on(const Pass *p, const Block *block, Tensor x, Tensor Y) {
    const Mlp *layer = &block->layer->mlp;
    const Tensor no_bias = {.data = NULL};
    Tensor pre = tensor_first(block->a->pre, p->B);
    Tensor hidden = tensor_first(block->a->hidden, p->B);
    linear_forward_on(p, x, layer->W_1, no_bias, pre);
    if (layer->activation == ACTIVATION_GELU) {
        gpu_bias_gelu_forward(p->gpu->stream, p->gpu->gelu, pre, layer->b_1, hidden);
    } else {
        gpu_bias_relu_forward(p->gpu->stream, pre, layer->b_1, hidden);
    }
    gpu_dropout_apply(p->gpu->stream, p->dropout,
                      dropout_place(block->layer, INSIDE_MLP), hidden);
    linear_forward_on(p, hidden, layer->W_2, layer->b_2, Y);
}

/* Y = dropout(X) + R */
static void residual(const Pass *p, const Block *block, int which, Tensor X, Tensor R,
                     Tensor Y) {
    gpu_dropout_add(p->gpu->stream, p->dropout, dropout_place(block->layer, which), X,
                    R, Y);
}

static Tensor block_forward(const Pass *p, const Block *block, Tensor z) {
    const EncoderBlock *layer = block->layer;
    GpuBlockActivations *a = block->a;
    Tensor x1 = tensor_first(a->x1, p->B), z_prime = tensor_first(a->z_prime, p->B);
    Tensor x2 = tensor_first(a->x2, p->B), y = tensor_first(a->y, p->B);
    if (layer->norm == PRE_NORM) {
        /* [ViT eq.2]   z' = MSA(LN(z)) + z */
        norm_forward(p, &layer->norm1, z, &a->norm1, x1);
        msa_forward(p, block, x1, z_prime);
        residual(p, block, AFTER_ATTENTION, z_prime, z, z_prime);
        /* [ViT eq.3]   y = MLP(LN(z')) + z' */
        norm_forward(p, &layer->norm2, z_prime, &a->norm2, x2);
        mlp_forward_on(p, block, x2, y);
        residual(p, block, AFTER_MLP, y, z_prime, y);
    } else {
        /* [AIAYN 3.1]   z' = LN(z + MSA(z)) */
        msa_forward(p, block, z, x1);
        residual(p, block, AFTER_ATTENTION, x1, z, x1);
        norm_forward(p, &layer->norm1, x1, &a->norm1, z_prime);
        /* [AIAYN 3.1]   y = LN(z' + MLP(z')) */
        mlp_forward_on(p, block, z_prime, x2);
        residual(p, block, AFTER_MLP, x2, z_prime, x2);
        norm_forward(p, &layer->norm2, x2, &a->norm2, y);
    }
    return y;
}

/* dz through a dropout: dz itself where there is none, else a masked copy in dx. */
static Tensor through_dropout(const Pass *p, const Block *block, int which, Tensor dz,
                              Tensor dx) {
    if (p->dropout->rate == 0) {
        return dz;
    }
    gpu_tensor_copy(p->gpu->stream, dx, dz);
    gpu_dropout_apply(p->gpu->stream, p->dropout, dropout_place(block->layer, which),
                      dx);
    return dx;
}

/* dX from dY, both (B, n, D); they may be the same memory. */
static void msa_backward(const Pass *p, const Block *block, Tensor x, Tensor dY,
                         Tensor dX) {
    const MultiHeadAttention *layer = &block->layer->attn;
    MultiHeadAttention *d = &block->d->attn;
    Tensor qkv = tensor_first(block->a->qkv, p->B),
           dqkv = tensor_first(p->a->dqkv, p->B);
    Tensor concat = tensor_first(block->a->concat, p->B);
    Tensor dconcat = tensor_first(p->a->dconcat, p->B);
    AttentionKept kept = block->a->kept;
    kept.dA = p->a->scratch.dA;
    kept.delta = p->a->scratch.delta;
    linear_backward_weights(p, concat, dY, d->W_O, d->b_O);
    linear_backward_input(p, dY, layer->W_O, dconcat);
    gpu_attention_backward(p->gpu->stream, p->gpu->attention, layer->heads, qkv, &kept,
                           concat, dconcat, dqkv);
    linear_backward_weights(p, x, dqkv, d->W_qkv, d->b_qkv);
    linear_backward_input(p, dqkv, layer->W_qkv, dX);
}

static void mlp_backward_on(const Pass *p, const Block *block, Tensor x, Tensor dY,
                            Tensor dX) {
    const Mlp *layer = &block->layer->mlp;
    Mlp *d = &block->d->mlp;
    Tensor pre = tensor_first(block->a->pre, p->B);
    Tensor hidden = tensor_first(block->a->hidden, p->B);
    Tensor dhidden = tensor_first(p->a->dhidden, p->B), dpre = dhidden;
    linear_backward_weights(p, hidden, dY, d->W_2, d->b_2);
    linear_backward_input(p, dY, layer->W_2, dhidden);
    gpu_dropout_apply(p->gpu->stream, p->dropout,
                      dropout_place(block->layer, INSIDE_MLP), dhidden);
    if (layer->activation == ACTIVATION_GELU) {
        gpu_gelu_backward(p->gpu->stream, p->gpu->gelu, pre, dhidden, dpre);
    } else {
        gpu_relu_backward(p->gpu->stream, pre, dhidden, dpre);
    }
    linear_backward_weights(p, x, dpre, d->W_1, d->b_1);
    linear_backward_input(p, dpre, layer->W_1, dX);
}

static void block_backward(const Pass *p, const Block *block, Tensor z, Tensor dz) {
    const EncoderBlock *layer = block->layer;
    EncoderBlock *d = block->d;
    const GpuBlockActivations *a = block->a;
    const GpuStream stream = p->gpu->stream;
    Tensor z_prime = tensor_first(a->z_prime, p->B), x2 = tensor_first(a->x2, p->B);
    Tensor x1 = tensor_first(a->x1, p->B), dx = tensor_first(p->a->dx, p->B), dY;
    if (layer->norm == PRE_NORM) {
        /* y = MLP(LN(z')) + z': dz flows on unchanged, and through the MLP */
        dY = through_dropout(p, block, AFTER_MLP, dz, dx);
        mlp_backward_on(p, block, x2, dY, dx);
        norm_backward(p, &layer->norm2, &d->norm2, z_prime, &a->norm2, dx);
        gpu_tensor_add(stream, dz, dx);
        /* z' = MSA(LN(z)) + z: the same again */
        dY = through_dropout(p, block, AFTER_ATTENTION, dz, dx);
        msa_backward(p, block, x1, dY, dx);
        norm_backward(p, &layer->norm1, &d->norm1, z, &a->norm1, dx);
    } else {
        /* y = LN(z' + MLP(z')) */
        norm_backward(p, &layer->norm2, &d->norm2, x2, &a->norm2, dz);
        dY = through_dropout(p, block, AFTER_MLP, dz, dx);
        mlp_backward_on(p, block, z_prime, dY, dx);
        gpu_tensor_add(stream, dz, dx);
        /* z' = LN(z + MSA(z)) */
        norm_backward(p, &layer->norm1, &d->norm1, x1, &a->norm1, dz);
        dY = through_dropout(p, block, AFTER_ATTENTION, dz, dx);
        msa_backward(p, block, z, dY, dx);
    }
    gpu_tensor_add(stream, dz, dx);
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
    const Pass p = {gpu, a, dropout, B};
    Tensor patches = tensor_first(a->patches, B),
           embedded = tensor_first(a->embedded, B);
    Tensor z_0 = tensor_first(a->z_0, B), y = tensor_first(a->y, B);
    Tensor cls = tensor_first(a->cls, B), logits = tensor_first(a->logits, B);

    /* [ViT eq.1]   z_0 = [x_class; x_p E] + E_pos */
    gpu_patches_from_images(gpu->stream, images, c->patch, patches);
    linear_forward_on(&p, patches, as_matrix(vit->embedding.E), vit->embedding.b_E,
                      embedded);
    gpu_embed_forward(gpu->stream, embedded, vit->embedding.cls_token,
                      vit->embedding.pos_embed, z_0);
    gpu_dropout_apply(gpu->stream, dropout, AFTER_POSITIONS, z_0);
    /* [ViT eq.2] [ViT eq.3]   z_l = block_l(z_{l-1}) */
    Tensor z = z_0;
    for (int l = 0; l < c->depth; l++) {
        const Block block = {&vit->blocks[l], &a->blocks[l], NULL};
        z = block_forward(&p, &block, z);
    }
    /* [ViT eq.4]   y = LN(z_L^0) */
    gpu_tensor_copy(gpu->stream, cls, class_tokens(z));
    norm_forward(&p, &vit->norm, cls, &a->norm, y);
    linear_forward_on(&p, y, vit->W_head, vit->b_head, logits);
    return logits;
}

void gpu_vit_backward(const Gpu *gpu, const Vit *vit, Vit *d, GpuVitActivations *a,
                      const Dropout *dropout, Tensor dlogits) {
    const VitConfig *c = &vit->config;
    const int B = dlogits.shape[0];
    expect_shape(dlogits, "One row of gradients for each image.", B, c->classes);
    const Pass p = {gpu, a, dropout, B};
    Tensor cls = tensor_first(a->cls, B), dcls = tensor_first(a->dcls, B);
    Tensor dz = tensor_first(a->dz, B), dembedded = tensor_first(a->embedded, B);

    /* logits = y W_head^T + b_head */
    linear_backward_weights(&p, tensor_first(a->y, B), dlogits, d->W_head, d->b_head);
    linear_backward_input(&p, dlogits, vit->W_head, dcls);
    /* y = LN(z_L^0): the head reads only the class token's row */
    norm_backward(&p, &vit->norm, &d->norm, cls, &a->norm, dcls);
    gpu_zero(gpu->stream, dz.data, (size_t)tensor_count(dz) * sizeof(float));
    gpu_tensor_copy(gpu->stream, class_tokens(dz), dcls);
    /* z_l = block_l(z_{l-1}), from the last to the first */
    for (int l = c->depth - 1; l >= 0; l--) {
        Tensor z = tensor_first(l > 0 ? a->blocks[l - 1].y : a->z_0, B);
        const Block block = {&vit->blocks[l], &a->blocks[l], &d->blocks[l]};
        block_backward(&p, &block, z, dz);
    }
    /* z_0 = [x_class; x_p E] + E_pos */
    gpu_dropout_apply(gpu->stream, dropout, AFTER_POSITIONS, dz);
    gpu_embed_backward(gpu->stream, dz, dembedded, d->embedding.cls_token,
                       d->embedding.pos_embed);
    linear_backward_weights(&p, tensor_first(a->patches, B), dembedded,
                            as_matrix(d->embedding.E), d->embedding.b_E);
}
