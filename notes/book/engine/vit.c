/*
 * vit.c: a trained Vision Transformer (chapter 5) sees one picture, and every tensor on
 * the way can be read.
 *
 *     vit.checkpoint   a file: what ./chapter5 saves, or the same with weights alone
 *     vit.open         takes the model from it
 *     vit.image        (28, 28) pixels from 0, black, to 1; then
 *     vit.forward      computes all of the tensors below
 *
 * Tensors that every layer has are stacked, the layer first: vit.A is (L, h, n, n), and
 * vit.z (L + 1, n, D) begins with z_0. So a page asks once for all layers.
 *
 * The switches are vit.heads (L, h) and vit.layers (L), 1 for what is on and 0 for what
 * is off, and the numbers vit.positions and vit.scale. None of them needs another
 * forward pass: each is a change of a copy of the weights, made by `switch_off`.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/training/checkpoint.h"
#include "chapters/07_pretrained_weights/model/rollout.h"
#include "common/files/number.h"
#include "common/linear.h"
#include "common/softmax.h"
#include "notes/book/engine/engine.h"

enum { SIDE = 28 };

typedef struct {
    Trainer trainer; /* has the weights; its one worker has a picture's activations */
    Dataset dataset; /* the classes' names, the pixels' mean and deviation */
    char *names;     /* the names again, as lines */
    size_t name_bytes;
    Vit vit;        /* the weights that are used: laid over `weights` */
    Arena arena;    /* owns the tensors below */
    Tensor weights; /* a copy of the trainer's, with switches off */
    Tensor image;   /* (28, 28) */
    Tensor heads, layers;
    Tensor patches, embedded;           /* (N, P P), (N, D) */
    Tensor z;                           /* (L + 1, n, D) */
    Tensor x1, qkv, A, concat, z_prime; /* (L, ...), as in EncoderBlockActivations */
    Tensor x2, hidden;                  /* (L, n, D), (L, n, M) */
    Tensor y, logits, p;                /* (1, D), (1, K), (1, K) */
    Tensor cls, normed;                 /* (L + 1, D): z_l^0, LN(z_l^0) */
    LayerNormActivations lens_norm;
    Tensor lens, lens_p; /* (L + 1, K): the head's answer to them */
    Rollout rollout;
    Tensor R, seen; /* (n, n); (N): the patches' part of row 0 */
} Seen;

static Seen seen;
static double positions = 1, scale = 1;
static unsigned char *file_bytes;
static size_t file_count;

/* ---- taking a model --------------------------------------------------------- */

static void seen_free(Seen *s) {
    trainer_free(&s->trainer);
    dataset_free(&s->dataset);
    arena_free(&s->arena);
    free(s->names);
    *s = (Seen){0};
}

static void lay_out(Arena *arena, void *owner) {
    Seen *s = owner;
    const VitConfig *c = &s->trainer.settings.model;
    const int L = c->depth, h = c->block.heads, D = c->block.D, K = c->classes;
    const int N = vit_patches(c), n = vit_tokens(c);
    s->weights = arena_tensor1(arena, (int)s->trainer.list.total);
    s->image = arena_tensor2(arena, SIDE, SIDE);
    s->heads = arena_tensor2(arena, L, h);
    s->layers = arena_tensor1(arena, L);
    s->patches = arena_tensor2(arena, N, c->patch * c->patch);
    s->embedded = arena_tensor2(arena, N, D);
    s->z = arena_tensor3(arena, L + 1, n, D);
    s->x1 = arena_tensor3(arena, L, n, D);
    s->qkv = arena_tensor3(arena, L, n, 3 * D);
    s->A = arena_tensor4(arena, L, h, n, n);
    s->concat = arena_tensor3(arena, L, n, D);
    s->z_prime = arena_tensor3(arena, L, n, D);
    s->x2 = arena_tensor3(arena, L, n, D);
    s->hidden = arena_tensor3(arena, L, n, c->block.M);
    s->y = arena_tensor2(arena, 1, D);
    s->logits = arena_tensor2(arena, 1, K);
    s->p = arena_tensor2(arena, 1, K);
    s->cls = arena_tensor2(arena, L + 1, D);
    s->normed = arena_tensor2(arena, L + 1, D);
    layer_norm_activations(&s->lens_norm, arena, L + 1);
    s->lens = arena_tensor2(arena, L + 1, K);
    s->lens_p = arena_tensor2(arena, L + 1, K);
    s->R = s->rollout.R = arena_tensor2(arena, n, n);
    s->rollout.room[0] = arena_tensor2(arena, n, n);
    s->rollout.room[1] = arena_tensor2(arena, n, n);
    s->seen = arena_tensor1(arena, N);
}

