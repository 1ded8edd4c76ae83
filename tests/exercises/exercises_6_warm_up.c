/* exercises_6_warm_up.c: the six warm-ups, graded (6.a to 6.f). See exercise.h. */
#include <math.h>

#include "chapters/06_cuda_training/cuda_on_cpu/counts.h"
#include "chapters/06_cuda_training/kernels/warm_up.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_6.h"

#define TOLERANCE 1e-6 /* float */

enum { LANES = 16 }; /* of 32, that take part in a request on average, at least */
enum { BLOCK = WARM_UP_BLOCK, THREADS = WARM_UP_BLOCK * WARM_UP_BLOCKS };

static double *unwritten(long count) {
    double *T = doubles(count);
    for (long i = 0; i < count; i++) {
        T[i] = (double)NAN;
    }
    return T;
}

static bool any_unwritten(Tensor T) {
    const double *t = doubles_of(T);
    for (long i = 0; i < tensor_count(T); i++) {
        if (isnan(t[i])) {
            return true;
        }
    }
    return false;
}

/* ---- 6.a, 6.b: one thread per element -------------------------------------------- */

static void square_case(int blocks) {
    const int count = blocks * BLOCK;
    begin_device();
    Tensor x = normal('x', SHAPE(count)), dx = on_device(x, 0),
           y = on_device(unset(x), 0);
    double *want = doubles_of(x), *twice = doubles_of(x), *same = doubles_of(x);
    for (int i = 0; i < count; i++) {
        want[i] *= same[i];
        twice[i] *= 2;
    }
    case_is("%d elements, %d blocks of %d threads", count, blocks, BLOCK);
    warm_up_square(dx.data, y.data, count);
    const Tensor got = from_device(y);
    expect("y", got, want, TOLERANCE);
    mistake("twice x: the square is x times x", twice);
    mistake("x as it was", same);
    mistake_added(got, count);
    mistake_if("an index that leaves elements out: before block b there are b blocks "
               "of blockDim.x threads",
               any_unwritten(got));
    expect_cost((Cost){.loads = count, .stores = count, .lanes = LANES});
}

void warm_up_square_grade(void) {
    square_case(1);
    square_case(5);
}

static void add_case(int count) {
    begin_device();
    Tensor x = normal('x', SHAPE(count)), y = normal('y', x);
    Tensor dx = on_device(x, 0), dy = on_device(y, 0), z = on_device(unset(x), 0);
    double *want = doubles_of(x), *twice = doubles_of(x);
    const double *other = doubles_of(y);
    for (int i = 0; i < count; i++) {
        want[i] += other[i];
        twice[i] *= 2;
    }
    case_is("%d elements, blocks of %d threads", count, BLOCK);
    warm_up_add(dx.data, dy.data, z.data, count);
    const Tensor got = from_device(z);
    expect("z", got, want, TOLERANCE);
    mistake("x + x", twice);
    mistake("x alone: z is x + y", doubles_of(x));
    mistake_added(got, count);
    mistake_if(
        "an element that no thread writes: the check stops threads that have one",
        any_unwritten(got));
    expect_cost(
        (Cost){.loads = 2 * count, .stores = count, .lanes = count > 1 ? LANES : 0});
}

void warm_up_add_grade(void) {
    add_case(2 * BLOCK);
    add_case(2 * BLOCK + 41);
    add_case(1);
}

/* ---- 6.c: more elements than threads --------------------------------------------- */

static void add_scaled_case(int count) {
    const float a = 0.75f;
    begin_device();
    Tensor x = normal('x', SHAPE(count)), y = writable(normal('y', x));
    Tensor dx = on_device(x, 0), dy = on_device(y, 0);
    const double *x_is = doubles_of(x), *before = doubles_of(y);
    double *want = doubles(count), *once = doubles(count), *alone = doubles(count),
           *unscaled = doubles(count);
    for (int i = 0; i < count; i++) {
        alone[i] = 0.75 * x_is[i];
        want[i] = before[i] + alone[i];
        once[i] = i < THREADS ? want[i] : before[i];
        unscaled[i] = before[i] + x_is[i];
    }
    case_is("%d elements, at most %d blocks of %d threads", count, WARM_UP_BLOCKS,
            BLOCK);
    warm_up_add_scaled(a, dx.data, dy.data, count);
    expect_true(counted().blocks <= WARM_UP_BLOCKS,
                "%.0f blocks; at most %d are allowed", (double)counted().blocks,
                WARM_UP_BLOCKS);
    mistake_if(
        "a thread for each element, or more than one launch: the same few threads "
        "are to go on until all is done",
        true);
    expect("y", from_device(dy), want, TOLERANCE);
    mistake("one element per thread: a thread goes on, by the number of all threads",
            once);
    mistake("a x alone: it is added to what y holds", alone);
    mistake("x without its factor a", unscaled);
    expect_cost((Cost){.loads = 2 * count, .stores = count, .lanes = LANES});
}

