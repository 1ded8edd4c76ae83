/* test_random.c: Philox4x32-10 and what is made of it (common/random.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check_helpers.h"
#include "tests/suites.h"

static const Random demo = {.seed = 42, .use = RANDOM_DEMO, .sequence = 7};

/* ---- known answers ------------------------------------------------------- */

typedef struct {
    uint32_t counter[4], key[2], out[4];
} KnownAnswer;

/* The three vectors that the generator's authors publish for ten rounds. */
static const KnownAnswer known_answers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

START_TEST(philox_gives_the_published_answers) {
    for (size_t i = 0; i < 3; i++) {
        const KnownAnswer *known = &known_answers[i];
        uint32_t out[4];
        philox4x32(known->counter, known->key, out);
        for (int w = 0; w < 4; w++) {
            ck_assert_msg(out[w] == known->out[w], "answer %zu word %d: %08x", i, w,
                          out[w]);
        }
    }
}
END_TEST

START_TEST(a_stream_is_the_blocks_of_counters_zero_one_two) {
    const Random random = {
        .seed = 0x0123456789abcdefu, .use = RANDOM_SHUFFLE, .sequence = 5};
    const uint32_t key[2] = {0x89abcdefu, 0x01234567u};
    const uint64_t indices[] = {0, 1, 2, 3, 4, 5, 6, 7, 4000, ((uint64_t)9 << 34) + 6};
    for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
        const uint64_t block = indices[i] / 4;
        const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), 5,
                                     RANDOM_SHUFFLE};
        uint32_t out[4];
        philox4x32(counter, key, out);
        ck_assert_uint_eq(random_bits(random, indices[i]), out[indices[i] % 4]);
    }
}
END_TEST

/* ---- distributions ------------------------------------------------------- */

enum { DRAWS = 200000 };

START_TEST(uniform_numbers_are_in_the_unit_interval_with_its_moments) {
    double sum = 0, squares = 0, lowest = 1, highest = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        double u = random_uniform(demo, i);
        sum += u;
        squares += (u - 0.5) * (u - 0.5);
        lowest = fmin(lowest, u);
        highest = fmax(highest, u);
    }
    /* The means' standard deviations: 0.29 / sqrt(N) = 6.5e-4, 1.7e-4; bounds of 5. */
    ck_assert(fabs(sum / DRAWS - 0.5) < 3.3e-3);
    ck_assert(fabs(squares / DRAWS - 1.0 / 12) < 8.5e-4);
    ck_assert(lowest >= 0 && lowest < 1e-4);
    ck_assert(highest < 1 && highest > 1 - 1e-4);
}
END_TEST

START_TEST(normal_numbers_have_the_moments_of_the_normal_distribution) {
    double sum[5] = {0};
    int beyond_2 = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        double x = random_normal(demo, i);
        for (int power = 1; power <= 4; power++) {
            sum[power] += pow(x, power) / DRAWS;
        }
        beyond_2 += fabs(x) > 2;
    }
    /* Standard deviations of these means: sqrt(1, 2, 15, 96) / sqrt(N); bounds of 5. */
    const double sigma = 1 / sqrt(DRAWS);
    ck_assert(fabs(sum[1]) < 5 * sigma);
    ck_assert(fabs(sum[2] - 1) < 5 * sqrt(2) * sigma);
    ck_assert(fabs(sum[3]) < 5 * sqrt(15) * sigma);
    ck_assert(fabs(sum[4] - 3) < 5 * sqrt(96) * sigma);
    ck_assert(fabs((double)beyond_2 / DRAWS - 0.0455003) < 5 * 0.2084 * sigma);
}
END_TEST

START_TEST(a_normal_number_is_box_and_muller_of_two_neighbouring_bits) {
    for (uint64_t i = 0; i < 100; i++) {
        double u = 1 - random_bits(demo, 2 * i) / 4294967296.0;
        double v = random_bits(demo, 2 * i + 1) / 4294967296.0;
        double want = sqrt(-2 * log(u)) * cos(2 * acos(-1.0) * v);
        assert_number_close(random_normal(demo, i), want, 1e-12, "[normal]");
    }
}
END_TEST

START_TEST(neighbours_in_a_normal_stream_are_not_correlated) {
    for (uint64_t lag = 1; lag <= 4; lag++) {
        double sum = 0;
        for (uint64_t i = 0; i < DRAWS; i++) {
            sum += random_normal(demo, i) * random_normal(demo, i + lag);
        }
        ck_assert(fabs(sum / DRAWS) < 5 / sqrt(DRAWS));
    }
}
END_TEST

START_TEST(random_below_is_uniform_and_below) {
    enum { N = 7 };
    int seen[N + 1] = {0}; /* the last: too large */
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint32_t x = random_below(demo, i, N);
        seen[x < N ? x : N]++;
    }
    double chi_squared = 0;
    for (int x = 0; x < N; x++) {
        chi_squared += pow(seen[x] - (double)DRAWS / N, 2) / ((double)DRAWS / N);
    }
    ck_assert_int_eq(seen[N], 0);
    ck_assert(chi_squared < 28); /* 6 degrees of freedom: 1 in 10 000 by chance */
    ck_assert_uint_eq(random_below(demo, 3, 1), 0);
}
END_TEST

/* ---- streams ------------------------------------------------------------- */

