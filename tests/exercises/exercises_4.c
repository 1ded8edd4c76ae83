/* exercises_4.c: the encoder block, graded. See exercise.h. */
#include <math.h>
#include <stdint.h>

#include "chapters/04_encoder_block/dropout.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_4.h"
#include "chapters/04_encoder_block/layer_norm.h"
#include "common/random.h"

const int chapter_number = 4;
const char chapter_title[] = "the encoder block";

/* The student's dropout. dropout_apply is the course's, so that 4.4 and 4.5 can be
 * graded before 4.6 is written. */
void dropout_apply_graded(const Dropout *dropout, int place, Tensor X);

#define TOLERANCE 1e-11

/* ---- 4.1 ------------------------------------------------------------------------- */

static void ask_parameters(void) {
    /* M is no multiple of D, so that no two mistakes give the same number. */
    const double D = 64, M = 160, matrices = 4 * D * D + 2 * D * M;
    const double all = matrices + 4 * D + M + D + 4 * D;
    hint(
        "Count attention's, the MLP's and the norms' apart: what has which of them for "
        "each column?");
    ask('c',
        "The parameters of a block with D = 64, M = 160, all biases and norms "
        "included.",
        all, 1e-9);
    mistake_number("the matrices alone", matrices);
    mistake_number("the count with one layer norm: a block has two", all - 2 * D);
    mistake_number("the count without the norms: each has a gamma and a beta",
                   all - 4 * D);
    mistake_number("the count without the MLP's b_1", all - M);
    mistake_number("the count without the MLP's biases", all - M - D);
    mistake_number("the count with one bias vector for attention: Q, K, V and W_O have "
                   "one each",
                   all - 3 * D);
    mistake_number("the count with one bias vector in all: every matrix has its own",
                   matrices + D + 4 * D);
    mistake_number("the count without any bias", matrices + 4 * D);
}

static void predict(void) {
    const double rstd = 1 / sqrt(1.25), xhat = -1.5 * rstd;
    hint("How far is each of the two from their mean, measured by their deviation?");
    ask('a',
        "LN of the token (3, 1000), gamma = 1, beta = 0: its second number, to 3 "
        "digits.",
        1, 2e-3);
    mistake_number("the unbiased variance, divided by D - 1: layer norm divides by D",
                   sqrt(0.5));
    mistake_number("division by the variance: it is by its root", 1 / 498.5);
    mistake_number("the number without its mean, not yet divided", 498.5);
    hint("What is 1 after LN: a sum of D squares, or their mean?");
    ask('b',
        "The length (root of the sum of squares) of a vector of D = 64 numbers after "
        "LN, gamma = 1, beta = 0.",
        8, 1e-3);
    mistake_number("length 1: LN makes the variance 1, the mean square", 1);
    mistake_number("the square of the length", 64);
    ask_parameters();
    hint("What would it be if mean and rstd were constants? And what can y not see?");
    ask('d',
        "Layer norm's backward pass for x = (1, 2, 3, 4), gamma = 1 and dL/dy = (1, 0, "
        "0, 0): the first number of dL/dx, to 3 digits.",
        rstd * (1 - 0.25 - xhat * xhat / 4), 2e-3);
    mistake_number("the gradient with mean and variance held constant, rstd alone",
                   rstd);
    mistake_number("the gradient with the variance held constant", rstd * 0.75);
    mistake_number("the gradient with the mean held constant",
                   rstd * (1 - xhat * xhat / 4));
    mistake_number("the gradient not yet times rstd", 1 - 0.25 - xhat * xhat / 4);
    ask_in_words('e', "With D = 2 layer norm sends back almost no gradient at all, "
                      "whatever dL/dy is. Why?");
    ask_in_words('f', "In the stack with residual paths alone, let each weight move by "
                      "the same small multiple of its gradient. Why is there no "
                      "multiple that suits it?");
}

/* ---- 4.2: layer norm, forward ---------------------------------------------------- */

typedef struct {
    Tensor shape;
    int rows, D;
    Tensor X, dY, gamma, beta;
    double *x, *dy, *g, epsilon;
} Norm;

