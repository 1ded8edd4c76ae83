/*
 * demo_dialects.c: one model in four dialects. A small random model is
 * written as timm, transformers, torchvision and the ViT's authors would have it, and
 * read again: the logits must be the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/07_pretrained_weights/chapter7_demos.h"
#include "chapters/07_pretrained_weights/weights/dialects.h"
#include "chapters/07_pretrained_weights/weights/load.h"
#include "common/files/safetensors.h"
#include "common/lesson/chapter.h"
#include "common/lesson/report.h"
#include "common/linear.h"
#include "common/random.h"

enum { D = 8, HEADS = 2, DEPTH = 2, CLASSES = 3, WIDEST = 3 * D, MAX_ENTRIES = 64 };

static const VitConfig small = {
    .height = 8,
    .width = 8,
    .channels = 3,
    .patch = 4,
    .depth = DEPTH,
    .block = {.D = D, .heads = HEADS, .M = 16},
    .classes = CLASSES,
};

/* The model, and what is written of it in one dialect. */
typedef struct {
    Vit vit;
    ParameterList list;
    real *weights;
    SafetensorsEntry entries[MAX_ENTRIES];
    int count;
    real *copies; /* elements that had to change places */
    long used;
} Writing;

static const Parameter *find(const Writing *w, const char *name) {
    for (int i = 0; i < w->list.count; i++) {
        if (strcmp(w->list.items[i].name, name) == 0) {
            return &w->list.items[i];
        }
    }
    return NULL;
}

/* What a dense layer W (out, in) makes of each unit vector: (in, out). Its row i is
 * what input i does, which is how the authors' kernels are defined. Until the next
 * call. */
static Tensor of_unit_vectors(Tensor W) {
    static real units[WIDEST * WIDEST], made[WIDEST * WIDEST], no_bias[WIDEST];
    const int out = W.shape[0], in = W.shape[1];
    Tensor X = tensor2(units, in, in), Y = tensor2(made, in, out);
    tensor_fill(X, 0);
    for (int i = 0; i < in; i++) {
        tensor_row(X, i)[i] = 1;
    }
    linear_forward(X, W, tensor1(no_bias, out), Y);
    return Y;
}

/* E (D, C, P, P) as JAX has it, (P, P, C, D). */
static void channels_last(Tensor E, Tensor to) {
    const int C = E.shape[1], P = E.shape[2];
    for (int d = 0; d < E.shape[0]; d++) {
        for (int c = 0; c < C; c++) {
            for (int i = 0; i < P * P; i++) {
                to.data[((long)i * C + c) * E.shape[0] + d] =
                    E.data[((long)d * C + c) * P * P + i];
            }
        }
    }
}

static Tensor copied(Writing *w, Tensor T) {
    Tensor copy = tensor2(w->copies + w->used, tensor_rows(T), tensor_cols(T));
    tensor_copy(copy, T);
    w->used += tensor_count(T);
    return copy;
}

/* A dense layer's matrix as theirs, by what the layer makes of unit vectors. */
static Tensor dense_as_theirs(Writing *w, Tensor W, const DialectRow *row) {
    Tensor Y = of_unit_vectors(W);
    if (row->part != WHOLE) { /* queries, keys, values, as in chapter 3 */
        Y = tensor_columns(Y, row->part == QUERY ? 0 : row->part == KEY ? D : 2 * D, D);
    }
    if (row->change == AS_IS) { /* (out, in), as PyTorch has it */
        Tensor W_part = tensor2(w->copies + w->used, tensor_cols(Y), tensor_rows(Y));
        tensor_transpose(Y, W_part);
        w->used += tensor_count(Y);
        return W_part;
    }
    const Tensor kernel = copied(w, Y);
    switch (row->change) {
    case HEADS_IN: return tensor3(kernel.data, D, HEADS, D / HEADS);
    case HEADS_OUT: return tensor3(kernel.data, HEADS, D / HEADS, D);
    default: return kernel;
    }
}

/* Our tensor as theirs. */
static Tensor as_theirs(Writing *w, Tensor T, const DialectRow *row) {
    if (row->change == HWIO_TO_OIHW) {
        Tensor E = tensor4(w->copies + w->used, T.shape[2], T.shape[3], T.shape[1],
                           T.shape[0]);
        channels_last(T, E);
        w->used += tensor_count(T);
        return E;
    }
    if (T.ndim == 1 && row->part != WHOLE) { /* the biases of three layers */
        const int third = row->part == QUERY ? 0 : row->part == KEY ? 1 : 2;
        T = tensor1(tensor_row(tensor2(T.data, 3, D), third), D);
    }
    if (row->change == HEADS_BIAS) {
        return tensor2(T.data, HEADS, D / HEADS);
    }
    return row->change == AS_IS && (row->part == WHOLE || T.ndim == 1)
               ? T
               : dense_as_theirs(w, T, row);
}

