/*
 * test_matmul.c: three layouts, with and without +=, against a triple loop in long
 * double, at sizes around every block of the kernel (common/matmul.h).
 */
#include "common/matmul.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "tests/check_helpers.h"
#include "common/matmul_plain.h"
#include "tests/suites.h"

#define TAG "[matmul]"

/* ---- one product in all its forms ---------------------------------------- */

typedef void Matmul(Tensor A, Tensor B, Tensor C);

typedef struct {
    const char *name;
    Matmul *multiply;
    bool transpose_A, transpose_B, add;
} Form;

static const Form forms[6] = {
    {"matmul_nn", matmul_nn, false, false, false},
    {"matmul_nt", matmul_nt, false, true, false},
    {"matmul_tn", matmul_tn, true, false, false},
    {"matmul_nn_add", matmul_nn_add, false, false, true},
    {"matmul_nt_add", matmul_nt_add, false, true, true},
    {"matmul_tn_add", matmul_tn_add, true, false, true},
};

/* A (m,k), B (k,n), what C held before, and what C = A B should be. */
typedef struct {
    Tensor A, B, before;
    double *product;
} Case;

/* One stream for all of them would make A and B alike: a sequence each. */
static Tensor uniform_tensor(int letter, int rows, int cols) {
    Tensor T = zero_tensor(SHAPE(rows, cols));
    Random random = {.seed = 1, .use = RANDOM_DEMO, .sequence = (uint32_t)letter};
    random_fill_uniform(random, T, 1.0);
    return T;
}

static Case make_case(int m, int n, int k) {
    Case c = {.A = uniform_tensor('A', m, k),
              .B = uniform_tensor('B', k, n),
              .before = uniform_tensor('C', m, n),
              .product = test_doubles((long)m * n)};
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            long double sum = 0;
            for (int l = 0; l < k; l++) {
                sum += (long double)tensor_row(c.A, i)[l] *
                       (long double)tensor_row(c.B, l)[j];
            }
            c.product[(long)i * n + j] = (double)sum;
        }
    }
    return c;
}

static Tensor transpose_of(Tensor T) {
    Tensor TT = zero_tensor(SHAPE(tensor_cols(T), tensor_rows(T)));
    tensor_transpose(T, TT);
    return TT;
}

static double *wanted(const Case *c, const Form *form) {
    double *want = doubles_of(c->before);
    for (long i = 0; i < tensor_count(c->before); i++) {
        want[i] = c->product[i] + (form->add ? want[i] : 0);
    }
    return want;
}

static void assert_form(const Case *c, const Form *form) {
    Tensor A = form->transpose_A ? transpose_of(c->A) : c->A;
    Tensor B = form->transpose_B ? transpose_of(c->B) : c->B;
    Tensor C = form->add ? copy_of(c->before) : unset_tensor(c->before);
    form->multiply(A, B, C);
    char tag[64];
    snprintf(tag, sizeof tag, "[%s, k = %d]", form->name, tensor_cols(c->A));
    assert_close_to_naive(C, wanted(c, form), TOLERANCE, tag);
}

static void assert_all_forms(int m, int n, int k) {
    Case c = make_case(m, n, k);
    for (int f = 0; f < 6; f++) {
        assert_form(&c, &forms[f]);
    }
}

/* The micro-kernel's tile. */
typedef struct {
    int MR, NR, lanes;
} Tile;

static Tile tile(void) {
    const MatmulSizes s = matmul_sizes();
    return (Tile){s.tile_rows, s.tile_vectors * s.lanes, s.lanes};
}

/* The cache blocks of matmul.c; the sizes below go beyond them. */
enum { KC = 256, NC = 512, TILES_IN_MC = 10 };

/* ---- shapes and errors --------------------------------------------------- */

START_TEST(a_product_over_its_own_factor_stops) {
    Tensor A = zero_tensor(SHAPE(3, 3)), B = zero_tensor(SHAPE(3, 3));
    assert_stops("matmul_nn: C is in the memory of A or B", matmul_nn(A, B, A));
    assert_stops("matmul_nt_add: C is in the memory of A or B", matmul_nt_add(A, B, B));
}
END_TEST