static Norm make_norm(Tensor shape) {
    const int D = tensor_cols(shape);
    Norm n = {.shape = shape,
              .rows = tensor_rows(shape),
              .D = D,
              .X = wide(normal('X', shape)),
              .dY = wide_by(named("dY", normal('Y', shape)), 4),
              .gamma = named("gamma", normal('g', SHAPE(D))),
              .beta = named("beta", normal('b', SHAPE(D))),
              .epsilon = LAYER_NORM_EPSILON};
    for (int i = 0; i < n.rows; i++) {
        for (int j = 0; j < D; j++) {
            tensor_row(n.X, i)[j] = tensor_row(n.X, i)[j] * 3 + 10;
        }
    }
    input('X', n.X);
    n.x = doubles_of(n.X);
    n.dy = doubles_of(n.dY);
    n.g = doubles_of(n.gamma);
    return n;
}

/* y = gamma (x - mean) / (root + outside) + beta, with root = (squares / divisor +
 * inside)^(power / 2). */
typedef struct {
    double divisor, inside, outside, power;
    bool no_gamma, no_beta;
} Formula;

/* y; and of each row the mean, and 1 / (root + outside). */
static double *norm_by(const Norm *n, Formula f, double *mean, double *rstd) {
    const double *beta = doubles_of(n->beta);
    double *y = doubles((long)n->rows * n->D);
    for (int i = 0; i < n->rows; i++) {
        const double *x = n->x + (long)i * n->D;
        double sum = 0, squares = 0;
        for (int j = 0; j < n->D; j++) {
            sum += x[j];
        }
        mean[i] = sum / n->D;
        for (int j = 0; j < n->D; j++) {
            squares += (x[j] - mean[i]) * (x[j] - mean[i]);
        }
        rstd[i] = 1 / (pow(squares / f.divisor + f.inside, f.power / 2) + f.outside);
        for (int j = 0; j < n->D; j++) {
            y[i * n->D + j] = (f.no_gamma ? 1 : n->g[j]) * (x[j] - mean[i]) * rstd[i] +
                              (f.no_beta ? 0 : beta[j]);
        }
    }
    return y;
}

static Formula layer_norm_of(const Norm *n) {
    return (Formula){.divisor = n->D, .inside = n->epsilon, .power = 1};
}

/* gamma and beta by the row's number, or gamma after beta. */
static void name_other_gammas(const Norm *n, double *m, double *r) {
    Formula plain = layer_norm_of(n);
    const double *beta = doubles_of(n->beta);
    plain.no_gamma = plain.no_beta = true;
    const double *xhat = norm_by(n, plain, m, r);
    const long count = (long)n->rows * n->D;
    double *by_row = doubles(count), *beta_first = doubles(count);
    for (long k = 0; k < count; k++) {
        const long row = k / n->D, j = k % n->D;
        by_row[k] = row < n->D ? n->g[row] * xhat[k] + beta[row] : 0;
        beta_first[k] = n->g[j] * (xhat[k] + beta[j]);
    }
    mistake("gamma and beta by the row's number: they belong to the columns", by_row);
    mistake("gamma times beta too: beta is added to gamma xhat", beta_first);
}

