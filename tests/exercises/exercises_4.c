/* exercises_4.c: the encoder block, graded. See exercise.h. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "encoder_block.h"
#include "exercise.h"
#include "naive_layers.h"
#include "random.h"

const int chapter_number = 4;
const char chapter_title[] = "the encoder block";

#define TOLERANCE 1e-11
#define GRADIENT_TOLERANCE 1e-7 /* of differences */

/* ---- 4.1 ------------------------------------------------------------------------- */

static void predict(void) {
    ask('a', "LN of (1, 2, 3, 4), gamma = 1, beta = 0: the first number, to 3 digits.",
        -1.5 / sqrt(1.25), 2e-3);
    mistake_number("the unbiased variance, divided by D - 1: layer norm divides by D",
                   -1.5 / sqrt(5.0 / 3));
    mistake_number("division by the variance: it is by its root", -1.5 / 1.25);
    mistake_number("the number without its mean, not yet divided", -1.5);
    ask('b',
        "The length (root of the sum of squares) of such a vector of D = 64 numbers "
        "after LN.",
        8, 1e-3);
    mistake_number("length 1: LN makes the variance 1, the mean square", 1);
    mistake_number("the square of the length", 64);
    ask('c',
        "The parameters of a block with D = 64, M = 128, all biases and norms "
        "included.",
        4.0 * 64 * 64 + 4 * 64 + 2 * 64 * 128 + 64 + 128 + 4 * 64, 1e-9);
    mistake_number("the matrices alone", 4.0 * 64 * 64 + 2 * 64 * 128);
    mistake_number("the count with one layer norm: a block has two",
                   4.0 * 64 * 64 + 4 * 64 + 2 * 64 * 128 + 64 + 128 + 2 * 64);
}

/* ---- 4.2, 4.3: layer norm -------------------------------------------------------- */

typedef struct {
    int rows, D;
    Tensor X, dY, gamma, beta;
    double *x, *dy, *g;
} Norm;

static Norm make_norm(int rows, int D) {
    Norm n = {.rows = rows,
              .D = D,
              .X = wide(normal('X', SHAPE(rows, D))),
              .dY = wide(normal('Y', SHAPE(rows, D))),
              .gamma = normal('g', SHAPE(D)),
              .beta = normal('b', SHAPE(D))};
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < D; j++) {
            tensor_row(n.X, i)[j] = tensor_row(n.X, i)[j] * 3 + 10;
        }
    }
    n.x = doubles_of(n.X);
    n.dy = doubles_of(n.dY);
    n.g = doubles_of(n.gamma);
    case_is("%d rows of D = %d", rows, D);
    return n;
}

/* gamma (x - mean) / sqrt(sum / divisor + epsilon)^power + beta, and the two numbers of
 * each row. */
static double *norm_with(const Norm *n, double divisor, double epsilon, double power,
                         double *mean, double *rstd) {
    const double *beta = doubles_of(n->beta);
    double *y = doubles((long)n->rows * n->D);
    for (int i = 0; i < n->rows; i++) {
        const double *x = n->x + (long)i * n->D;
        double sum = 0, squares = 0;
        for (int j = 0; j < n->D; j++) {
            sum += x[j] / n->D;
        }
        for (int j = 0; j < n->D; j++) {
            squares += (x[j] - sum) * (x[j] - sum);
        }
        const double scale = pow(squares / divisor + epsilon, -0.5 * power);
        for (int j = 0; j < n->D; j++) {
            y[i * n->D + j] = n->g[j] * (x[j] - sum) * scale + beta[j];
        }
        mean[i] = sum;
        rstd[i] = scale;
    }
    return y;
}

