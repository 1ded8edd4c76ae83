/*
 * test_gpu_matmul.c: gpu_matmul.h against products in double: all rungs of
 * the ladder, three layouts, at sizes around the tiles' edges.
 */
#include <stdio.h>

#include "tests/cuda/cuda_suites.h"
#include "tests/cuda/device_helpers.h"
#include "chapters/06_cuda_training/kernels/gpu_matmul.h"
#include "chapters/06_cuda_training/kernels/gpu_matmul_parts.h"
#include "tests/cuda/in_double.h"

/* Up to 300 products of N(0, 1), summed in float: each sum's rounding is 6e-8 of what
 * it has reached. TF32 rounds each factor to 5e-4. */
static const double tolerance = 4e-6, tolerance_tf32 = 3e-3;

static double tolerance_of(MatmulVersion version) {
    return version == MATMUL_CUBLAS_TF32 ? tolerance_tf32 : tolerance;
}

/* ---- one product: its factors, what C held before, and what it should hold ------- */

typedef struct {
    MatmulLayout layout;
    int m, n, k;
    Tensor A, B, before, bias;
    double *product;
} Case;

static Case make_case(MatmulLayout layout, int m, int n, int k) {
    Case c = {.layout = layout, .m = m, .n = n, .k = k};
    c.A = random_tensor('A', layout == MATMUL_TN ? SHAPE(k, m) : SHAPE(m, k));
    c.B = random_tensor('B', layout == MATMUL_NT ? SHAPE(n, k) : SHAPE(k, n));
    c.before = random_tensor('C', SHAPE(m, n));
    c.bias = random_tensor('b', SHAPE(n));
    c.product = test_doubles((long)m * n);
    naive_product(layout, (const int[]){m, n, k}, doubles_of(c.A), doubles_of(c.B),
                  c.product);
    return c;
}

static double *wanted(const Case *c, bool accumulate, bool bias) {
    double *want = test_doubles((long)c->m * c->n);
    for (long i = 0; i < (long)c->m * c->n; i++) {
        want[i] = c->product[i];
        want[i] += accumulate ? (double)c->before.data[i] : 0.0;
        want[i] += bias ? (double)c->bias.data[i % c->n] : 0.0;
    }
    return want;
}

static const char *tag_of(const Case *c, const char *of) {
    static const char *const layouts[MATMUL_LAYOUTS] = {"NT", "NN", "TN"};
    static char tag[100];
    snprintf(tag, sizeof tag, "%s, %s, m %d, n %d, k %d", of, layouts[c->layout], c->m,
             c->n, c->k);
    return tag;
}

/* How a tensor is stored on the device. */
typedef enum {
    TIGHT,
    PADDED, /* rows rounded up to 16 bytes, CANARY after each */
    ODD,    /* the same, but the first element is at no multiple of 16 bytes */
    PLACES
} Place;

/* Nothing follows the last row, so that AddressSanitizer sees who reads on. */
static Tensor placed(Place place, Tensor T) {
    if (place == TIGHT) {
        return on_device(T);
    }
    const int rows = tensor_rows(T), cols = tensor_cols(T), first = place == ODD;
    const int ld = cols / 4 * 4 + 4;
    Tensor all = zero_tensor(SHAPE(first + (rows - 1) * ld + cols));
    tensor_fill(all, CANARY);
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            all.data[first + i * ld + j] = tensor_row(T, i)[j];
        }
    }
    Tensor on = tensor2(on_device(all).data + first, rows, cols);
    on.ld = ld;
    return on;
}

/* gpu_matmul, with the workspace that cuBLASLt must have and our versions need not. */
static void multiply(MatmulVersion version, MatmulForm form, Tensor A, Tensor B,
                     Tensor C) {
    Error error;
    const bool library = version >= MATMUL_CUBLAS;
    ck_assert(!library || gpu_matmul_make_workspace(&error));
    gpu_matmul(NULL, version, form, A, B, C);
    if (library) {
        gpu_wait(NULL);
        gpu_matmul_free_workspace();
    }
}

