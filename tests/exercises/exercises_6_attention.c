/*
 * exercises_6_attention.c: 6.5, attention in one kernel, graded on cuda_on_cpu. See
 * exercises_6.c.
 */
#include <math.h>
#include <stddef.h>

#include "chapters/06_cuda_training/kernels/gpu_attention.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_6.h"
#include "tests/naive_layers.h"

#define TOLERANCE 1e-5 /* float */

enum { KEYS = 4, MOST_KEYS = 32 }; /* that the kernel takes at once, and may take */

/* What is done wrongly. */
typedef struct {
    bool O_kept, sum_kept; /* not brought to the new maximum */
    bool O_twice, anew, first_tile, whole_fours;
    bool no_sum, no_maximum, scaled_twice, V_of_first, V_of_four, K_of_four, K_for_V;
    bool replaced; /* by these keys' own maximum, though it be smaller */
    int at_once;   /* so many keys share one new maximum; 0: KEYS */
    int beyond;    /* keys up to a multiple of this are there, with zeros; 0: none */
} OnePass;

/* One head's attention, four keys after the other. */
static double *one_pass(int n, int d, const double *qkv, OnePass wrong) {
    const int ld = 3 * d;
    double *O = doubles((long)n * d), s[MOST_KEYS];
    const int step = wrong.at_once > 0 ? wrong.at_once : KEYS;
    for (int i = 0; i < n; i++) {
        const double *q = qkv + (long)i * ld;
        double max = (double)-INFINITY, sum = 0, *o = O + (long)i * d;
        const int end = wrong.beyond
                            ? (n + wrong.beyond - 1) / wrong.beyond * wrong.beyond
                        : wrong.first_tile && n > 32 ? 32
                        : wrong.whole_fours          ? n / KEYS * KEYS
                                                     : n;
        for (int j = 0; j < end; j += step) {
            max = wrong.anew && j % 32 == 0 ? (double)-INFINITY : max;
            double larger = wrong.replaced ? (double)-INFINITY : max;
            for (int k = 0; k < step; k++) {
                const double *key = qkv + (long)(wrong.K_of_four ? j : j + k) * ld + d;
                s[k] = j + k < n     ? dot(d, q, key) / sqrt(d)
                       : j + k < end ? 0
                                     : (double)-INFINITY;
                larger = fmax(larger, s[k]);
            }
            const double shrink = exp(max - larger);
            sum *= wrong.sum_kept ? 1 : shrink;
            for (int c = 0; c < d; c++) {
                o[c] *= wrong.O_kept ? 1 : wrong.O_twice ? shrink * shrink : shrink;
            }
            for (int k = 0; k < step && j + k < end; k++) {
                if (j + k >= n) {
                    sum += exp(-larger);
                    continue;
                }
                const int key = wrong.V_of_first  ? j / 32 * 32 + k
                                : wrong.V_of_four ? j
                                                  : j + k;
                const double *v = qkv + (long)key * ld + (wrong.K_for_V ? d : 2 * d);
                const double p = exp((wrong.scaled_twice ? s[k] / sqrt(d) : s[k]) -
                                     (wrong.no_maximum ? 0 : larger));
                sum += wrong.no_sum ? 0 : p;
                for (int c = 0; c < d; c++) {
                    o[c] += p * v[c];
                }
            }
            max = larger;
        }
        for (int c = 0; c < d; c++) {
            o[c] /= sum;
        }
    }
    return O;
}

/* (n, 2): of each row what backward needs: the largest score, log(sum exp(s - it)) */
static double *log_sums(int n, int d, const double *qkv) {
    double *kept = doubles(2L * n), *s = doubles(n);
    for (int i = 0; i < n; i++) {
        double max = (double)-INFINITY, sum = 0;
        for (int j = 0; j < n; j++) {
            s[j] = dot(d, qkv + 3L * d * i, qkv + 3L * d * j + d) / sqrt(d);
            max = fmax(max, s[j]);
        }
        for (int j = 0; j < n; j++) {
            sum += exp(s[j] - max);
        }
        kept[2 * i] = max;
        kept[2 * i + 1] = log(sum);
    }
    return kept;
}

/* A tile of keys is brought once; each thread loads its part of a key, and of a value,
 * from shared memory once: 16 elements, 8 of a row of 16. Keys are in fours. */
static void expect_keys_once(int n, int d) {
    const int pad = d <= 16 ? 16 : d <= 32 ? 32 : d <= 64 ? 64 : 128;
    const int share = pad > 32 ? pad / 16 : 2, quads = pad / share / 4;
    const int in_warp = 32 / share, warps = (n + in_warp - 1) / in_warp;
    const double parts = 32.0 * warps * ((n + KEYS - 1) / KEYS * KEYS) * quads;
    const CudaOnCpuCounts c = counted();
    const double loads = (double)c.shared_load.accesses;
    expect_true(loads <= 2 * parts,
                "%.0f loads from shared memory; %.0f, a key and a value for each query "
                "once, are needed",
                loads, 2 * parts);
    const double of_all = parts / ((n + KEYS - 1) / KEYS * KEYS) * ((n + 31) / 32 * 32);
    mistake_if("scores of keys that aren't there: the last tile has only `count`",
               fabs(loads - 2 * of_all) < 0.5);
    mistake_if(
        "a second pass over the keys, or a score that is computed twice: a key's score "
        "is wanted once, and kept while its value is added",
        true);
    const double blocks = (n + 128 / share - 1) / (128 / share);
    const double floats = blocks * d * (128.0 / share + 2 * n);
    expect_true((double)c.global_load.bytes <= 4 * floats,
                "%.0f bytes from global memory; %.0f, a block's queries and all keys "
                "and values, are needed",
                (double)c.global_load.bytes, 4 * floats);
    mistake_if("a key or a value from global memory: K and V have the tile", true);
    const double barriers = 2 * ((n + 31) / 32) * blocks;
    expect_true((double)c.barriers <= barriers, "%.0f barriers; %.0f are enough",
                (double)c.barriers, barriers);
    mistake_if("a barrier too many: around this code stand two already, and nothing in "
               "it is written for others",
               true);
    expect_true((double)c.global_store.accesses <= (double)n * d + 2 * n,
                "%.0f stores to global memory; O and lse are %d",
                (double)c.global_store.accesses, n * d + 2 * n);
    mistake_if(
        "a result that is kept in global memory: o is in registers until the end",
        true);
}