static void norm_forward_case(int rows, int D) {
    Norm n = make_norm(rows, D);
    double *mean = doubles(rows), *rstd = doubles(rows), *other = doubles(rows);
    const double *want = norm_with(&n, D, LAYER_NORM_EPSILON, 1, mean, rstd);
    LayerNorm layer = {n.gamma, n.beta};
    LayerNormActivations a = {unset(SHAPE(rows)), unset(SHAPE(rows))};
    Tensor Y = wide(unset(SHAPE(rows, D)));
    layer_norm_forward(&layer, n.X, &a, Y);
    expect("Y", Y, want, TOLERANCE);
    mistake("the variance divided by D - 1; layer norm's is biased, by D",
            norm_with(&n, D - 1, LAYER_NORM_EPSILON, 1, other, other));
    mistake("division by the variance, not by its root",
            norm_with(&n, D, LAYER_NORM_EPSILON, 2, other, other));
    mistake("epsilon 1e-5: ViT's is 1e-6 (LAYER_NORM_EPSILON)",
            norm_with(&n, D, 1e-5, 1, other, other));
    expect("mean, kept for backward,", a.mean, mean, TOLERANCE);
    expect("rstd, kept for backward,", a.rstd, rstd, TOLERANCE);
}

static void norm_forward(void) {
    norm_forward_case(3, 6);
    norm_forward_case(5, 17);
}

static void norm_backward_case(int rows, int D) {
    Norm n = make_norm(rows, D);
    const long count = (long)rows * D;
    double *mean = doubles(rows), *rstd = doubles(rows);
    norm_with(&n, D, LAYER_NORM_EPSILON, 1, mean, rstd);
    double *dx = doubles(count), *no_mean = doubles(count),
           *no_variance = doubles(count), *plain = doubles(count),
           *no_gamma = doubles(count);
    double *dgamma = doubles(D), *dbeta = doubles(D), *last = doubles(D);
    for (int j = 0; j < D; j++) {
        dgamma[j] = dbeta[j] = 1;
    }
    for (int i = 0; i < rows; i++) {
        double m_g = 0, m_gx = 0, m_dy = 0, m_dyx = 0;
        for (int j = 0; j < D; j++) {
            const double xhat = (n.x[i * D + j] - mean[i]) * rstd[i],
                         dy = n.dy[i * D + j], g = dy * n.g[j];
            m_g += g / D;
            m_gx += g * xhat / D;
            m_dy += dy / D;
            m_dyx += dy * xhat / D;
            dgamma[j] += dy * xhat;
            dbeta[j] += dy;
            last[j] = dy * xhat;
        }
        for (int j = 0; j < D; j++) {
            const int at = i * D + j;
            const double xhat = (n.x[at] - mean[i]) * rstd[i], g = n.dy[at] * n.g[j];
            dx[at] = rstd[i] * (g - m_g - xhat * m_gx);
            no_mean[at] = rstd[i] * (g - xhat * m_gx);
            no_variance[at] = rstd[i] * (g - m_g);
            plain[at] = rstd[i] * g;
            no_gamma[at] = rstd[i] * (n.dy[at] - m_dy - xhat * m_dyx);
        }
    }
    LayerNorm layer = {n.gamma, n.beta}, d = {zeros(SHAPE(D)), zeros(SHAPE(D))};
    LayerNormActivations a = {values(SHAPE(rows), mean), values(SHAPE(rows), rstd)};
    tensor_fill(d.gamma, 1);
    tensor_fill(d.beta, 1);
    layer_norm_backward(&layer, &d, n.X, &a, n.dY, n.dY); /* dX may be dY */
    expect("dX", n.dY, dx, TOLERANCE);
    mistake("the gradient with the mean held constant: it depends on every x_j",
            no_mean);
    mistake("the gradient with the variance held constant: it depends on every x_j",
            no_variance);
    mistake("dY gamma rstd: mean and variance depend on x too", plain);
    mistake("the gradient without gamma: g = dY o gamma", no_gamma);
    expect("dgamma", d.gamma, dgamma, TOLERANCE);
    mistake("the last row's dgamma: it adds up over rows", last);
    expect("dbeta", d.beta, dbeta, TOLERANCE);
}

static void norm_backward(void) {
    norm_backward_case(3, 6);
    norm_backward_case(4, 17);
}

/* ---- 4.4, 4.5: the block --------------------------------------------------------- */

typedef struct {
    int B, n;
    BlockConfig config;
    EncoderBlock block, d;
    EncoderBlockActivations a;
    EncoderBlockScratch s;
    Tensor z, dy;
    NaiveBlock naive;
    double *z_naive, *C; /* (B, n, D) */
    double *z_prime;     /* (B, n, D): the first half's result */
} Bench;

