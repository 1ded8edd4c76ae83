/* exercises_3.c: multi-head attention and positions, graded. See exercise.h. */
#include <math.h>
#include <stddef.h>

#include "common/arena.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_3.h"
#include "chapters/03_multi_head_attention/multi_head_attention.h"
#include "tests/naive_layers.h"
#include "common/parameters.h"

const int chapter_number = 3;
const char chapter_title[] = "multi-head attention and positions";

#define TOLERANCE 1e-11
#define GRADIENT_TOLERANCE 1e-7 /* of differences */

/* ---- 3.1 ------------------------------------------------------------------------- */

static void predict(void) {
    hint("How many elements do you step over to reach the right row, and then within "
         "it?");
    ask('a',
        "qkv is (B, n, 3D) with B = 2, n = 3, D = 8, and h = 2 heads. How many "
        "elements after the first element of qkv is the first element of the key of "
        "the second head, of the third token, of the second image?",
        132, 1e-9);
    mistake_number("the key of head 1", 128);
    mistake_number("the query of head 2: keys come after all queries", 124);
    mistake_number("the value of head 2: keys come before it", 140);
    mistake_number("token 2 of image 0: a whole image comes before", 60);
    mistake_number("a row as wide as D: a row of qkv holds q, k and v", 52);
    mistake_number("counted from 1", 133);
    hint("A bias can only matter where it changes what the softmax sees.");
    ask('b',
        "D = 768. How many of the 4 D^2 + 4 D parameters could have any value at all "
        "without changing Y, whatever the input is?",
        768, 1e-9);
    mistake_number("none: but one of the four biases adds the same to all scores of a "
                   "query",
                   0);
    mistake_number("all of b_qkv", 3 * 768.0);
    mistake_number("the biases of queries and keys: of these only one adds the same to "
                   "every score of a query",
                   2 * 768.0);
    hint("Two products have the same result for every pair of words: solve for the "
         "left one.");
    ask('c',
        "Head 1 delivers 1/4 left + 3/4 right, head 2 delivers 3/4 left + 1/4 right. "
        "W^O makes left = x head_1 + y head_2. What is y?",
        1.5, 1e-3);
    mistake_number("x, the share of head 1", -0.5);
    mistake_number("what undoes 3/4 alone: the right word must vanish too", 4.0 / 3);
    hint("What is the error when the answer to both questions is the average?");
    ask('d',
        "A head weighs both neighbours by 1/2, always, and answers both questions with "
        "what it gets. The words' numbers are independent, with mean 0 and variance 1. "
        "What is its loss, the mean squared error?",
        0.5, 1e-3);
    mistake_number("what it costs to answer 0 to everything", 1);
    mistake_number("a quarter of one word's variance, and the error is made of two",
                   0.25);
}

/* ---- a layer, and the same in double --------------------------------------------- */

typedef struct {
    int B, n, D, heads;
    MultiHeadAttention layer, d;
    MultiHeadAttentionActivations a;
    MultiHeadAttentionScratch s;
    Tensor z, Y, dY, dz;
    NaiveMultiHeadAttention naive;
    double *z_naive, *C;      /* C (B, n, D): dY */
    double *qkv, *A, *concat; /* what forward should make */
} Bench;

/* For a larger batch than the one that comes, as the last of an epoch is. */
static void lay_out(Bench *b, Arena *arena) {
    multi_head_attention_activations(&b->a, arena, b->B + 1, b->n, b->D, b->heads);
    multi_head_attention_scratch(&b->s, arena, b->B + 1, b->n, b->D);
}

