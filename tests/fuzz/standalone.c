/*
 * standalone.c: in libFuzzer's place where there is none: takes the same words.
 *
 *   fuzz_READER FILE...                     reads each file once
 *   fuzz_READER [-runs=N] [-max_total_time=SECONDS] [-seed=N]
 *               [-artifact_prefix=PREFIX] FOLDER...
 *                                           reads the folders' files, then changed ones
 *
 * The inputs are read by a child. What it reads is in memory that both see: so,
 * however the child ends, the input that ended it is kept. Exit status 0 if all were
 * read, 1 if one wasn't.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);
/* Of the leak sanitizer, where that is linked. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

enum { MOST_BYTES = 1 << 16, MOST_INPUTS = 4096, BETWEEN_LEAK_CHECKS = 2000 };
enum { PATIENCE_S = 60 };

typedef struct {
    unsigned char *bytes; /* owned */
    size_t count;
} Input;

static Input inputs[MOST_INPUTS];
static int input_count;

/* What parent and child share. */
typedef struct {
    long done;
    size_t count;
    unsigned char bytes[MOST_BYTES];
} Shared;
static Shared *shared;

/* ---- numbers ----------------------------------------------------------------- */

static uint64_t state = 1;

static uint32_t random_bits(void) { /* SplitMix64 */
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (uint32_t)(z >> 32);
}

static size_t below(size_t limit) {
    return limit == 0 ? 0 : random_bits() % limit;
}

/* ---- changing an input ------------------------------------------------------- */

/* Makes `count` bytes at `at` into `by` bytes. */
static void resize(size_t at, size_t count, size_t by) {
    if (shared->count - count + by <= MOST_BYTES) {
        memmove(shared->bytes + at + by, shared->bytes + at + count,
                shared->count - at - count);
        shared->count = shared->count - count + by;
    } else {
        shared->count = at;
    }
}

static void put(size_t at, const void *bytes, size_t count, bool insert) {
    if (shared->count + count > MOST_BYTES) {
        return;
    }
    const size_t left = shared->count - at;
    resize(at, insert ? 0 : count < left ? count : left, count);
    memmove(shared->bytes + at, bytes, count);
}

static void put_number(size_t at) {
    static const uint32_t edges[] = {0,          1,          0x7F,       0x80,
                                     0xFF,       0x100,      0x7FFF,     0xFFFF,
                                     0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0};
    const uint32_t value = edges[below(sizeof edges / sizeof edges[0])];
    const size_t width = (size_t)1 << below(4);
    unsigned char bytes[8] = {0};
    const bool big = below(2) == 0;
    for (size_t i = 0; i < width && i < 4; i++) {
        bytes[big ? width - 1 - i : i] = (unsigned char)(value >> (8 * i));
    }
    put(at, bytes, width, below(4) == 0);
}

static void put_text(size_t at) {
    static const char *const texts[] = {
        "0",     "-1",           "1e999", "nan", "-inf", "0x10", "99999999999999999999",
        "1,5",   "\n",           "\r\n",  "\"",  "{}",   "[",    "null",
        "%n%s",  "../",          "1e-",   "+",   "=",    "#",    "?",
        "\\u00", "\xEF\xBB\xBF", "1e16"};
    const char *text = texts[below(sizeof texts / sizeof texts[0])];
    put(at, text, strlen(text), below(2) == 0);
}

/* A piece of another input, or of this one. */
static void put_piece(size_t at) {
    const Input *from = &inputs[below((size_t)input_count)];
    const size_t begin = below(from->count + 1);
    const size_t left = from->count - begin;
    put(at, from->bytes + begin, below((left < 64 ? left : 64) + 1), below(2) == 0);
}

static void change(void) {
    const size_t at = below(shared->count + 1), left = shared->count - at;
    const unsigned char any = (unsigned char)random_bits();
    switch (below(8)) {
    case 0:
        if (left > 0) {
            shared->bytes[at] ^= (unsigned char)(1u << below(8));
        }
        break;
    case 1: put(at, &any, 1, below(2) == 0); break;
    case 2: put_number(at); break;
    case 3: put_text(at); break;
    case 4:
    case 5: put_piece(at); break;
    case 6: resize(at, below((left < 16 ? left : 16) + 1), 0); break;
    default: shared->count = below(16) == 0 ? at : shared->count; break;
    }
}

static void invent(void) {
    const Input *from = &inputs[below((size_t)input_count)];
    memcpy(shared->bytes, from->bytes, from->count);
    shared->count = from->count;
    for (size_t n = 1 + below(6); n > 0; n--) {
        change();
    }
}

/* ---- reading ----------------------------------------------------------------- */

