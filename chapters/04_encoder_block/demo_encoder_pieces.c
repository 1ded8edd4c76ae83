/* demo_encoder_pieces.c: the three small parts of a block, each on numbers that can be
 * followed by hand. */
#include <math.h>
#include <stdio.h>

#include "chapters/04_encoder_block/block_demos.h"
#include "common/random.h"
#include "common/lesson/report.h"

/* ---- layer norm ---------------------------------------------------------- */

enum { D = 8 };

/* One row of D elements through a layer norm, forward and backward. */
typedef struct {
    real x[D], y[D], dy[D], dx[D], gamma[D], beta[D], dgamma[D], dbeta[D], mean, rstd;
} Row;

static void pass(Row *row) {
    const real epsilon = (real)LAYER_NORM_EPSILON;
    LayerNorm layer = {tensor1(row->gamma, D), tensor1(row->beta, D), epsilon};
    LayerNorm d = {tensor1(row->dgamma, D), tensor1(row->dbeta, D), epsilon};
    LayerNormActivations a = {tensor1(&row->mean, 1), tensor1(&row->rstd, 1)};
    Tensor x = tensor2(row->x, 1, D), dy = tensor2(row->dy, 1, D);
    layer_norm_forward(&layer, x, &a, tensor2(row->y, 1, D));
    layer_norm_backward(&layer, &d, x, &a, dy, tensor2(row->dx, 1, D));
}

/* LN(scale x + shift), with gamma 1, beta 0 and a random dy. */
static Row example(double scale, double shift) {
    const double x[D] = {2, 4, 4, 4, 5, 5, 7, 9};
    Row row = {.rstd = 0};
    for (int j = 0; j < D; j++) {
        row.x[j] = (real)(scale * x[j] + shift);
    }
    tensor_fill(tensor1(row.gamma, D), 1);
    random_fill_normal((Random){1, RANDOM_DEMO, 0}, tensor1(row.dy, D), 1);
    pass(&row);
    return row;
}

static void print_row(const char *name, const real *x) {
    printf("    %-18s", name);
    for (int j = 0; j < D; j++) {
        printf(" %7.3f", (double)x[j]);
    }
    printf("\n");
}

static bool near(real *a, real *b) {
    return tensor_max_abs_difference(tensor1(a, D), tensor1(b, D)) < 1e-5;
}

static double variance(const real *x, int n) {
    double mean = 0, sum = 0;
    for (int j = 0; j < n; j++) {
        mean += (double)x[j] / n;
    }
    for (int j = 0; j < n; j++) {
        sum += ((double)x[j] - mean) * ((double)x[j] - mean);
    }
    return sum / n;
}

static void show_forward(void) {
    real want[D] = {-1.5, -0.5, -0.5, -0.5, 0, 0, 1, 2};
    real stretched[D] = {-2, 0, 0, 0, 1, 1, 3, 5};
    Row row = example(1, 0), other = example(10, 100);
    print_row("x", row.x);
    printf("    mean %.3f, variance (9+1+1+1+0+0+4+16) / 8 = 4, rstd = 1/sqrt(4) = "
           "%.3f\n",
           (double)row.mean, (double)row.rstd);
    print_row("(x - mean) rstd", row.y);
    report_check(near(row.y, want),
                 "as by hand: mean 0, variance %.6f (divided by D, not D - 1)",
                 variance(row.y, D));
    report_check(near(row.y, other.y),
                 "LN(10 x + 100) = LN(x): only the pattern of a token is left");
    tensor_fill(tensor1(row.gamma, D), 2);
    tensor_fill(tensor1(row.beta, D), 1);
    pass(&row);
    print_row("gamma 2, beta 1", row.y);
    report_check(near(row.y, stretched),
                 "gamma and beta, learned, give each column the size that it needs");
}

static void show_epsilon(void) {
    const double scales[5] = {1, 1e-2, 1e-3, 1e-4, 0};
    printf("\neps = %.0e keeps a row of equal numbers from becoming 0/0. It shows only "
           "where\nthe variance is as small as eps itself: the result's is "
           "var / (var + eps).\n\n"
           "    x times        variance of x   variance of LN(x)\n",
           LAYER_NORM_EPSILON);
    double worst = 0, last = 0;
    for (int i = 0; i < 5; i++) {
        Row row = example(scales[i], 0);
        const double before = variance(row.x, D), after = variance(row.y, D);
        printf("    %-10.4g     %13.1e   %17.6f\n", scales[i], before, after);
        worst = fmax(worst, fabs(after - before / (before + LAYER_NORM_EPSILON)));
        last = after;
    }
    report_check(worst < 1e-4 && last == 0,
                 "variances are var / (var + eps); equal numbers become 0, not NaN");
}