static void name_norm_mistakes(const Norm *n, const double *want) {
    const Formula right = layer_norm_of(n);
    double *m = doubles(n->rows), *r = doubles(n->rows);
    Formula f = right;
    f.divisor = n->D - 1;
    mistake("the variance divided by D - 1; layer norm's is biased, by D",
            norm_by(n, f, m, r));
    f = right, f.power = 2;
    mistake("division by the variance, not by its root", norm_by(n, f, m, r));
    f = right, f.inside = 1e-5;
    mistake("epsilon 1e-5: ViT's is 1e-6 (layer->epsilon)", norm_by(n, f, m, r));
    f = right, f.inside = 0;
    mistake("layer norm without epsilon: a row of equal numbers becomes 0/0",
            norm_by(n, f, m, r));
    f.outside = n->epsilon;
    mistake("epsilon outside the root: it is added to the variance",
            norm_by(n, f, m, r));
    f = right, f.power = -1;
    mistake("multiplication by the root: rstd is 1 / sqrt(...)", norm_by(n, f, m, r));
    f = right, f.no_gamma = true;
    mistake("layer norm without gamma", norm_by(n, f, m, r));
    f = right, f.no_beta = true;
    mistake("layer norm without beta", norm_by(n, f, m, r));
    name_other_gammas(n, m, r);
    double *few = doubles((long)n->rows * n->D);
    for (long i = 0; i < (long)n->rows * n->D; i++) {
        few[i] = i < (long)n->shape.shape[0] * n->D ? want[i] : (double)NAN;
    }
    mistake("a loop up to X.shape[0]: X may be (B, n, D), of tensor_rows(X) = B n rows",
            few);
}

static void norm_forward_case(Norm n, bool in_place, double tolerance) {
    double *mean = doubles(n.rows), *rstd = doubles(n.rows), *std = doubles(n.rows);
    const double *want = norm_by(&n, layer_norm_of(&n), mean, rstd);
    for (int i = 0; i < n.rows; i++) {
        std[i] = 1 / rstd[i];
    }
    LayerNorm layer = {n.gamma, n.beta, (real)n.epsilon};
    LayerNormActivations a = {unset(SHAPE(n.rows + 2)), unset(SHAPE(n.rows + 2))};
    Tensor Y = in_place ? writable(n.X) : wide_by(unset(n.shape), 5);
    layer_norm_forward(&layer, n.X, &a, Y);
    expect("Y", Y, want, tolerance);
    name_norm_mistakes(&n, want);
    mistake_if(
        "perhaps the variance as the mean of squares less the square of the mean: "
        "far from 0 their digits cancel; sum (x - mean)^2",
        tolerance > TOLERANCE);
    expect("the kept a->mean", first_elements(a.mean, n.rows), mean, TOLERANCE);
    mistake_if("the last row's mean, kept at place 0: row i's is kept at place i",
               n.rows > 1 && fabs((double)a.mean.data[0] - mean[n.rows - 1]) < 1e-9);
    expect("the kept a->rstd", first_elements(a.rstd, n.rows), rstd, tolerance);
    double *others = doubles_of(first_elements(a.rstd, n.rows));
    const bool first_is_wrong = fabs(others[0] - rstd[0]) > 1e-9 * rstd[0];
    others[0] = rstd[0];
    mistake_if(
        "a row of equal elements that is treated apart: its rstd is 1 / sqrt(0 + "
        "epsilon) like any other's",
        n.rows == 3 && rstd[0] > 100 && first_is_wrong &&
            fabs(others[1] - rstd[1]) < 1e-9 && fabs(others[2] - rstd[2]) < 1e-9);
    mistake("the root itself, kept in place of rstd: rstd is 1 / sqrt(...)", std);
}

static void norm_forward(void) {
    Norm first = make_norm(SHAPE(3, 6));
    tensor_fill(tensor_slice(first.X, 0), 7);
    first.x = doubles_of(input('X', first.X));
    case_is("3 rows of D = 6, the first of equal numbers");
    norm_forward_case(first, false, TOLERANCE);
    case_is("5 rows of D = 17");
    norm_forward_case(make_norm(SHAPE(5, 17)), false, TOLERANCE);
    case_is("2 rows of D = 300");
    norm_forward_case(make_norm(SHAPE(2, 300)), false, TOLERANCE);
    case_is("X (2, 3, 5)");
    norm_forward_case(make_norm(SHAPE(2, 3, 5)), false, TOLERANCE);
    case_is("3 rows of D = 6, Y is X");
    norm_forward_case(make_norm(SHAPE(3, 6)), true, TOLERANCE);
    case_is("numbers near a million");
    Norm far = make_norm(SHAPE(3, 6));
    for (int i = 0; i < 18; i++) {
        tensor_row(far.X, i / 6)[i % 6] += (real)1e6;
    }
    far.x = doubles_of(input('X', far.X));
    norm_forward_case(far, false, 1e-6);
}