/* Its bytes in memory of exactly their size: the sanitizer watches both ends. */
static void read_shared(void) {
    unsigned char *copy = malloc(shared->count > 0 ? shared->count : 1);
    memcpy(copy, shared->bytes, shared->count);
    LLVMFuzzerTestOneInput(copy, shared->count);
    free(copy);
    shared->done++;
}

static bool leaks(void) {
    return __lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check();
}

/* Inputs since the last look leaked: again, with a look after each. */
static void find_leak(uint64_t from, long runs) {
    state = from;
    for (long i = 0; i < runs; i++) {
        invent();
        read_shared();
        if (leaks()) {
            abort();
        }
    }
    abort();
}

static void read_input(const Input *input) {
    memcpy(shared->bytes, input->bytes, input->count);
    shared->count = input->count;
    read_shared();
    if (leaks()) {
        abort();
    }
}

static void child(long runs, double seconds) {
    const time_t begin = time(NULL);
    for (int i = 0; i < input_count; i++) {
        read_input(&inputs[i]);
    }
    uint64_t block = state;
    for (long i = 1; i <= runs; i++) {
        invent();
        read_shared();
        if (i % BETWEEN_LEAK_CHECKS == 0 || i == runs) {
            if (leaks()) {
                find_leak(block, BETWEEN_LEAK_CHECKS);
            }
            block = state;
            if (seconds > 0 && difftime(time(NULL), begin) >= seconds) {
                break;
            }
        }
    }
    exit(0);
}

/* ---- the files ----------------------------------------------------------------- */

static void add_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    Input *input = &inputs[input_count];
    input->bytes = malloc(MOST_BYTES);
    input->count = input->bytes ? fread(input->bytes, 1, MOST_BYTES, file) : 0;
    input_count += input_count + 1 < MOST_INPUTS;
    fclose(file);
}

static int shown(const struct dirent *file) {
    return file->d_name[0] != '.';
}

/* In the order of their names: the same inputs are made everywhere. */
static bool add_all(const char *path) {
    char name[1024];
    struct dirent **files;
    const int count = scandir(path, &files, shown, alphasort);
    if (count < 0) {
        add_file(path);
        return false;
    }
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s/%s", path, files[i]->d_name);
        add_file(name);
        free(files[i]);
    }
    free(files);
    return true;
}

static void keep_input(const char *program, const char *prefix, const char *how) {
    char path[1024];
    snprintf(path, sizeof path, "%s%s-%08lx", prefix, how,
             (unsigned long)(shared->done & 0xFFFFFFFF));
    fuzz_write(path, shared->bytes, shared->count);
    fprintf(stderr, "fuzz: %s; the input is kept: %s %s\n", how, program, path);
}

static void share(void) {
    const int file = open(fuzz_path("shared"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    shared = MAP_FAILED;
    if (file >= 0 && ftruncate(file, sizeof *shared) == 0) {
        shared =
            mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        close(file);
    }
    if (shared == MAP_FAILED) {
        perror("fuzz: memory that two processes share");
        exit(2);
    }
}

/* Waits for the child; 0 if it read everything. */
static int watch(pid_t pid, const char *program, const char *prefix) {
    int status = 0;
    long done = -1;
    time_t since = time(NULL);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (shared->done != done) {
            done = shared->done;
            since = time(NULL);
        } else if (difftime(time(NULL), since) > (double)PATIENCE_S) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            keep_input(program, prefix, "hang");
            return 1;
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        keep_input(program, prefix, "crash");
        return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    const char *prefix = "./";
    long runs = -1;
    double seconds = 0;
    bool folders = false;
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-runs=", 6) == 0) {
            runs = strtol(argv[i] + 6, NULL, 10);
        } else if (strncmp(argv[i], "-max_total_time=", 16) == 0) {
            seconds = strtod(argv[i] + 16, NULL);
        } else if (strncmp(argv[i], "-seed=", 6) == 0) {
            state = strtoull(argv[i] + 6, NULL, 10);
        } else if (strncmp(argv[i], "-artifact_prefix=", 17) == 0) {
            prefix = argv[i] + 17;
        } else if (argv[i][0] != '-') {
            folders = add_all(argv[i]) || folders;
        }
    }
    if (runs < 0) {
        runs = seconds > 0 ? 1000000000000000 : 0;
    }
    runs = folders && input_count > 0 ? runs : 0;
    share();
    const time_t begin = time(NULL);
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        child(runs, seconds);
    }
    const int failed = pid < 0 ? 2 : watch(pid, argv[0], prefix);
    fprintf(stderr, "Done %ld runs in %.0f second(s)\n", shared->done,
            difftime(time(NULL), begin));
    return failed;
}
