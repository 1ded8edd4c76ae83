/* fuzz.c: see fuzz.h. */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/files/safetensors_file.h"

/* libFuzzer's two functions; standalone.c calls the same. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static char folder[256];
static const char *seeds_folder;
static int seeds, files;
static char paths[8][320];

/* FUZZ_SCRATCH is a folder that run.sh makes, and removes after a crash too. */
static void make_folder(void) {
    const char *given = getenv("FUZZ_SCRATCH");
    snprintf(folder, sizeof folder, "%s/fuzz.XXXXXX", given ? given : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        exit(2);
    }
}

static void remove_folder(void) {
    for (int i = 0; i < files; i++) {
        remove(paths[i]);
    }
    rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    const bool wants_seeds = *argc == 3 && strcmp((*argv)[1], "--seeds") == 0;
    make_folder();
    atexit(remove_folder);
    fuzz_setup();
    if (wants_seeds) {
        seeds_folder = (*argv)[2];
        fuzz_seeds();
        exit(0);
    }
    /* What the readers' programs print is not looked at. */
    if (!freopen("/dev/null", "w", stdout)) {
        perror("/dev/null");
        exit(2);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    fuzz_input(bytes, count);
    return 0;
}

/* ---- files ----------------------------------------------------------------- */

const char *fuzz_path(const char *name) {
    if (files >= (int)(sizeof paths / sizeof paths[0])) {
        bug("fuzz: more than %d files", files);
    }
    char *path = paths[files];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    files++;
    return path;
}

void fuzz_write(const char *path, const void *bytes, size_t count) {
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const ssize_t written = write(file, bytes, count);
    if (file < 0 || written != (ssize_t)count || close(file) != 0) {
        perror(path);
        exit(2);
    }
}

size_t fuzz_read(const char *path, void *bytes, size_t capacity) {
    const int file = open(path, O_RDONLY);
    const ssize_t got = file < 0 ? 0 : read(file, bytes, capacity);
    if (file >= 0) {
        close(file);
    }
    return got < 0 ? 0 : (size_t)got;
}

void fuzz_seed(const void *bytes, size_t count) {
    char path[512];
    snprintf(path, sizeof path, "%s/seed%02d", seeds_folder, seeds++);
    fuzz_write(path, bytes, count);
}

void fuzz_seed_file(unsigned char first, const char *path) {
    static unsigned char bytes[1 << 16];
    bytes[0] = first;
    fuzz_seed(bytes, 1 + fuzz_read(path, bytes + 1, sizeof bytes - 1));
}

bool fuzz_open(Safetensors *file, const unsigned char *bytes, size_t count,
               Error *error) {
    static const char *path;
    static unsigned number;
    if (++number % 64 != 0) {
        return safetensors_decode(file, safetensors_from(bytes, count), "memory",
                                  error);
    }
    path = path ? path : fuzz_path("input");
    fuzz_write(path, bytes, count);
    return safetensors_open(file, path, error);
}

/* ---- what must hold ---------------------------------------------------------- */

void fuzz_must(bool held, const char *what) {
    if (!held) {
        fprintf(stderr, "fuzz: it doesn't hold: %s\n", what);
        abort();
    }
}

void fuzz_must_tell(bool ok, const Error *error) {
    if (!ok) {
        fuzz_must(error->text[0] != '\0', "an error has words");
        fuzz_must(memchr(error->text, '\0', sizeof error->text) != NULL,
                  "an error's text ends");
        fuzz_must(!strpbrk(error->text, "\r\n"), "an error is one line");
    }
}