START_TEST(inner_sizes_that_differ_stop_with_all_shapes) {
    Tensor A = zero_tensor(SHAPE(3, 4)), B = zero_tensor(SHAPE(5, 2));
    Tensor C = zero_tensor(SHAPE(3, 2));
    assert_stops("matmul_nn|A is (3,4)|B is (5,2)|C is (3,2)|need A (m,k), B (k,n), "
                 "C (m,n).\n",
                 matmul_nn(A, B, C));
    assert_stops("matmul_nt|need A (m,k), B (n,k), C (m,n).\n", matmul_nt(A, B, C));
    assert_stops("matmul_tn|need A (k,m), B (k,n), C (m,n).\n", matmul_tn(A, B, C));
    assert_stops("matmul_nn_add:", matmul_nn_add(A, B, C));
    assert_stops("matmul_nt_add:", matmul_nt_add(A, B, C));
    assert_stops("matmul_tn_add:", matmul_tn_add(A, B, C));
}
END_TEST

START_TEST(a_transpose_that_would_fit_is_asked_for) {
    Tensor Q = zero_tensor(SHAPE(3, 4)), K = zero_tensor(SHAPE(5, 4));
    assert_stops("C (m,n). Did you forget to transpose K? (chapter 2, eq. 1)",
                 matmul_nn(Q, K, zero_tensor(SHAPE(3, 5))));
}
END_TEST

START_TEST(a_result_of_another_shape_stops) {
    for (int f = 0; f < 6; f++) {
        Tensor A = forms[f].transpose_A ? SHAPE(4, 3) : SHAPE(3, 4);
        Tensor B = forms[f].transpose_B ? SHAPE(2, 4) : SHAPE(4, 2);
        assert_stops("C is (2,2)", forms[f].multiply(A, B, SHAPE(2, 2)));
        assert_stops("C is (3,3)", forms[f].multiply(A, B, SHAPE(3, 3)));
        assert_stops("C is (2,3)", forms[f].multiply(A, B, SHAPE(2, 3)));
    }
}
END_TEST

/* ---- hand-computed values ------------------------------------------------ */