static Bench make_bench(int B, int n, int D, int heads) {
    Bench b = {.B = B, .n = n, .D = D, .heads = heads};
    const int count = 4 * D * D + 4 * D;
    Tensor weights = normal('W', SHAPE(count)), gradients = zeros(SHAPE(count));
    tensor_scale(weights, (real)0.5);
    input('W', weights);
    tensor_fill(gradients, 1);
    ParameterBlock in = {.data = weights.data}, out = {.data = gradients.data};
    multi_head_attention_parameters(&b.layer, &in, D, heads, "");
    multi_head_attention_parameters(&b.d, &out, D, heads, "");
    Arena plan = {0};
    lay_out(&b, &plan);
    Arena arena = {.block = unset(SHAPE((int)plan.used)).data, .capacity = plan.used};
    lay_out(&b, &arena);
    b.z = normal('z', SHAPE(B, n, D));
    b.dY = named("dY", normal('C', b.z));
    b.Y = unset(b.dY);
    b.dz = unset(b.z);
    b.naive = (NaiveMultiHeadAttention){.D = D,
                                        .heads = heads,
                                        .W_qkv = doubles_of(b.layer.W_qkv),
                                        .b_qkv = doubles_of(b.layer.b_qkv),
                                        .W_O = doubles_of(b.layer.W_O),
                                        .b_O = doubles_of(b.layer.b_O)};
    b.z_naive = doubles_of(b.z);
    b.C = doubles_of(b.dY);
    b.qkv = doubles((long)B * n * 3 * D);
    naive_linear(B * n, D, 3 * D, b.z_naive, b.naive.W_qkv, b.naive.b_qkv, b.qkv);
    case_is("%d image%s, %d tokens, D = %d, %d head%s", B, B > 1 ? "s" : "", n, D,
            heads, heads > 1 ? "s" : "");
    return b;
}

static double *naive_forward(const Bench *b) {
    double *Y = doubles((long)b->B * b->n * b->D);
    naive_multi_head_attention(&b->naive, b->B, b->n, b->z_naive, NULL, Y);
    return Y;
}

/* ---- the heads, rightly and wrongly ---------------------------------------------- */

enum { Q, K, V };

/* Where head i finds its Q, K and V in qkv, and where its result goes. */
typedef struct {
    int part[3];       /* the third of qkv that each is taken from */
    bool alike[3];     /* every head takes the first one's */
    bool heads_first;  /* columns ordered by heads, then by q, k, v */
    bool one_apart;    /* head i begins at column i */
    bool first_image;  /* of every image the first one's */
    bool reversed;     /* concat: in reverse order */
    bool to_one_apart; /* concat: head i's result goes to column i */
} Places;
static const Places right_places = {.part = {Q, K, V}};

static int column_of(const Bench *b, const Places *places, int which, int i) {
    const int d_k = b->D / b->heads, part = places->part[which];
    const int head = places->alike[which] ? 0 : i;
    return places->heads_first ? (3 * head + part) * d_k
                               : part * b->D + head * (places->one_apart ? 1 : d_k);
}

/* Columns from .. from + count - 1 of image `image` of T (B, n, cols) */
static double *columns(const Bench *b, const double *T, int image, int cols, int from,
                       int count) {
    double *part = doubles((long)b->n * count);
    for (int t = 0; t < b->n; t++) {
        for (int c = 0; c < count; c++) {
            part[t * count + c] = T[(image * b->n + t) * cols + from + c];
        }
    }
    return part;
}

static void put_columns(const Bench *b, const double *part, double *T, int image,
                        int cols, int from, int count) {
    for (int t = 0; t < b->n; t++) {
        for (int c = 0; c < count; c++) {
            T[(image * b->n + t) * cols + from + c] = part[t * count + c];
        }
    }
}

/* concat (B, n, D) by such places, and A (B, h, n, n) unless NULL */
static double *heads_by(const Bench *b, Places places, double *A) {
    const int n = b->n, D = b->D, h = b->heads, d_k = D / h;
    double *concat = doubles((long)b->B * n * D), *weights = doubles((long)n * n),
           *O = doubles((long)n * d_k), *of[3];
    for (long i = 0; places.to_one_apart && i < (long)b->B * n * D; i++) {
        concat[i] = (double)NAN; /* the last columns stay so */
    }
    for (int image = 0; image < b->B; image++) {
        for (int i = 0; i < h; i++) {
            for (int which = Q; which <= V; which++) {
                of[which] = columns(b, b->qkv, places.first_image ? 0 : image, 3 * D,
                                    column_of(b, &places, which, i), d_k);
            }
            naive_attention(n, n, d_k, d_k, of[Q], of[K], of[V], NULL,
                            A ? A + (image * h + i) * n * n : weights, O);
            put_columns(b, O, concat, image, D,
                        (places.reversed ? h - 1 - i : i) *
                            (places.to_one_apart ? 1 : d_k),
                        d_k);
        }
    }
    return concat;
}