enum { ROWS = 256, WIDE = 128 };

/* How wrong variances are in float, of rows from N(mean, 1): by layer norm's two passes
 * [0], and in one pass [1]; returns how many of these are negative. */
static int variance_errors(double mean, double error[2]) {
    static real x[ROWS * WIDE], y[ROWS * WIDE], gamma[WIDE], means[ROWS], rstd[ROWS];
    const LayerNorm layer = {tensor1(gamma, WIDE), tensor1(gamma, WIDE),
                             (real)LAYER_NORM_EPSILON};
    LayerNormActivations a = {tensor1(means, ROWS), tensor1(rstd, ROWS)};
    int negative = 0;
    for (int k = 0; k < ROWS * WIDE; k++) {
        x[k] = (real)(mean + random_normal((Random){1, RANDOM_DEMO, 1}, (uint64_t)k));
    }
    layer_norm_forward(&layer, tensor2(x, ROWS, WIDE), &a, tensor2(y, ROWS, WIDE));
    error[0] = error[1] = 0;
    for (int i = 0; i < ROWS; i++) {
        float sum = 0, squares = 0;
        for (int j = 0; j < WIDE; j++) {
            const float x_j = (float)x[i * WIDE + j];
            sum += x_j;
            squares += x_j * x_j;
        }
        const float one_pass = squares / WIDE - sum / WIDE * (sum / WIDE);
        const double exact = variance(x + i * WIDE, WIDE) + LAYER_NORM_EPSILON;
        error[0] += pow(1 / pow((double)rstd[i], 2) / exact - 1, 2) / ROWS;
        error[1] += pow((double)one_pass / exact - 1, 2) / ROWS;
        negative += one_pass < 0;
    }
    return negative;
}

static void show_one_pass(void) {
    double error[2], worst = 0, at_100 = 0;
    int negative = 0;
    printf("\nVariances of %d rows of %d elements from N(mean, 1) in float, and their "
           "relative\nerror (root mean square):\n\n"
           "     mean   layer norm's, two passes   E[x^2] - mean^2, one pass\n",
           ROWS, WIDE);
    for (int mean = 1; mean <= 10000; mean *= 10) {
        negative = variance_errors(mean, error);
        printf("    %5d   %24.0e   %25.0e\n", mean, sqrt(error[0]), sqrt(error[1]));
        worst = fmax(worst, sqrt(error[0]));
        at_100 = mean == 100 ? sqrt(error[1]) : at_100;
    }
    report_check(worst < 1e-4, "two passes: right to 4 digits wherever the mean is");
    report_check(at_100 > 1e-3 && negative > 0,
                 "one pass: %.1f%% wrong at 100; at 10000 negative in %d rows",
                 100 * at_100, negative);
}

static void show_gradient(void) {
    real one[D];
    Row row = example(1, 0), larger = example(10, 0);
    Tensor ones = tensor1(one, D), xhat = tensor1(row.y, D);
    Tensor dx = tensor1(row.dx, D), dx_10 = tensor1(larger.dx, D);
    printf("\nBackward: dx = rstd (g - mean(g) - xhat mean(g o xhat)), g = dy o "
           "gamma.\n\n");
    print_row("dy", row.dy);
    print_row("dx", row.dx);
    tensor_fill(ones, 1);
    report_check(fabs(tensor_dot(dx, ones)) < 1e-5 && fabs(tensor_dot(dx, xhat)) < 1e-5,
                 "dx has no part along (1 ... 1) and none along xhat: LN can't see "
                 "them");
    report_check(fabs(10 * tensor_dot(dx_10, dx_10) / tensor_dot(dx_10, dx) - 1) < 1e-3,
                 "an input 10 times as large has a gradient 10 times as small");
}

void layer_norm_demo(void) {
    report_section("4.1 Layer norm, by hand");
    show_forward();
    show_epsilon();
    show_one_pass();
    show_gradient();
}

/* ---- MLP ----------------------------------------------------------------- */

