/* exercises_4_block.c: exercises 4.4 and 4.5, the block, graded. See exercise.h. */
#include <math.h>
#include <stddef.h>

#include "common/arena.h"
#include "chapters/04_encoder_block/encoder_block.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_4.h"
#include "tests/naive_layers.h"

#define TOLERANCE 1e-11
#define GRADIENT_TOLERANCE 1e-7 /* of differences */

enum { B = 2, TOKENS = 3, D = 6, HEADS = 2, M = 10, COUNT = B * TOKENS * D };

/* The first block's dropouts: their places in the model. */
enum { P_ATTN = 1, P_IN, P_MLP };

typedef struct {
    BlockConfig config;
    EncoderBlock block, d;
    EncoderBlockActivations a;
    EncoderBlockScratch s;
    Dropout dropout;
    Tensor z, dy, dz;
    NaiveBlock naive;
    double *z_naive, *C; /* (B, n, D) */
} Bench;

/* ---- a block with everything it needs -------------------------------------------- */

static void lay_out(Bench *b, Arena *arena) {
    encoder_block_activations(&b->a, arena, B, TOKENS, &b->config);
    encoder_block_scratch(&b->s, arena, B, TOKENS, &b->config);
}

/* Dropout's factors for (B, n, cols) numbers: 0, or 1 / (1 - rate). */
static double *factors(const Dropout *dropout, int place, int cols) {
    Tensor ones = zeros(SHAPE(B, TOKENS, cols));
    tensor_fill(ones, 1);
    dropout_apply(dropout, place, ones);
    return doubles_of(ones);
}

static void make_naive(Bench *b) {
    const EncoderBlock *block = &b->block;
    b->naive.norm1 = (NaiveLayerNorm){D, doubles_of(block->norm1.gamma),
                                      doubles_of(block->norm1.beta)};
    b->naive.norm2 = (NaiveLayerNorm){D, doubles_of(block->norm2.gamma),
                                      doubles_of(block->norm2.beta)};
    b->naive.attn = (NaiveMultiHeadAttention){.D = D,
                                              .heads = HEADS,
                                              .W_qkv = doubles_of(block->attn.W_qkv),
                                              .b_qkv = doubles_of(block->attn.b_qkv),
                                              .W_O = doubles_of(block->attn.W_O),
                                              .b_O = doubles_of(block->attn.b_O)};
    b->naive.mlp = (NaiveMlp){.D = D,
                              .M = M,
                              .W_1 = doubles_of(block->mlp.W_1),
                              .b_1 = doubles_of(block->mlp.b_1),
                              .W_2 = doubles_of(block->mlp.W_2),
                              .b_2 = doubles_of(block->mlp.b_2),
                              .dropout = factors(&b->dropout, P_IN, M)};
    b->naive.dropout_attn = factors(&b->dropout, P_ATTN, D);
    b->naive.dropout_mlp = factors(&b->dropout, P_MLP, D);
}

static Bench make_bench(double rate) {
    Bench b = {.config = {.D = D,
                          .heads = HEADS,
                          .M = M,
                          .norm = PRE_NORM,
                          .activation = ACTIVATION_GELU},
               .dropout = {.rate = rate, .seed = 4, .step = 2}};
    ParameterBlock counted = {.data = NULL};
    encoder_block_parameters(&b.block, &counted, &b.config, 0);
    const int count = (int)counted.used;
    Tensor weights = normal('W', SHAPE(count)), gradients = zeros(SHAPE(count));
    tensor_scale(weights, (real)0.5);
    input('W', weights);
    tensor_fill(gradients, 1);
    ParameterBlock in = {.data = weights.data}, out = {.data = gradients.data};
    encoder_block_parameters(&b.block, &in, &b.config, 0);
    encoder_block_parameters(&b.d, &out, &b.config, 0);
    Arena plan = {.block = NULL};
    lay_out(&b, &plan);
    Arena arena = {.block = zeros(SHAPE((int)plan.used)).data, .capacity = plan.used};
    lay_out(&b, &arena);
    b.z = normal('z', SHAPE(B, TOKENS, D));
    b.dy = named("dz", normal('C', b.z));
    b.dz = zeros(b.z);
    tensor_copy(b.dz, b.dy);
    b.z_naive = doubles_of(b.z);
    b.C = doubles_of(b.dy);
    make_naive(&b);
    return b;
}