/* What the page can draw, and what `switch_off` knows how to change. */
static bool check_model(const VitConfig *c, Error *error) {
    if (c->height != SIDE || c->width != SIDE || c->channels != 1) {
        return error_set(error,
                         "this model sees %d x %d pixels of %d channels; the page "
                         "draws %d x %d in grey",
                         c->height, c->width, c->channels, SIDE, SIDE);
    }
    if (c->positions != POSITIONS_1D || c->pool != POOL_CLASS ||
        c->block.norm != PRE_NORM) {
        return error_set(error, "this page shows models with a class token, 1d "
                                "positions and pre-norm, as ./chapter5 trains them");
    }
    return true;
}

/* The first of the numbers that a text has, with blanks between them. */
static bool read_first(const Safetensors *file, const char *key, double *value) {
    char one[SETTINGS_TEXT] = "";
    const char *text = safetensors_metadata(file, key);
    const size_t length = text ? strcspn(text, " ") : 0;
    if (length == 0 || length >= sizeof one) {
        return false;
    }
    memcpy(one, text, length);
    return number_read(one, value);
}

/* A file of weights alone, as ./chapter7 --export writes it, says what isn't the
 * default in its model, and how pixels are normalised. It is shorter than
 * checkpoint_read_info would believe. */
static bool read_info_alone(const Safetensors *file, CheckpointInfo *info,
                            Error *error) {
    info->settings = settings_default();
    for (int i = 0; i < settings_count(); i++) {
        const char *text = safetensors_metadata(file, settings_name(i));
        if (text && !settings_set(&info->settings, i, text)) {
            return error_set(error, "%s: damaged: %s is \"%.40s\"", file->name,
                             settings_name(i), text);
        }
    }
    if (!read_first(file, "mean", &info->mean[0]) ||
        !read_first(file, "deviation", &info->deviation[0]) ||
        info->deviation[0] <= 0) {
        return error_set(error,
                         "%s: it doesn't say with which mean and deviation its "
                         "pixels were normalised",
                         file->name);
    }
    const long parameters = vit_parameter_formula(&info->settings.model);
    if ((double)file->data_bytes < 4.0 * (double)parameters) {
        return error_set(error, "%s: it is too short for a model of %ld parameters",
                         file->name, parameters);
    }
    return settings_check(&info->settings, error);
}

static bool read_weights_alone(const Safetensors *file, Trainer *t, Error *error) {
    bool ok = true;
    for (int i = 0; ok && i < t->list.count; i++) {
        const Parameter *p = &t->list.items[i];
        ok = safetensors_read(file, p->name, parameter_in(p, t->weights), error);
    }
    return ok;
}

/* The classes' names as lines, for the page. */
static bool join_names(Seen *s, Error *error) {
    const Dataset *d = &s->dataset;
    s->names = allocate((size_t)d->classes * DATASET_NAME_BYTES, "names", error);
    for (int k = 0; s->names && k < d->classes; k++) {
        strcat(s->names, d->class_name[k]);
        strcat(s->names, k + 1 < d->classes ? "\n" : "");
    }
    s->name_bytes = s->names ? strlen(s->names) : 0;
    return s->names != NULL;
}

static bool take(Seen *s, const Safetensors *file, Error *error) {
    const bool alone = safetensors_find(file, "cls_token") &&
                       !safetensors_find(file, "adamw.m.cls_token");
    CheckpointInfo info = {.step = 0};
    if (!(alone ? read_info_alone(file, &info, error)
                : checkpoint_read_info(file, &info, error)) ||
        !check_model(&info.settings.model, error)) {
        return false;
    }
    s->dataset.mean[0] = info.mean[0];
    s->dataset.deviation[0] = info.deviation[0];
    info.settings.batch = 1;
    return checkpoint_read_names(file, &info, &s->dataset, error) &&
           join_names(s, error) &&
           trainer_make_small(&s->trainer, &info.settings, 1, error) &&
           (alone ? read_weights_alone(file, &s->trainer, error)
                  : checkpoint_read(file, &s->trainer, error)) &&
           arena_make(&s->arena, lay_out, s, "a picture's tensors", error);
}

