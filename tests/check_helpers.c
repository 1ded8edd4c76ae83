/* check_helpers.c: see check_helpers.h. */
#include "tests/check_helpers.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef WITH_ADDRESS_SANITIZER
/* Asked by the leak checker: clang's OpenMP keeps what it has for its threads. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libomp.so\n";
}
#endif

/* ---- memory -------------------------------------------------------------- */

/* The blocks of the running test, chained: each begins with this. Its threads, which
 * may be ranks, ask for memory at the same time. */
typedef struct Block {
    struct Block *next;
    void *memory;
} Block;

static Block *blocks;
static pthread_mutex_t blocks_mutex = PTHREAD_MUTEX_INITIALIZER;

static void *test_memory(size_t bytes) {
    Block *block = malloc(sizeof *block);
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!block || !memory) {
        fprintf(stderr, "tests: no memory\n");
        abort();
    }
    pthread_mutex_lock(&blocks_mutex);
    *block = (Block){.next = blocks, .memory = memory};
    blocks = block;
    pthread_mutex_unlock(&blocks_mutex);
    return memory;
}

static void free_test_memory(void) {
    while (blocks) {
        Block *block = blocks;
        blocks = block->next;
        free(block->memory);
        free(block);
    }
}

TCase *add_case(Suite *suite, const char *name) {
    const double an_hour = 3600; /* what takes longer, on any machine, never ends */
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, an_hour);
    tcase_add_checked_fixture(tcase, NULL, free_test_memory);
    suite_add_tcase(suite, tcase);
    return tcase;
}

real *test_reals(long count) {
    return test_memory((size_t)count * sizeof(real));
}

double *test_doubles(long count) {
    return test_memory((size_t)count * sizeof(double));
}

/* ---- tensors ------------------------------------------------------------- */

Tensor test_shape(int ndim, const int *shape) {
    ck_assert_int_ge(ndim, 1);
    ck_assert_int_le(ndim, TENSOR_MAX_DIMS);
    Tensor T = {.ndim = ndim, .ld = shape[ndim - 1]};
    memcpy(T.shape, shape, (size_t)ndim * sizeof shape[0]);
    return T;
}

Tensor zero_tensor(Tensor shape) {
    shape.ld = tensor_cols(shape);
    shape.data = test_reals(tensor_count(shape));
    return shape;
}

Tensor unset_tensor(Tensor shape) {
    Tensor T = zero_tensor(shape);
    tensor_fill(T, (real)NAN);
    return T;
}

Tensor copy_of(Tensor T) {
    Tensor copy = zero_tensor(T);
    tensor_copy(copy, T);
    return copy;
}

Tensor random_tensor(int letter, Tensor shape) {
    Tensor T = zero_tensor(shape);
    Random random = {.seed = 2017, .use = RANDOM_DEMO, .sequence = (uint32_t)letter};
    random_fill_normal(random, T, 1.0);
    return T;
}

Tensor tensor_of_values(Tensor shape, int count, const double *values) {
    Tensor T = zero_tensor(shape);
    ck_assert_msg(tensor_count(T) == count, "the test lists %d numbers for %ld", count,
                  tensor_count(T));
    for (int i = 0; i < count; i++) {
        T.data[i] = (real)values[i];
    }
    return T;
}

enum { CANARIES_BEFORE = 2, CANARIES_AFTER = 3 };

Tensor wide_view(Tensor shape) {
    const int rows = tensor_rows(shape), cols = tensor_cols(shape);
    Tensor wide = zero_tensor(SHAPE(rows, CANARIES_BEFORE + cols + CANARIES_AFTER));
    tensor_fill(wide, CANARY);
    return tensor_columns(wide, CANARIES_BEFORE, cols);
}

bool canaries_live(Tensor view) {
    for (int i = 0; i < tensor_rows(view); i++) {
        const real *row = tensor_row(view, i);
        for (int j = -CANARIES_BEFORE; j < tensor_cols(view) + CANARIES_AFTER; j++) {
            bool outside = j < 0 || j >= tensor_cols(view);
            if (outside && row[j] != (real)CANARY) {
                return false;
            }
        }
    }
    return true;
}

/* T's elements as doubles, in memory that the caller frees. */
static double *allocated_doubles(Tensor T) {
    double *x = calloc((size_t)tensor_count(T) + 1, sizeof *x);
    if (!x) {
        abort();
    }
    for (int i = 0; i < tensor_rows(T); i++) {
        for (int j = 0; j < tensor_cols(T); j++) {
            x[(long)i * tensor_cols(T) + j] = (double)tensor_row(T, i)[j];
        }
    }
    return x;
}