/* ---- 4.3: layer norm, backward --------------------------------------------------- */

/* The classic mistakes, of which dX may have several. */
enum {
    NO_MEAN = 1,
    NO_VARIANCE = 2,
    NO_GAMMA = 4,
    NO_RSTD = 8,
    XHAT_WITHOUT_RSTD = 16,
    SUM_OF_G = 32,
    SUM_OF_G_XHAT = 64,
    ADDED = 128,
    MEAN_WITHOUT_RSTD = 256,
    SUMS_GO_ON = 1024,
    KEPT_OF_ROW_0 = 2048
};

static double *norm_gradient(const Norm *n, const double *mean, const double *rstd,
                             unsigned slips) {
    const int D = n->D;
    double *dx = doubles((long)n->rows * D), m_g = 0, m_gx = 0;
    for (int i = 0; i < n->rows; i++) {
        const double *x = n->x + (long)i * D, *dy = n->dy + (long)i * D;
        const int row = slips & KEPT_OF_ROW_0 ? 0 : i;
        const double r = rstd[row], m = mean[row];
        const double in_mean = slips & (XHAT_WITHOUT_RSTD | MEAN_WITHOUT_RSTD) ? 1 : r;
        const double in_bracket = slips & XHAT_WITHOUT_RSTD ? 1 : r;
        m_g = slips & SUMS_GO_ON ? m_g : 0;
        m_gx = slips & SUMS_GO_ON ? m_gx : 0;
        const double was_g = m_g, was_gx = m_gx;
        m_g = m_gx = 0;
        for (int j = 0; j < D; j++) {
            const double g = slips & NO_GAMMA ? dy[j] : dy[j] * n->g[j];
            m_g += g / (slips & SUM_OF_G ? 1 : D);
            m_gx += g * (x[j] - m) * in_mean / (slips & SUM_OF_G_XHAT ? 1 : D);
        }
        m_g += was_g / D; /* what went on was divided with the rest */
        m_gx += was_gx / D;
        m_g = slips & NO_MEAN ? 0 : m_g;
        m_gx = slips & NO_VARIANCE ? 0 : m_gx;
        for (int j = 0; j < D; j++) {
            const double g = slips & NO_GAMMA ? dy[j] : dy[j] * n->g[j];
            dx[i * D + j] =
                (slips & NO_RSTD ? 1 : r) * (g - m_g - (x[j] - m) * in_bracket * m_gx) +
                (slips & ADDED ? dy[j] : 0);
        }
    }
    return dx;
}

static const struct {
    unsigned slips;
    const char *text;
} norm_slips[] = {
    {NO_MEAN, "the gradient with the mean held constant: it depends on every x_j"},
    {NO_VARIANCE,
     "the gradient with the variance held constant: it depends on every x_j"},
    {NO_MEAN | NO_VARIANCE, "dY gamma rstd: mean and variance depend on x too"},
    {NO_GAMMA, "the gradient without gamma: g = dY o gamma"},
    {NO_RSTD, "the gradient without the factor rstd before the bracket"},
    {XHAT_WITHOUT_RSTD, "x - mean in place of xhat: xhat = (x - mean) rstd"},
    {MEAN_WITHOUT_RSTD,
     "x - mean in place of one of the two xhat: xhat = (x - mean) rstd"},
    {SUMS_GO_ON, "sums that go on from row to row: they begin at 0 in each"},
    {KEPT_OF_ROW_0, "row 0's mean and rstd for every row: row i's are kept at place i"},
    {SUM_OF_G | SUM_OF_G_XHAT, "sums in place of means: both are divided by D"},
    {SUM_OF_G, "the sum of g in place of its mean"},
    {SUM_OF_G_XHAT, "the sum of g o xhat in place of its mean"},
    {ADDED, "dX += ...: an activation's gradient is written, dX = ..."}};

