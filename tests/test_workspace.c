/* test_workspace.c: memory for the time of a call (common/workspace.h). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "tests/check_helpers.h"
#include "tests/suites.h"
#include "common/workspace.h"

START_TEST(it_is_aligned_and_all_of_it_may_be_written) {
    const size_t sizes[] = {1, 63, 64, 65, 5000, 700000, 10};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char *memory = workspace_take(sizes[i], "bytes");
        ck_assert_uint_eq((uintptr_t)memory % 64, 0);
        memset(memory, 0xff, sizes[i]);
        workspace_give(memory);
    }
}
END_TEST

START_TEST(what_was_given_back_is_taken_again_and_grows) {
    void *first = workspace_take(1000, "bytes");
    workspace_give(first);
    ck_assert_ptr_eq(workspace_take(1000, "bytes"), first);
    workspace_give(first);
    char *larger = workspace_take(900000, "bytes");
    memset(larger, 1, 900000);
    workspace_give(larger);
    ck_assert_ptr_eq(workspace_take(10, "bytes"), larger);
    workspace_give(larger);
}
END_TEST

START_TEST(two_at_a_time_are_apart) {
    char *outer = workspace_take(100, "bytes"), *inner = workspace_take(100, "bytes");
    ck_assert(inner >= outer + 100 || outer >= inner + 100);
    workspace_give(inner);
    workspace_give(outer); /* one of them is kept, the other freed */
}
END_TEST

/* More threads than there are slots, and nested ones: each fills its own memory with
 * its number, and nobody else's is found there. */
START_TEST(threads_do_not_share_theirs) {
    enum { TIMES = 400, BYTES = 3000 };
    int wrong = 0;
#ifdef _OPENMP
    omp_set_max_active_levels(2);
#endif
#pragma omp parallel for schedule(dynamic) num_threads(4) reduction(+ : wrong)
    for (int outer = 0; outer < TIMES; outer++) {
#pragma omp parallel for num_threads(2) reduction(+ : wrong)
        for (int inner = 0; inner < 2; inner++) {
            const int mark = (2 * outer + inner) % 251;
            unsigned char *memory = workspace_take(BYTES, "bytes");
            memset(memory, mark, BYTES);
            for (int i = 0; i < BYTES; i++) {
                wrong += memory[i] != mark;
            }
            workspace_give(memory);
        }
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(without_memory_the_program_ends_in_one_line) {
    char said[200] = "";
    int status = 0;
    StopTrial trial = stop_trial_begin();
    if (trial.in_child) {
        workspace_take(SIZE_MAX - 100, "a dream");
        stop_trial_survived();
    }
    ck_assert_int_eq(waitpid(trial.child, &status, 0), trial.child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    ck_assert(pread(trial.messages, said, sizeof said - 1, 0) > 0);
    ck_assert_ptr_eq(strstr(said, "no memory for a dream: "), said);
    ck_assert_ptr_eq(strchr(said, '\n'), said + strlen(said) - 1);
}
END_TEST

Suite *workspace_suite(void) {
    Suite *suite = suite_create("workspace");
    TCase *memory = add_case(suite, "memory for a call");
    tcase_add_test(memory, it_is_aligned_and_all_of_it_may_be_written);
    tcase_add_test(memory, what_was_given_back_is_taken_again_and_grows);
    tcase_add_test(memory, two_at_a_time_are_apart);
    tcase_add_test(memory, threads_do_not_share_theirs);
    tcase_add_test(memory, without_memory_the_program_ends_in_one_line);
    return suite;
}