/* ---- 3.2 ------------------------------------------------------------------------- */

/* All other choices of the thirds that Q, K and V are taken from. */
static void mistakes_of_parts(const Bench *b) {
    Places places = right_places;
    places.part[K] = V;
    places.part[V] = K;
    mistake("MSA with keys and values exchanged: q, k, v is the order of the columns",
            heads_by(b, places, NULL));
    for (int choice = 0; choice < 27; choice++) {
        places.part[Q] = choice / 9;
        places.part[K] = choice / 3 % 3;
        places.part[V] = choice % 3;
        if (choice != Q * 9 + K * 3 + V) {
            mistake(
                "a head with its Q, K and V of the wrong thirds of qkv: q begins at "
                "column 0, k at D, v at 2 D",
                heads_by(b, places, NULL));
        }
    }
}

static void mistakes_of_heads(const Bench *b) {
    for (int alike = 1; alike < 8; alike++) {
        Places places = right_places;
        for (int which = Q; which <= V; which++) {
            places.alike[which] = alike >> which & 1;
        }
        mistake("the first head's columns for every head: in each third, head i begins "
                "at column i d_k",
                heads_by(b, places, NULL));
    }
    Places places = right_places;
    places.heads_first = true;
    mistake("a split by heads first, then q, k, v: a third of qkv holds all heads of q",
            heads_by(b, places, NULL));
    places = right_places;
    places.one_apart = true;
    mistake("heads that begin one column apart: they begin at i d_k",
            heads_by(b, places, NULL));
    places = right_places;
    places.to_one_apart = true;
    mistake("results that begin one column apart: head i's begins at column i d_v of "
            "concat",
            heads_by(b, places, NULL));
    places = right_places;
    places.first_image = true;
    mistake("the first image's q, k and v for every image: slice b of qkv is wanted",
            heads_by(b, places, NULL));
    places = right_places;
    places.reversed = true;
    mistake("MSA with its heads' results in reverse order", heads_by(b, places, NULL));
    Bench one = *b;
    one.heads = 1;
    mistake("one head of width D: each head has its own D / h columns",
            heads_by(&one, right_places, NULL));
}

static void mistakes_of_output(const Bench *b) {
    const int D = b->D, rows = b->B * b->n;
    double *none = doubles(D), *by_rows = doubles((long)D * D),
           *Y = doubles((long)rows * D), *Y_turned = doubles((long)rows * D);
    for (int i = 0; i < D * D; i++) {
        by_rows[i] = b->naive.W_O[i % D * D + i / D];
    }
    mistake("the concatenated heads without the output projection W_O", b->concat);
    naive_linear(rows, D, D, b->concat, b->naive.W_O, none, Y);
    mistake("a result without the bias b_O", Y);
    naive_linear(rows, D, D, b->concat, by_rows, b->naive.b_O, Y_turned);
    mistake("a product with W_O: it is stored (out, in), and concat W_O^T is wanted",
            Y_turned);
}

/* Does the first wrong slice of a->A hold another one's weights? */
static bool of_another_head(const Bench *b) {
    const int slices = b->B * b->heads, size = b->n * b->n;
    const double *got = doubles_of(tensor_first(b->a.A, b->B));
    for (int s = 0; s < slices; s++) {
        for (int other = 0; other < slices; other++) {
            bool same = true;
            for (int k = 0; k < size && same; k++) {
                same = fabs(got[s * size + k] - b->A[other * size + k]) < 1e-9;
            }
            if (same) {
                if (other != s) {
                    return true;
                }
                break;
            }
        }
    }
    return false;
}

/* concat by heads that see only their own D / h columns of z, or by queries that are
 * scaled once more. */
static double *heads_of_part(const Bench *b) {
    const int D = b->D, d_k = D / b->heads, rows = b->B * b->n;
    NaiveMultiHeadAttention part = b->naive;
    part.W_qkv = doubles(3L * D * D);
    for (int i = 0; i < 3 * D * D; i++) {
        const int head = i / D % D / d_k;
        part.W_qkv[i] = i % D / d_k == head ? b->naive.W_qkv[i] : 0;
    }
    Bench other = *b;
    other.qkv = doubles((long)rows * 3 * D);
    naive_linear(rows, D, 3 * D, b->z_naive, part.W_qkv, part.b_qkv, other.qkv);
    return heads_by(&other, right_places, NULL);
}