static void case_with(double rate) {
    case_is("%d images, %d tokens, D = %d, %d heads, pre-norm%s", B, TOKENS, D, HEADS,
            rate > 0 ? ", with dropout" : "");
}

/* ---- the equations --------------------------------------------------------------- */

/* MSA(LN(z)) */
static double *attention_branch(const Bench *b, const double *z) {
    double *x = doubles(COUNT), *y = doubles(COUNT);
    naive_layer_norm(&b->naive.norm1, B * TOKENS, z, x);
    naive_multi_head_attention(&b->naive.attn, B, TOKENS, x, NULL, y);
    return y;
}

/* MLP(LN(z)) */
static double *mlp_branch(const Bench *b, const double *z) {
    double *x = doubles(COUNT), *y = doubles(COUNT);
    naive_layer_norm(&b->naive.norm2, B * TOKENS, z, x);
    naive_mlp(&b->naive.mlp, B * TOKENS, x, y);
    return y;
}

/* Where dropout stands: it is BEFORE the sum. */
typedef enum { BEFORE, AFTER, NOWHERE } When;

/* x, which may be left out (NULL), + a branch's f, with dropout's factors. */
static double *sum(const double *x, const double *f, const double *factor, When when) {
    double *s = doubles(COUNT);
    for (int i = 0; i < COUNT; i++) {
        s[i] = (x ? x[i] : 0) + f[i] * (when == BEFORE ? factor[i] : 1);
        s[i] *= when == AFTER ? factor[i] : 1;
    }
    return s;
}

static double *first_half(const Bench *b, When when) {
    return sum(b->z_naive, attention_branch(b, b->z_naive), b->naive.dropout_attn,
               when);
}

/* from: what the norm reads; added: what the result is added to, or NULL */
static double *second_half(const Bench *b, const double *from, const double *added,
                           When when) {
    return sum(added, mlp_branch(b, from), b->naive.dropout_mlp, when);
}

static double *whole(const Bench *b, When attn, When mlp) {
    const double *z_prime = first_half(b, attn);
    return second_half(b, z_prime, z_prime, mlp);
}

/* ---- 4.4: forward ---------------------------------------------------------------- */

static void name_wrong_sums(const Bench *b) {
    const double *z = b->z_naive, *z_prime = first_half(b, BEFORE);
    const double *msa = attention_branch(b, z);
    mistake("a block without the residual around attention, + z",
            second_half(b, msa, msa, NOWHERE));
    mistake("a block without the residual around the MLP, + z'",
            second_half(b, z_prime, NULL, NOWHERE));
    mistake("a block whose second norm reads z, not z'",
            second_half(b, z, z_prime, NOWHERE));
    mistake("a block whose second residual adds z, not z'",
            second_half(b, z_prime, z, NOWHERE));
    double *x1 = doubles(COUNT), *x2 = doubles(COUNT), *with_x1 = doubles(COUNT),
           *msa_z = doubles(COUNT), *by_1 = doubles(COUNT);
    naive_layer_norm(&b->naive.norm1, B * TOKENS, z, x1);
    naive_layer_norm(&b->naive.norm2, B * TOKENS, z_prime, x2);
    mistake("a block whose second residual adds x2 = LN(z'), not z'",
            second_half(b, z_prime, x2, NOWHERE));
    for (int i = 0; i < COUNT; i++) {
        with_x1[i] = x1[i] + msa[i];
    }
    mistake("a block whose first residual adds x1 = LN(z), not z",
            second_half(b, with_x1, with_x1, NOWHERE));
    naive_multi_head_attention(&b->naive.attn, B, TOKENS, z, NULL, msa_z);
    for (int i = 0; i < COUNT; i++) {
        msa_z[i] += z[i];
    }
    mistake("a block whose attention reads z, not x1 = LN(z)",
            second_half(b, msa_z, msa_z, NOWHERE));
    const double *const read[] = {z_prime, x1};
    static const char *const read_texts[] = {
        "a block whose MLP reads z', not x2 = LN(z')",
        "a block whose MLP reads x1 = LN(z): it reads x2 = LN(z')"};
    for (int i = 0; i < 2; i++) {
        double *y = doubles(COUNT);
        naive_mlp(&b->naive.mlp, B * TOKENS, read[i], y);
        mistake(read_texts[i], sum(z_prime, y, NULL, NOWHERE));
    }
    naive_layer_norm(&b->naive.norm1, B * TOKENS, z_prime, by_1);
    double *mlp = doubles(COUNT);
    naive_mlp(&b->naive.mlp, B * TOKENS, by_1, mlp);
    mistake("a block with norm1's gamma and beta twice: the second norm is norm2",
            sum(z_prime, mlp, NULL, NOWHERE));
    NaiveBlock other = b->naive;
    double *y = doubles(COUNT);
    other.post_norm = true;
    naive_block(&other, B, TOKENS, z, y);
    mistake("post-norm [AIAYN 3.1]: ViT normalises before each sublayer", y);
}

