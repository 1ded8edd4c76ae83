/* test_gpu_warm_up.c: warm_up.h against the same in double, where runs are whole, where
 * the last one isn't, and where there is one element. */
#include "chapters/06_cuda_training/kernels/warm_up.h"
#include "tests/cuda/cuda_suites.h"
#include "tests/cuda/device_helpers.h"

enum { BLOCK = WARM_UP_BLOCK };
static const int counts[] = {BLOCK, 5 * BLOCK, 5 * BLOCK + 33, BLOCK - 1, 1};
enum { COUNTS = sizeof counts / sizeof counts[0] };

START_TEST(one_thread_per_element_or_more_elements_than_threads) {
    const int count = counts[_i];
    Tensor x = random_tensor('x', SHAPE(count)), y = random_tensor('y', x);
    Tensor dx = on_device(x), dy = on_device(y), z = device_unset(x);
    double *want = doubles_of(x);
    if (count % BLOCK == 0) {
        warm_up_square(dx.data, z.data, count);
        for (int i = 0; i < count; i++) {
            want[i] = (double)x.data[i] * (double)x.data[i];
        }
        assert_close_to_naive(from_device(z), want, 1e-6, "y = x^2");
    }
    warm_up_add(dx.data, dy.data, z.data, count);
    warm_up_add_scaled(0.5f, dx.data, dy.data, count);
    for (int i = 0; i < count; i++) {
        want[i] = (double)x.data[i] + (double)y.data[i];
    }
    assert_close_to_naive(from_device(z), want, 1e-6, "z = x + y");
    for (int i = 0; i < count; i++) {
        want[i] -= 0.5 * (double)x.data[i];
    }
    assert_close_to_naive(from_device(dy), want, 1e-6, "y += x / 2");
}
END_TEST

START_TEST(rows_are_scaled) {
    enum { ROWS = 9, COLS = 35 };
    Tensor X = random_tensor('X', SHAPE(ROWS, COLS)),
           by = random_tensor('b', SHAPE(ROWS));
    Tensor dX = on_device_wide(X), dY = device_unset_wide(X);
    double *want = doubles_of(X);
    warm_up_scale_rows(on_device(by).data, dX, dY);
    for (int i = 0; i < ROWS * COLS; i++) {
        want[i] *= (double)by.data[i / COLS];
    }
    assert_close_to_naive(from_device(dY), want, 1e-6, "Y_ij = by_i X_ij");
    ck_assert(device_canaries_live(dY));
}
END_TEST

START_TEST(runs_are_reversed_and_summed) {
    const int count = counts[_i], runs = (count + BLOCK - 1) / BLOCK;
    Tensor x = random_tensor('x', SHAPE(count)), dx = on_device(x),
           sums = device_unset(SHAPE(runs));
    double *want = doubles_of(x), *want_sums = test_doubles(runs);
    warm_up_sums(dx.data, sums.data, count);
    warm_up_reverse(dx.data, count);
    for (int i = 0; i < count; i++) {
        const int first = i / BLOCK * BLOCK;
        const int end = first + BLOCK < count ? first + BLOCK : count;
        want[i] = (double)x.data[first + end - 1 - i];
        want_sums[i / BLOCK] += (double)x.data[i];
    }
    assert_close_to_naive(from_device(sums), want_sums, 1e-5, "sums of runs");
    assert_close_to_naive(from_device(dx), want, 1e-9, "runs turned round");
}
END_TEST

Suite *gpu_warm_up_suite(void) {
    Suite *suite = suite_create("gpu_warm_up");
    TCase *tcase = device_case(suite, "against the CPU in double");
    tcase_add_loop_test(tcase, one_thread_per_element_or_more_elements_than_threads, 0,
                        COUNTS);
    tcase_add_test(tcase, rows_are_scaled);
    tcase_add_loop_test(tcase, runs_are_reversed_and_summed, 0, COUNTS);
    suite_add_tcase(suite, tcase);
    return suite;
}