static double *heads_scaled(const Bench *b, double factor) {
    Bench other = *b;
    other.qkv = doubles((long)b->B * b->n * 3 * b->D);
    for (int i = 0; i < b->B * b->n * 3 * b->D; i++) {
        other.qkv[i] = b->qkv[i] * (i % (3 * b->D) < b->D ? factor : 1);
    }
    return heads_by(&other, right_places, NULL);
}

static void forward_case(int B, int n, int D, int heads) {
    Bench b = make_bench(B, n, D, heads);
    b.A = doubles((long)B * heads * n * n);
    b.concat = heads_by(&b, right_places, b.A);
    multi_head_attention_forward(&b.layer, b.z, &b.a, b.Y);
    expect("a->concat", tensor_first(b.a.concat, b.B), b.concat, TOLERANCE);
    mistakes_of_parts(&b);
    mistakes_of_heads(&b);
    const double scale = 1 / sqrt((double)D / heads);
    mistake("queries that are scaled here too: attention_forward does it",
            heads_scaled(&b, scale));
    mistake(
        "scores without 1/sqrt(d_k), or with it undone: attention_forward scales them",
        heads_scaled(&b, 1 / scale));
    mistake("heads that see only their part of each token: a head's rows of W_qkv read "
            "the whole token",
            heads_of_part(&b));
    mistake_unwritten();
    expect("a->A", tensor_first(b.a.A, b.B), b.A, TOLERANCE);
    mistake_if("an A that is another head's or another image's: slice i of slice b is "
               "head i's of image b, and backward needs them all",
               of_another_head(&b));
    mistake_unwritten();
    expect("a->qkv", tensor_first(b.a.qkv, b.B), b.qkv, TOLERANCE);
    mistake_if("a write over qkv, which backward needs: a head's result goes to its "
               "columns of concat",
               true);
    expect("Y", b.Y, naive_forward(&b), TOLERANCE);
    mistakes_of_output(&b);
    mistake_unwritten();
}

static void forward(void) {
    forward_case(2, 5, 6, 2);
    forward_case(1, 4, 12, 3);
    forward_case(3, 3, 4, 1);
    forward_case(2, 11, 20, 5);
}

/* ---- 3.3 ------------------------------------------------------------------------- */

static double loss(void *bench) {
    const Bench *b = bench;
    return dot((long)b->B * b->n * b->D, b->C, naive_forward(b));
}

/* C (m, n) += A (rows, m)^T B (rows, n) */
static double *add_product(double *C, int rows, int m, int n, const double *A,
                           const double *B) {
    for (int r = 0; r < rows; r++) {
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                C[i * n + j] += A[r * m + i] * B[r * n + j];
            }
        }
    }
    return C;
}

static double *ones(long count) {
    double *all = doubles(count);
    for (long i = 0; i < count; i++) {
        all[i] = 1;
    }
    return all;
}

/* by[Q], by[K], by[V] (n, d) = the gradients of one head */
static void head_gradients(int n, int d, double *const of[3], const double *A,
                           const double *dO, double *by[3]) {
    double *scaled = doubles((long)n * n), *turned = doubles((long)n * n);
    for (int i = 0; i < n; i++) {
        double dA[64] = {0}, sum = 0;
        for (int j = 0; j < n; j++) {
            dA[j] = dot(d, dO + i * d, of[V] + j * d);
            sum += A[i * n + j] * dA[j];
        }
        for (int j = 0; j < n; j++) {
            scaled[i * n + j] = A[i * n + j] * (dA[j] - sum) / sqrt(d);
            turned[j * n + i] = scaled[i * n + j];
        }
    }
    by[Q] = add_product(doubles((long)n * d), n, n, d, turned, of[K]);
    by[K] = add_product(doubles((long)n * d), n, n, d, scaled, of[Q]);
    by[V] = add_product(doubles((long)n * d), n, n, d, A, dO);
}

/* What a wrong loop over the heads takes: bit 0: q, k, v; 1: A; 2: dO. */
typedef struct {
    int of_first_head, of_first_image; /* bits: which are the first's for all */
    int to[3];                         /* the third that each gradient goes to */
    const double *dO;                  /* (B, n, D) */
} Slips;