void warm_up_add_scaled_grade(void) {
    add_scaled_case(THREADS);
    add_scaled_case(5 * THREADS + 70);
    add_scaled_case(100);
}

/* ---- 6.d: rows and columns ------------------------------------------------------- */

static void scale_rows_case(int rows, int cols) {
    enum { X_GAP = 3, Y_GAP = 20 };
    begin_device();
    Tensor X = normal('X', SHAPE(rows, cols)), by = normal('b', SHAPE(rows));
    Tensor dX = on_device(X, X_GAP), dY = on_device(unset(X), Y_GAP),
           d_by = on_device(by, 0);
    const double *x = doubles_of(X), *factor = doubles_of(by);
    const long count = (long)rows * cols;
    double *want = doubles(count), *turned = unwritten(count),
           *of_col = unwritten(count);
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            const long at = (long)i * cols + j;
            want[at] = factor[i] * x[at];
            /* 32 rows and 4 columns a block, of as many blocks as for 32 columns */
            if (i < (cols + 31) / 32 * 32 && j < (rows + 3) / 4 * 4) {
                turned[at] = want[at];
            }
            of_col[at] = j < rows ? factor[j] * x[at] : (double)NAN;
        }
    }
    case_is("%d x %d, rows of X %d apart, of Y %d", rows, cols, dX.ld, dY.ld);
    warm_up_scale_rows(d_by.data, dX, dY);
    const Tensor got = from_device(dY);
    expect("Y", got, want, TOLERANCE);
    mistake("rows counted by x and columns by y: the grid has its columns along x",
            turned);
    mistake("the factor of the column: row i has by[i]", of_col);
    mistake("X as it was, without its factor", x);
    mistake_added(got, count);
    mistake_if("an element that no thread writes: row and column count blockDim.y and "
               "blockDim.x threads for each block before",
               is_unset(got));
    mistake_if(
        "an element that is no row's, or none: row i of X begins at i * X.ld, of "
        "Y at i * Y.ld",
        any_unwritten(got));
    expect_cost((Cost){.loads = 2.0 * (double)count,
                       .stores = (double)count,
                       .lanes = cols < 32 ? 0 : LANES,
                       .sectors = 6});
}

void warm_up_scale_rows_grade(void) {
    scale_rows_case(7, 50);
    scale_rows_case(64, 64);
    scale_rows_case(33, 9);
}

/* ---- 6.e: through shared memory -------------------------------------------------- */

/* Has each place but a run's first what belongs to the place before it? */
static bool one_off(Tensor got, const double *want, int count) {
    const double *x = doubles_of(got);
    for (int i = 0; i < count; i++) {
        if (i % BLOCK > 0 && fabs(x[i] - want[i - 1]) > 1e-6) {
            return false;
        }
    }
    return count > 1;
}

static void reverse_case(int count) {
    begin_device();
    Tensor x = writable(normal('x', SHAPE(count))), dx = on_device(x, 0);
    const double *before = doubles_of(x);
    double *want = doubles(count), *as_whole = doubles(count);
    for (int i = 0; i < count; i++) {
        const int first = i / BLOCK * BLOCK,
                  last = (first + BLOCK < count ? first + BLOCK : count) - 1;
        want[i] = before[first + last - i];
        const int other = first + BLOCK - 1 - (i - first);
        as_whole[i] = other < count ? before[other] : (double)NAN; /* in kept */
    }
    case_is("%d elements, runs of %d", count, BLOCK);
    warm_up_reverse(dx.data, count);
    const Tensor got = from_device(dx);
    expect("x", got, want, TOLERANCE);
    mistake("x as it was", before);
    mistake("a last run turned as if it were whole: it has `size` elements", as_whole);
    mistake_if("a run that is one element off: the last one's place is size - 1",
               one_off(got, want, count));
    mistake_if("an element of kept that no thread has written", any_unwritten(got));
    expect_cost((Cost){.loads = count,
                       .stores = count,
                       .lanes = LANES,
                       .barriers = (count + BLOCK - 1) / BLOCK});
    const CudaOnCpuCounts c = counted();
    expect_true(c.shared_load.accesses > 0 || c.barriers > 0,
                "nothing is read from `kept`, and there is no barrier");
    mistake_if("a swap within x. It is right; but this exercise is there to hand "
               "numbers from thread to thread: each stores its own in kept, and after "
               "a barrier loads another's",
               true);
}

