/* scratch.c: see scratch.h. */
#include "tests/scratch.h"

#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static char directory[192];

static void make_directory(void) {
    snprintf(directory, sizeof directory, "%s/vit-tests-XXXXXX", temporary_folder());
    if (!mkdtemp(directory)) {
        perror("tests: a scratch directory");
        abort();
    }
}

static int remove_one(const char *path, const struct stat *found, int kind,
                      struct FTW *place) {
    (void)found, (void)kind, (void)place;
    return remove(path);
}

static void remove_directory(void) {
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

TCase *add_scratch_case(Suite *suite, const char *name) {
    TCase *tcase = add_case(suite, name);
    tcase_add_checked_fixture(tcase, make_directory, remove_directory);
    return tcase;
}

const char *in_scratch(const char *format, ...) {
    static char paths[8][sizeof directory + 192];
    static int next;
    char *path = paths[next++ % 8];
    int used = snprintf(path, sizeof paths[0], "%s/", directory);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path + used, sizeof paths[0] - (size_t)used, format, arguments);
    va_end(arguments);
    return path;
}

/* ---- files --------------------------------------------------------------- */

Bytes zero_bytes(size_t count) {
    /* The tests' freed memory comes in doubles. */
    double *memory = test_doubles((long)(count / sizeof(double)) + 1);
    return (Bytes){.bytes = (unsigned char *)memory, .count = count};
}

void write_bytes(const char *path, const void *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    ck_assert_msg(file != NULL, "the test can't write %s", path);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    ck_assert_int_eq(fclose(file), 0);
}

void write_text(const char *path, const char *text) {
    write_bytes(path, text, strlen(text));
}

void write_gzip(const char *path, const void *bytes, size_t count) {
    gzFile file = gzopen(path, "wb9");
    ck_assert_msg(file != NULL, "the test can't write %s", path);
    ck_assert_int_eq(gzwrite(file, bytes, (unsigned)count), (int)count);
    ck_assert_int_eq(gzclose(file), Z_OK);
}

Bytes read_bytes_of(const char *path) {
    struct stat found;
    ck_assert_msg(stat(path, &found) == 0, "there is no file %s", path);
    Bytes b = zero_bytes((size_t)found.st_size);
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(b.bytes, 1, b.count, file), b.count);
    fclose(file);
    return b;
}

bool file_exists(const char *path) {
    return access(path, F_OK) == 0;
}

int files_in_scratch(void) {
    int count = -2; /* . and .. */
    DIR *there = opendir(directory);
    ck_assert_ptr_nonnull(there);
    while (readdir(there)) {
        count++;
    }
    closedir(there);
    return count;
}

bool same_bytes(Bytes a, Bytes b) {
    return a.count == b.count && memcmp(a.bytes, b.bytes, a.count) == 0;
}

void cut_file(const char *path, size_t count) {
    Bytes b = read_bytes_of(path);
    ck_assert_uint_lt(count, b.count);
    write_bytes(path, b.bytes, count);
}

void change_byte(const char *path, long at, unsigned char xor_with) {
    Bytes b = read_bytes_of(path);
    const long offset = at < 0 ? (long)b.count + at : at;
    ck_assert(offset >= 0 && offset < (long)b.count);
    b.bytes[offset] ^= xor_with;
    write_bytes(path, b.bytes, b.count);
}

void append_byte(const char *path, unsigned char byte) {
    FILE *file = fopen(path, "ab");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fputc(byte, file), byte);
    ck_assert_int_eq(fclose(file), 0);
}

void replace_in(const char *path, const char *from, const char *to) {
    Bytes b = read_bytes_of(path);
    const size_t length = strlen(from);
    ck_assert_uint_eq(strlen(to), length);
    for (size_t i = 8; i + length < b.count; i++) {
        if (memcmp(b.bytes + i, from, length) == 0) {
            memcpy(b.bytes + i, to, length);
            write_bytes(path, b.bytes, b.count);
            return;
        }
    }
    ck_abort_msg("%s has no %s", path, from);
}

void file_size_limit(long bytes) {
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes < 0 ? limit.rlim_max : (rlim_t)bytes;
    signal(SIGXFSZ, SIG_IGN); /* then write() fails instead */
    setrlimit(RLIMIT_FSIZE, &limit);
}

/* ---- errors -------------------------------------------------------------- */

const char *line_difference(const char *text, const char *words) {
    static char message[1024], word[256];
    if (text[0] == '\0' || strpbrk(text, "\r\n")) {
        snprintf(message, sizeof message, "want one line, got \"%s\"", text);
        return message;
    }
    while (*words) {
        const size_t length = strcspn(words, "|");
        snprintf(word, sizeof word, "%.*s", (int)length, words);
        if (!strstr(text, word)) {
            snprintf(message, sizeof message, "the line lacks \"%s\": \"%s\"", word,
                     text);
            return message;
        }
        words += length + (words[length] == '|');
    }
    return NULL;
}