/* dqkv (B, n, 3D) by such a loop */
static double *qkv_gradient(const Bench *b, Slips slips) {
    const int n = b->n, D = b->D, h = b->heads, d_k = D / h;
    double *dqkv = doubles((long)b->B * n * 3 * D);
    for (int k = 0; k < b->B * h; k++) {
        int image[3], head[3];
        for (int bit = 0; bit < 3; bit++) {
            image[bit] = slips.of_first_image >> bit & 1 ? 0 : k / h;
            head[bit] = slips.of_first_head >> bit & 1 ? 0 : k % h;
        }
        double *of[3], *by[3];
        for (int which = Q; which <= V; which++) {
            of[which] =
                columns(b, b->qkv, image[0], 3 * D, which * D + head[0] * d_k, d_k);
        }
        head_gradients(n, d_k, of, b->A + (image[1] * h + head[1]) * n * n,
                       columns(b, slips.dO, image[2], D, head[2] * d_k, d_k), by);
        for (int which = Q; which <= V; which++) {
            put_columns(b, by[which], dqkv, k / h, 3 * D,
                        slips.to[which] * D + k % h * d_k, d_k);
        }
    }
    return dqkv;
}

/* dW_qkv, added to ones, by such a loop */
static double *weight_gradient(const Bench *b, Slips slips) {
    const double *dqkv = qkv_gradient(b, slips);
    return add_product(ones(3L * b->D * b->D), b->B * b->n, 3 * b->D, b->D, dqkv,
                       b->z_naive);
}

static void mistakes_of_loop(const Bench *b, const double *dconcat) {
    const Slips right = {.to = {Q, K, V}, .dO = dconcat};
    const int D = b->D, rows = b->B * b->n;
    const double *dqkv = qkv_gradient(b, right);
    mistake("a gradient written over: it is added (+=)",
            add_product(doubles(3L * D * D), rows, 3 * D, D, dqkv, b->z_naive));
    mistake("dqkv^T concat: W_qkv was applied to z",
            add_product(ones(3L * D * D), rows, 3 * D, D, dqkv, b->concat));
    for (int order = 1; order < 6; order++) {
        static const int orders[6][3] = {{Q, K, V}, {Q, V, K}, {K, Q, V},
                                         {K, V, Q}, {V, Q, K}, {V, K, Q}};
        Slips slips = right;
        for (int which = Q; which <= V; which++) {
            slips.to[which] = orders[order][which];
        }
        mistake(order == 1 ? "dK and dV in each other's columns of dqkv"
                           : "dQ, dK and dV in each other's columns of dqkv",
                weight_gradient(b, slips));
    }
    for (int bits = 1; bits < 8; bits++) {
        Slips head = right, image = right;
        head.of_first_head = image.of_first_image = bits;
        mistake("the first head's q, k, v, A or dconcat for every head: all are head "
                "i's",
                weight_gradient(b, head));
        mistake("the first image's q, k, v, A or dconcat for every image: all are "
                "slice b",
                weight_gradient(b, image));
    }
    Slips slips = right;
    slips.dO = b->concat;
    mistake("concat, the result, where its gradient is wanted: dO is columns of "
            "dconcat",
            weight_gradient(b, slips));
    slips.dO = b->C;
    mistake("dY where dconcat is wanted: W_O lies between, and linear_backward makes "
            "dconcat",
            weight_gradient(b, slips));
}

/* dL/dx as it is added to ones */
static double *added(Bench *b, double *x, long count) {
    double *g = gradient(loss, b, x, count);
    for (long i = 0; i < count; i++) {
        g[i] += 1;
    }
    return g;
}

static void mistake_nothing_added(const double *got_is_ones) {
    mistake("ones, as it stood there: nothing was added to d", got_is_ones);
}

/* What forward kept is an input of backward. */
static void expect_kept(const Bench *b) {
    static const char over[] =
        "a write over what forward kept: backward only reads it, "
        "and has memory of its own in s";
    expect("a->qkv, which is an input,", tensor_first(b->a.qkv, b->B), b->qkv,
           TOLERANCE);
    mistake_if(over, true);
    expect("a->A, which is an input,", tensor_first(b->a.A, b->B), b->A, TOLERANCE);
    mistake_if(over, true);
    expect("a->concat, which is an input,", tensor_first(b->a.concat, b->B), b->concat,
           TOLERANCE);
    mistake_if(over, true);
}