/* ---- every version --------------------------------------------------------------- */

static const int sizes[][3] = {
    {1, 1, 1},    {3, 5, 2},     {17, 50, 65},  {50, 17, 197}, {65, 65, 64},
    {64, 32, 16}, {128, 64, 48}, {197, 10, 64}, {130, 72, 20}, {4, 132, 300},
};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* Check gives a loop one number, which encodes size, layout and version. */
enum { RUNS = SIZES * MATMUL_LAYOUTS * MATMUL_VERSIONS };

static Case case_of(int run, MatmulVersion *version) {
    const int *size = sizes[run / MATMUL_VERSIONS / MATMUL_LAYOUTS];
    *version = run % MATMUL_VERSIONS;
    return make_case(run / MATMUL_VERSIONS % MATMUL_LAYOUTS, size[0], size[1], size[2]);
}

START_TEST(every_version_multiplies_in_all_layouts) {
    MatmulVersion version;
    if (!gpu_matmul_available(_i % MATMUL_VERSIONS)) {
        return;
    }
    const Case c = case_of(_i, &version);
    Tensor C = device_unset(c.before);
    multiply(version, (MatmulForm){.layout = c.layout}, on_device(c.A), on_device(c.B),
             C);
    assert_close_to_naive(from_device(C), wanted(&c, false, false),
                          tolerance_of(version), tag_of(&c, gpu_matmul_names[version]));
}
END_TEST

START_TEST(every_version_keeps_to_wide_rows_adds_to_C_and_adds_the_bias) {
    MatmulVersion version;
    if (!gpu_matmul_available(_i % MATMUL_VERSIONS)) {
        return;
    }
    const Case c = case_of(_i, &version);
    const MatmulForm form = {c.layout, true, on_device(c.bias).data};
    Tensor C = on_device_wide(c.before);
    multiply(version, form, on_device_wide(c.A), on_device_wide(c.B), C);
    assert_close_to_naive(from_device(C), wanted(&c, true, true), tolerance_of(version),
                          tag_of(&c, gpu_matmul_names[version]));
    ck_assert(device_canaries_live(C));
}
END_TEST

static void check_places(const Case *c, MatmulVersion version, const Place places[3]) {
    const Place of_bias = places[2] == ODD ? ODD : TIGHT;
    const MatmulForm form = {c->layout, false, placed(of_bias, c->bias).data};
    Tensor C = placed(places[2], c->before);
    multiply(version, form, placed(places[0], c->A), placed(places[1], c->B), C);
    char of[60];
    snprintf(of, sizeof of, "%s, places %d %d %d", gpu_matmul_names[version],
             (int)places[0], (int)places[1], (int)places[2]);
    assert_close_to_naive(from_device(C), wanted(c, false, true), tolerance_of(version),
                          tag_of(c, of));
    ck_assert(device_canaries_live(C));
}

/* 16 bytes per load only where each of the three matrices allows it. */
START_TEST(the_last_rung_takes_addresses_and_rows_as_they_are) {
    static const int sizes_of_4[][3] = {
        {36, 68, 44}, {36, 66, 44}, {35, 68, 44}, {36, 68, 41}};
    const int *size = sizes_of_4[_i / MATMUL_LAYOUTS];
    const Case c = make_case(_i % MATMUL_LAYOUTS, size[0], size[1], size[2]);
    for (int n = 0; n < PLACES * PLACES * PLACES; n++) {
        const Place places[3] = {n % PLACES, n / PLACES % PLACES, n / PLACES / PLACES};
        check_places(&c, MATMUL_VECTORISED, places);
    }
}
END_TEST