START_TEST(a_small_product_by_hand) {
    Tensor A = tensor_of(SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
    Tensor B = tensor_of(SHAPE(3, 2), 7, 8, 9, 10, 11, 12);
    Tensor C = unset_tensor(SHAPE(2, 2));
    matmul_nn(A, B, C);
    assert_values(C, 0, TAG, 58, 64, 139, 154);
    matmul_nt(A, transpose_of(B), C);
    assert_values(C, 0, TAG, 58, 64, 139, 154);
    matmul_tn(transpose_of(A), B, C);
    assert_values(C, 0, TAG, 58, 64, 139, 154);
    matmul_nn_add(A, B, C);
    assert_values(C, 0, TAG, 116, 128, 278, 308);
}
END_TEST

START_TEST(the_identity_changes_nothing) {
    Tensor X = random_tensor('X', SHAPE(9, 5)), I = zero_tensor(SHAPE(5, 5));
    for (int i = 0; i < 5; i++) {
        tensor_row(I, i)[i] = 1;
    }
    Tensor Y = unset_tensor(SHAPE(9, 5));
    matmul_nn(X, I, Y);
    assert_same_bits(Y, X);
    matmul_nt(X, I, Y);
    assert_same_bits(Y, X);
}
END_TEST

START_TEST(tensors_of_more_dimensions_are_seen_as_matrices) {
    Tensor X = random_tensor('X', SHAPE(2, 3, 4)), W = random_tensor('W', SHAPE(5, 4));
    Tensor Y = unset_tensor(SHAPE(2, 3, 5)), flat = unset_tensor(SHAPE(6, 5));
    matmul_nt(X, W, Y);
    matmul_nt(tensor_matrix(X), W, flat);
    assert_same_bits(tensor_matrix(Y), flat);
}
END_TEST

/* ---- against the triple loop --------------------------------------------- */

START_TEST(every_form_agrees_at_sizes_around_the_tile) {
    const Tile t = tile();
    const int ms[] = {1, 2, t.MR - 1, t.MR, t.MR + 1, 2 * t.MR + 3};
    const int ns[] = {1,        t.lanes - 1, t.lanes,  t.lanes + 1,
                      t.NR - 1, t.NR,        t.NR + 1, 2 * t.NR + t.lanes + 1};
    const int ks[] = {1, 2, 7, 33};
    for (int i = 0; i < 6; i++) {
        for (int j = 0; j < 8; j++) {
            for (int l = 0; l < 4; l++) {
                assert_all_forms(ms[i], ns[j], ks[l]);
            }
        }
    }
}
END_TEST

START_TEST(every_form_agrees_when_k_crosses_its_block) {
    const Tile t = tile();
    const int ks[] = {KC - 1, KC, KC + 1, 2 * KC, 2 * KC + 3};
    for (int l = 0; l < 5; l++) {
        assert_all_forms(t.MR + 1, t.NR + 1, ks[l]);
        assert_all_forms(3, t.lanes, ks[l]);
    }
}
END_TEST

START_TEST(every_form_agrees_when_n_crosses_its_block) {
    const int ns[] = {NC - 1, NC, NC + 1, 2 * NC + 5};
    for (int j = 0; j < 4; j++) {
        assert_all_forms(5, ns[j], 9);
        assert_all_forms(2, ns[j], KC + 2);
    }
}
END_TEST

START_TEST(every_form_agrees_when_m_crosses_its_block) {
    const int MC = TILES_IN_MC * tile().MR;
    const int ms[] = {MC - 1, MC, MC + 1, 2 * MC + 5};
    for (int i = 0; i < 4; i++) {
        assert_all_forms(ms[i], 3, 9);
        assert_all_forms(ms[i], 2, KC + 2);
    }
}
END_TEST

START_TEST(every_form_agrees_at_the_sizes_of_a_small_vit) {
    assert_all_forms(50, 192, 64); /* 49 patches and a class token, qkv of D = 64 */
    assert_all_forms(50, 50, 16);  /* one head's scores */
    assert_all_forms(50, 16, 50);  /* its result */
}
END_TEST

static void assert_form_on_views(const Case *c, const Form *form) {
    Tensor dense_A = form->transpose_A ? transpose_of(c->A) : c->A;
    Tensor dense_B = form->transpose_B ? transpose_of(c->B) : c->B;
    Tensor A = wide_view(dense_A), B = wide_view(dense_B), C = wide_view(c->before);
    tensor_copy(A, dense_A);
    tensor_copy(B, dense_B);
    tensor_copy(C, c->before);
    form->multiply(A, B, C);
    assert_close_to_naive(C, wanted(c, form), TOLERANCE, form->name);
    ck_assert_msg(canaries_live(C), "%s wrote beside its view", form->name);
}

START_TEST(views_of_wider_tensors_work_and_nothing_beside_them_is_touched) {
    const Tile t = tile();
    const int sizes[][3] = {{1, 1, 1},
                            {t.MR, t.NR, 5},
                            {2 * t.MR + 1, t.lanes, 7},
                            {t.MR - 1, t.NR + 3, KC + 5}};
    for (int s = 0; s < 4; s++) {
        Case c = make_case(sizes[s][0], sizes[s][1], sizes[s][2]);
        for (int f = 0; f < 6; f++) {
            assert_form_on_views(&c, &forms[f]);
        }
    }
}
END_TEST

/* ---- properties ---------------------------------------------------------- */

START_TEST(a_nan_stays_in_its_row_and_its_column) {
    const Tile t = tile();
    const int m = 2 * t.MR + 1, n = t.NR + 1, k = 9;
    Tensor A = random_tensor('A', SHAPE(m, k)), B = random_tensor('B', SHAPE(k, n));
    Tensor C = unset_tensor(SHAPE(m, n));
    tensor_row(A, m - 1)[4] = (real)NAN;
    tensor_row(B, 3)[n - 1] = (real)INFINITY;
    matmul_nn(A, B, C);
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            real c = tensor_row(C, i)[j];
            bool in_row = i == m - 1, in_column = j == n - 1;
            ck_assert_msg((isnan(c) != 0) == in_row, "(%d,%d)", i, j);
            ck_assert_msg(in_row || (isinf(c) != 0) == in_column, "(%d,%d)", i, j);
        }
    }
}
END_TEST