void warm_up_reverse_grade(void) {
    reverse_case(2 * BLOCK);
    reverse_case(2 * BLOCK + 44);
    reverse_case(BLOCK - 1);
}

/* ---- 6.f: a block's sum ---------------------------------------------------------- */

typedef enum { ALL, FIRST_WARP, FIRST_HALF, EVERY_OTHER, OF_ALL_RUNS } Part;

/* What each block sums up. */
static double *sums_of(int count, const double *x, Part part) {
    const int blocks = (count + BLOCK - 1) / BLOCK;
    double *sums = doubles(blocks);
    for (int i = 0; i < count * blocks; i++) {
        const int b = i / count, at = i % count, t = at % BLOCK;
        const bool in_run = part == OF_ALL_RUNS || at / BLOCK == b;
        const bool left_out = (part == FIRST_WARP && t >= 32) ||
                              (part == FIRST_HALF && t >= BLOCK / 2) ||
                              (part == EVERY_OTHER && t % 2 > 0);
        sums[b] += in_run && !left_out ? x[at] : 0;
    }
    return sums;
}

/* Of shared memory's requests a tree makes 17 in a block, or 47 if those that add are
 * spread over all warps; shuffles a dozen. */
static void expect_all_lanes(double blocks) {
    const CudaOnCpuCounts c = counted();
    const double requests = (double)c.shared_load.requests / blocks;
    const double each = (double)c.shared_load.accesses / blocks;
    expect_true(each <= 4 * BLOCK,
                "%.0f loads from shared memory in a block, of %d "
                "elements",
                each, BLOCK);
    mistake_if("the work of one thread, done by all: every thread adds everything",
               true);
    expect_true(requests <= 64,
                "%.0f loads of warps from shared memory in a block; 17 "
                "are enough",
                requests);
    mistake_if("one thread that adds while the others wait: let half of them add, then "
               "half of these",
               true);
}

/* Is each full run's sum right? */
static bool only_last_is_wrong(Tensor got, int count, const double *want) {
    const double *sums = doubles_of(got);
    for (int b = 0; b < count / BLOCK; b++) {
        if (fabs(sums[b] - want[b]) > 1e-3) {
            return false;
        }
    }
    return count % BLOCK > 0 && count > BLOCK;
}

static void sums_case(int count) {
    const int blocks = (count + BLOCK - 1) / BLOCK;
    begin_device();
    Tensor x = normal('x', SHAPE(count)), dx = on_device(x, 0),
           sums = on_device(unset(SHAPE(blocks)), 0);
    const double *x_is = doubles_of(x);
    case_is("%d elements, runs of %d", count, BLOCK);
    warm_up_sums(dx.data, sums.data, count);
    const Tensor got = from_device(sums);
    expect("sums", got, sums_of(count, x_is, ALL), 1e-5);
    mistake("the sum of the run's first warp: the other warps have sums too",
            sums_of(count, x_is, FIRST_WARP));
    mistake("the sum of half of the run: the first step is that of half = BLOCK / 2",
            sums_of(count, x_is, FIRST_HALF));
    mistake("the sum of every other element: the last step is that of half = 1",
            sums_of(count, x_is, EVERY_OTHER));
    mistake("the sum of all of x in each block: a block has one run",
            sums_of(count, x_is, OF_ALL_RUNS));
    mistake_added(got, blocks);
    mistake_if(
        "a sum with a part that no thread has written, or with an element behind "
        "the last of x: threads without an element bring 0",
        any_unwritten(got));
    mistake_if("a last run, which isn't full, that is added up in another way: threads "
               "without an element bring 0, and all steps are made",
               only_last_is_wrong(got, count, sums_of(count, x_is, ALL)));
    expect_cost((Cost){.loads = count,
                       .stores = blocks,
                       .lanes = count > 1 ? LANES : 0,
                       .barriers = 9.0 * blocks});
    expect_all_lanes(blocks);
}

void warm_up_sums_grade(void) {
    sums_case(3 * BLOCK);
    sums_case(2 * BLOCK + 44);
    sums_case(1);
}