START_TEST(a_bias_alone_and_addresses_that_are_no_multiple_of_16_bytes) {
    for (int run = 0; run < (int)MATMUL_LAYOUTS * MATMUL_VERSIONS; run++) {
        const MatmulVersion version = run % MATMUL_VERSIONS;
        if (gpu_matmul_available(version)) {
            const Case c = make_case(run / MATMUL_VERSIONS, 50, 68, 36);
            check_places(&c, version, (const Place[]){ODD, ODD, ODD});
        }
    }
}
END_TEST

START_TEST(the_same_bits_every_time) {
    Error error;
    ck_assert(gpu_matmul_make_workspace(&error));
    for (int run = 0; run < (int)MATMUL_LAYOUTS * MATMUL_VERSIONS; run++) {
        const MatmulVersion version = run % MATMUL_VERSIONS;
        if (!gpu_matmul_available(version)) {
            continue;
        }
        const Case c = make_case(run / MATMUL_VERSIONS, 33, 17, 1000);
        Tensor A = on_device(c.A), B = on_device(c.B);
        Tensor C = device_unset(c.before), again = device_unset(c.before);
        gpu_matmul(NULL, version, (MatmulForm){.layout = c.layout}, A, B, C);
        gpu_matmul(NULL, version, (MatmulForm){.layout = c.layout}, A, B, again);
        assert_same_bits(from_device(again), from_device(C));
    }
    gpu_matmul_free_workspace();
}
END_TEST

START_TEST(tensors_of_any_shape_are_seen_as_matrices) {
    const Case c = make_case(MATMUL_NT, 6, 5, 7);
    Tensor A = on_device(c.A), C = device_unset(c.before);
    Tensor A3 = tensor3(A.data, 2, 3, 7), C3 = tensor3(C.data, 3, 2, 5);
    gpu_matmul(NULL, MATMUL_BEST, (MatmulForm){.layout = MATMUL_NT}, A3, on_device(c.B),
               C3);
    assert_close_to_naive(from_device(C), wanted(&c, false, false), tolerance,
                          "(2,3,7)");
}
END_TEST

START_TEST(what_was_not_built_in_says_so) {
    for (MatmulVersion v = 0; v < MATMUL_VERSIONS; v++) {
        ck_assert(v >= MATMUL_CUBLAS || gpu_matmul_available(v));
        if (!gpu_matmul_available(v)) {
            printf("gpu_matmul: %s is not tested, it is not built in\n",
                   gpu_matmul_names[v]);
        }
    }
    if (!gpu_matmul_available(MATMUL_CUBLAS)) {
        Tensor X = on_device(random_tensor('X', SHAPE(2, 2)));
        Tensor C = device_unset(SHAPE(2, 2));
        assert_stops("cuBLASLt|gpu_matmul_available",
                     gpu_matmul(NULL, MATMUL_CUBLAS, (MatmulForm){.layout = MATMUL_NN},
                                X, X, C));
    }
}
END_TEST

/* ---- the last rung: every tile, with and without parts --------------------------- */

/* Sizes that a tile of rows x cols fits, with a ragged edge, and with one that isn't
 * even a multiple of 4. */
static void fill_sizes(int tile, int edge, int size[3]) {
    static const int more[][3] = {{0, 0, 64}, {4, 8, 100}, {-3, 1, 67}, {1, 6, 7}};
    size[0] = matmul_tiles[tile].rows + more[edge][0];
    size[1] = matmul_tiles[tile].cols + more[edge][1];
    size[2] = more[edge][2];
}
enum { EDGES = 4 };

static MatmulProduct product_of(const Case *c, Tensor A, Tensor B, Tensor C) {
    return (MatmulProduct){.m = c->m,
                           .n = c->n,
                           .k = c->k,
                           .A = A.data,
                           .B = B.data,
                           .C = C.data,
                           .ld_A = A.ld,
                           .ld_B = B.ld,
                           .ld_C = C.ld};
}