START_TEST(the_same_product_twice_has_the_same_bits) {
    Case c = make_case(37, 41, 300);
    Tensor first = unset_tensor(c.before), again = unset_tensor(c.before);
    matmul_nn(c.A, c.B, first);
    matmul_nn(c.A, c.B, again);
    assert_same_bits(again, first);
}
END_TEST

/* ---- threads ------------------------------------------------------------- */

static void use_threads(int threads) {
#ifdef _OPENMP
    omp_set_num_threads(threads);
#else
    (void)threads;
#endif
}

START_TEST(large_products_agree_on_any_number_of_threads) {
    for (int threads = 1; threads <= 7; threads += 2) {
        use_threads(threads);
        assert_all_forms(331, 61, 67); /* bands of rows; 2.7 million flops */
        assert_all_forms(41, 509, 67); /* bands of columns */
    }
}
END_TEST

START_TEST(the_number_of_threads_changes_no_bit) {
    const int sizes[][3] = {{331, 61, 67}, {41, 509, 67}, {3, 2, 200001}};
    for (int s = 0; s < 3; s++) {
        Case c = make_case(sizes[s][0], sizes[s][1], sizes[s][2]);
        Tensor one = unset_tensor(c.before), many = unset_tensor(c.before);
        use_threads(1);
        matmul_nn(c.A, c.B, one);
        for (int threads = 2; threads <= 64; threads *= 2) {
            use_threads(threads);
            matmul_nn(c.A, c.B, many);
            assert_same_bits(many, one);
        }
    }
}
END_TEST

START_TEST(more_threads_than_tiles_agree) {
    use_threads(7);
    assert_all_forms(3, 2, 200001);
}
END_TEST

START_TEST(products_inside_a_parallel_region_agree) {
    enum { SLICES = 5 };
    Case c = make_case(151, 67, 131); /* large enough to use threads by itself */
    Tensor C[SLICES];
    for (int s = 0; s < SLICES; s++) {
        C[s] = unset_tensor(c.before);
    }
    use_threads(3);
#pragma omp parallel for schedule(dynamic)
    for (int s = 0; s < SLICES; s++) {
        matmul_nn(c.A, c.B, C[s]);
        matmul_nn_add(c.A, c.B, C[s]);
    }
    for (long i = 0; i < tensor_count(c.before); i++) {
        c.product[i] *= 2;
    }
    for (int s = 0; s < SLICES; s++) {
        assert_close_to_naive(C[s], c.product, TOLERANCE, TAG);
    }
}
END_TEST

/* ---- bias ----------------------------------------------------------------- */

/* matmul_nt_bias into a tensor that holds other elements, against naive sums. */
static void assert_bias(int m, int n, int k) {
    Case c = make_case(m, n, k);
    Tensor bias = tensor_slice(uniform_tensor('b', 1, n), 0), C = copy_of(c.before);
    double *want = test_doubles((long)m * n);
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            const long at = (long)i * n + j;
            want[at] = c.product[at] + (double)bias.data[j];
        }
    }
    matmul_nt_bias(c.A, transpose_of(c.B), bias, C);
    assert_close_to_naive(C, want, TOLERANCE, TAG);
}

START_TEST(the_bias_is_added_to_every_row_once) {
    for (int n = 1; n <= 70; n += 3) {
        assert_bias(1 + n % 14, n, 5);
    }
    assert_bias(25, 40, 600);  /* k in three blocks: the first brings the bias */
    assert_bias(13, 1100, 20); /* n in three blocks, each with its part of it */
    assert_bias(30, 530, 300); /* by columns, on several threads */
}
END_TEST

