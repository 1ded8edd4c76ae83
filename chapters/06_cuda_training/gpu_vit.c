/* gpu_vit.c: see gpu_vit.h. It follows vit.c and encoder_block.c line for line. */
#include "chapters/06_cuda_training/gpu_vit.h"

#include "chapters/06_cuda_training/kernels/gpu_patches.h"

bool gpu_vit_can(const VitConfig *config, Error *error) {
    if (config->positions != POSITIONS_1D || config->pool != POOL_CLASS) {
        return error_set(error, "there are kernels for --positions 1d and --pool class "
                                "only: ./chapter5 trains the others");
    }
    const int columns = config->block.D / config->block.heads;
    return columns <= ATTENTION_MAX_D ||
           error_set(error,
                     "a head of %d columns: the kernels take %d at most: more --heads, "
                     "or ./chapter5",
                     columns, ATTENTION_MAX_D);
}

/* ---- memory --------------------------------------------------------------------- */

/* A tensor of this shape, or none where a version needs none. */
static Tensor arena_like(Arena *arena, Tensor T) {
    const int *n = T.shape;
    if (T.ndim == 0) {
        return T;
    }
    return T.ndim == 4 ? arena_tensor4(arena, n[0], n[1], n[2], n[3])
                       : arena_tensor3(arena, n[0], n[1], n[2]);
}

static void lay_out_block(GpuVitActivations *a, GpuBlockActivations *block, int B) {
    const BlockConfig *c = &a->config.block;
    Arena *arena = &a->arena;
    const int n = vit_tokens(&a->config);
    gpu_attention_shapes(a->attention, B, c->heads, n, &block->kept);
    block->x1 = arena_tensor3(arena, B, n, c->D);
    layer_norm_activations(&block->norm1, arena, B * n);
    layer_norm_activations(&block->norm2, arena, B * n);
    block->qkv = arena_tensor3(arena, B, n, 3 * c->D);
    block->kept.A = arena_like(arena, block->kept.A);
    block->kept.lse = arena_like(arena, block->kept.lse);
    block->concat = arena_tensor3(arena, B, n, c->D);
    block->z_prime = arena_tensor3(arena, B, n, c->D);
    block->x2 = arena_tensor3(arena, B, n, c->D);
    block->pre = arena_tensor3(arena, B, n, c->M);
    block->hidden = arena_tensor3(arena, B, n, c->M);
    block->y = arena_tensor3(arena, B, n, c->D);
}