/* The model that is there stays if the file has none. */
static bool open_model(Error *error) {
    static Seen fresh; /* large */
    Safetensors file;
    if (!file_bytes) {
        return error_set(error, "put the file vit.checkpoint first");
    }
    if (!safetensors_decode(&file, safetensors_from(file_bytes, file_count),
                            "this is no checkpoint", error)) {
        return false;
    }
    file.name = "this file";
    fresh = (Seen){.names = NULL};
    const bool ok = take(&fresh, &file, error);
    safetensors_close(&file);
    if (!ok) {
        seen_free(&fresh);
        return false;
    }
    seen_free(&seen);
    seen = fresh;
    seen.vit = seen.trainer.vit; /* the config, the norms' epsilon */
    parameters_view(&seen.trainer.list, vit_parameters, &seen.vit, seen.weights.data);
    tensor_fill(seen.heads, 1);
    tensor_fill(seen.layers, 1);
    return true;
}

/* ---- switches ----------------------------------------------------------------- */

/* Head i's results reach a token only through W_O's columns i d_k to (i + 1) d_k - 1:
 * Y = concat W_O^T + b_O. With zeros there the head says nothing. */
static void head_off(MultiHeadAttention *attn, int i) {
    const int d_k = tensor_cols(attn->W_O) / attn->heads;
    tensor_fill(tensor_columns(attn->W_O, i * d_k, d_k), 0);
}

/* z' = MSA(LN(z)) + z and y = MLP(LN(z')) + z': if both branches end in zeros, the
 * token passes as it is. */
static void layer_off(EncoderBlock *block) {
    tensor_fill(block->attn.W_O, 0);
    tensor_fill(block->attn.b_O, 0);
    tensor_fill(block->mlp.W_2, 0);
    tensor_fill(block->mlp.b_2, 0);
}

/* softmax(q k^T / sqrt(d_k)) with sqrt(d_k) q in q's place is softmax(q k^T): the first
 * D rows of W_qkv, and of its bias, make the queries. With d_k = 16 the factor is 4, so
 * that not even a rounding is different. */
static void scale_off(MultiHeadAttention *attn) {
    const int D = tensor_cols(attn->W_qkv);
    const real root = (real)sqrt((double)D / attn->heads);
    tensor_scale(tensor_first(attn->W_qkv, D), root);
    tensor_scale(tensor1(attn->b_qkv.data, D), root);
}

static void switch_off(void) {
    const VitConfig *c = &seen.vit.config;
    memcpy(seen.weights.data, seen.trainer.weights,
           (size_t)seen.trainer.list.total * sizeof(real));
    for (int l = 0; l < c->depth; l++) {
        EncoderBlock *block = &seen.vit.blocks[l];
        for (int i = 0; i < c->block.heads; i++) {
            if (tensor_row(seen.heads, l)[i] == 0) {
                head_off(&block->attn, i);
            }
        }
        if (seen.layers.data[l] == 0) {
            layer_off(block);
        }
        if (scale == 0) {
            scale_off(&block->attn);
        }
    }
    if (positions == 0) {
        tensor_fill(seen.vit.embedding.pos_embed, 0);
    }
}

/* ---- a picture ------------------------------------------------------------------ */

/* The page's pixels as the data set's bytes, normalised as the data set does it. */
static Tensor normalised_image(void) {
    unsigned char bytes[SIDE * SIDE];
    const ImageSet one = {
        .count = 1, .channels = 1, .height = SIDE, .width = SIDE, .pixels = bytes};
    const Augmentation none = {0};
    Tensor images = tensor_first(seen.trainer.workers[0].images, 1);
    for (int i = 0; i < SIDE * SIDE; i++) {
        const double x = (double)seen.image.data[i];
        bytes[i] = (unsigned char)(x > 1 ? 255 : x > 0 ? 255 * x + 0.5 : 0);
    }
    dataset_image(&seen.dataset, &one, 0, &none, tensor_slice(images, 0));
    return images;
}

