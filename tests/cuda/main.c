/*
 * main.c: runs every suite of chapter 6, on cuda_on_cpu or on a GPU; exits with 0 only
 * when every test passed, and when as many ran as there should be.
 *
 * On a GPU all tests run in one process: a CUDA context does not survive a fork.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/cuda/cuda_suites.h"
#include "chapters/06_cuda_training/gpu.h"

enum { MINIMUM_TESTS = 640 };

static Suite *(*const suites[])(void) = {
    cuda_on_cpu_suite,   access_counts_suite, gpu_gelu_suite,     gpu_trainer_suite,
    gpu_rows_suite,      gpu_attention_suite, gpu_matmul_suite,   gpu_patches_suite,
    gpu_loss_suite,      gpu_adamw_suite,     gpu_extremes_suite, gpu_warm_up_suite,
    meeting_ranks_suite, gpu_ranks_suite,
};

int main(void) {
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        if (suites[i]) {
            srunner_add_suite(runner, suites[i]());
        }
    }
    if (!gpu_is_emulated()) {
        srunner_set_fork_status(runner, CK_NOFORK);
    }
    srunner_run_all(runner, CK_NORMAL);
    const int ran = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    const int wanted =
        getenv("CK_RUN_SUITE") || getenv("CK_RUN_CASE") ? 1 : MINIMUM_TESTS;
    if (ran < wanted) {
        printf("FAIL: %d tests of chapter 6 ran, there should be %d or more\n", ran,
               wanted);
        return EXIT_FAILURE;
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
