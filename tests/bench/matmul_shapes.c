/* matmul_shapes.c: see matmul_shapes.h. */
#include "tests/bench/matmul_shapes.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/matmul.h"
#include "common/random.h"
#include "chapters/05_vision_transformer/training/trainer.h"

/* ---- shapes -------------------------------------------------------------- */

const char *layout_name(Layout layout) {
    static const char *names[] = {"nn", "nt", "tn", "tn_add"};
    return names[layout];
}

/* Rows without gaps between them: ld is the number of columns. */
static Shape tight(const char *model, const char *name, const char *ending,
                   Layout layout, int m, int n, int k) {
    Shape s = {.model = model, .layout = layout, .m = m, .n = n, .k = k};
    snprintf(s.name, sizeof s.name, "%s%s", name, ending);
    s.lda = layout == NN || layout == NT ? k : m;
    s.ldb = layout == NT ? k : n;
    s.ldc = n;
    return s;
}

Shape shape_square(int n) {
    char name[24];
    snprintf(name, sizeof name, "%d", n);
    return tight("square", name, "", NN, n, n, n);
}

/* The products of a dense layer (chapter 1's linear.h), forward and backward. */
static int add_layer(Shape *to, const char *model, const char *name, int rows, int in,
                     int out) {
    to[0] = tight(model, name, "", NT, rows, out, in);
    to[1] = tight(model, name, "_dX", NN, rows, in, out);
    to[2] = tight(model, name, "_dW", TN_ADD, out, in, rows);
    return 3;
}

/* The products of one head of one image; Q, K, V are columns of [q | k | v] (n, 3D). */
static int add_head(Shape *to, const char *model, int n, int D, int heads) {
    const int d_k = D / heads;
    to[0] = tight(model, "QK^T", "", NT, n, n, d_k);
    to[0].lda = to[0].ldb = 3 * D;
    to[1] = tight(model, "AV", "", NN, n, d_k, n);
    to[1].ldb = 3 * D;
    to[1].ldc = D; /* columns of the concatenation */
    to[2] = tight(model, "A^TdO", "", TN, n, d_k, n);
    to[2].ldb = D;
    to[2].ldc = 3 * D;
    return 3;
}

int shapes_of_model(const BenchModel *model, Shape shapes[MODEL_SHAPES]) {
    const VitConfig *c = &model->config;
    const int D = c->block.D, M = c->block.M, n = vit_tokens(c);
    const int share = model->train_batch / 2; /* of one of two threads */
    const int images = share < SLICE_IMAGES ? share : SLICE_IMAGES;
    const int patch = c->patch * c->patch * c->channels, rows = images * n;
    int count = 0;
    shapes[count++] = tight(model->name, "patch", "", NT, images * (n - 1), D, patch);
    shapes[count++] =
        tight(model->name, "patch", "_dW", TN_ADD, D, patch, images * (n - 1));
    count += add_layer(shapes + count, model->name, "qkv", rows, D, 3 * D);
    count += add_layer(shapes + count, model->name, "proj", rows, D, D);
    count += add_layer(shapes + count, model->name, "fc1", rows, D, M);
    count += add_layer(shapes + count, model->name, "fc2", rows, M, D);
    return count + add_head(shapes + count, model->name, n, D, c->block.heads);
}

double shape_flops(const Shape *s) {
    return 2.0 * s->m * s->n * s->k;
}

/* ---- products ------------------------------------------------------------ */

bool product_make(Product *p, const Shape *s, Error *error) {
    const bool tn = s->layout == TN || s->layout == TN_ADD;
    const int rows[3] = {tn ? s->k : s->m, s->layout == NT ? s->n : s->k, s->m};
    const int cols[3] = {tn ? s->m : s->k, s->layout == NT ? s->k : s->n, s->n};
    const int ld[3] = {s->lda, s->ldb, s->ldc};
    Tensor *T[3] = {&p->A, &p->B, &p->C};
    long at[3], total = 0;
    for (int i = 0; i < 3; i++) {
        at[i] = total;
        total += ((long)rows[i] * ld[i] + 15) / 16 * 16; /* whole cache lines */
    }
    *p = (Product){.shape = *s};
    p->block = allocate((size_t)total * sizeof(real), "matrices", error);
    if (!p->block) {
        return false;
    }
    for (int i = 0; i < 3; i++) {
        *T[i] = tensor_columns(tensor2(p->block + at[i], rows[i], ld[i]), 0, cols[i]);
    }
    random_fill_uniform((Random){1, RANDOM_DEMO, 1}, p->A, 1);
    random_fill_uniform((Random){1, RANDOM_DEMO, 2}, p->B, 1);
    return true;
}

void product_free(Product *product) {
    free(product->block);
    product->block = NULL;
}

void product_multiply(const Product *p) {
    switch (p->shape.layout) {
    case NN: matmul_nn(p->A, p->B, p->C); break;
    case NT: matmul_nt(p->A, p->B, p->C); break;
    case TN: matmul_tn(p->A, p->B, p->C); break;
    case TN_ADD: matmul_tn_add(p->A, p->B, p->C); break;
    }
}