/* From `first` on: dgamma, or, with `ones`, dbeta: the sum over rows of factor o xhat,
 * or of the factor itself. */
static double *row_sum(const Norm *n, const double *factor, const double *mean,
                       const double *rstd, int first, bool ones, double start) {
    double *sum = doubles(n->D);
    for (int j = 0; j < n->D; j++) {
        sum[j] = start;
        for (int i = first; i < n->rows; i++) {
            const double xhat = (n->x[i * n->D + j] - mean[i]) * rstd[i];
            sum[j] += factor[i * n->D + j] * (ones ? 1 : xhat);
        }
    }
    return sum;
}

/* dgamma, or dbeta; both were 1 before. */
static void expect_row_sum(const Norm *n, const char *name, Tensor got, bool beta,
                           const double *mean, const double *rstd, const double *dx) {
    double *g = doubles((long)n->rows * n->D);
    for (long i = 0; i < (long)n->rows * n->D; i++) {
        g[i] = n->dy[i] * n->g[i % n->D];
    }
    expect(name, got, row_sum(n, n->dy, mean, rstd, 0, beta, 1), TOLERANCE);
    mistake(beta ? "the last row's dbeta: it adds up over rows"
                 : "the last row's dgamma: it adds up over rows",
            row_sum(n, n->dy, mean, rstd, n->rows - 1, beta, 0));
    mistake(beta ? "dbeta with g = dY o gamma: it is dY here"
                 : "dgamma with g = dY o gamma: it is dY here",
            row_sum(n, g, mean, rstd, 0, beta, 1));
    mistake(beta ? "dbeta written over: it is added (+=)"
                 : "dgamma written over: it is added (+=)",
            row_sum(n, n->dy, mean, rstd, 0, beta, 0));
    if (!beta) {
        const double *none = doubles(n->rows);
        double *one = doubles(n->rows);
        for (int i = 0; i < n->rows; i++) {
            one[i] = 1;
        }
        mistake("dgamma with x: gamma was multiplied by xhat",
                row_sum(n, n->dy, none, one, 0, false, 1));
        mistake("dgamma with x - mean: gamma was multiplied by xhat",
                row_sum(n, n->dy, mean, one, 0, false, 1));
    }
    mistake("dX in place of dY: dx may be dy, so read dy[j] before dx[j] is written",
            row_sum(n, dx, mean, rstd, 0, beta, 1));
}

static void norm_backward_case(Tensor shape, bool in_place) {
    Norm n = make_norm(shape);
    const int rows = n.rows, D = n.D;
    char text[TENSOR_SHAPE_TEXT];
    double *mean = doubles(rows), *rstd = doubles(rows);
    norm_by(&n, layer_norm_of(&n), mean, rstd);
    const double *dx = norm_gradient(&n, mean, rstd, 0);
    LayerNorm layer = {n.gamma, n.beta, (real)n.epsilon};
    LayerNorm d = {zeros(SHAPE(D)), zeros(SHAPE(D)), (real)n.epsilon};
    LayerNormActivations a = {unset(SHAPE(rows + 2)), unset(SHAPE(rows + 2))};
    for (int i = 0; i < rows; i++) {
        a.mean.data[i] = (real)mean[i];
        a.rstd.data[i] = (real)rstd[i];
    }
    named("a->mean", a.mean);
    named("a->rstd", a.rstd);
    tensor_fill(d.gamma, 1);
    tensor_fill(d.beta, 1);
    Tensor dX = in_place ? writable(n.dY) : wide_by(unset(n.dY), 5);
    case_is("X is %s%s", tensor_shape_text(shape, text), in_place ? ", dX is dY" : "");
    layer_norm_backward(&layer, &d, n.X, &a, n.dY, dX);
    expect("dX", dX, dx, TOLERANCE);
    for (size_t i = 0; i < sizeof norm_slips / sizeof norm_slips[0]; i++) {
        mistake(norm_slips[i].text, norm_gradient(&n, mean, rstd, norm_slips[i].slips));
    }
    double *few = doubles((long)rows * D);
    for (long k = 0; k < (long)rows * D; k++) {
        few[k] = k < (long)shape.shape[0] * D ? dx[k]
                 : in_place                   ? n.dy[k]
                                              : (double)NAN;
    }
    mistake("a loop up to X.shape[0]: X may be (B, n, D), of tensor_rows(X) = B n rows",
            few);
    expect_row_sum(&n, "dgamma", d.gamma, false, mean, rstd, dx);
    expect_row_sum(&n, "dbeta", d.beta, true, mean, rstd, dx);
}