START_TEST(every_tile_of_the_last_rung_in_one_part_or_several) {
    const int tile = _i % MATMUL_TILES;
    const MatmulLayout layout = _i / MATMUL_TILES;
    for (int run = 0; run < EDGES * 2; run++) {
        int size[3];
        fill_sizes(tile, run / 2, size);
        const Case c = make_case(layout, size[0], size[1], size[2]);
        const MatmulPlan plan = matmul_plan_with(tile, run % 2 ? 3 : 1, c.k);
        Tensor C = on_device_wide(c.before);
        Tensor parts = device_unset(SHAPE(plan.parts, c.m, c.n));
        MatmulProduct p = product_of(&c, on_device_wide(c.A), on_device_wide(c.B), C);
        p.accumulate = true;
        p.bias = on_device(c.bias).data;
        matmul_vectorised(NULL, layout, p, plan, parts.data);
        char of[40];
        snprintf(of, sizeof of, "tile %d, %d parts of %d", tile, plan.parts,
                 plan.k_part);
        assert_close_to_naive(from_device(C), wanted(&c, true, true), tolerance,
                              tag_of(&c, of));
        ck_assert(device_canaries_live(C));
    }
}
END_TEST

START_TEST(parts_cover_k_and_none_is_empty) {
    for (int tile = 0; tile < MATMUL_TILES; tile++) {
        for (int k = 1; k < 400; k += k < 70 ? 1 : 31) {
            for (int parts = 1; parts <= 8; parts++) {
                const MatmulPlan plan = matmul_plan_with(tile, parts, k);
                ck_assert_int_ge(plan.parts, 1);
                ck_assert_int_le(plan.parts, parts);
                ck_assert_int_ge(plan.parts * plan.k_part, k);
                ck_assert_int_lt((plan.parts - 1) * plan.k_part, k);
                ck_assert_int_eq(plan.k_part % 4, 0); /* no quad is cut */
            }
        }
    }
}
END_TEST

START_TEST(the_plan_fills_the_card) {
    const long room = 1 << 24;
    const MatmulPlan large = matmul_plan(4096, 4096, 4096, room);
    ck_assert_int_eq(large.tile, 0);
    ck_assert_int_eq(large.parts, 1);
    /* a weight's gradient: 3 tiles of 64 x 64, 3200 tokens */
    ck_assert_int_ge(matmul_plan(192, 64, 3200, room).parts, 8);
    ck_assert_int_eq(matmul_plan(192, 64, 3200, 0).parts, 1);
    ck_assert_int_gt(matmul_plan(3200, 192, 64, room).tile, 0);
    for (int m = 1; m < 9000; m += 1 + m / 2) {
        for (int n = 1; n < 4000; n += 1 + n / 2) {
            for (int k = 1; k < 9000; k += 1 + k / 2) {
                const MatmulPlan plan = matmul_plan(m, n, k, 1 << 20);
                ck_assert(plan.parts == 1 || (long)plan.parts * m * n <= 1 << 20);
                ck_assert_int_le(plan.parts, MATMUL_MAX_PARTS);
            }
        }
    }
}
END_TEST

START_TEST(a_weights_gradient_shares_k_among_blocks) {
    Error error;
    const Case c = make_case(MATMUL_TN, 20, 12, 1600); /* k = all tokens */
    Tensor A = on_device(c.A), B = on_device(c.B);
    Tensor alone = on_device(c.before), shared = on_device(c.before);
    const MatmulForm form = {.layout = MATMUL_TN, .accumulate = true};
    gpu_matmul(NULL, MATMUL_VECTORISED, form, A, B, alone);
    ck_assert(gpu_matmul_make_workspace(&error));
    ck_assert_int_gt(matmul_plan(20, 12, 1600, 1 << 24).parts, 1);
    gpu_matmul(NULL, MATMUL_VECTORISED, form, A, B, shared);
    gpu_matmul_free_workspace();
    assert_close_to_naive(from_device(alone), wanted(&c, true, false), 1e-5,
                          "one part");
    assert_close_to_naive(from_device(shared), wanted(&c, true, false), tolerance,
                          "several parts");
}
END_TEST