static void keep(Tensor stack, int layer, Tensor of_one_image) {
    tensor_copy(tensor_slice(stack, layer), tensor_slice(of_one_image, 0));
}

static void keep_all(const VitActivations *a) {
    tensor_copy(seen.patches, tensor_slice(a->embedding.patches, 0));
    tensor_copy(seen.embedded, tensor_slice(a->embedding.embedded, 0));
    keep(seen.z, 0, a->z_0);
    for (int l = 0; l < seen.vit.config.depth; l++) {
        const EncoderBlockActivations *block = &a->blocks[l];
        keep(seen.x1, l, block->x1);
        keep(seen.qkv, l, block->attn.qkv);
        keep(seen.A, l, block->attn.A);
        keep(seen.concat, l, block->attn.concat);
        keep(seen.z_prime, l, block->z_prime);
        keep(seen.x2, l, block->x2);
        keep(seen.hidden, l, block->mlp.hidden);
        keep(seen.z, l + 1, block->y);
    }
    tensor_copy(seen.y, a->y);
    tensor_copy(seen.logits, a->logits);
    softmax_forward(seen.logits, seen.p);
}

/* What the head would say if layer l were the last: the head of LN(z_l^0), for all l.
 * Of the last layer it is the model's own answer. */
static void use_lens(void) {
    const int D = seen.vit.config.block.D;
    for (int l = 0; l <= seen.vit.config.depth; l++) {
        tensor_copy(tensor1(tensor_row(seen.cls, l), D),
                    tensor1(tensor_slice(seen.z, l).data, D));
    }
    layer_norm_forward(&seen.vit.norm, seen.cls, &seen.lens_norm, seen.normed);
    linear_forward(seen.normed, seen.vit.W_head, seen.vit.b_head, seen.lens);
    softmax_forward(seen.lens, seen.lens_p);
}

/* Of the layers that are on: nothing passes from token to token in the others. */
static void roll_out(void) {
    Tensor A[VIT_MAX_DEPTH];
    int on = 0;
    for (int l = 0; l < seen.vit.config.depth; l++) {
        if (seen.layers.data[l] != 0) {
            A[on++] = tensor_slice(seen.A, l);
        }
    }
    if (on == 0) {
        tensor_fill(seen.seen, 0);
        return;
    }
    rollout(A, on, &seen.rollout);
    rollout_of_patches(seen.R.data, tensor_cols(seen.R), seen.seen);
}

static bool forward(Error *error) {
    const Dropout none = {.rate = 0};
    if (!seen.trainer.weights) {
        return error_set(error, "there is no model yet: vit.open comes first");
    }
    switch_off();
    VitActivations *a = &seen.trainer.workers[0].activations;
    vit_forward(&seen.vit, normalised_image(), a, &none);
    keep_all(a);
    use_lens();
    roll_out();
    return true;
}

static const EngineFunction functions[] = {
    {"open", open_model}, {"forward", forward}, {NULL, NULL}};
static const EngineNumber numbers[] = {{"positions", &positions, 0, 1, true},
                                       {"scale", &scale, 0, 1, true},
                                       {NULL, NULL, 0, 0, false}};
static const EngineTensor tensors[] = {{"image", &seen.image},
                                       {"heads", &seen.heads},
                                       {"layers", &seen.layers},
                                       {"patches", &seen.patches},
                                       {"embedded", &seen.embedded},
                                       {"z", &seen.z},
                                       {"x1", &seen.x1},
                                       {"qkv", &seen.qkv},
                                       {"A", &seen.A},
                                       {"concat", &seen.concat},
                                       {"z_prime", &seen.z_prime},
                                       {"x2", &seen.x2},
                                       {"hidden", &seen.hidden},
                                       {"y", &seen.y},
                                       {"logits", &seen.logits},
                                       {"p", &seen.p},
                                       {"lens", &seen.lens},
                                       {"lens_p", &seen.lens_p},
                                       {"R", &seen.R},
                                       {"rollout", &seen.seen},
                                       {NULL, NULL}};
static const EngineFile files[] = {
    {"checkpoint", &file_bytes, &file_count},
    {"names", (unsigned char **)&seen.names, &seen.name_bytes},
    {NULL, NULL, NULL}};

const EngineSubject vit_subject = {"vit", functions, numbers, tensors, files};
