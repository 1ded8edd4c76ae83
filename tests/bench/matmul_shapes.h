/* matmul_shapes.h: the products that the models are made of, from their sizes. */
#pragma once

#include "tests/bench/models.h"
#include "common/tensor.h"

typedef enum { NN, NT, TN, TN_ADD } Layout;

/* C (m, n) from A and B with k between them. ld: from row to row, as in a view. */
typedef struct {
    const char *model; /* "square" for those */
    char name[24];     /* "qkv", "fc1_dW" */
    Layout layout;
    int m, n, k;
    int lda, ldb, ldc;
} Shape;

/* layout_name: "nn", "nt", "tn" or "tn_add". */
const char *layout_name(Layout layout);

/* shape_square: A (n, n) times B (n, n). */
Shape shape_square(int n);

/* shapes_of_model: all products of a training step on a slice of images; returns
 * how many, at most MODEL_SHAPES. */
enum { MODEL_SHAPES = 24 };
int shapes_of_model(const BenchModel *model, Shape shapes[MODEL_SHAPES]);

double shape_flops(const Shape *shape);

/* A shape with its matrices. */
typedef struct {
    Shape shape;
    Tensor A, B, C; /* views of block */
    real *block;    /* owned */
} Product;

/* product_make: random A and B, C zero. */
bool product_make(Product *product, const Shape *shape, Error *error);
void product_free(Product *product);

/* product_multiply: our product. */
void product_multiply(const Product *product);