static void name_wrong_dropouts(const Bench *b) {
    mistake("a block without dropout after attention and after the MLP",
            whole(b, NOWHERE, NOWHERE));
    mistake("a block without dropout after attention (place p_attn)",
            whole(b, NOWHERE, BEFORE));
    mistake("a block without dropout after the MLP (place p_mlp)",
            whole(b, BEFORE, NOWHERE));
    mistake(
        "a block with dropout after both sums: it comes before, on the branch alone",
        whole(b, AFTER, AFTER));
    mistake("a block with dropout after the sum with z: it comes before, on MSA(x1) "
            "alone",
            whole(b, AFTER, BEFORE));
    mistake("a block with dropout after the sum with z': it comes before, on MLP(x2) "
            "alone",
            whole(b, BEFORE, AFTER));
    Bench swapped = *b;
    swapped.naive.dropout_attn = b->naive.dropout_mlp;
    swapped.naive.dropout_mlp = b->naive.dropout_attn;
    mistake("a block with p_attn and p_mlp exchanged", whole(&swapped, BEFORE, BEFORE));
}

/* Of each token of x: its mean, and 1 / sqrt(variance + epsilon). */
static void statistics(const double *x, double *mean, double *rstd) {
    for (int i = 0; i < B * TOKENS; i++) {
        double variance = 0;
        for (int j = 0; j < D; j++) {
            mean[i] += x[i * D + j] / D;
        }
        for (int j = 0; j < D; j++) {
            variance += (x[i * D + j] - mean[i]) * (x[i * D + j] - mean[i]) / D;
        }
        rstd[i] = 1 / sqrt(variance + LAYER_NORM_EPSILON);
    }
}

/* What backward will read. */
static void expect_kept(const Bench *b) {
    const double *z_prime = first_half(b, BEFORE);
    double *mean1 = doubles(B * TOKENS), *rstd1 = doubles(B * TOKENS);
    double *mean2 = doubles(B * TOKENS), *rstd2 = doubles(B * TOKENS);
    double *x1 = doubles(COUNT), *x2 = doubles(COUNT);
    statistics(b->z_naive, mean1, rstd1);
    statistics(z_prime, mean2, rstd2);
    naive_layer_norm(&b->naive.norm1, B * TOKENS, b->z_naive, x1);
    naive_layer_norm(&b->naive.norm2, B * TOKENS, z_prime, x2);
    expect("the kept a->norm1.mean", b->a.norm1.mean, mean1, TOLERANCE);
    mistake("the second norm's mean: it is kept in a->norm2", mean2);
    expect("the kept a->norm1.rstd", b->a.norm1.rstd, rstd1, TOLERANCE);
    expect("the kept a->norm2.mean", b->a.norm2.mean, mean2, TOLERANCE);
    expect("the kept a->norm2.rstd", b->a.norm2.rstd, rstd2, TOLERANCE);
    expect("the kept x1", b->a.x1, x1, TOLERANCE);
    mistake("LN(z') in x1: backward wants LN(z) there, and LN(z') in x2", x2);
    expect("the kept z_prime", b->a.z_prime, z_prime, TOLERANCE);
    expect("the kept x2", b->a.x2, x2, TOLERANCE);
}