/* All tensors, for B images, from the arena's beginning. */
static void lay_out(GpuVitActivations *a, int B) {
    const VitConfig *c = &a->config;
    const int n = vit_tokens(c), D = c->block.D, M = c->block.M;
    Arena *arena = &a->arena;
    arena->used = 0;
    a->patches = arena_tensor3(arena, B, n - 1, c->channels * c->patch * c->patch);
    a->embedded = arena_tensor3(arena, B, n - 1, D);
    a->z_0 = arena_tensor3(arena, B, n, D);
    for (int l = 0; l < c->depth; l++) {
        lay_out_block(a, &a->blocks[l], B);
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
    gpu_attention_shapes(a->attention, B, c->block.heads, n, &a->scratch);
    a->scratch.dA = arena_like(arena, a->scratch.dA);
    a->scratch.delta = arena_like(arena, a->scratch.delta);
    /* the widest: the qkv bias (and layer norm's 2 D), W_1's, or the logits' */
    int widest = 3 * D > M ? 3 * D : M;
    widest = widest > c->classes ? widest : c->classes;
    a->partial = arena_tensor2(arena, SUM_ROWS_PARTS, widest);
}

double gpu_vit_activations_bytes(const VitConfig *config, AttentionVersion attention,
                                 int B) {
    static GpuVitActivations counted;
    counted = (GpuVitActivations){.config = *config, .attention = attention};
    lay_out(&counted, B);
    return (double)counted.arena.used * sizeof(float);
}

bool gpu_vit_make(GpuVit *m, const ParameterList *list, const VitConfig *config,
                  GpuChoices choices, int B, Error *error) {
    const size_t bytes = (size_t)list->total * sizeof(float);
    const double activations = gpu_vit_activations_bytes(config, choices.attention, B);
    *m = (GpuVit){.stream = gpu_stream_make(), .matmul = choices.matmul};
    m->vit.config = m->d.config = m->a.config = *config;
    m->a.attention = choices.attention;
    m->a.arena.capacity = (long)(activations / sizeof(float));
    m->a.arena.block = gpu_allocate((size_t)activations, "activations", error);
    m->weights = gpu_allocate(bytes, "weights", error);
    m->gradients = gpu_allocate(bytes, "gradients", error);
    if (!gpu_matmul_make_workspace(error) || !m->a.arena.block || !m->weights ||
        !m->gradients) {
        return false;
    }
    parameters_view(list, vit_parameters, &m->vit, m->weights);
    parameters_view(list, vit_parameters, &m->d, m->gradients);
    lay_out(&m->a, B);
    arena_check_full(&m->a.arena);
    return true;
}

void gpu_vit_free(GpuVit *m) {
    gpu_free(m->a.arena.block);
    gpu_free(m->weights);
    gpu_free(m->gradients);
    if (m->stream) {
        gpu_matmul_free_workspace();
        gpu_stream_free(m->stream);
    }
}

/* ---- a pass, and its layers ------------------------------------------------------ */

/* What every line of a pass needs; within a block also the block, what its forward pass
 * keeps, and in backward its gradients. */
typedef struct {
    GpuStream stream;
    MatmulVersion matmul;
    GpuVitActivations *a;
    const Dropout *dropout;
    const EncoderBlock *block;
    GpuBlockActivations *kept;
    EncoderBlock *d;
} Pass;

/* Y = X W^T + b; b.data NULL: no bias (a later kernel adds it) */
static void linear_forward_on(const Pass *p, Tensor X, Tensor W, Tensor b, Tensor Y) {
    const MatmulForm form = {.layout = MATMUL_NT, .bias = b.data};
    gpu_matmul(p->stream, p->matmul, form, X, W, Y);
}

/* dW += dY^T X;   db += sum of dY over its rows */
static void linear_backward_weights(const Pass *p, Tensor X, Tensor dY, Tensor dW,
                                    Tensor db) {
    const MatmulForm form = {.layout = MATMUL_TN, .accumulate = true};
    gpu_matmul(p->stream, p->matmul, form, dY, X, dW);
    gpu_sum_rows_add(p->stream, dY, db,
                     tensor2(p->a->partial.data, SUM_ROWS_PARTS, tensor_cols(dY)));
}

/* dX = dY W */
static void linear_backward_input(const Pass *p, Tensor dY, Tensor W, Tensor dX) {
    const MatmulForm form = {.layout = MATMUL_NN};
    gpu_matmul(p->stream, p->matmul, form, dY, W, dX);
}

static void norm_forward(const Pass *p, const LayerNorm *layer,
                         const LayerNormActivations *a, Tensor X, Tensor Y) {
    const GpuLayerNorm pass = {X, layer->gamma, layer->beta, a->mean, a->rstd};
    gpu_layer_norm_forward(p->stream, LAYER_NORM_BEST, &pass, Y);
}

/* dX is dL/dY on entry, dL/dX on return. */
static void norm_backward(const Pass *p, const LayerNorm *layer, LayerNorm *d,
                          const LayerNormActivations *a, Tensor X, Tensor dX) {
    const GpuLayerNorm pass = {X, layer->gamma, layer->beta, a->mean, a->rstd};
    const GpuLayerNormGradients gradients = {
        d->gamma, d->beta,
        tensor3(p->a->partial.data, LAYER_NORM_PARTS, 2, tensor_cols(X))};
    gpu_layer_norm_backward(p->stream, LAYER_NORM_BEST, &pass, dX, dX, &gradients);
}

/* ---- an encoder block: names and order as in encoder_block.c ------------------ */

static GpuAttention attention_pass(const Pass *p) {
    AttentionKept kept = p->kept->kept;
    kept.dA = p->a->scratch.dA;
    kept.delta = p->a->scratch.delta;
    return (GpuAttention){p->a->attention, p->block->attn.heads, p->kept->qkv, kept,
                          p->kept->concat};
}

/* [ViT eq.5] to [ViT eq.8]   Y = MSA(x), x and Y (B, n, D) */
static void msa_forward(const Pass *p, Tensor x, Tensor Y) {
    const MultiHeadAttention *layer = &p->block->attn;
    const GpuAttention attention = attention_pass(p);
    linear_forward_on(p, x, layer->W_qkv, layer->b_qkv, attention.qkv);
    gpu_attention_forward(p->stream, &attention);
    linear_forward_on(p, attention.O, layer->W_O, layer->b_O, Y);
}

/* [ViT eq.3]   Y = W_2 GELU(W_1 x + b_1) + b_2 */
static void mlp_forward_on(const Pass *p, Tensor x, Tensor Y) {
    const Mlp *layer = &p->block->mlp;
    const Tensor no_bias = {.data = NULL};
    Tensor pre = p->kept->pre, hidden = p->kept->hidden;
    linear_forward_on(p, x, layer->W_1, no_bias, pre);
    if (layer->activation == ACTIVATION_GELU) {
        gpu_bias_gelu_forward(p->stream, GELU_BEST, pre, layer->b_1, hidden);
    } else {
        gpu_bias_relu_forward(p->stream, pre, layer->b_1, hidden);
    }
    gpu_dropout_apply(p->stream, p->dropout, dropout_place(p->block, INSIDE_MLP),
                      hidden);
    linear_forward_on(p, hidden, layer->W_2, layer->b_2, Y);
}

/* Y = dropout(X) + R */
static void residual(const Pass *p, int which, Tensor X, Tensor R, Tensor Y) {
    gpu_dropout_add(p->stream, p->dropout, dropout_place(p->block, which), X, R, Y);
}

static Tensor block_forward(const Pass *p, Tensor z) {
    const EncoderBlock *layer = p->block;
    GpuBlockActivations *a = p->kept;
    Tensor x1 = a->x1, z_prime = a->z_prime, x2 = a->x2, y = a->y;
    if (layer->norm == PRE_NORM) {
        /* [ViT eq.2]   z' = MSA(LN(z)) + z */
        norm_forward(p, &layer->norm1, &a->norm1, z, x1);
        msa_forward(p, x1, z_prime);
        residual(p, AFTER_ATTENTION, z_prime, z, z_prime);
        /* [ViT eq.3]   y = MLP(LN(z')) + z' */
        norm_forward(p, &layer->norm2, &a->norm2, z_prime, x2);
        mlp_forward_on(p, x2, y);
        residual(p, AFTER_MLP, y, z_prime, y);
    } else {
        /* [AIAYN 3.1]   z' = LN(z + MSA(z)) */
        msa_forward(p, z, x1);
        residual(p, AFTER_ATTENTION, x1, z, x1);
        norm_forward(p, &layer->norm1, &a->norm1, x1, z_prime);
        /* [AIAYN 3.1]   y = LN(z' + MLP(z')) */
        mlp_forward_on(p, z_prime, x2);
        residual(p, AFTER_MLP, x2, z_prime, x2);
        norm_forward(p, &layer->norm2, &a->norm2, x2, y);
    }
    return y;
}

/* dz through a dropout: dz itself if there is none, else a masked copy in dx. */
static Tensor through_dropout(const Pass *p, int which, Tensor dz, Tensor dx) {
    if (p->dropout->rate == 0) {
        return dz;
    }
    gpu_tensor_copy(p->stream, dx, dz);
    gpu_dropout_apply(p->stream, p->dropout, dropout_place(p->block, which), dx);
    return dx;
}

/* dX from dY, both (B, n, D); they may be the same memory. */
static void msa_backward(const Pass *p, Tensor x, Tensor dY, Tensor dX) {
    const MultiHeadAttention *layer = &p->block->attn;
    MultiHeadAttention *d = &p->d->attn;
    const GpuAttention attention = attention_pass(p);
    Tensor dqkv = p->a->dqkv, dconcat = p->a->dconcat;
    linear_backward_weights(p, attention.O, dY, d->W_O, d->b_O);
    linear_backward_input(p, dY, layer->W_O, dconcat);
    gpu_attention_backward(p->stream, &attention, dconcat, dqkv);
    linear_backward_weights(p, x, dqkv, d->W_qkv, d->b_qkv);
    linear_backward_input(p, dqkv, layer->W_qkv, dX);
}

static void mlp_backward_on(const Pass *p, Tensor x, Tensor dY, Tensor dX) {
    const Mlp *layer = &p->block->mlp;
    Mlp *d = &p->d->mlp;
    Tensor pre = p->kept->pre, hidden = p->kept->hidden;
    Tensor dhidden = p->a->dhidden, dpre = dhidden;
    linear_backward_weights(p, hidden, dY, d->W_2, d->b_2);
    linear_backward_input(p, dY, layer->W_2, dhidden);
    gpu_dropout_apply(p->stream, p->dropout, dropout_place(p->block, INSIDE_MLP),
                      dhidden);
    if (layer->activation == ACTIVATION_GELU) {
        gpu_gelu_backward(p->stream, GELU_BEST, pre, dhidden, dpre);
    } else {
        gpu_relu_backward(p->stream, pre, dhidden, dpre);
    }
    linear_backward_weights(p, x, dpre, d->W_1, d->b_1);
    linear_backward_input(p, dpre, layer->W_1, dX);
}

static void block_backward(const Pass *p, Tensor z, Tensor dz) {
    const EncoderBlock *layer = p->block;
    EncoderBlock *d = p->d;
    const GpuBlockActivations *a = p->kept;
    const GpuStream stream = p->stream;
    Tensor x1 = a->x1, z_prime = a->z_prime, x2 = a->x2, dx = p->a->dx, dY;
    if (layer->norm == PRE_NORM) {
        /* y = MLP(LN(z')) + z': dz flows on unchanged, and through the MLP */
        dY = through_dropout(p, AFTER_MLP, dz, dx);
        mlp_backward_on(p, x2, dY, dx);
        norm_backward(p, &layer->norm2, &d->norm2, &a->norm2, z_prime, dx);
        gpu_tensor_add(stream, dz, dx);
        /* z' = MSA(LN(z)) + z: the same again */
        dY = through_dropout(p, AFTER_ATTENTION, dz, dx);
        msa_backward(p, x1, dY, dx);
        norm_backward(p, &layer->norm1, &d->norm1, &a->norm1, z, dx);
    } else {
        /* y = LN(z' + MLP(z')) */
        norm_backward(p, &layer->norm2, &d->norm2, &a->norm2, x2, dz);
        dY = through_dropout(p, AFTER_MLP, dz, dx);
        mlp_backward_on(p, z_prime, dY, dx);
        gpu_tensor_add(stream, dz, dx);
        /* z' = LN(z + MSA(z)) */
        norm_backward(p, &layer->norm1, &d->norm1, &a->norm1, x1, dz);
        dY = through_dropout(p, AFTER_ATTENTION, dz, dx);
        msa_backward(p, z, dY, dx);
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

Tensor gpu_vit_forward(GpuVit *m, Tensor images, const Dropout *dropout) {
    const Vit *vit = &m->vit;
    const VitConfig *c = &vit->config;
    GpuVitActivations *a = &m->a;
    Pass p = {m->stream, m->matmul, a, dropout, NULL, NULL, NULL};
    const int B = images.shape[0];
    expect_shape(images, "Images are (B, C, H, W).", B, c->channels, c->height,
                 c->width);
    if (a->z_0.shape[0] != B) {
        lay_out(a, B);
    }

    /* [ViT eq.1]   z_0 = [x_class; x_p E] + E_pos */
    gpu_patches_from_images(m->stream, images, c->patch, a->patches);
    linear_forward_on(&p, a->patches, as_matrix(vit->embedding.E), vit->embedding.b_E,
                      a->embedded);
    gpu_embed_forward(m->stream, a->embedded, vit->embedding.cls_token,
                      vit->embedding.pos_embed, a->z_0);
    gpu_dropout_apply(m->stream, dropout, AFTER_POSITIONS, a->z_0);
    /* [ViT eq.2] [ViT eq.3]   z_l = block_l(z_{l-1}) */
    Tensor z = a->z_0;
    for (int l = 0; l < c->depth; l++) {
        p.block = &vit->blocks[l];
        p.kept = &a->blocks[l];
        z = block_forward(&p, z);
    }
    /* [ViT eq.4]   y = LN(z_L^0) */
    gpu_tensor_copy(m->stream, a->cls, class_tokens(z));
    norm_forward(&p, &vit->norm, &a->norm, a->cls, a->y);
    linear_forward_on(&p, a->y, vit->W_head, vit->b_head, a->logits);
    return a->logits;
}

/* The listener hears that the part of the model that begins at `first` is done. */
static void tell(const GpuVit *m, const float *first) {
    if (m->gradients_done) {
        m->gradients_done(m->listener, first - m->gradients);
    }
}

void gpu_vit_backward(GpuVit *m, Tensor dlogits, const Dropout *dropout) {
    const Vit *vit = &m->vit;
    const VitConfig *c = &vit->config;
    Vit *d = &m->d;
    GpuVitActivations *a = &m->a;
    Pass p = {m->stream, m->matmul, a, dropout, NULL, NULL, NULL};
    expect_shape(dlogits, "One row of gradients for each image of the forward pass.",
                 a->logits.shape[0], c->classes);
    Tensor dz = a->dz, dcls = a->dcls, dembedded = a->embedded;

    /* logits = y W_head^T + b_head */
    linear_backward_weights(&p, a->y, dlogits, d->W_head, d->b_head);
    linear_backward_input(&p, dlogits, vit->W_head, dcls);
    /* y = LN(z_L^0): only the class token's row is read */
    norm_backward(&p, &vit->norm, &d->norm, &a->norm, a->cls, dcls);
    gpu_zero(m->stream, dz.data, (size_t)tensor_count(dz) * sizeof(float));
    gpu_tensor_copy(m->stream, class_tokens(dz), dcls);
    tell(m, d->norm.gamma.data);
    /* z_l = block_l(z_{l-1}), from the last to the first */
    for (int l = c->depth - 1; l >= 0; l--) {
        Tensor z = l > 0 ? a->blocks[l - 1].y : a->z_0;
        p.block = &vit->blocks[l];
        p.kept = &a->blocks[l];
        p.d = &d->blocks[l];
        block_backward(&p, z, dz);
        tell(m, d->blocks[l].norm1.gamma.data);
    }
    /* z_0 = [x_class; x_p E] + E_pos */
    gpu_dropout_apply(m->stream, dropout, AFTER_POSITIONS, dz);
    gpu_embed_backward(m->stream, dz, dembedded, d->embedding.cls_token,
                       d->embedding.pos_embed);
    linear_backward_weights(&p, a->patches, dembedded, as_matrix(d->embedding.E),
                            d->embedding.b_E);
    tell(m, m->gradients);
}