static int compare_words(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* How many of the first 2048 words of the two streams are the same number. */
static int shared_words(Random one, Random other) {
    enum { WORDS = 2048 };
    uint32_t *words = malloc(WORDS * sizeof *words);
    ck_assert_ptr_nonnull(words);
    for (uint64_t i = 0; i < WORDS; i++) {
        words[i] = random_bits(one, i);
    }
    qsort(words, WORDS, sizeof *words, compare_words);
    int shared = 0;
    for (uint64_t i = 0; i < WORDS; i++) {
        uint32_t word = random_bits(other, i);
        shared += bsearch(&word, words, WORDS, sizeof *words, compare_words) != NULL;
    }
    free(words);
    return shared;
}

START_TEST(streams_of_another_seed_use_or_sequence_share_nothing) {
    ck_assert_int_eq(shared_words(demo, demo), 2048);
    Random other = demo;
    other.seed++;
    ck_assert_int_le(shared_words(demo, other), 1); /* by chance: 1 in 1000 */
    other = demo;
    other.seed += (uint64_t)1 << 32;
    ck_assert_int_le(shared_words(demo, other), 1);
    other = demo;
    other.use = RANDOM_DROPOUT;
    ck_assert_int_le(shared_words(demo, other), 1);
    other = demo;
    other.sequence++;
    ck_assert_int_le(shared_words(demo, other), 1);
}
END_TEST

START_TEST(a_fill_depends_on_places_only_so_views_get_the_same_numbers) {
    Tensor T = zero_tensor(SHAPE(3, 4)), view = wide_view(SHAPE(3, 4));
    random_fill_normal(demo, T, 1.0);
    random_fill_normal(demo, view, 1.0);
    assert_same_bits(copy_of(view), T);
    random_fill_uniform(demo, view, 1.0);
    random_fill_uniform(demo, T, 1.0);
    assert_same_bits(copy_of(view), T);
    ck_assert(canaries_live(view));
}
END_TEST

START_TEST(fills_have_the_width_asked_for) {
    Tensor T = zero_tensor(SHAPE(100, 100));
    random_fill_normal(demo, T, 0.02);
    double squares = weighted_sum(T, T);
    ck_assert(fabs(sqrt(squares / 10000) - 0.02) < 0.02 * 5 / sqrt(20000));
    random_fill_uniform(demo, T, 0.5);
    real lowest = 1, highest = -1;
    for (int i = 0; i < 10000; i++) {
        lowest = T.data[i] < lowest ? T.data[i] : lowest;
        highest = T.data[i] > highest ? T.data[i] : highest;
    }
    ck_assert((double)lowest >= -0.5 && (double)lowest < -0.499);
    ck_assert((double)highest <= 0.5 && (double)highest > 0.499);
}
END_TEST

/* ---- permutations -------------------------------------------------------- */

START_TEST(a_permutation_has_every_number_once) {
    const int sizes[] = {0, 1, 2, 3, 10, 1000};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const int n = sizes[s];
        int order[1001];
        bool seen[1000] = {false};
        order[n] = -77;
        random_permutation(demo, order, n);
        ck_assert_int_eq(order[n], -77);
        for (int i = 0; i < n; i++) {
            ck_assert(order[i] >= 0 && order[i] < n && !seen[order[i]]);
            seen[order[i]] = true;
        }
    }
}
END_TEST

START_TEST(the_same_stream_gives_the_same_permutation_another_gives_another) {
    int first[100], again[100], other[100];
    Random next_epoch = demo;
    next_epoch.sequence++;
    random_permutation(demo, first, 100);
    random_permutation(demo, again, 100);
    random_permutation(next_epoch, other, 100);
    ck_assert_mem_eq(first, again, sizeof first);
    ck_assert_mem_ne(first, other, sizeof first);
}
END_TEST

START_TEST(all_six_orders_of_three_are_equally_frequent) {
    enum { TIMES = 12000 };
    int seen[6] = {0};
    Random random = demo;
    for (uint32_t t = 0; t < TIMES; t++) {
        int order[3];
        random.sequence = t;
        random_permutation(random, order, 3);
        seen[order[0] * 2 + (order[1] > order[2])]++;
    }
    double chi_squared = 0;
    for (int i = 0; i < 6; i++) {
        chi_squared += pow(seen[i] - TIMES / 6.0, 2) / (TIMES / 6.0);
    }
    ck_assert(chi_squared < 26); /* 5 degrees of freedom: 1 in 10 000 by chance */
}
END_TEST

Suite *random_suite(void) {
    Suite *suite = suite_create("random");
    TCase *answers = add_case(suite, "known answers");
    tcase_add_test(answers, philox_gives_the_published_answers);
    tcase_add_test(answers, a_stream_is_the_blocks_of_counters_zero_one_two);
    TCase *distributions = add_case(suite, "distributions");
    tcase_add_test(distributions,
                   uniform_numbers_are_in_the_unit_interval_with_its_moments);
    tcase_add_test(distributions,
                   normal_numbers_have_the_moments_of_the_normal_distribution);
    tcase_add_test(distributions,
                   a_normal_number_is_box_and_muller_of_two_neighbouring_bits);
    tcase_add_test(distributions, neighbours_in_a_normal_stream_are_not_correlated);
    tcase_add_test(distributions, random_below_is_uniform_and_below);
    TCase *streams = add_case(suite, "streams");
    tcase_add_test(streams, streams_of_another_seed_use_or_sequence_share_nothing);
    tcase_add_test(streams,
                   a_fill_depends_on_places_only_so_views_get_the_same_numbers);
    tcase_add_test(streams, fills_have_the_width_asked_for);
    TCase *permutations = add_case(suite, "permutations");
    tcase_add_test(permutations, a_permutation_has_every_number_once);
    tcase_add_test(permutations,
                   the_same_stream_gives_the_same_permutation_another_gives_another);
    tcase_add_test(permutations, all_six_orders_of_three_are_equally_frequent);
    return suite;
}
