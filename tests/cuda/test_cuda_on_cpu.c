/*
 * test_cuda_on_cpu.c: the emulator. What it runs must come out as on a GPU, and each
 * kind of bug that is planted must be found, and named: kernel, block and thread.
 *
 * Which tests there are depends on how kernels were compiled: AddressSanitizer finds
 * accesses out of bounds, the flavour `watched` counts and finds races. On a GPU only
 * the right kernels run.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/cuda/cuda_suites.h"
#include "tests/cuda/device_helpers.h"
#include "chapters/06_cuda_training/cuda_on_cpu/counts.h"
#include "tests/cuda/planted_kernels.h"
#include "tests/scratch.h"

enum { N = 64 };

/* 1, 2, 3, ... */
static Tensor numbers(int count) {
    Tensor T = zero_tensor(SHAPE(count));
    for (int i = 0; i < count; i++) {
        T.data[i] = (real)(i + 1);
    }
    return on_device(T);
}

static Tensor run_kernel(PlantedKernel which, int threads, int from_count,
                         int to_count) {
    Tensor to = device_unset(SHAPE(to_count));
    planted_kernel(which, threads, numbers(from_count).data, to.data);
    return from_device(to);
}

/* ---- what is right stays right, in every order --------------------------------- */

START_TEST(a_block_reverses_through_shared_memory) {
    const PlantedKernel which[] = {REVERSE, REVERSE_IN_DYNAMIC};
    setenv("CUDA_ON_CPU_ORDERS", "1", 1);
    Tensor got = run_kernel(which[_i], N, N, N);
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq((int)got.data[i], N - i);
    }
}
END_TEST

START_TEST(lanes_meet_in_syncwarp) {
    setenv("CUDA_ON_CPU_ORDERS", "1", 1);
    Tensor got = run_kernel(WARP_NEIGHBOUR, N, N, N);
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq((int)got.data[i], (i ^ 1) + 1);
    }
}
END_TEST

START_TEST(atomics_of_whole_numbers_add_up_in_every_order) {
    Tensor to = on_device(zero_tensor(SHAPE(4)));
    setenv("CUDA_ON_CPU_ORDERS", "1", 1);
    planted_kernel(HISTOGRAM, N, NULL, to.data);
    assert_values(from_device(to), 1e-9, "4 blocks, 64 threads", 64, 64, 64, 64);
}
END_TEST

START_TEST(votes_are_counted) {
    Tensor from = zero_tensor(SHAPE(32)), to = device_unset(SHAPE(32));
    from.data[3] = from.data[31] = 1;
    planted_kernel(VOTES, 32, on_device(from).data, to.data);
    Tensor got = from_device(to);
    ck_assert_int_eq((int)got.data[0], 2);
    ck_assert_int_eq((int)got.data[31], 2);
}
END_TEST

START_TEST(blocks_and_threads_have_three_coordinates) {
    Tensor got = run_kernel(COORDINATES, 16, 1, 192);
    for (int i = 0; i < 192; i++) {
        ck_assert_int_eq((int)got.data[i], i);
    }
}
END_TEST

/* ---- bugs that stop any build ---------------------------------------------------- */

typedef struct {
    PlantedKernel which;
    const char *words;
} Expected;

static void must_stop(Expected e) {
    Tensor from = numbers(N), to = device_unset(SHAPE(N));
    assert_stops(e.words, planted_kernel(e.which, N, from.data, to.data));
}

static const Expected waits[] = {
    {BARRIER_IN_A_BRANCH, "kernel barrier_in_a_branch, block (0,0,0)|__syncthreads at|"
                          "planted_kernels.cu|is not reached by all threads|63 of 64|"
                          "thread (0,0,0) has returned"},
    {TWO_BARRIERS, "kernel two_barriers|is not reached by all threads|32 of 64"},
    {SHUFFLE_IN_A_BRANCH, "kernel shuffle_in_a_branch|__shfl_xor_sync at|"
                          "is not reached by all threads|(0,0,0)"},
    {SHUFFLE_FROM_OUTSIDE, "kernel shuffle_from_outside, block (0,0,0), thread (0,0,0)|"
                           "reads lane 16, which mask 0000ffff leaves out"},
};

START_TEST(threads_that_wait_for_nobody_are_named) {
    must_stop(waits[_i]);
}
END_TEST

START_TEST(what_no_thread_writes_stays_nan) {
    Tensor got = run_kernel(NOT_ALL_WRITTEN, N, N, N);
    ck_assert(!isnan(got.data[N - 2]));
    ck_assert(isnan(got.data[N - 1]));
}
END_TEST

/* ---- bugs that an order of threads shows ----------------------------------------- */

