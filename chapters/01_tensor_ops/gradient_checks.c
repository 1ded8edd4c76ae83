/*
 * gradient_checks.c: every operation's backward against central differences, every
 * element, in double (gradcheck.h). For an operation Y = f(X) the loss is
 *
 *     L = sum of C o Y,   C random and fixed,   so that   dL/dY = C.
 */
#include "chapters/01_tensor_ops/tensor_ops_demos.h"

#include <stdio.h>

#include "common/gelu.h"
#include "common/linear.h"
#include "common/matmul.h"
#include "common/random.h"
#include "common/lesson/report.h"
#include "common/softmax.h"

enum { ROWS = 5, INNER = 4, COLS = 3, MAX_ELEMENTS = ROWS * INNER };

enum { SOFTMAX, GELU, RELU, PRODUCT_NN, PRODUCT_NT, PRODUCT_TN, LINEAR, BIAS };

/* An operation's inputs and output, and C. */
typedef struct {
    int operation;
    Tensor X, W, b, Y, C;
} Case;

static double loss(void *context) {
    const Case *c = context;
    switch (c->operation) {
    case SOFTMAX: softmax_forward(c->X, c->Y); break;
    case GELU: gelu_forward(c->X, c->Y); break;
    case RELU: relu_forward(c->X, c->Y); break;
    case PRODUCT_NN: matmul_nn(c->X, c->W, c->Y); break;
    case PRODUCT_NT: matmul_nt(c->X, c->W, c->Y); break;
    case PRODUCT_TN: matmul_tn(c->X, c->W, c->Y); break;
    case LINEAR: linear_forward(c->X, c->W, c->b, c->Y); break;
    case BIAS:
        tensor_copy(c->Y, c->X);
        tensor_add_bias(c->Y, c->b);
        break;
    }
    return tensor_dot(c->C, c->Y);
}

/* The elements of a check's tensors, and of their gradients; each check begins anew. */
static real x[MAX_ELEMENTS], w[MAX_ELEMENTS], b[COLS], y[MAX_ELEMENTS], g[MAX_ELEMENTS];
static real dx[MAX_ELEMENTS], dw[MAX_ELEMENTS], db[COLS];

static Tensor normal(Tensor T, uint32_t sequence) {
    random_fill_normal((Random){1, RANDOM_DEMO, sequence}, T, 1.0);
    return T;
}

static void check(const char *name, Case *c, Tensor input, Tensor gradient) {
    Gradcheck result = gradcheck(loss, c, input, gradient);
    report_gradcheck(name, &result);
}

/* softmax, GELU and ReLU: X and Y have the same shape. */
static void check_rows(void) {
    Tensor dX = tensor2(dx, ROWS, INNER);
    Case c = {.X = normal(tensor2(x, ROWS, INNER), 10),
              .Y = tensor2(y, ROWS, INNER),
              .C = normal(tensor2(g, ROWS, INNER), 11)};
    c.operation = SOFTMAX;
    softmax_forward(c.X, c.Y);
    softmax_backward(c.Y, c.C, dX);
    check("softmax: dS", &c, c.X, dX);
    c.operation = GELU;
    gelu_backward(c.X, c.C, dX);
    check("GELU: dX", &c, c.X, dX);
    c.operation = RELU; /* no X is within eps of ReLU's corner at 0 */
    relu_backward(c.X, c.C, dX);
    check("ReLU: dX", &c, c.X, dX);
}