static void forward_case(double rate) {
    Bench b = make_bench(rate);
    case_with(rate);
    Tensor y = encoder_block_forward(&b.block, b.z, &b.a, &b.dropout);
    expect("y", y, whole(&b, BEFORE, BEFORE), TOLERANCE);
    if (rate > 0) {
        name_wrong_dropouts(&b);
    } else {
        name_wrong_sums(&b);
    }
    expect_kept(&b);
}

void block_forward_grade(void) {
    needs("4.2");
    forward_case(0);
    forward_case(0.4);
}

/* ---- 4.5: backward --------------------------------------------------------------- */

static double block_loss(void *bench) {
    const Bench *b = bench;
    return dot(COUNT, b->C, whole(b, BEFORE, BEFORE));
}

/* The classic mistakes. */
typedef enum {
    NO_WAY_AROUND_ATTENTION,
    NO_WAY_AROUND_MLP,
    NOTHING_DONE,
    NO_MLP_SUM,
    NO_ATTENTION_SUM,
    NO_SECOND_COPY,
    NO_DROPOUTS,
    NO_DROPOUT_OF_MLP,
    NO_DROPOUT_OF_ATTENTION,
    DROPOUTS_EXCHANGED,
    NORM2_OF_X2,
    NORM2_OF_Z,
    NORM1_OF_X1,
    MLP_OF_Z_PRIME,
    ATTENTION_OF_Z,
    SUMS_TWICE,
    DROPOUT_OF_DZ,
    STATISTICS_OF_1,
    NORM1_TWICE,
    SLIPS
} Slip;

static const char *const slip_names[SLIPS] = {
    "the gradient without the way around attention: z' = ... + z has two terms",
    "the gradient without the way around the MLP: y = ... + z' has two terms",
    "dy, passed through unchanged",
    "the gradient without what came back through the MLP: its tensor_add(dz, dx) is "
    "missing",
    "the gradient without what came back through attention: its tensor_add(dz, dx) is "
    "missing",
    "attention's half without a fresh copy: dx = dz once more, after the MLP's half",
    "a backward pass without its dropouts: each branch begins with dropout_apply",
    "a backward pass without the MLP's dropout (place p_mlp)",
    "a backward pass without attention's dropout (place p_attn)",
    "a backward pass with p_attn and p_mlp exchanged",
    "the second norm's backward pass with x2, its result: its input was z'",
    "the second norm's backward pass with z: its input was z'",
    "the first norm's backward pass with x1, its result: its input was z",
    "the MLP's backward pass with z': its input was x2",
    "attention's backward pass with z: its input was x1",
    "dx added to dz twice",
    "dropout of dz itself: the way around has none, dx alone has it",
    "the second norm's backward pass with a->norm1's mean and rstd: a->norm2 has its "
    "own",
    "the second norm's gradient in d->norm1: it belongs in d->norm2"};

/* From dz through the MLP's half, and back into dz. */
static void slipped_mlp_half(Bench *b, Slip slip) {
    const EncoderBlock *block = &b->block;
    EncoderBlockActivations *a = &b->a;
    Tensor dx = b->s.dx;
    if (slip == DROPOUT_OF_DZ) {
        dropout_apply(&b->dropout, P_MLP, b->dz);
    }
    tensor_copy(dx, b->dz);
    if (slip != NO_DROPOUT_OF_MLP && slip != DROPOUT_OF_DZ && slip != NO_DROPOUTS) {
        dropout_apply(&b->dropout, slip == DROPOUTS_EXCHANGED ? P_ATTN : P_MLP, dx);
    }
    mlp_backward(&block->mlp, &b->d.mlp, slip == MLP_OF_Z_PRIME ? a->z_prime : a->x2,
                 &a->mlp, &b->dropout, P_IN, dx, dx, b->s.dpre);
    layer_norm_backward(&block->norm2, slip == NORM1_TWICE ? &b->d.norm1 : &b->d.norm2,
                        slip == NORM2_OF_X2  ? a->x2
                        : slip == NORM2_OF_Z ? b->z
                                             : a->z_prime,
                        slip == STATISTICS_OF_1 ? &a->norm1 : &a->norm2, dx, dx);
    if (slip == NO_WAY_AROUND_MLP) {
        tensor_copy(b->dz, dx);
    } else if (slip != NO_MLP_SUM) {
        tensor_add(b->dz, dx);
    }
    if (slip == SUMS_TWICE) {
        tensor_add(b->dz, dx);
    }
}