static void norm_backward(void) {
    norm_backward_case(SHAPE(3, 6), true);
    norm_backward_case(SHAPE(4, 17), true);
    norm_backward_case(SHAPE(5, 3), false);
    norm_backward_case(SHAPE(2, 3, 5), true);
    norm_backward_case(SHAPE(2, 300), true);
}

/* ---- 4.6 ------------------------------------------------------------------------- */

/* What dropout.h says: keep where bits 2^-32 >= rate, bits counted from the batch's
 * first image. */
static bool kept(const Dropout *d, int place, uint64_t index) {
    const Random random = {.seed = d->seed,
                           .use = RANDOM_DROPOUT,
                           .sequence = d->step * 1024u + (uint32_t)place};
    uint32_t bits[4];
    random_bits4(random, index / 4, bits);
    return bits[index % 4] * 0x1p-32 >= d->rate;
}

enum { B = 2, TOKENS = 5, WIDTH = 7, NUMBERS = B * TOKENS * WIDTH };

/* X.data[i] in place of number i of X, whose rows lie X.ld apart: row r's number c is
 * data[r ld + c], and those behind data[NUMBERS - 1] are left as they are. */
static double *by_data(const Dropout *dropout, int place, Tensor X) {
    double *got = doubles_of(X);
    for (int i = 0; i < NUMBERS; i++) {
        const int at = i / WIDTH * X.ld + i % WIDTH;
        const uint64_t index = (uint64_t)dropout->image * TOKENS * WIDTH + (uint64_t)at;
        if (at < NUMBERS) {
            got[i] = kept(dropout, place, index) ? got[i] / (1 - dropout->rate) : 0;
        }
    }
    return got;
}

