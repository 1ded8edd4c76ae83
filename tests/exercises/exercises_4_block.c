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

enum { D = 6, HEADS = 2, M = 10 };

/* A case's images and tokens, and which block of the model it is. */
static int B, TOKENS, INDEX;
#define COUNT (B * TOKENS * D)

static void set_case(int images, int tokens, int index) {
    B = images;
    TOKENS = tokens;
    INDEX = index;
}

/* The block's dropouts: their places in the model. */
#define P_ATTN (3 * INDEX + 1)
#define P_IN (3 * INDEX + 2)
#define P_MLP (3 * INDEX + 3)

typedef struct {
    BlockConfig config;
    EncoderBlock block, d;
    EncoderBlockActivations a;
    EncoderBlockScratch s;
    Dropout dropout;
    Tensor z, dy, dz, memory; /* memory: a's and s's */
    NaiveBlock naive;
    double *z_naive, *C; /* (B, n, D) */
} Bench;

/* ---- a block with everything it needs -------------------------------------------- */

/* For a larger batch than the one that comes, as the last of an epoch is. */
static void lay_out(Bench *b, Arena *arena) {
    encoder_block_activations(&b->a, arena, B + 1, TOKENS, &b->config);
    encoder_block_scratch(&b->s, arena, B + 1, TOKENS, &b->config);
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
    encoder_block_parameters(&b.block, &counted, &b.config, INDEX);
    const int count = (int)counted.used;
    Tensor weights = normal('W', SHAPE(count)), gradients = zeros(SHAPE(count));
    tensor_scale(weights, (real)0.5);
    input('W', weights);
    tensor_fill(gradients, 1);
    ParameterBlock in = {.data = weights.data}, out = {.data = gradients.data};
    encoder_block_parameters(&b.block, &in, &b.config, INDEX);
    encoder_block_parameters(&b.d, &out, &b.config, INDEX);
    Arena plan = {.block = NULL};
    lay_out(&b, &plan);
    b.memory = unset(SHAPE((int)plan.used));
    Arena arena = {.block = b.memory.data, .capacity = plan.used};
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
    case_is("%d images, %d tokens, D = %d, %d heads, pre-norm%s, block %d", B, TOKENS,
            D, HEADS, rate > 0 ? ", with dropout" : "", INDEX);
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
    swapped = *b;
    swapped.naive.mlp.dropout = factors(&b->dropout, P_MLP, M);
    swapped.naive.dropout_mlp = factors(&b->dropout, P_IN, D);
    mistake("a block with p_in and p_mlp exchanged", whole(&swapped, BEFORE, BEFORE));
    for (int wrong = 1; wrong < 9; wrong++) {
        const int places[3] = {P_ATTN, P_IN, P_MLP};
        Bench other = *b;
        other.naive.dropout_attn = factors(&b->dropout, places[wrong % 3], D);
        other.naive.dropout_mlp = factors(&b->dropout, places[2 - wrong / 3], D);
        mistake("a block with a dropout at another one's place: p_attn is attention's, "
                "p_in inside the MLP, p_mlp after it",
                whole(&other, BEFORE, BEFORE));
    }
    const int index = INDEX;
    Bench first = *b;
    INDEX = 0;
    make_naive(&first);
    INDEX = index;
    mistake("a block with the dropouts of block 0: each block has places of its own, "
            "p_attn, p_in and p_mlp",
            whole(&first, BEFORE, BEFORE));
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

static void expect_kept_inside(const Bench *b, const double *x1, const double *x2);

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
    const int rows = B * TOKENS;
    expect("the kept a->norm1.mean", first_elements(b->a.norm1.mean, rows), mean1,
           TOLERANCE);
    mistake("the second norm's mean: it is kept in a->norm2", mean2);
    expect("the kept a->norm1.rstd", first_elements(b->a.norm1.rstd, rows), rstd1,
           TOLERANCE);
    expect("the kept a->norm2.mean", first_elements(b->a.norm2.mean, rows), mean2,
           TOLERANCE);
    expect("the kept a->norm2.rstd", first_elements(b->a.norm2.rstd, rows), rstd2,
           TOLERANCE);
    expect("the kept x1", tensor_first(b->a.x1, B), x1, TOLERANCE);
    mistake("LN(z') in x1: backward wants LN(z) there, and LN(z') in x2", x2);
    mistake("MSA's result in x1: backward wants LN(z) there",
            attention_branch(b, b->z_naive));
    expect("the kept z_prime", tensor_first(b->a.z_prime, B), z_prime, TOLERANCE);
    mistake("y in z_prime: backward wants z' there",
            second_half(b, z_prime, z_prime, BEFORE));
    expect("the kept x2", tensor_first(b->a.x2, B), x2, TOLERANCE);
    expect_kept_inside(b, x1, x2);
}