START_TEST(a_workspace_is_there_until_its_last_user_frees_it) {
    Error error;
    const Case c = make_case(MATMUL_TN, 20, 12, 1600);
    Tensor A = on_device(c.A), B = on_device(c.B);
    Tensor both = device_unset(c.before), one = device_unset(c.before);
    ck_assert(gpu_matmul_make_workspace(&error)); /* a run's */
    ck_assert(gpu_matmul_make_workspace(&error)); /* and a check's, which ends first */
    gpu_matmul(NULL, MATMUL_VECTORISED, (MatmulForm){.layout = MATMUL_TN}, A, B, both);
    gpu_matmul_free_workspace();
    gpu_matmul(NULL, MATMUL_VECTORISED, (MatmulForm){.layout = MATMUL_TN}, A, B, one);
    gpu_matmul_free_workspace();
    assert_same_bits(from_device(one), from_device(both));
}
END_TEST

/* ---- mistakes -------------------------------------------------------------------- */

START_TEST(sizes_that_do_not_fit_stop) {
    Tensor A = on_device(random_tensor('A', SHAPE(3, 4)));
    Tensor B = on_device(random_tensor('B', SHAPE(5, 4)));
    Tensor C = device_unset(SHAPE(3, 5));
    const MatmulForm nt = {MATMUL_NT, false, NULL}, nn = {MATMUL_NN, false, NULL};
    const MatmulForm tn = {MATMUL_TN, false, NULL};
    gpu_matmul(NULL, MATMUL_BEST, nt, A, B, C);
    assert_stops("gpu_matmul|(3,4)|(5,4)", gpu_matmul(NULL, MATMUL_BEST, nn, A, B, C));
    assert_stops("gpu_matmul|(3,4)|(5,4)", gpu_matmul(NULL, MATMUL_NAIVE, tn, A, B, C));
    assert_stops("gpu_matmul|(3,4)", gpu_matmul(NULL, MATMUL_BEST, nt, A, B, A));
    assert_stops("gpu_matmul|C lies where A lies",
                 gpu_matmul(NULL, MATMUL_BEST, nt, C, tensor2(B.data, 5, 5), C));
}
END_TEST

Suite *gpu_matmul_suite(void) {
    Suite *suite = suite_create("gpu_matmul");
    TCase *reference = device_case(suite, "against the CPU in double");
    tcase_add_loop_test(reference, every_version_multiplies_in_all_layouts, 0, RUNS);
    tcase_add_loop_test(reference,
                        every_version_keeps_to_wide_rows_adds_to_C_and_adds_the_bias, 0,
                        RUNS);
    tcase_add_test(reference,
                   a_bias_alone_and_addresses_that_are_no_multiple_of_16_bytes);
    tcase_add_test(reference, tensors_of_any_shape_are_seen_as_matrices);
    tcase_add_test(reference, the_same_bits_every_time);
    suite_add_tcase(suite, reference);
    TCase *last = device_case(suite, "the last rung");
    tcase_add_loop_test(last, every_tile_of_the_last_rung_in_one_part_or_several, 0,
                        MATMUL_TILES * MATMUL_LAYOUTS);
    tcase_add_loop_test(last, the_last_rung_takes_addresses_and_rows_as_they_are, 0,
                        4 * MATMUL_LAYOUTS);
    tcase_add_test(last, parts_cover_k_and_none_is_empty);
    tcase_add_test(last, the_plan_fills_the_card);
    tcase_add_test(last, a_weights_gradient_shares_k_among_blocks);
    tcase_add_test(last, a_workspace_is_there_until_its_last_user_frees_it);
    suite_add_tcase(suite, last);
    TCase *mistakes = device_case(suite, "mistakes");
    tcase_add_test(mistakes, sizes_that_do_not_fit_stop);
    tcase_add_test(mistakes, what_was_not_built_in_says_so);
    suite_add_tcase(suite, mistakes);
    return suite;
}
