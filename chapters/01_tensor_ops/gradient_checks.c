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

enum { ROWS = 5, INNER = 4, COLS = 3 };

/* What the losses below need: inputs, output, and C. */
typedef struct {
    Tensor X, W, b, Y, C;
    void (*forward)(Tensor X, Tensor Y);           /* element by element, or by row */
    void (*product)(Tensor A, Tensor B, Tensor C); /* one of the three layouts */
} Case;

static double loss_of_forward(void *context) {
    Case *c = context;
    c->forward(c->X, c->Y);
    return tensor_dot(c->C, c->Y);
}

static double loss_of_product(void *context) {
    Case *c = context;
    c->product(c->X, c->W, c->Y);
    return tensor_dot(c->C, c->Y);
}

static double loss_of_linear(void *context) {
    Case *c = context;
    linear_forward(c->X, c->W, c->b, c->Y);
    return tensor_dot(c->C, c->Y);
}

static double loss_of_bias(void *context) {
    Case *c = context;
    tensor_copy(c->Y, c->X);
    tensor_add_bias(c->Y, c->b);
    return tensor_dot(c->C, c->Y);
}

static Tensor normal(Tensor T, uint32_t sequence) {
    random_fill_normal((Random){1, RANDOM_DEMO, sequence}, T, 1.0);
    return T;
}

static void check(const char *name, double loss(void *), Case *c, Tensor x, Tensor dx) {
    Gradcheck result = gradcheck(loss, c, x, dx);
    report_gradcheck(name, &result);
}

/* softmax, GELU and ReLU: X and Y have the same shape. */
static void check_rows(void) {
    real x[ROWS * INNER], y[ROWS * INNER], g[ROWS * INNER], dx[ROWS * INNER];
    Case c = {.X = normal(tensor2(x, ROWS, INNER), 10),
              .Y = tensor2(y, ROWS, INNER),
              .C = normal(tensor2(g, ROWS, INNER), 11)};
    Tensor dX = tensor2(dx, ROWS, INNER);
    c.forward = softmax_forward;
    softmax_forward(c.X, c.Y);
    softmax_backward(c.Y, c.C, dX);
    check("softmax: dS", loss_of_forward, &c, c.X, dX);
    c.forward = gelu_forward;
    gelu_backward(c.X, c.C, dX);
    check("GELU: dX", loss_of_forward, &c, c.X, dX);
    c.forward = relu_forward; /* no X is within eps of ReLU's corner at 0 */
    relu_backward(c.X, c.C, dX);
    check("ReLU: dX", loss_of_forward, &c, c.X, dX);
}

/* The three layouts; each one's gradients are products in the other layouts. */
static void check_products(void) {
    real x[ROWS * INNER], w[INNER * COLS], y[ROWS * COLS], g[ROWS * COLS];
    real dx[ROWS * INNER], dw[INNER * COLS];
    Tensor dY = normal(tensor2(g, ROWS, COLS), 22);
    Case c = {.Y = tensor2(y, ROWS, COLS), .C = dY};

    c.product = matmul_nn;
    c.X = normal(tensor2(x, ROWS, INNER), 20);
    c.W = normal(tensor2(w, INNER, COLS), 21);
    matmul_nt(dY, c.W, tensor2(dx, ROWS, INNER));
    matmul_tn(c.X, dY, tensor2(dw, INNER, COLS));
    check("C = A B: dA = dC B^T", loss_of_product, &c, c.X, tensor2(dx, ROWS, INNER));
    check("C = A B: dB = A^T dC", loss_of_product, &c, c.W, tensor2(dw, INNER, COLS));

    c.product = matmul_nt;
    c.W = tensor2(w, COLS, INNER);
    matmul_nn(dY, c.W, tensor2(dx, ROWS, INNER));
    matmul_tn(dY, c.X, tensor2(dw, COLS, INNER));
    check("C = A B^T: dA = dC B", loss_of_product, &c, c.X, tensor2(dx, ROWS, INNER));
    check("C = A B^T: dB = dC^T A", loss_of_product, &c, c.W, tensor2(dw, COLS, INNER));

    c.product = matmul_tn;
    c.X = tensor2(x, INNER, ROWS);
    c.W = tensor2(w, INNER, COLS);
    matmul_nt(c.W, dY, tensor2(dx, INNER, ROWS));
    matmul_nn(c.X, dY, tensor2(dw, INNER, COLS));
    check("C = A^T B: dA = B dC^T", loss_of_product, &c, c.X, tensor2(dx, INNER, ROWS));
    check("C = A^T B: dB = A dC", loss_of_product, &c, c.W, tensor2(dw, INNER, COLS));
}

static void check_linear(void) {
    real x[ROWS * INNER], w[COLS * INNER], b[COLS], y[ROWS * COLS], g[ROWS * COLS];
    real dx[ROWS * INNER], dw[COLS * INNER] = {0}, db[COLS] = {0};
    Case c = {.X = normal(tensor2(x, ROWS, INNER), 30),
              .W = normal(tensor2(w, COLS, INNER), 31),
              .b = normal(tensor1(b, COLS), 32),
              .Y = tensor2(y, ROWS, COLS),
              .C = normal(tensor2(g, ROWS, COLS), 33)};
    linear_backward(c.X, c.W, c.C, tensor2(dx, ROWS, INNER), tensor2(dw, COLS, INNER),
                    tensor1(db, COLS));
    check("linear: dX = dY W", loss_of_linear, &c, c.X, tensor2(dx, ROWS, INNER));
    check("linear: dW = dY^T X", loss_of_linear, &c, c.W, tensor2(dw, COLS, INNER));
    check("linear: db = rows of dY summed", loss_of_linear, &c, c.b, tensor1(db, COLS));
}

/* Y = X + b, b the same for every row. */
static void check_bias(void) {
    real x[ROWS * COLS], b[COLS], y[ROWS * COLS], g[ROWS * COLS], db[COLS] = {0};
    Case c = {.X = normal(tensor2(x, ROWS, COLS), 34),
              .b = normal(tensor1(b, COLS), 35),
              .Y = tensor2(y, ROWS, COLS),
              .C = normal(tensor2(g, ROWS, COLS), 36)};
    tensor_sum_rows_add(c.C, tensor1(db, COLS));
    check("bias: dX = dY", loss_of_bias, &c, c.X, c.C);
    check("bias: db = rows of dY summed", loss_of_bias, &c, c.b, tensor1(db, COLS));
}

/* A check that can't fail proves nothing: two wrong gradients must be caught. */
static void check_the_check(void) {
    real s[INNER], a[INNER], g[INNER], ds[INNER];
    Case c = {.X = normal(tensor1(s, INNER), 40),
              .Y = tensor1(a, INNER),
              .C = normal(tensor1(g, INNER), 41)};
    c.forward = softmax_forward;
    softmax_forward(c.X, c.Y);
    for (int j = 0; j < INNER; j++) {
        ds[j] = a[j] * g[j]; /* without - rowsum(dA o A) */
    }
    Gradcheck wrong = gradcheck(loss_of_forward, &c, c.X, tensor1(ds, INNER));
    report_check(!gradcheck_passed(&wrong),
                 "softmax's gradient without its second term is caught: error %.0e",
                 wrong.worst);
    c.forward = gelu_forward;
    gelu_backward(c.X, c.C, tensor1(ds, INNER));
    ds[1] *= (real)(1 + 1e-5);
    wrong = gradcheck(loss_of_forward, &c, c.X, tensor1(ds, INNER));
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