double *doubles_of(Tensor T) {
    double *x = test_doubles(tensor_count(T));
    double *copied = allocated_doubles(T);
    memcpy(x, copied, (size_t)tensor_count(T) * sizeof *x);
    free(copied);
    return x;
}

ParameterBlock test_block(const ParameterBlock *counted) {
    return (ParameterBlock){.data = test_reals(counted->used)};
}

Arena test_arena(const Arena *plan) {
    /* Not arena_make: so that every test is freed in the same way. NaN, so that a
     * layer that reads what it has not written is seen. */
    Arena arena = {.capacity = plan->used, .block = test_reals(plan->used)};
    tensor_fill(tensor1(arena.block, (int)arena.capacity), (real)NAN);
    return arena;
}

double weighted_sum(Tensor C, Tensor Y) {
    double sum = 0;
    for (int i = 0; i < tensor_rows(Y); i++) {
        for (int j = 0; j < tensor_cols(Y); j++) {
            sum += (double)tensor_row(C, i)[j] * (double)tensor_row(Y, i)[j];
        }
    }
    return sum;
}

/* ---- comparisons --------------------------------------------------------- */

static char message[1024];

static double root_mean_square(const double *x, long count) {
    double sum = 0;
    for (long i = 0; i < count; i++) {
        sum += isfinite(x[i]) ? x[i] * x[i] : 0;
    }
    return count ? sqrt(sum / (double)count) : 0;
}

/* 0 for equal numbers (infinities too), NaN if either is NaN. */
static double relative_error(double got, double want, double rms) {
    if (got == want) {
        return 0;
    }
    return fabs(got - want) / fmax(fabs(want), rms);
}

static const char *array_difference(const double *got, const double *want, Tensor shape,
                                    double tolerance, const char *name,
                                    const char *tag) {
    const long count = tensor_count(shape);
    const int cols = tensor_cols(shape);
    const double rms = root_mean_square(want, count);
    double worst = 0;
    long at = 0;
    for (long i = 0; i < count; i++) {
        double error = relative_error(got[i], want[i], rms);
        if (!(error <= worst) && !isnan(worst)) { /* a NaN is the worst, and stays */
            worst = error;
            at = i;
        }
    }
    if (worst <= tolerance) {
        return NULL;
    }
    char text[TENSOR_SHAPE_TEXT];
    snprintf(message, sizeof message,
             "%s %s %s is wrong, worst at row %ld, column %ld: got %.10g, want %.10g, "
             "relative error %.2e, tolerance %.0e",
             tag, name, tensor_shape_text(shape, text), at / cols, at % cols, got[at],
             want[at], worst, tolerance);
    return message;
}

const char *doubles_difference(Tensor got, const double *want, double tolerance,
                               const char *name, const char *tag) {
    double *numbers = allocated_doubles(got);
    const char *result = array_difference(numbers, want, got, tolerance, name, tag);
    free(numbers);
    return result;
}

const char *tensor_difference(Tensor got, Tensor want, double tolerance,
                              const char *name, const char *tag) {
    if (!tensor_same_shape(got, want)) {
        char a[TENSOR_SHAPE_TEXT], b[TENSOR_SHAPE_TEXT];
        snprintf(message, sizeof message, "%s %s is %s, want %s", tag, name,
                 tensor_shape_text(got, a), tensor_shape_text(want, b));
        return message;
    }
    double *numbers = allocated_doubles(want);
    const char *result = doubles_difference(got, numbers, tolerance, name, tag);
    free(numbers);
    return result;
}

const char *number_difference(double got, double want, double tolerance,
                              const char *name, const char *tag) {
    double error = relative_error(got, want, 1.0);
    if (error <= tolerance) {
        return NULL;
    }
    snprintf(message, sizeof message,
             "%s %s is wrong: got %.10g, want %.10g, error %.2e, tolerance %.0e", tag,
             name, got, want, error, tolerance);
    return message;
}

const char *bits_difference(Tensor got, Tensor want, const char *name) {
    if (!tensor_same_shape(got, want)) {
        return tensor_difference(got, want, 0, name, "[same bits]");
    }
    for (int i = 0; i < tensor_rows(got); i++) {
        for (int j = 0; j < tensor_cols(got); j++) {
            const real *a = &tensor_row(got, i)[j], *b = &tensor_row(want, i)[j];
            if (memcmp(a, b, sizeof *a) != 0) {
                snprintf(message, sizeof message,
                         "[same bits] %s differs at row %d, column %d: got %a, want %a",
                         name, i, j, (double)*a, (double)*b);
                return message;
            }
        }
    }
    return NULL;
}

/* ---- gradients ----------------------------------------------------------- */