/* The three layouts; each one's gradients are products in the other layouts. */
static void check_products(void) {
    Tensor dC = normal(tensor2(g, ROWS, COLS), 22);
    Tensor A = normal(tensor2(x, ROWS, INNER), 20), dA = tensor2(dx, ROWS, INNER);
    Tensor B = normal(tensor2(w, INNER, COLS), 21), dB = tensor2(dw, INNER, COLS);
    Case nn = {PRODUCT_NN, .X = A, .W = B, .Y = tensor2(y, ROWS, COLS), .C = dC};
    matmul_nt(dC, B, dA);
    matmul_tn(A, dC, dB);
    check("C = A B: dA", &nn, A, dA);
    check("C = A B: dB", &nn, B, dB);

    B = tensor2(w, COLS, INNER), dB = tensor2(dw, COLS, INNER);
    Case nt = {PRODUCT_NT, .X = A, .W = B, .Y = nn.Y, .C = dC};
    matmul_nn(dC, B, dA);
    matmul_tn(dC, A, dB);
    check("C = A B^T: dA", &nt, A, dA);
    check("C = A B^T: dB", &nt, B, dB);

    A = tensor2(x, INNER, ROWS), dA = tensor2(dx, INNER, ROWS);
    B = tensor2(w, INNER, COLS), dB = tensor2(dw, INNER, COLS);
    Case tn = {PRODUCT_TN, .X = A, .W = B, .Y = nn.Y, .C = dC};
    matmul_nt(B, dC, dA);
    matmul_nn(A, dC, dB);
    check("C = A^T B: dA", &tn, A, dA);
    check("C = A^T B: dB", &tn, B, dB);
}

static void check_linear(void) {
    Tensor dX = tensor2(dx, ROWS, INNER), dW = tensor2(dw, COLS, INNER);
    Case c = {.operation = LINEAR,
              .X = normal(tensor2(x, ROWS, INNER), 30),
              .W = normal(tensor2(w, COLS, INNER), 31),
              .b = normal(tensor1(b, COLS), 32),
              .Y = tensor2(y, ROWS, COLS),
              .C = normal(tensor2(g, ROWS, COLS), 33)};
    tensor_fill(dW, 0); /* weights' gradients are added to */
    tensor_fill(tensor1(db, COLS), 0);
    linear_backward(c.X, c.W, c.C, dX, dW, tensor1(db, COLS));
    check("linear: dX", &c, c.X, dX);
    check("linear: dW", &c, c.W, dW);
    check("linear: db", &c, c.b, tensor1(db, COLS));
}

/* Y = X + b, b the same for every row. */
static void check_bias(void) {
    Case c = {.operation = BIAS,
              .X = normal(tensor2(x, ROWS, COLS), 34),
              .b = normal(tensor1(b, COLS), 35),
              .Y = tensor2(y, ROWS, COLS),
              .C = normal(tensor2(g, ROWS, COLS), 36)};
    tensor_fill(tensor1(db, COLS), 0);
    tensor_sum_rows_add(c.C, tensor1(db, COLS));
    check("bias: dX = dY", &c, c.X, c.C);
    check("bias: db = rows of dY summed", &c, c.b, tensor1(db, COLS));
}

/* A check that can't fail proves nothing: two wrong gradients must be caught. */
static void check_the_check(void) {
    Tensor dX = tensor1(dx, INNER);
    Case c = {.operation = SOFTMAX,
              .X = normal(tensor1(x, INNER), 40),
              .Y = tensor1(y, INNER),
              .C = normal(tensor1(g, INNER), 41)};
    softmax_forward(c.X, c.Y);
    for (int j = 0; j < INNER; j++) {
        dx[j] = y[j] * g[j]; /* without its second term */
    }
    Gradcheck wrong = gradcheck(loss, &c, c.X, dX);
    report_check(!gradcheck_passed(&wrong),
                 "softmax's gradient without its second term is caught: error %.0e",
                 wrong.worst);
    c.operation = GELU;
    gelu_backward(c.X, c.C, dX);
    dx[1] *= (real)(1 + 1e-5);
    wrong = gradcheck(loss, &c, c.X, dX);
    report_check(!gradcheck_passed(&wrong) && wrong.index == 1,
                 "GELU's gradient off by 0.001%% in one element is caught, at [%ld]",
                 wrong.index);
}

void chapter1_gradient_checks(void) {
    report_section("1.8 Gradient checks, in double");
    printf(
        "\nFor each operation L = sum(C o Y), C random. Each element of each input\n"
        "is moved a little up and down, and L's slope compared with backward's.\n\n");
    check_rows();
    check_products();
    check_linear();
    check_bias();
    printf("\nA check that can't fail proves nothing. Two wrong gradients:\n\n");
    check_the_check();
}