void mlp_demo(void) {
    real W_1[6] = {1, 0, 0, 1, 1, 1}, b_1[3] = {0, 0, 2};
    real W_2[6] = {1, 2, 3, -1, 0, 1}, b_2[2] = {0, 1};
    real x[2] = {1, -2}, y[2][2], pre[3], hidden[3];
    MlpActivations a = {tensor3(pre, 1, 1, 3), tensor3(hidden, 1, 1, 3)};
    const Dropout none = {.rate = 0};
    report_section("4.2 The MLP, with GELU and with ReLU");
    printf("The lesson's two dense layers on x = (1, -2), D = 2, M = 3:\n\n"
           "            x W_1 + b_1    after the nonlinearity        y\n");
    for (int act = ACTIVATION_GELU; act <= ACTIVATION_RELU; act++) {
        const Mlp mlp = {.activation = (Activation)act,
                         .W_1 = tensor2(W_1, 3, 2),
                         .b_1 = tensor1(b_1, 3),
                         .W_2 = tensor2(W_2, 2, 3),
                         .b_2 = tensor1(b_2, 2)};
        mlp_forward(&mlp, tensor3(x, 1, 1, 2), &a, &none, 0, tensor3(y[act], 1, 1, 2));
        printf("    %s    (%g, %g, %g)     (%.4f, %7.4f, %.4f)    (%.4f, %.4f)\n",
               act == ACTIVATION_RELU ? "ReLU" : "GELU", (double)pre[0], (double)pre[1],
               (double)pre[2], (double)hidden[0], (double)hidden[1], (double)hidden[2],
               (double)y[act][0], (double)y[act][1]);
    }
    report_check(y[ACTIVATION_RELU][0] == 4 && y[ACTIVATION_RELU][1] == 1,
                 "[AIAYN eq.2] by hand: 1*1 + 2*0 + 3*1 + 0 = 4, -1*1 + 1*1 + 1 = 1");
    const double g1 = 0.841344746, g2 = -0.045500264; /* GELU(1), GELU(-2) */
    report_check(fabs((double)y[ACTIVATION_GELU][0] - (g1 + 2 * g2 + 3 * g1)) < 1e-5,
                 "[ViT eq.3] by hand: GELU(1) + 2 GELU(-2) + 3 GELU(1) = %.4f",
                 4 * g1 + 2 * g2);
}

/* ---- dropout ------------------------------------------------------------- */

enum { B = 8, N = 17, WIDTH = 64, ELEMENTS = B * N * WIDTH, SITE = 1 };

/* X = dropout of ones. Its images are cut into slices, as threads do. */
static void drop_ones(Tensor X, double rate, uint32_t step, int slices) {
    const int images = B / slices;
    tensor_fill(X, 1);
    for (int first = 0; first < B; first += images) {
        const Dropout slice = {.rate = rate, .seed = 1, .step = step, .image = first};
        Tensor part = tensor3(tensor_row(X, first * N), images, N, WIDTH);
        dropout_apply(&slice, SITE, part);
    }
}

static bool equal(Tensor X, Tensor Y) {
    return tensor_max_abs_difference(X, Y) == 0;
}

static void share_and_mean(Tensor X) {
    const double rates[3] = {0.1, 0.3, 0.5};
    bool share_fits = true, mean_fits = true;
    printf("%d ones go through dropout:\n\n    rate   share of zeros   the others   "
           "mean\n",
           ELEMENTS);
    for (int i = 0; i < 3; i++) {
        drop_ones(X, rates[i], 0, 1);
        double zeros = 0, sum = 0, largest = 0;
        for (int k = 0; k < ELEMENTS; k++) {
            zeros += X.data[k] == 0;
            sum += (double)X.data[k];
            largest = fmax(largest, (double)X.data[k]);
        }
        const double share = zeros / ELEMENTS, mean = sum / ELEMENTS;
        const double sigma = sqrt(rates[i] * (1 - rates[i]) / ELEMENTS);
        printf("    %.1f    %14.4f   %10.4f   %.4f\n", rates[i], share, largest, mean);
        share_fits = share_fits && fabs(share - rates[i]) < 4 * sigma;
        mean_fits = mean_fits && fabs(mean - 1) < 4 * sigma / (1 - rates[i]);
    }
    report_check(share_fits,
                 "the share of zeros is the rate, to 4 standard deviations");
    report_check(mean_fits, "the mean is kept, to 4 standard deviations");
}

void dropout_demo(void) {
    static real x[ELEMENTS], y[ELEMENTS];
    Tensor X = tensor3(x, B, N, WIDTH), again = tensor3(y, B, N, WIDTH);
    report_section("4.3 Dropout");
    share_and_mean(X);
    drop_ones(X, 0.5, 0, 1);
    drop_ones(again, 0.5, 0, 1);
    report_check(equal(X, again),
                 "asked again, it is the same: backward uses forward's mask");
    drop_ones(again, 0.5, 0, 2);
    report_check(equal(X, again), "cut into slices, the same: threads don't change it");
    drop_ones(again, 0.5, 1, 1);
    report_check(!equal(X, again), "in the next step it is another");
    drop_ones(again, 0, 0, 1);
    report_check(y[0] == 1 && y[ELEMENTS - 1] == 1, "rate 0 changes nothing");
}