START_TEST(a_bias_of_another_length_stops) {
    assert_stops("matmul_nt_bias: bias is (3), want (2)",
                 matmul_nt_bias(zero_tensor(SHAPE(4, 5)), zero_tensor(SHAPE(2, 5)),
                                zero_tensor(SHAPE(3)), zero_tensor(SHAPE(4, 2))));
}
END_TEST

/* ---- prepacked weights ---------------------------------------------------- */

/* Both products with B, which may be a view, before and after it is packed. */
static void assert_prepacked(int m, int n, int k, int threads) {
    Case c = make_case(m, n, k);
    Tensor wide = uniform_tensor('B', n, k + 3);
    Tensor B = m % 2 ? tensor_columns(wide, 2, k) : transpose_of(c.B);
    Tensor bias = tensor_slice(uniform_tensor('b', 1, n), 0);
    Tensor plain[2] = {unset_tensor(c.before), unset_tensor(c.before)};
    Tensor packed[2] = {unset_tensor(c.before), unset_tensor(c.before)};
    use_threads(threads);
    matmul_nt(c.A, B, plain[0]);
    matmul_nt_bias(c.A, B, bias, plain[1]);
    ck_assert(matmul_prepack(B));
    matmul_nt(c.A, B, packed[0]);
    matmul_nt_bias(c.A, B, bias, packed[1]);
    matmul_forget_prepacked();
    assert_same_bits(packed[0], plain[0]);
    assert_same_bits(packed[1], plain[1]);
}

START_TEST(prepacked_weights_change_no_bit) {
    for (int n = 1; n <= 70; n += 3) {
        assert_prepacked(1 + n % 14, n, 5, 1);
    }
    assert_prepacked(197, 40, 600, 1);  /* k in three blocks */
    assert_prepacked(250, 70, 300, 1);  /* m in two blocks, n's last panel narrow */
    assert_prepacked(30, 1100, 300, 3); /* by columns, on three threads */
    assert_prepacked(331, 61, 67, 3);   /* by rows */
}
END_TEST

START_TEST(prepacked_weights_are_read_until_they_are_forgotten) {
    Tensor A = uniform_tensor('A', 3, 4), B = uniform_tensor('B', 5, 4);
    Tensor as_packed = zero_tensor(SHAPE(3, 5)), C = zero_tensor(SHAPE(3, 5));
    ck_assert(matmul_prepack(B));
    matmul_nt(A, B, as_packed);
    tensor_fill(B, 0);
    matmul_nt(A, B, C);
    assert_same_bits(C, as_packed);
    matmul_nn(A, tensor2(B.data, 4, 5), C); /* other products read B itself */
    assert_same_bits(C, zero_tensor(SHAPE(3, 5)));
    matmul_nt(A, B, as_packed);
    matmul_forget_prepacked();
    matmul_nt(A, B, C);
    assert_same_bits(C, zero_tensor(SHAPE(3, 5)));
}
END_TEST

/* ---- against the three loops ----------------------------------------------- */

static Tensor absolute(Tensor T) {
    Tensor size = copy_of(T);
    for (long i = 0; i < tensor_count(T); i++) {
        size.data[i] = T.data[i] < 0 ? -T.data[i] : T.data[i];
    }
    return size;
}

/* The largest difference of the two forms, as a part of sum_k |a_ik b_kj|. */
static double assert_equal_forms(const Case *c, const Form *fast, Matmul *plain) {
    Tensor A = fast->transpose_A ? transpose_of(c->A) : c->A;
    Tensor B = fast->transpose_B ? transpose_of(c->B) : c->B;
    Tensor C = unset_tensor(c->before), P = unset_tensor(C), size = unset_tensor(C);
    double worst = 0;
    fast->multiply(A, B, C);
    plain(A, B, P);
    plain(absolute(A), absolute(B), size);
    for (long i = 0; i < tensor_count(C); i++) {
        double difference = fabs((double)C.data[i] - (double)P.data[i]);
        difference /= (double)size.data[i];
        ck_assert_msg(difference <= MATMUL_DIFFERENCE, "%s, k = %d: C[%ld] off by %.2e",
                      fast->name, tensor_cols(c->A), i, difference);
        worst = fmax(worst, difference);
    }
    return worst;
}