/* Has an earlier row written this part of ours, under another version's name? */
static bool repeats(const DialectRow *rows, const DialectRow *row) {
    for (; rows < row; rows++) {
        if (rows->ours && rows->part == row->part &&
            strcmp(rows->ours, row->ours) == 0) {
            return true;
        }
    }
    return false;
}

static void write_rows(Writing *w, const DialectRow *rows, const char *theirs,
                       const char *ours) {
    for (const DialectRow *row = rows; row->theirs; row++) {
        char name[96];
        SafetensorsEntry *entry = &w->entries[w->count];
        if (!row->ours || repeats(rows, row)) {
            continue;
        }
        snprintf(name, sizeof name, "%s%s", ours, row->ours);
        const Parameter *p = find(w, name);
        if (!p) {
            continue; /* an optional one, which this model hasn't */
        }
        snprintf(entry->name, sizeof entry->name, "%s%s", theirs, row->theirs);
        entry->T = as_theirs(w, parameter_in(p, w->weights), row);
        w->count++;
    }
}

/* "encoder.layer.%d." with the block's number */
static void numbered(const char *prefix, int block, char text[96]) {
    const int before = (int)strcspn(prefix, "%");
    const char *after = prefix + before + (prefix[before] ? 2 : 0);
    snprintf(text, 96, "%.*s%d%s", before, prefix, block, after);
}

/* The model in this dialect, read again. The bytes have to live as long as it does. */
static bool again(Writing *w, const Dialect *dialect, SafetensorsBuffer *bytes,
                  Pretrained *model, Error *error) {
    w->count = 0;
    w->used = 0;
    write_rows(w, dialect->model, "", "");
    for (int l = 0; l < DEPTH; l++) {
        char theirs[96], ours[96];
        numbered(dialect->blocks[0], l, theirs);
        numbered("blocks.%d.", l, ours);
        write_rows(w, dialect->block, theirs, ours);
    }
    const SafetensorsContent content = {w->entries, w->count, NULL, 0};
    if (!safetensors_encode(&content, "a small model", safetensors_into(bytes),
                            error)) {
        return false;
    }
    Arrays *file = arrays_from(bytes->bytes, bytes->count, "a small model", error);
    return file && pretrained_from(model, file, HEADS, error);
}

/* Each dialect has its usual epsilon, which isn't the question here. */
static void set_epsilon(Pretrained *model) {
    const real epsilon = (real)LAYER_NORM_EPSILON;
    model->vit.norm.epsilon = epsilon;
    for (int l = 0; l < DEPTH; l++) {
        model->vit.blocks[l].norm1.epsilon = epsilon;
        model->vit.blocks[l].norm2.epsilon = epsilon;
    }
}

static void logits_of(const Pretrained *model, real logits[CLASSES]) {
    static real pixels[3 * 8 * 8];
    PretrainedActivations a;
    Error error;
    Tensor image = tensor4(pixels, 1, 3, 8, 8);
    random_fill_normal((Random){7, RANDOM_DEMO, 100}, image, 1);
    chapter_needs(pretrained_activations_make(&a, &model->config, 1, &error), &error);
    pretrained_forward(model, image, &a);
    memcpy(logits, a.logits.data, CLASSES * sizeof(real));
    pretrained_activations_free(&a);
}

static void make_model(Writing *w) {
    Error error;
    w->vit.config = small;
    chapter_needs(parameters_list(&w->list, vit_parameters, &w->vit, &error), &error);
    w->weights = allocate((size_t)w->list.total * sizeof(real), "a model", &error);
    chapter_needs(w->weights != NULL, &error);
    w->copies = allocate((size_t)w->list.total * sizeof(real), "a model", &error);
    chapter_needs(w->copies != NULL, &error);
    for (int i = 0; i < w->list.count; i++) {
        const Random random = {7, RANDOM_DEMO, (uint32_t)i};
        random_fill_normal(random, parameter_in(&w->list.items[i], w->weights), 0.5);
    }
}

void dialects_demo(void) {
    static Writing w;
    static Pretrained model;
    real first[CLASSES], logits[CLASSES];
    report_section("Three matrices are one");
    make_model(&w);
    for (int i = 0; dialects[i].name; i++) {
        Error error = {""};
        SafetensorsBuffer bytes = {0};
        model = (Pretrained){0};
        const bool ok = again(&w, &dialects[i], &bytes, &model, &error);
        report_check(ok, "in the names of %s it is read%s%s", dialects[i].name,
                     ok ? "" : ": ", ok ? "" : error.text);
        if (ok) {
            set_epsilon(&model);
            logits_of(&model, i == 0 ? first : logits);
        }
        if (ok && i > 0) {
            by_hand(
                tensor1(logits, CLASSES),
                (const double[]){(double)first[0], (double)first[1], (double)first[2]},
                0, "its logits");
        }
        pretrained_free(&model);
        free(bytes.bytes);
    }
    parameters_list_free(&w.list);
    free(w.weights);
    free(w.copies);
}