static const Expected in_an_order[] = {
    {NO_BARRIER, "kernel no_barrier|depends on the order of its threads|__syncthreads"},
    {NO_SECOND_BARRIER, "kernel no_second_barrier|depends on the order"},
    {NO_SYNCWARP, "kernel no_syncwarp|depends on the order"},
    {ONE_PLACE, "kernel one_place|depends on the order|byte 0 of a block of 256 bytes"},
    {BLOCKS_SHARE, "kernel blocks_share|depends on the order"},
};

/* Where races are looked for, the first of the orders stops at one. */
START_TEST(what_depends_on_the_order_of_threads_is_found) {
    setenv("CUDA_ON_CPU_ORDERS", "1", 1);
    must_stop(in_an_order[_i]);
}
END_TEST

/* ---- races: found in whatever order the threads ran ------------------------------ */

static const Expected races[] = {
    {NO_BARRIER,
     "kernel no_barrier, block (0,0,0), thread (32,0,0): writes shared memory "
     "at planted_kernels.cu|its block's thread (31,0,0) read at "
     "planted_kernels.cu|no __syncthreads lies between"},
    {NO_SECOND_BARRIER,
     "kernel no_second_barrier|shared memory at planted_kernels.cu:|a race"},
    {NO_BARRIER_IN_A_SUM, /* who has read it last is the thread itself */
     "kernel no_barrier_in_a_sum, block (0,0,0), thread (1,0,0): writes shared memory|"
     "its block's thread (0,0,0) read"},
    {NO_SYNCWARP,
     "kernel no_syncwarp, block (0,0,0), thread (1,0,0): writes shared memory"},
    {ONE_PLACE,
     "kernel one_place, block (0,0,0), thread (1,0,0): writes global memory, "
     "byte 0|thread (0,0,0) wrote"},
    {BLOCKS_SHARE,
     "kernel blocks_share, block (1,0,0)|reads global memory, byte 0|another "
     "block's|blocks can't wait"},
};

START_TEST(a_race_is_found_and_both_places_are_named) {
    must_stop(races[_i]);
}
END_TEST

START_TEST(a_block_finds_nothing_in_shared_memory) {
    Tensor got = run_kernel(SHARED_REMAINS, N, N, 2 * N);
    ck_assert_int_eq((int)got.data[0], 1);
    ck_assert(isnan(got.data[N]));
}
END_TEST

/* ---- accesses, counted ----------------------------------------------------------- */

static CudaOnCpuCounts counts_of_kernel(PlantedKernel which, int threads) {
    CudaOnCpuCounts counts;
    Tensor from = numbers(2048), to = device_unset(SHAPE(2048));
    ck_assert(cuda_on_cpu_counts_clear());
    planted_kernel(which, threads, from.data, to.data);
    ck_assert(cuda_on_cpu_counts(&counts));
    return counts;
}

static void assert_accesses(CudaOnCpuAccesses a, int accesses, int requests,
                            int units) {
    ck_assert_int_eq((int)a.accesses, accesses);
    ck_assert_int_eq((int)a.requests, requests);
    ck_assert_int_eq((int)a.units, units);
}

START_TEST(neighbours_share_sectors) {
    unsetenv("CUDA_ON_CPU_ORDERS");
    const CudaOnCpuCounts row = counts_of_kernel(COPY_ROW, 64);
    ck_assert_int_eq((int)row.threads, 64);
    assert_accesses(row.global_load, 64, 2, 8); /* 4 sectors of 32 bytes per warp */
    assert_accesses(row.global_store, 64, 2, 8);
    const CudaOnCpuCounts column = counts_of_kernel(COPY_COLUMN, 64);
    assert_accesses(column.global_load, 64, 2, 64); /* one per lane */
    const CudaOnCpuCounts wide = counts_of_kernel(COPY_FLOAT4, 64);
    assert_accesses(wide.global_load, 64, 2, 32); /* 512 bytes per warp */
    ck_assert_int_eq((int)wide.global_load.bytes, 1024);
    ck_assert_int_eq((int)wide.shared_load.accesses, 0);
}
END_TEST

START_TEST(lanes_in_one_bank_wait_for_each_other) {
    unsetenv("CUDA_ON_CPU_ORDERS");
    const CudaOnCpuCounts column = counts_of_kernel(SHARED_COLUMN, 32);
    assert_accesses(column.shared_load, 32, 1, 32);
    assert_accesses(column.shared_store, 32, 1, 32);
    ck_assert_int_eq((int)column.barriers, 1);
    const CudaOnCpuCounts padded = counts_of_kernel(SHARED_PADDED, 32);
    assert_accesses(padded.shared_load, 32, 1, 1);
}
END_TEST

/* 128 bytes a pass; twice the lanes where a load's lanes want the same in pairs. An
 * H200's counters say 2 for fused attention's loads, SHARED_QUAD_HALVES. */