START_TEST(every_layout_differs_from_three_plain_loops_as_stated) {
    const int sizes[][3] = {{50, 50, 16}, {400, 192, 64}, {100, 64, 1024}, {12, 32, 1}};
    Matmul *const plain[3] = {matmul_plain_nn, matmul_plain_nt, matmul_plain_tn};
    double worst = 0;
    for (int s = 0; s < 4; s++) {
        const Case c = make_case(sizes[s][0], sizes[s][1], sizes[s][2]);
        for (int f = 0; f < 3; f++) {
            worst = fmax(worst, assert_equal_forms(&c, &forms[f], plain[f]));
        }
    }
    ck_assert_msg(worst > MATMUL_DIFFERENCE / 10, "%.2e: the bound is idle", worst);
}
END_TEST

START_TEST(plain_sizes_that_do_not_fit_stop) {
    Tensor A = SHAPE(3, 4), C = SHAPE(3, 2);
    assert_stops("matmul_plain_nn: B is (5,2), want (4,2)",
                 matmul_plain_nn(A, SHAPE(5, 2), C));
    assert_stops("matmul_plain_nt: B is (2,5), want (2,4)",
                 matmul_plain_nt(A, SHAPE(2, 5), C));
    assert_stops("matmul_plain_tn: C is (3,2), want (4,2)",
                 matmul_plain_tn(A, SHAPE(3, 2), C));
}
END_TEST

Suite *matmul_suite(void) {
    Suite *suite = suite_create("matmul");
    TCase *errors = add_case(suite, "shapes and errors");
    tcase_add_test(errors, a_product_over_its_own_factor_stops);
    tcase_add_test(errors, inner_sizes_that_differ_stop_with_all_shapes);
    tcase_add_test(errors, a_transpose_that_would_fit_is_asked_for);
    tcase_add_test(errors, a_result_of_another_shape_stops);
    tcase_add_test(errors, a_bias_of_another_length_stops);
    tcase_add_test(errors, plain_sizes_that_do_not_fit_stop);
    TCase *values = add_case(suite, "hand-computed values");
    tcase_add_test(values, a_small_product_by_hand);
    tcase_add_test(values, the_identity_changes_nothing);
    tcase_add_test(values, tensors_of_more_dimensions_are_seen_as_matrices);
    TCase *naive = add_case(suite, "against the triple loop");
    tcase_add_test(naive, every_form_agrees_at_sizes_around_the_tile);
    tcase_add_test(naive, every_form_agrees_when_k_crosses_its_block);
    tcase_add_test(naive, every_form_agrees_when_n_crosses_its_block);
    tcase_add_test(naive, every_form_agrees_when_m_crosses_its_block);
    tcase_add_test(naive, every_form_agrees_at_the_sizes_of_a_small_vit);
    tcase_add_test(naive,
                   views_of_wider_tensors_work_and_nothing_beside_them_is_touched);
    tcase_add_test(naive, the_bias_is_added_to_every_row_once);
    TCase *prepacked = add_case(suite, "prepacked weights");
    tcase_add_test(prepacked, prepacked_weights_change_no_bit);
    tcase_add_test(prepacked, prepacked_weights_are_read_until_they_are_forgotten);
    tcase_add_test(naive, every_layout_differs_from_three_plain_loops_as_stated);
    TCase *properties = add_case(suite, "properties");
    tcase_add_test(properties, a_nan_stays_in_its_row_and_its_column);
    tcase_add_test(properties, the_same_product_twice_has_the_same_bits);
    TCase *threads = add_case(suite, "threads");
    tcase_add_test(threads, large_products_agree_on_any_number_of_threads);
    tcase_add_test(threads, the_number_of_threads_changes_no_bit);
    tcase_add_test(threads, more_threads_than_tiles_agree);
    tcase_add_test(threads, products_inside_a_parallel_region_agree);
    return suite;
}