static void lay_out(Bench *b, Arena *arena) {
    encoder_block_activations(&b->a, arena, b->B, b->n, &b->config);
    encoder_block_scratch(&b->s, arena, b->B, b->n, &b->config);
}

static void make_naive(Bench *b) {
    EncoderBlock *block = &b->block;
    const int D = b->config.D;
    b->naive.norm1 = (NaiveLayerNorm){D, doubles_of(block->norm1.gamma),
                                      doubles_of(block->norm1.beta)};
    b->naive.norm2 = (NaiveLayerNorm){D, doubles_of(block->norm2.gamma),
                                      doubles_of(block->norm2.beta)};
    b->naive.attn = (NaiveMultiHeadAttention){.D = D,
                                              .heads = b->config.heads,
                                              .W_qkv = doubles_of(block->attn.W_qkv),
                                              .b_qkv = doubles_of(block->attn.b_qkv),
                                              .W_O = doubles_of(block->attn.W_O),
                                              .b_O = doubles_of(block->attn.b_O)};
    b->naive.mlp = (NaiveMlp){.D = D,
                              .M = b->config.M,
                              .W_1 = doubles_of(block->mlp.W_1),
                              .b_1 = doubles_of(block->mlp.b_1),
                              .W_2 = doubles_of(block->mlp.W_2),
                              .b_2 = doubles_of(block->mlp.b_2)};
}

static Bench make_bench(int B, int n) {
    Bench b = {.B = B,
               .n = n,
               .config = {.D = 6,
                          .heads = 2,
                          .M = 10,
                          .norm = PRE_NORM,
                          .activation = ACTIVATION_GELU}};
    ParameterBlock counted = {.data = NULL};
    encoder_block_parameters(&b.block, &counted, &b.config, 0);
    const int count = (int)counted.used;
    Tensor weights = normal('W', SHAPE(count)), gradients = zeros(SHAPE(count));
    tensor_scale(weights, (real)0.5);
    ParameterBlock in = {.data = weights.data}, out = {.data = gradients.data};
    encoder_block_parameters(&b.block, &in, &b.config, 0);
    encoder_block_parameters(&b.d, &out, &b.config, 0);
    Arena plan = {.block = NULL};
    lay_out(&b, &plan);
    Arena arena = {.block = zeros(SHAPE((int)plan.used)).data, .capacity = plan.used};
    lay_out(&b, &arena);
    b.z = normal('z', SHAPE(B, n, b.config.D));
    b.dy = normal('C', b.z);
    b.z_naive = doubles_of(b.z);
    b.C = doubles_of(b.dy);
    make_naive(&b);
    case_is("%d images, %d tokens, D = %d, %d heads, pre-norm", B, n, b.config.D,
            b.config.heads);
    return b;
}

static long size_of(const Bench *b) {
    return (long)b->B * b->n * b->config.D;
}

/* MSA(LN(z)) */
static double *attention_branch(const Bench *b, const double *z) {
    double *x = doubles(size_of(b)), *y = doubles(size_of(b));
    naive_layer_norm(&b->naive.norm1, b->B * b->n, z, x);
    naive_multi_head_attention(&b->naive.attn, b->B, b->n, x, NULL, y);
    return y;
}

/* MLP(LN(z)) */
static double *mlp_branch(const Bench *b, const double *z) {
    double *x = doubles(size_of(b)), *y = doubles(size_of(b));
    naive_layer_norm(&b->naive.norm2, b->B * b->n, z, x);
    naive_mlp(&b->naive.mlp, b->B * b->n, x, y);
    return y;
}

/* x + y, of which either may be left out (NULL) */
static double *sum(const Bench *b, const double *x, const double *y) {
    double *s = doubles(size_of(b));
    for (long i = 0; i < size_of(b); i++) {
        s[i] = (x ? x[i] : 0) + (y ? y[i] : 0);
    }
    return s;
}

static double *post_norm(const Bench *b) {
    NaiveBlock other = b->naive;
    double *y = doubles(size_of(b));
    other.post_norm = true;
    naive_block(&other, b->B, b->n, b->z_naive, y);
    return y;
}

