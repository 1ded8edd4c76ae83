/*
 * main.c: runs every suite; exits with 0 only when every test passed, and when as
 * many ran as there should be.
 *
 *   CK_RUN_SUITE=softmax build/gcc/float/tests/run    one suite alone
 *   CK_FORK=no gdb ...                                all in one process
 *
 * Check runs each test in a process of its own, so that a crash ends one test only.
 * Nothing here may use OpenMP before that fork: libgomp doesn't survive one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/suites.h"
#include "common/tensor.h"

/* Fewer than this means that something was left out. With new tests, raise them: to
 * what runs with sanitizers, which is one test less (memory that no machine has). */
#ifdef REAL_IS_DOUBLE
enum { MINIMUM_TESTS = 1556 };
#else
enum { MINIMUM_TESTS = 1511 }; /* most gradient checks are in double only */
#endif

static Suite *(*const suites[])(void) = {
    tensor_suite,
    error_suite,
    arena_suite,
    random_suite,
    real_math_suite,
    matmul_suite,
    ladder_suite,
    softmax_suite,
    gelu_suite,
    linear_suite,
    parameters_suite,
    gradcheck_suite,
    report_suite,
    attention_suite,
    multi_head_attention_suite,
    positions_suite,
    layer_norm_suite,
    dropout_suite,
    mlp_suite,
    encoder_block_suite,
    fine_tune_suite,
    patch_embedding_suite,
    vit_suite,
    vit_variants_suite,
    cross_entropy_suite,
    adamw_suite,
    schedule_suite,
    dataset_suite,
    augmentation_suite,
    safetensors_suite,
    checkpoint_suite,
    trainer_suite,
    settings_suite,
    options_suite,
    inspect_suite,
    other_layers_suite,
    dump_suite,
    reference_suite,
    workspace_suite,
    number_suite,
    json_suite,
    output_suite,
    regular_file_suite,
    extremes_suite,
    second_program_suite,
    vit_weights_suite,
    interpolate_suite,
    overlay_suite,
    own_data_suite,
    pictures_suite,
    pretrained_suite,
    recipe_suite,
    resize_suite,
    rollout_suite,
    seeing_suite,
    score_suite,
    sgd_suite,
    weights_suite,
    npz_suite,
    all_reduce_suite,
    rank_trainer_suite,
    scaling_suite,
    agreement_suite,
};

/* Check picks tests by these; then one is enough, but none is a mistyped name. */
static int tests_wanted(void) {
    const char *filters[] = {"CK_RUN_SUITE", "CK_RUN_CASE", "CK_INCLUDE_TAGS",
                             "CK_EXCLUDE_TAGS"};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        if (getenv(filters[i])) {
            return 1;
        }
    }
    return MINIMUM_TESTS;
}

int main(void) {
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        srunner_add_suite(runner, suites[i]());
    }
    srunner_run_all(runner, CK_NORMAL);
    const int ran = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    if (ran < tests_wanted()) {
        printf("FAIL: %d tests ran in " REAL_NAME ", there should be %d or more\n", ran,
               tests_wanted());
        return EXIT_FAILURE;
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