/* in_place: dz is dY, and apart all was right. */
static void mistake_in_place(bool in_place) {
    mistake_if(
        "a dY that was written over before it was read for the last time: dz may be "
        "dY",
        in_place);
}

static void expect_gradients(Bench *b, const double *dconcat, bool in_place) {
    const int D = b->D, rows = b->B * b->n;
    const long DD = (long)D * D;
    expect_kept(b);
    expect("d->W_O", b->d.W_O, added(b, b->naive.W_O, DD), GRADIENT_TOLERANCE);
    mistake_in_place(in_place);
    mistake_nothing_added(ones(DD));
    mistake("a gradient written over: it is added (+=)",
            add_product(doubles(DD), rows, D, D, b->C, b->concat));
    mistake("concat^T dY: W_O is stored (out, in), so dW_O is dY^T concat",
            add_product(ones(DD), rows, D, D, b->concat, b->C));
    mistake("dY^T z: W_O was applied to concat",
            add_product(ones(DD), rows, D, D, b->C, b->z_naive));
    expect("d->b_O", b->d.b_O, added(b, b->naive.b_O, D), GRADIENT_TOLERANCE);
    mistake_in_place(in_place);
    mistake_nothing_added(ones(D));
    const double *one = ones(rows),
                 *dqkv = qkv_gradient(b, (Slips){.to = {Q, K, V}, .dO = dconcat});
    mistake("a gradient written over: it is added (+=)",
            add_product(doubles(D), rows, 1, D, one, b->C));
    expect("d->W_qkv", b->d.W_qkv, added(b, b->naive.W_qkv, 3 * DD),
           GRADIENT_TOLERANCE);
    mistake_in_place(in_place);
    mistakes_of_loop(b, dconcat);
    mistake_unwritten();
    expect("d->b_qkv", b->d.b_qkv, added(b, b->naive.b_qkv, 3 * D), GRADIENT_TOLERANCE);
    mistake("a gradient written over: it is added (+=)",
            add_product(doubles(3L * D), rows, 1, 3 * D, one, dqkv));
    mistake_nothing_added(ones(3L * D));
    expect("dz", b->dz, gradient(loss, b, b->z_naive, (long)rows * D),
           GRADIENT_TOLERANCE);
    mistake_in_place(in_place);
    for (int which = Q; which <= V; which++) {
        double *share = doubles((long)rows * D);
        for (int i = 0; i < rows * D; i++) {
            for (int o = 0; o < D; o++) {
                share[i] += dqkv[(i / D * 3 + which) * D + o] *
                            b->naive.W_qkv[(which * D + o) * D + i % D];
            }
        }
        mistake("the share of q, of k or of v alone: dz is the sum of the three",
                share);
    }
    mistake_unwritten();
}

static void backward_case(int B, int n, int D, int heads, bool in_place) {
    Bench b = make_bench(B, n, D, heads);
    if (in_place) {
        case_is("%d images, %d tokens, D = %d, %d heads, dz is dY", B, n, D, heads);
        b.dz = writable(b.dY);
    }
    b.A = doubles((long)B * heads * n * n);
    b.concat = heads_by(&b, right_places, b.A);
    double *dconcat = doubles((long)B * n * D);
    for (int r = 0; r < B * n; r++) { /* dconcat = dY W_O */
        add_product(dconcat + r * D, D, 1, D, b.C + r * D, b.naive.W_O);
    }
    multi_head_attention_forward(&b.layer, b.z, &b.a, b.Y);
    multi_head_attention_backward(&b.layer, &b.d, b.z, &b.a, b.dY, b.dz, &b.s);
    expect_gradients(&b, dconcat, in_place);
}