static const struct {
    PlantedKernel which;
    int load, store;
} wide_passes[] = {
    {SHARED_QUADS, 4, 4},       {SHARED_QUAD, 2, 4},       {SHARED_QUAD_PAIRS, 2, 4},
    {SHARED_QUAD_HALVES, 2, 4}, {SHARED_QUAD_FOURS, 4, 4}, {SHARED_DOUBLES, 2, 2},
    {SHARED_DOUBLE, 1, 2},
};
enum { WIDE = sizeof wide_passes / sizeof wide_passes[0] };

START_TEST(wide_loads_are_answered_in_parts) {
    unsetenv("CUDA_ON_CPU_ORDERS");
    const CudaOnCpuCounts c = counts_of_kernel(wide_passes[_i].which, 32);
    assert_accesses(c.shared_load, 32, 1, wide_passes[_i].load);
    assert_accesses(c.shared_store, 32, 1, wide_passes[_i].store);
}
END_TEST

START_TEST(atomics_and_meetings_are_counted) {
    unsetenv("CUDA_ON_CPU_ORDERS");
    const CudaOnCpuCounts four_blocks = counts_of_kernel(HISTOGRAM, 64);
    ck_assert_int_eq((int)four_blocks.atomics, 256);
    ck_assert_int_eq((int)four_blocks.blocks, 4);
    ck_assert_int_eq((int)counts_of_kernel(WARP_NEIGHBOUR, 64).meetings, 2);
}
END_TEST

/* ---- out of bounds --------------------------------------------------------------- */

#ifdef WITH_ADDRESS_SANITIZER
static const Expected bounds[] = {
    {BEYOND_GLOBAL,
     "kernel beyond_global, block (0,0,0), thread (63,0,0): an access out of "
     "bounds|AddressSanitizer|heap-buffer-overflow"},
    {BEFORE_GLOBAL,
     "kernel before_global, block (0,0,0), thread (0,0,0): an access out of "
     "bounds|AddressSanitizer"},
    {BEYOND_SHARED,
     "kernel beyond_shared, block (0,0,0), thread (63,0,0): an access out of "
     "bounds|AddressSanitizer|global-buffer-overflow"},
    {BEYOND_DYNAMIC,
     "kernel beyond_dynamic, block (0,0,0), thread (63,0,0): an access out "
     "of bounds|AddressSanitizer|heap-buffer-overflow"},
};
enum { BOUNDS = sizeof bounds / sizeof bounds[0] };

/* AddressSanitizer chooses its exit status itself; stop_trial_end wants abort(). */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "abort_on_error=1";
}

START_TEST(an_access_out_of_bounds_is_found) {
    must_stop(bounds[_i]);
}
END_TEST
#endif

/* ---- failures of the runtime ----------------------------------------------------- */