static void dropout_case(double rate, int image) {
    const Dropout dropout = {.rate = rate, .seed = 9, .step = 3, .image = image};
    Tensor X = writable(wide(normal('X', SHAPE(B, TOKENS, WIDTH))));
    const double *x = doubles_of(X), *data = by_data(&dropout, 4, X);
    enum { COUNTS = 5 };
    static const char *const counts[COUNTS] = {
        "elements counted from the slice's first: they are counted from the batch's, "
        "dropout->image images before",
        "a slice's size taken for an image's: image number `image` begins at image "
        "times "
        "tensor_count(X) / X.shape[0]",
        "an element's number in 32 bits, too few for a large batch: uint64_t, before "
        "the "
        "product",
        "an element's number in 32 bits, too few for a large batch: uint64_t, before "
        "the "
        "product",
        "an element's number by its place in memory: a view and its copy have the same "
        "mask"};
    const uint64_t first = (uint64_t)image * TOKENS * WIDTH;
    double *by_rate = doubles(NUMBERS), *counted[COUNTS];
    for (int c = 0; c < COUNTS; c++) {
        counted[c] = doubles(NUMBERS);
    }
    double *want = doubles(NUMBERS), *unscaled = doubles(NUMBERS),
           *times = doubles(NUMBERS), *other = doubles(NUMBERS),
           *stays = doubles(NUMBERS), *swapped = doubles(NUMBERS),
           *late = doubles(NUMBERS);
    for (int i = 0; i < NUMBERS; i++) {
        const uint64_t index = first + (uint64_t)i;
        const bool keep = kept(&dropout, 4, index);
        want[i] = keep ? x[i] / (1 - rate) : 0;
        late[i] = (uint64_t)i < -first % 4 ? 0 : want[i];
        unscaled[i] = keep ? x[i] : 0;
        times[i] = keep ? x[i] * (1 - rate) : 0;
        stays[i] = keep ? x[i] / (1 - rate) : x[i];
        swapped[i] = keep ? x[i] : x[i] / (1 - rate);
        other[i] = keep ? 0 : x[i] / (1 - rate);
        by_rate[i] = keep ? x[i] / rate : 0;
        const uint64_t in_memory = first + (uint64_t)(i / WIDTH * X.ld + i % WIDTH);
        const uint64_t wrong[COUNTS] = {(uint64_t)i, first * B + (uint64_t)i,
                                        (uint32_t)index, (uint64_t)(int32_t)index,
                                        in_memory};
        for (int c = 0; c < COUNTS; c++) {
            counted[c][i] = kept(&dropout, 4, wrong[c]) ? x[i] / (1 - rate) : 0;
        }
    }
    case_is("rate %.1f, the first image is number %d", rate, image);
    dropout_apply_graded(&dropout, 4, X);
    expect("X", X, want, TOLERANCE);
    mistake("X.data[i]: the rows of a view lie further apart, and number i is "
            "tensor_row(X, i / cols)[i % cols]",
            data);
    mistake("dropout without the division by 1 - rate: the mean shrinks in training",
            unscaled);
    mistake("elements that should go, left as they are: they become 0", stays);
    mistake("elements that should go, divided by 1 - rate: that is for those that stay",
            swapped);
    for (int c = 0; c < COUNTS; c++) {
        mistake(counts[c], counted[c]);
    }
    mistake("no bits for a slice's first elements: it may begin within a block of four",
            late);
    mistake("what stays, divided by rate: by 1 - rate it is", by_rate);
    mistake("dropout times 1 - rate: that is for evaluation, in older schemes", times);
    mistake("dropout that keeps what should go: an element stays with probability "
            "1 - rate",
            other);
}

static void dropout_grade(void) {
    dropout_case(0.3, 0);
    dropout_case(0.1, 3);
    dropout_case(0.2, 200000001); /* its elements' numbers need more than 32 bits */
}

const Exercise exercises[] = {
    {"4.1", "Answers: normalised vectors, a gradient, a block's parameters; two whys",
     "Predict by hand, and say in a sentence why.",
     "What of a token does layer norm keep?",
     "the lesson, \"What layer norm does to a token\"; notes/04, 1, 2 and 8", predict},
    {"4.2", "layer_norm_forward",
     "layer_norm.c: give each row of X mean 0 and variance 1, then gamma and beta; "
     "keep "
     "in a what backward will want.",
     "Which rows has X, by what is a mean of squares divided, and where is epsilon?",
     "the lesson, \"What layer norm does to a token\"; notes/04, 1", norm_forward},
    {"4.3", "layer_norm_backward",
     "layer_norm.c: the gradients for X (written), gamma and beta (added to).",
     "Which changes of a row does y not see, and what is known only after a whole row?",
     "the lesson, \"What layer norm can't see\"; notes/04, 2", norm_backward},
    {"4.4", "encoder_block_forward, pre-norm",
     "encoder_block.c: [ViT eq.2] and [ViT eq.3], with their dropouts; keep what the "
     "struct names.",
     "Draw the road and its branches: what does each box read, and what is still "
     "wanted "
     "as it is?",
     "the lesson, \"A block by hand\" [ViT eq.2, eq.3]", block_forward_grade},
    {"4.5", "encoder_block_backward, pre-norm",
     "encoder_block.c: dz comes in as dL/dy and leaves as dL/dz.",
     "Every + of forward is a fork: which gradient goes on, which goes into the "
     "branch, "
     "and where do they meet?",
     "the lesson, \"A block by hand\"; notes/04, 4", block_backward_grade},
    {"4.6", "dropout_apply",
     "dropout.c: what stays, what it is divided by, and what goes, for each element.",
     "Where is a slice's element in the batch, and where is it in memory?",
     "the lesson, \"Forgetting on purpose\"; notes/04, 5 [AIAYN 5.4]", dropout_grade},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