/* D so large that no product has all of dY in its registers before it writes. */
static void wide_in_place(void) {
    Bench b = make_bench(1, 2, 260, 2);
    multi_head_attention_forward(&b.layer, b.z, &b.a, b.Y);
    multi_head_attention_backward(&b.layer, &b.d, b.z, &b.a, b.dY, b.dz, &b.s);
    const double *apart = doubles_of(b.dz);
    case_is("1 image, 2 tokens, D = 260, 2 heads, dz is dY");
    writable(b.dY);
    multi_head_attention_backward(&b.layer, &b.d, b.z, &b.a, b.dY, b.dY, &b.s);
    expect("dz", b.dY, apart, TOLERANCE);
    mistake_in_place(true);
}

static void backward(void) {
    needs("3.2");
    backward_case(2, 4, 6, 2, false);
    backward_case(2, 4, 6, 2, true);
    backward_case(1, 3, 6, 3, false);
    wide_in_place();
}

/* ---- 3.6 ------------------------------------------------------------------------- */

static void derive(void) {
    const double pi = 3.14159265358979323846;
    hint("After how many positions has the hand turned once around?");
    ask('a', "The wavelength of pair i = 0, in positions, to 3 digits.", 2 * pi, 2e-3);
    mistake_number("half a wave", pi);
    mistake_number("how many waves a position: the wavelength is its inverse",
                   0.5 / pi);
    ask('b', "D = 64: the wavelength of the last pair, i = 31, to 3 digits.",
        2 * pi * pow(10000, 62.0 / 64), 3e-3);
    mistake_number("2 pi times 10000, which no pair reaches: i ends at D/2 - 1",
                   2 * pi * 10000);
    mistake_number("the exponent i / D: pair i has 2i / D",
                   2 * pi * pow(10000, 31.0 / 64));
    hint("By how much does the angle of this pair grow at each step?");
    ask('c',
        "D = 64. From PE(pos) to PE(pos + 100): by how many radians is pair i = 8 "
        "turned?",
        10, 1e-3);
    mistake_number("the exponent i / D: pair i has 2i / D",
                   100 * pow(10000, -8.0 / 64));
    mistake_number("the angle in degrees", 10 * 180 / pi);
    mistake_number("a turn back: the angle grows", -10);
    mistake_number("one step: it is a hundred", 0.1);
    hint("Is P (z + E) = P z + E for this E?");
    ask_which(
        'd',
        "E_pos is learned, but all its rows are still equal. Two tokens of the input "
        "exchange places, then E_pos is added. Which is true of Y? a: nothing changes. "
        "b: the same two rows of Y exchange places. c: all rows change.",
        "b");
    ask_in_words('e',
                 "One head of width 16 has room for two words of 8 numbers. Why can't "
                 "it deliver its left neighbour's word in the first 8 columns and the "
                 "right one's in the last 8?");
}

const Exercise exercises[] = {
    {"3.1", "Answers: memory, biases, averages", "Predict from shapes.",
     "Draw one row of qkv, and write down one average.",
     "the lesson, \"One question is not enough\" and \"A head is a view\"", predict},
    {"3.2", "multi_head_attention_forward",
     "multi_head_attention.c: Y = MSA(z), and what backward needs is kept in a.",
     "Which image, which head and which of q, k, v does the first wrong element belong "
     "to?",
     "the lesson, \"A head is a view\"; notes/03, 1", forward},
    {"3.3", "multi_head_attention_backward",
     "multi_head_attention.c: from dY to dz and the gradients of the weights.",
     "Which line of forward made this tensor, and where is its result used?",
     "the lesson, \"The way back\"; notes/03, 3", backward},
    {"3.4", "angle_step, sinusoid_positions, sinusoid_shift",
     "positions.c: PE(pos, 2i) = sin(pos / 10000^(2i/D)), PE(pos, 2i+1) = cos(...); "
     "and "
     "the same rows, k positions further on.",
     "Which hand is this column, and is it a sine or a cosine?",
     "the lesson, \"Waves, or the hands of a clock\" [AIAYN 3.5]", sinusoids},
    {"3.5", "positions_add, forward and backward",
     "positions.c: z becomes z + E_pos, the same E_pos for every image. What is the "
     "gradient of E_pos?",
     "How does L change if one element of E_pos grows a little?", "notes/03, 6",
     positions_grade},
    {"3.6", "Answers: waves, order, and one head", "Derive from [AIAYN 3.5].",
     "How far does a hand turn at each position?",
     "the lesson's last sections; notes/03, 4 and 5 [AIAYN 3.5]", derive},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