static void slipped_attention_half(Bench *b, Slip slip) {
    const EncoderBlock *block = &b->block;
    EncoderBlockActivations *a = &b->a;
    Tensor dx = b->s.dx;
    if (slip != NO_SECOND_COPY) {
        tensor_copy(dx, b->dz);
    }
    if (slip != NO_DROPOUT_OF_ATTENTION && slip != NO_DROPOUTS) {
        dropout_apply(&b->dropout, slip == DROPOUTS_EXCHANGED ? P_MLP : P_ATTN, dx);
    }
    multi_head_attention_backward(&block->attn, &b->d.attn,
                                  slip == ATTENTION_OF_Z ? b->z : a->x1, &a->attn, dx,
                                  dx, &b->s.attn);
    layer_norm_backward(&block->norm1, &b->d.norm1, slip == NORM1_OF_X1 ? a->x1 : b->z,
                        &a->norm1, dx, dx);
    if (slip == NO_WAY_AROUND_ATTENTION) {
        tensor_copy(b->dz, dx);
    } else if (slip != NO_ATTENTION_SUM) {
        tensor_add(b->dz, dx);
    }
    if (slip == SUMS_TWICE) {
        tensor_add(b->dz, dx);
    }
}

static Bench slipped_backward(double rate, Slip slip) {
    Bench b = make_bench(rate);
    encoder_block_forward(&b.block, b.z, &b.a, &b.dropout);
    if (slip != NOTHING_DONE) {
        slipped_mlp_half(&b, slip);
        slipped_attention_half(&b, slip);
    }
    return b;
}

/* A gradient, and the naive block's numbers that it is of. */
typedef struct {
    const char *name;
    Tensor d;
    double *x;
} Part;

enum { PARTS = 7 };

static void parts_of(const Bench *b, Part parts[PARTS]) {
    const NaiveBlock *naive = &b->naive;
    const Part all[PARTS] = {{"dz", b->dz, b->z_naive},
                             {"dW_1 of the MLP", b->d.mlp.W_1, naive->mlp.W_1},
                             {"dW_2 of the MLP", b->d.mlp.W_2, naive->mlp.W_2},
                             {"dW_qkv", b->d.attn.W_qkv, naive->attn.W_qkv},
                             {"dW_O", b->d.attn.W_O, naive->attn.W_O},
                             {"dgamma of norm1", b->d.norm1.gamma, naive->norm1.gamma},
                             {"dgamma of norm2", b->d.norm2.gamma, naive->norm2.gamma}};
    for (int p = 0; p < PARTS; p++) {
        parts[p] = all[p];
    }
}

static void backward_case(double rate) {
    Bench b = make_bench(rate);
    Part mine[PARTS], other[PARTS];
    case_with(rate);
    encoder_block_forward(&b.block, b.z, &b.a, &b.dropout);
    encoder_block_backward(&b.block, &b.d, b.z, &b.a, &b.dropout, b.dz, &b.s);
    parts_of(&b, mine);
    for (int p = 0; p < PARTS; p++) {
        double *right = gradient(block_loss, &b, mine[p].x, tensor_count(mine[p].d));
        for (long i = 0; p > 0 && i < tensor_count(mine[p].d); i++) {
            right[i] += 1; /* weights' gradients begin as ones */
        }
        expect(mine[p].name, mine[p].d, right, GRADIENT_TOLERANCE);
        for (int slip = 0; slip < SLIPS; slip++) {
            Bench wrong = slipped_backward(rate, (Slip)slip);
            parts_of(&wrong, other);
            mistake(slip_names[slip], doubles_of(other[p].d));
        }
    }
}

void block_backward_grade(void) {
    needs("4.2");
    needs("4.3");
    needs("4.4");
    backward_case(0);
    backward_case(0.4);
}