const char *gradcheck_difference(double (*loss)(void *), void *context, Tensor x,
                                 Tensor dx, const char *name, const char *tag) {
    Gradcheck check = gradcheck(loss, context, x, dx);
    if (gradcheck_passed(&check)) {
        return NULL;
    }
    char text[TENSOR_SHAPE_TEXT];
    snprintf(message, sizeof message,
             "%s %s %s is not the gradient, worst at row %ld, column %ld: "
             "backward says %.10g, differences say %.10g, relative error %.2e",
             tag, name, tensor_shape_text(dx, text), check.index / tensor_cols(dx),
             check.index % tensor_cols(dx), check.analytic, check.numeric, check.worst);
    return message;
}

const char *naive_gradient_difference(double (*loss)(void *), void *context, double *x,
                                      Tensor dx, const char *name, const char *tag) {
    const long count = tensor_count(dx);
    const double eps = 1e-5;
    double *numeric = calloc((size_t)count + 1, sizeof *numeric);
    if (!numeric) {
        abort();
    }
    for (long i = 0; i < count; i++) {
        const double kept = x[i];
        x[i] = kept + eps;
        double above = loss(context);
        x[i] = kept - eps;
        numeric[i] = (above - loss(context)) / (2 * eps);
        x[i] = kept;
    }
    const char *result = doubles_difference(dx, numeric, GRADIENT_TOLERANCE, name, tag);
    free(numeric);
    return result;
}

/* ---- calls that must stop the program ------------------------------------ */

const char *temporary_folder(void) {
    const char *folder = getenv("TMPDIR");
    return folder && strlen(folder) < 128 && access(folder, W_OK | X_OK) == 0 ? folder
                                                                              : "/tmp";
}

/* A file without a name, gone when closed. */
static int nameless_file(void) {
    char name[192];
    snprintf(name, sizeof name, "%s/test-output-XXXXXX", temporary_folder());
    int file = mkstemp(name);
    if (file < 0) {
        perror("tests: a temporary file");
        abort();
    }
    unlink(name);
    return file;
}

void read_to_end(int file, char *text, size_t capacity) {
    char beyond[256];
    size_t used = 0;
    ssize_t got;
    do {
        const size_t room = capacity - 1 - used;
        got = room > 0 ? read(file, text + used, room)
                       : read(file, beyond, sizeof beyond);
        used += got > 0 && room > 0 ? (size_t)got : 0;
    } while (got > 0 || (got < 0 && errno == EINTR));
    text[used] = '\0';
    close(file);
}

/* The same of a file that was written here: from its beginning. */
static void read_again(int file, char *text, size_t capacity) {
    lseek(file, 0, SEEK_SET);
    read_to_end(file, text, capacity);
}

StopTrial stop_trial_begin(void) {
    StopTrial trial = {.messages = nameless_file()};
    fflush(NULL);
    trial.child = fork();
    if (trial.child < 0) {
        perror("tests: fork");
        abort();
    }
    trial.in_child = trial.child == 0;
    if (trial.in_child) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        dup2(trial.messages, STDERR_FILENO);
    }
    return trial;
}

void stop_trial_survived(void) {
    _exit(0);
}

/* The first of the words that text lacks, or NULL. */
static const char *missing_word(const char *text, const char *words) {
    static char word[256];
    while (*words) {
        size_t length = strcspn(words, "|");
        snprintf(word, sizeof word, "%.*s", (int)length, words);
        if (!strstr(text, word)) {
            return word;
        }
        words += length + (words[length] == '|');
    }
    return NULL;
}

const char *stop_trial_end(const StopTrial *trial, const char *words,
                           const char *call) {
    char said[4096];
    int status = 0;
    waitpid(trial->child, &status, 0);
    read_again(trial->messages, said, sizeof said);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {
        snprintf(message, sizeof message, "%s should have stopped; stderr: \"%.600s\"",
                 call, said);
        return message;
    }
    const char *missing = missing_word(said, words);
    if (missing) {
        snprintf(message, sizeof message,
                 "%s stopped without the words \"%s\": \"%.600s\"", call, missing,
                 said);
        return message;
    }
    return NULL;
}

/* ---- what is printed ----------------------------------------------------- */

static int kept_stdout = -1, captured = -1;

void capture_begin(void) {
    fflush(stdout);
    captured = nameless_file();
    kept_stdout = dup(STDOUT_FILENO);
    dup2(captured, STDOUT_FILENO);
}

const char *capture_end(void) {
    static char text[4096];
    fflush(stdout);
    dup2(kept_stdout, STDOUT_FILENO);
    close(kept_stdout);
    read_again(captured, text, sizeof text);
    return text;
}