/* Is each row's max + log(sum) as wanted? */
static bool same_sums(int n, const double *got, const double *want) {
    for (int i = 0; i < 2 * n; i += 2) {
        if (!(fabs(got[i] + got[i + 1] - want[i] - want[i + 1]) < 1e-3)) {
            return false;
        }
    }
    return true;
}

/* against: by how much queries and keys are moved, in opposite directions: scores are
 * near -against^2 sqrt(d) */
static void attention_case(int n, int d, float against) {
    begin_device();
    Tensor qkv = normal('q', SHAPE(1, n, 3 * d));
    tensor_scale(qkv, 2);
    for (int i = 0; i < n; i++) {
        for (int c = 0; c < 2 * d; c++) {
            tensor_row(qkv, i)[c] += c < d ? against : -against;
        }
    }
    const double *x = doubles_of(input('q', qkv));
    Tensor O = on_device(unset(SHAPE(1, n, d)), 0);
    GpuAttention pass = {ATTENTION_FUSED, .heads = 1, .qkv = on_device(qkv, 0), .O = O};
    gpu_attention_shapes(ATTENTION_FUSED, 1, 1, n, &pass.kept);
    pass.kept.lse = on_device(unset(pass.kept.lse), 0);
    case_is("%d tokens, one head of %d%s", n, d,
            against > 0 ? ", scores far below 0" : "");
    gpu_attention_forward(NULL, &pass);
    const Tensor got = from_device(O);
#define BY(...) one_pass(n, d, x, (OnePass){__VA_ARGS__})
    expect("O", got, BY(.O_kept = false), against > 0 ? 2e-4 : 2e-5);
    for (int i = 0; i < 3 && no_name_yet(); i++) {
        const int keys = (int[]){KEYS, 1, MOST_KEYS}[i];
        mistake("an output that is not brought to the new maximum: O shrinks as the "
                "sum does",
                BY(.O_kept = true, .at_once = keys));
        mistake("a sum that is not brought to the new maximum: it shrinks as O does",
                BY(.sum_kept = true, .at_once = keys));
        mistake("neither output nor sum brought to the new maximum: max - larger is "
                "wanted while max is still the old one",
                BY(.O_kept = true, .sum_kept = true, .at_once = keys));
        mistake(
            "these keys' own maximum, where that of all keys so far is wanted, and "
            "nothing brought to it",
            BY(.O_kept = true, .sum_kept = true, .replaced = true, .at_once = keys));
    }
    mistake("an output that is shrunk twice", BY(.O_twice = true));
    mistake("a max, or a sum and an output, that begin anew in each tile: they go on "
            "from tile to tile",
            BY(.anew = true));
    mistake("the first tile alone: this code runs once for each of them",
            BY(.first_tile = true));
    mistake("whole fours of keys: the last few are missing", BY(.whole_fours = true));
    mistake("the first of four values in place of all four", BY(.V_of_four = true));
    mistake("the first of four keys in place of all four", BY(.K_of_four = true));
    mistake("an output divided by 0: each p is added to sum", BY(.no_sum = true));
    mistake("exp(s[k]), without the maximum: exp(s[k] - max)", BY(.no_maximum = true));
    mistake("scores scaled twice: q was multiplied by f.scale, s[k] is ready",
            BY(.scaled_twice = true));
    mistake("the values of the tile's first four keys: key j + k has row V[j + k]",
            BY(.V_of_first = true));
    mistake("keys in place of values: O is a mean of V's rows", BY(.K_for_V = true));
    mistake(
        "weight for keys behind the last: the tile has zeros there, whose score of 0 "
        "is no key's",
        BY(.beyond = KEYS));
    mistake("weight for all 32 keys of a tile: the last one has `count`",
            BY(.beyond = 32));
    mistake_if(
        "0 / 0, or an exponent that is +infinity: max is the largest score of the "
        "keys that there are, whatever its sign; shrink by exp(max - larger), "
        "then max = larger, then exp(s[k] - max)",
        has_nan(got));
#undef BY
    const double *kept = log_sums(n, d, x);
    const Tensor lse = from_device(pass.kept.lse);
    expect("lse, a row's largest score and the log of its sum,", lse, kept, 2e-5);
    mistake_if("a max that isn't the largest score, though max + log sum is right: a "
               "larger score is the new max, however little larger it is",
               same_sums(n, doubles_of(lse), kept));
    expect_keys_once(n, d);
}

void attention_grade(void) {
    attention_case(7, 8, 0);
    attention_case(50, 16, 0);
    attention_case(66, 24, 0);
    attention_case(33, 64, 0);
    attention_case(38, 16, 8);
}