/* What attention and the MLP keep of x1 and x2, by the course's own. */
static void expect_kept_inside(const Bench *b, const double *x1, const double *x2) {
    static const char text[] =
        "a change of what a layer kept for its backward pass, or a "
        "call with other inputs";
    Bench own = make_bench(b->dropout.rate);
    Tensor y = unset(own.z), X1 = values(own.z, x1), X2 = values(own.z, x2);
    multi_head_attention_forward(&own.block.attn, X1, &own.a.attn, y);
    mlp_forward(&own.block.mlp, X2, &own.a.mlp, &own.dropout, P_IN, y);
    const struct {
        const char *name;
        Tensor got, want;
    } all[] = {{"the kept a->attn.qkv", b->a.attn.qkv, own.a.attn.qkv},
               {"the kept a->attn.A", b->a.attn.A, own.a.attn.A},
               {"the kept a->attn.concat", b->a.attn.concat, own.a.attn.concat},
               {"the kept a->mlp.pre", b->a.mlp.pre, own.a.mlp.pre},
               {"the kept a->mlp.hidden", b->a.mlp.hidden, own.a.mlp.hidden}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        expect(all[i].name, tensor_first(all[i].got, B),
               doubles_of(tensor_first(all[i].want, B)), TOLERANCE);
        mistake_if(text, true);
    }
}

static void forward_case(double rate) {
    char shape[TENSOR_SHAPE_TEXT];
    Bench b = make_bench(rate);
    case_with(rate);
    Tensor y = encoder_block_forward(&b.block, b.z, &b.a, &b.dropout);
    expect_true(tensor_same_shape(y, b.z), "y has the shape %s, should have z's",
                tensor_shape_text(y, shape));
    mistake_if("a->y whole, made for the largest batch: y is this batch's images of it",
               true);
    expect("y", y, whole(&b, BEFORE, BEFORE), TOLERANCE);
    if (rate > 0) {
        name_wrong_dropouts(&b);
    } else {
        name_wrong_sums(&b);
    }
    expect_kept(&b);
    tensor_scale(b.z, (real)-0.5);
    tensor_fill(b.memory, (real)NAN);
    b.z_naive = doubles_of(input('z', b.z));
    y = encoder_block_forward(&b.block, b.z, &b.a, &b.dropout);
    expect("y, of other numbers in the same memory,", y, whole(&b, BEFORE, BEFORE),
           TOLERANCE);
    mistake_if(
        "something that is kept from the call before: z is in the same memory, but "
        "holds other numbers",
        true);
}

void block_forward_grade(void) {
    needs("4.2");
    set_case(3, 4, 0);
    forward_case(0);
    forward_case(0.4);
    set_case(2, 3, 1);
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
    MLP_SUM_TWICE,
    BOTH_OF_DY,
    MLP_DROPOUT_LAST,
    P_IN_OF_MLP,
    NO_WAY_AROUND,
    NO_SLIP,
    SLIPS = NO_SLIP
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
    "the second norm's gradient in d->norm1: it belongs in d->norm2",
    "what came back through the MLP, added to dz twice",
    "attention's half begun from dL/dy: it begins from dz as the MLP's half left it",
    "the MLP's dropout after mlp_backward: it came last in forward, so it comes first",
    "a backward pass with p_mlp inside the MLP, or p_in after it",
    "the branches' gradients alone: at each + the gradient goes on both ways"};

/* From dz through the MLP's half, and back into dz. */
static void slipped_mlp_half(Bench *b, Slip slip) {
    const EncoderBlock *block = &b->block;
    EncoderBlockActivations *a = &b->a;
    Tensor dx = tensor_first(b->s.dx, B), x2 = tensor_first(a->x2, B),
           z_prime = tensor_first(a->z_prime, B);
    if (slip == DROPOUT_OF_DZ) {
        dropout_apply(&b->dropout, P_MLP, b->dz);
    }
    tensor_copy(dx, b->dz);
    if (slip != MLP_DROPOUT_LAST && slip != NO_DROPOUT_OF_MLP &&
        slip != DROPOUT_OF_DZ && slip != NO_DROPOUTS) {
        dropout_apply(&b->dropout, slip == DROPOUTS_EXCHANGED ? P_ATTN : P_MLP, dx);
    }
    mlp_backward(&block->mlp, &b->d.mlp, slip == MLP_OF_Z_PRIME ? z_prime : x2, &a->mlp,
                 &b->dropout, slip == P_IN_OF_MLP ? P_MLP : P_IN, dx, dx, b->s.dpre);
    if (slip == MLP_DROPOUT_LAST) {
        dropout_apply(&b->dropout, P_MLP, dx);
    }
    layer_norm_backward(&block->norm2, slip == NORM1_TWICE ? &b->d.norm1 : &b->d.norm2,
                        slip == NORM2_OF_X2  ? x2
                        : slip == NORM2_OF_Z ? b->z
                                             : z_prime,
                        slip == STATISTICS_OF_1 ? &a->norm1 : &a->norm2, dx, dx);
    if (slip == NO_WAY_AROUND_MLP || slip == NO_WAY_AROUND) {
        tensor_copy(b->dz, dx);
    } else if (slip != NO_MLP_SUM) {
        tensor_add(b->dz, dx);
    }
    if (slip == SUMS_TWICE || slip == MLP_SUM_TWICE) {
        tensor_add(b->dz, dx);
    }
}