static void block_forward(void) {
    const Dropout none = {.rate = 0};
    Bench b = make_bench(2, 3);
    const double *msa = attention_branch(&b, b.z_naive), *z = b.z_naive;
    const double *z_prime = sum(&b, msa, z);
    Tensor y = encoder_block_forward(&b.block, b.z, &b.a, &none);
    expect("y", y, sum(&b, mlp_branch(&b, z_prime), z_prime), TOLERANCE);
    mistake("a block without the residual around attention, + z",
            sum(&b, mlp_branch(&b, msa), msa));
    mistake("a block without the residual around the MLP, + z'",
            mlp_branch(&b, z_prime));
    mistake("a block whose second norm reads z, not z'",
            sum(&b, mlp_branch(&b, z), z_prime));
    mistake("a block whose second residual adds z, not z'",
            sum(&b, mlp_branch(&b, z_prime), z));
    mistake("post-norm [AIAYN 3.1]: ViT normalises before each sublayer",
            post_norm(&b));
}

/* Loss of the whole block, of its second half, and of z' alone. */
static double block_loss(void *bench) {
    const Bench *b = bench;
    const double *z_prime = sum(b, attention_branch(b, b->z_naive), b->z_naive);
    return dot(size_of(b), b->C, sum(b, mlp_branch(b, z_prime), z_prime));
}

static double second_half_loss(void *bench) {
    const Bench *b = bench;
    return dot(size_of(b), b->C, sum(b, mlp_branch(b, b->z_prime), b->z_prime));
}

static double first_half_loss(void *bench) {
    const Bench *b = bench;
    return dot(size_of(b), b->C, sum(b, attention_branch(b, b->z_naive), b->z_naive));
}

static void block_backward(void) {
    const Dropout none = {.rate = 0};
    Bench b = make_bench(2, 3);
    const long count = size_of(&b);
    b.z_prime = sum(&b, attention_branch(&b, b.z_naive), b.z_naive);
    encoder_block_forward(&b.block, b.z, &b.a, &none);
    Tensor dz = zeros(b.z);
    tensor_copy(dz, b.dy);
    encoder_block_backward(&b.block, &b.d, b.z, &b.a, &none, dz, &b.s);

    const double *right = gradient(block_loss, &b, b.z_naive, count);
    const double *dz_prime = gradient(second_half_loss, &b, b.z_prime, count);
    double *no_first = doubles(count), *branch = doubles(count);
    for (long i = 0; i < count; i++) {
        no_first[i] = right[i] - dz_prime[i];
        branch[i] = dz_prime[i] - b.C[i];
    }
    Bench other = b; /* the second residual lost: only the branch's gradient goes on */
    other.C = branch;
    const double *no_second = gradient(first_half_loss, &other, other.z_naive, count);
    expect("dz", dz, right, GRADIENT_TOLERANCE);
    mistake("the gradient without the way around attention: z' = ... + z has two terms",
            no_first);
    mistake("the gradient without the way around the MLP: y = ... + z' has two terms",
            no_second);
    mistake("dy, passed through unchanged", b.C);
    expect("dW_1 of the MLP", b.d.mlp.W_1,
           gradient(block_loss, &b, b.naive.mlp.W_1, 10L * 6), GRADIENT_TOLERANCE);
    expect("dW_qkv", b.d.attn.W_qkv,
           gradient(block_loss, &b, b.naive.attn.W_qkv, 3L * 6 * 6),
           GRADIENT_TOLERANCE);
    expect("dgamma of norm1", b.d.norm1.gamma,
           gradient(block_loss, &b, b.naive.norm1.gamma, 6), GRADIENT_TOLERANCE);
}

/* The last block of a model: the loss reads row 0 of each image, and only that is
 * computed; its gradient reaches all rows, through attention. */
static void first_token_backward(void) {
    const Dropout none = {.rate = 0};
    Bench b = make_bench(2, 3);
    const long count = size_of(&b);
    const int row = b.config.D, image = b.n * row;
    Tensor dz = zeros(b.z);
    double *only_first = doubles(count);
    for (long i = 0; i < count; i++) {
        b.C[i] = i % image < row ? b.C[i] : 0;
        dz.data[i] = (real)b.C[i];
    }
    case_is("the class token alone (encoder_block_backward_first)");
    encoder_block_forward_first(&b.block, b.z, &b.a, &none);
    encoder_block_backward_first(&b.block, &b.d, b.z, &b.a, &none, dz, &b.s);
    const double *right = gradient(block_loss, &b, b.z_naive, count);
    for (long i = 0; i < count; i++) {
        only_first[i] = i % image < row ? right[i] : 0;
    }
    expect("dz", dz, right, GRADIENT_TOLERANCE);
    mistake("the class token's gradient alone: attention's goes to every token, so the "
            "last sum is tensor_add(dz, dx)",
            only_first);
}