/* Runs it in a child, for what it writes to stderr and its exit status. */
static int exit_status_of(void (*act)(void), char *said, size_t bytes) {
    int pipes[2], status = 0;
    ck_assert_int_eq(pipe(pipes), 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(pipes[1], STDERR_FILENO);
        act();
        _exit(99);
    }
    close(pipes[1]);
    read_to_end(pipes[0], said, bytes);
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void two_uploads(void) {
    float number = 1, *at = device_bytes(sizeof number, &number);
    gpu_upload(NULL, at, &number, sizeof number);
    gpu_wait(NULL);
}

static void too_many_threads(void) {
    planted_kernel(TOO_MANY_THREADS, 1, NULL, NULL);
}

static void upload_beyond_the_end(void) {
    float numbers_here[2] = {1, 2}, *at = device_bytes(sizeof(float), NULL);
    gpu_upload(NULL, at, numbers_here, sizeof numbers_here);
}

static void assert_fails(void (*act)(void), const char *first, const char *second) {
    char said[1024];
    ck_assert_int_eq(exit_status_of(act, said, sizeof said), 1);
    ck_assert_msg(strstr(said, first) != NULL, "\"%s\" is not in \"%s\"", first, said);
    ck_assert_msg(strstr(said, second) != NULL, "\"%s\" is not in \"%s\"", second,
                  said);
    ck_assert_msg(strchr(said, '\n') == said + strlen(said) - 1, "one line: %s", said);
}

START_TEST(a_lost_device_is_one_line_that_says_where_and_what_to_do) {
    setenv("CUDA_ON_CPU_FAIL", "cudaMemcpyAsync 2 719", 1);
    assert_fails(two_uploads, "chapter6: cudaMemcpyAsync(", "gpu.cu:");
    assert_fails(two_uploads, "cudaErrorLaunchFailure", "--resume");
    setenv("CUDA_ON_CPU_FAIL", "cudaStreamSynchronize 1 999", 1);
    assert_fails(two_uploads, "cudaStreamSynchronize", "the device may be lost");
}
END_TEST

START_TEST(a_launch_that_fails_names_the_kernel) {
    assert_fails(too_many_threads, "launch of copy_row failed (planted_kernels.cu:",
                 "cudaErrorInvalidConfiguration");
    setenv("CUDA_ON_CPU_FAIL", "launch 1 700", 1);
    assert_fails(too_many_threads, "launch of copy_row", "cudaErrorIllegalAddress");
}
END_TEST

START_TEST(a_copy_beyond_the_end_is_refused) {
    assert_fails(upload_beyond_the_end, "cudaMemcpyAsync", "cudaErrorInvalidValue");
}
END_TEST

START_TEST(no_memory_names_what_for_and_how_much_is_free) {
    Error error;
    setenv("CUDA_ON_CPU_MEMORY", "1000000", 1);
    void *half = gpu_allocate(600000, "weights", &error);
    ck_assert_ptr_nonnull(half);
    ck_assert_ptr_null(gpu_allocate(600000, "gradients", &error));
    assert_error_line(error, "for gradients|0 MB are free|--batch");
    gpu_free(half);
    void *now = gpu_allocate(600000, "gradients", &error);
    ck_assert_ptr_nonnull(now);
    gpu_free(now);
}
END_TEST

START_TEST(an_old_driver_is_told_what_to_do) {
    GpuInfo info;
    Error error;
    setenv("CUDA_ON_CPU_DRIVER", "12040", 1);
    ck_assert(!gpu_open(&info, &error));
    assert_error_line(error,
                      "driver knows CUDA 12.4|built with CUDA 13.0|a newer NVIDIA");
    setenv("CUDA_ON_CPU_DRIVER", "0", 1);
    ck_assert(!gpu_open(&info, &error));
    assert_error_line(error, "no NVIDIA driver");
    unsetenv("CUDA_ON_CPU_DRIVER");
    setenv("CUDA_ON_CPU_FAIL", "cudaGetDeviceCount 1 100", 1);
    ck_assert(!gpu_open(&info, &error));
    assert_error_line(error, "no CUDA-capable device|nvidia-smi");
}
END_TEST

/* ---- the suite ------------------------------------------------------------------- */

static void add_bugs(Suite *suite, bool watched) {
    TCase *waiting = device_case(suite, "threads that wait");
    tcase_add_loop_test(waiting, threads_that_wait_for_nobody_are_named, 0,
                        sizeof waits / sizeof waits[0]);
    tcase_add_test(waiting, what_no_thread_writes_stays_nan);
    TCase *orders = device_case(suite, "orders and races");
    if (watched) {
        tcase_add_loop_test(orders, a_race_is_found_and_both_places_are_named, 0,
                            sizeof races / sizeof races[0]);
        tcase_add_test(orders, a_block_finds_nothing_in_shared_memory);
        tcase_add_test(orders, neighbours_share_sectors);
        tcase_add_test(orders, lanes_in_one_bank_wait_for_each_other);
        tcase_add_loop_test(orders, wide_loads_are_answered_in_parts, 0, WIDE);
        tcase_add_test(orders, atomics_and_meetings_are_counted);
    } else {
        tcase_add_loop_test(orders, what_depends_on_the_order_of_threads_is_found, 0,
                            sizeof in_an_order / sizeof in_an_order[0]);
    }
#ifdef WITH_ADDRESS_SANITIZER
    tcase_add_loop_test(waiting, an_access_out_of_bounds_is_found, 0, BOUNDS);
#endif
    TCase *failures = device_case(suite, "failures");
    tcase_add_test(failures, a_lost_device_is_one_line_that_says_where_and_what_to_do);
    tcase_add_test(failures, a_launch_that_fails_names_the_kernel);
    tcase_add_test(failures, a_copy_beyond_the_end_is_refused);
    tcase_add_test(failures, no_memory_names_what_for_and_how_much_is_free);
    tcase_add_test(failures, an_old_driver_is_told_what_to_do);
}

Suite *cuda_on_cpu_suite(void) {
    CudaOnCpuCounts counts;
    const bool emulated = gpu_is_emulated(), watched = cuda_on_cpu_counts(&counts);
    Suite *suite = suite_create("cuda_on_cpu");
    TCase *right = device_case(suite, "right kernels");
    tcase_add_loop_test(right, a_block_reverses_through_shared_memory, 0, 2);
    tcase_add_test(right, lanes_meet_in_syncwarp);
    tcase_add_test(right, atomics_of_whole_numbers_add_up_in_every_order);
    tcase_add_test(right, votes_are_counted);
    tcase_add_test(right, blocks_and_threads_have_three_coordinates);
    if (emulated) {
        add_bugs(suite, watched);
    }
    return suite;
}