static void slipped_attention_half(Bench *b, Slip slip) {
    const EncoderBlock *block = &b->block;
    EncoderBlockActivations *a = &b->a;
    Tensor dx = tensor_first(b->s.dx, B), x1 = tensor_first(a->x1, B);
    if (slip != NO_SECOND_COPY) {
        tensor_copy(dx, slip == BOTH_OF_DY ? b->dy : b->dz);
    }
    if (slip != NO_DROPOUT_OF_ATTENTION && slip != NO_DROPOUTS) {
        dropout_apply(&b->dropout, slip == DROPOUTS_EXCHANGED ? P_MLP : P_ATTN, dx);
    }
    multi_head_attention_backward(&block->attn, &b->d.attn,
                                  slip == ATTENTION_OF_Z ? b->z : x1, &a->attn, dx, dx,
                                  &b->s.attn);
    layer_norm_backward(&block->norm1, &b->d.norm1, slip == NORM1_OF_X1 ? x1 : b->z,
                        &a->norm1, dx, dx);
    if (slip == NO_WAY_AROUND_ATTENTION || slip == NO_WAY_AROUND) {
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

/* The kept tensors are inputs of backward. */
static void expect_kept_unchanged(const Bench *b, const double *before[3]) {
    const Tensor kept[] = {b->a.x1, b->a.z_prime, b->a.x2};
    static const char *const names[] = {"a->x1, which is an input,",
                                        "a->z_prime, which is an input,",
                                        "a->x2, which is an input,"};
    for (int i = 0; i < 3; i++) {
        expect(names[i], tensor_first(kept[i], B), before[i], TOLERANCE);
        mistake_if("a write over what forward kept: backward only reads it, and has "
                   "memory of its own in s",
                   true);
    }
}

static void name_slips(double rate, int part, const double *right) {
    Part parts[PARTS];
    Bench none = slipped_backward(rate, NO_SLIP);
    parts_of(&none, parts);
    const double *got = doubles_of(parts[part].d);
    for (long i = 0; i < tensor_count(parts[part].d); i++) {
        if (!(fabs(got[i] - right[i]) < 1e-5 * fmax(1, fabs(right[i])))) {
            return; /* it isn't this exercise's mistake */
        }
    }
    for (int slip = 0; slip < SLIPS; slip++) {
        Bench wrong = slipped_backward(rate, (Slip)slip);
        parts_of(&wrong, parts);
        mistake(slip_names[slip], doubles_of(parts[part].d));
    }
}

static void backward_case(double rate) {
    Bench b = make_bench(rate);
    Part mine[PARTS];
    case_with(rate);
    encoder_block_forward(&b.block, b.z, &b.a, &b.dropout);
    const double *before[] = {doubles_of(tensor_first(b.a.x1, B)),
                              doubles_of(tensor_first(b.a.z_prime, B)),
                              doubles_of(tensor_first(b.a.x2, B))};
    encoder_block_backward(&b.block, &b.d, b.z, &b.a, &b.dropout, b.dz, &b.s);
    expect_kept_unchanged(&b, before);
    parts_of(&b, mine);
    for (int p = 0; p < PARTS; p++) {
        const long count = tensor_count(mine[p].d);
        double *right = gradient(block_loss, &b, mine[p].x, count);
        double *cleared = doubles(count);
        for (long i = 0; i < count; i++) {
            cleared[i] = right[i];
            right[i] += p > 0; /* weights' gradients begin as ones */
        }
        expect(mine[p].name, mine[p].d, right, GRADIENT_TOLERANCE);
        if (no_name_yet()) {
            mistake(
                "weights' gradients that are cleared or written over: they are added "
                "to (+=)",
                p > 0 ? cleared : right);
            name_slips(rate, p, right);
        }
    }
}

/* A small batch, then a large one, with all memory made before: what was made in the
 * first call, and kept, has no room for the second, and malloc finds out. The results
 * are looked at in the cases after this one. */
static void small_then_large(void) {
    enum { SMALL = 4, LARGE = 40 };
    set_case(SMALL, 3, 0);
    Bench small = make_bench(0.4);
    set_case(LARGE, 3, 0);
    Bench large = make_bench(0.4);
    case_with(0.4);
    Bench *const in_turn[] = {&small, &large};
    for (int i = 0; i < 2; i++) {
        Bench *b = in_turn[i];
        set_case(i == 0 ? SMALL : LARGE, 3, 0);
        encoder_block_forward(&b->block, b->z, &b->a, &b->dropout);
        encoder_block_backward(&b->block, &b->d, b->z, &b->a, &b->dropout, b->dz,
                               &b->s);
    }
    (void)doubles(COUNT);
}

void block_backward_grade(void) {
    needs("4.2");
    needs("4.3");
    needs("4.4");
    small_then_large();
    set_case(2, 3, 0);
    backward_case(0);
    backward_case(0.4);
    set_case(4, 3, 1);
    backward_case(0.4);
    set_case(1, 2, 0);
    backward_case(0.4);
}