static void block_backward_grade(void) {
    block_backward();
    first_token_backward();
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

static void dropout_case(double rate, int image) {
    enum { B = 2, n = 5, D = 7, COUNT = B * n * D };
    const Dropout dropout = {.rate = rate, .seed = 9, .step = 3, .image = image};
    Tensor X = wide(normal('X', SHAPE(B, n, D)));
    const double *x = doubles_of(X);
    double *want = doubles(COUNT), *unscaled = doubles(COUNT), *times = doubles(COUNT),
           *other = doubles(COUNT);
    for (int i = 0; i < COUNT; i++) {
        const bool keep = kept(&dropout, 4, (uint64_t)(image * n * D + i));
        want[i] = keep ? x[i] / (1 - rate) : 0;
        unscaled[i] = keep ? x[i] : 0;
        times[i] = keep ? x[i] * (1 - rate) : 0;
        other[i] = keep ? 0 : x[i] / (1 - rate);
    }
    case_is("rate %.1f, the first image is number %d", rate, image);
    dropout_apply(&dropout, 4, X);
    expect("X", X, want, TOLERANCE);
    mistake("dropout without 1 / (1 - rate): the mean shrinks in training", unscaled);
    mistake("dropout times 1 - rate: that is for evaluation, in older schemes", times);
    mistake("dropout that keeps what should go: an element stays with probability "
            "1 - rate",
            other);
}

static void dropout_grade(void) {
    dropout_case(0.3, 0);
    dropout_case(0.1, 3);
}

const Exercise exercises[] = {
    {"4.1", "Answers: a normalised vector, a block's parameters", "Predict by hand.",
     "Mean 2.5, biased variance 1.25.", "the lesson's worked example; notes/04, 1",
     predict},
    {"4.2", "layer_norm_forward",
     "layer_norm.c: y = gamma (x - mean) rstd + beta for each row, rstd = 1 / "
     "sqrt(variance + LAYER_NORM_EPSILON); keep mean and rstd in a.",
     "The variance is divided by D; real_sqrt is sqrt; a->mean.data[i], "
     "a->rstd.data[i].",
     "the lesson, \"The forward pass\"; notes/04, 1", norm_forward},
    {"4.3", "layer_norm_backward (backward_row)",
     "layer_norm.c: with g = dY o gamma: dX = rstd (g - mean(g) - xhat mean(g o "
     "xhat)); "
     "dgamma += dY o xhat; dbeta += dY.",
     "Two means over the row first; then the elements. dx may be dy: read before you "
     "write.",
     "the lesson, \"The backward pass\"; notes/04, 1", norm_backward},
    {"4.4", "encoder_block_forward, pre-norm",
     "encoder_block.c: z' = MSA(LN(z)) + z, y = MLP(LN(z')) + z', each branch through "
     "dropout_apply (places p_attn, p_in, p_mlp). wanted_rows(T, wanted): see the "
     "function above.",
     "Norm into x1, attention into z_prime, add z; norm into x2, MLP into y, add "
     "z_prime.",
     "the lesson, \"The forward pass\" [ViT eq.2, eq.3]", block_forward},
    {"4.5", "encoder_block_backward, pre-norm",
     "encoder_block.c: dz comes in as dy and leaves as the gradient of z; each "
     "residual "
     "lets it through unchanged, and adds what comes back through its branch.",
     "Copy dw into dxw, take it back through the branch, add it to dw: twice.",
     "the lesson, \"The backward pass\"; notes/04", block_backward_grade},
    {"4.6", "dropout_apply",
     "dropout.c: keep an element where bits[index % 4] 2^-32 >= rate, and divide it by "
     "1 - rate; else 0. (The mark is inside the loop.)",
     "0x1p-32 is 2^-32; `scale` is 1 / (1 - rate).", "notes/04 [AIAYN 5.4]",
     dropout_grade},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
