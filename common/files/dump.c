/* dump.c: see dump.h. */
#include "common/files/dump.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/lesson/output.h"
#include "common/lesson/second_program.h"
#include "common/files/safetensors_file.h"

enum { MAX_TENSORS = 160, MAX_TEXTS = 8, MAX_TEXT_BYTES = 192 };

struct Dump {
    SafetensorsEntry entries[MAX_TENSORS];     /* their numbers are owned */
    char made_by[MAX_TENSORS][MAX_TEXT_BYTES]; /* "" for an input */
    SafetensorsText about[MAX_TEXTS];
    int count, about_count;
    bool failed;
    Error error; /* the first failure: told when the dump is written */
};

Dump *dump_new(Error *error) {
    return allocate(sizeof(Dump), "a dump", error);
}

void dump_free(Dump *dump) {
    for (int i = 0; dump && i < dump->count; i++) {
        free(dump->entries[i].T.data);
    }
    free(dump);
}

/* ---- adding ------------------------------------------------------------------- */

/* T's numbers, one row after the other, in memory of their own. */
static Tensor copy_of(Tensor T, Error *error) {
    Tensor copy = T;
    copy.ld = tensor_cols(T);
    copy.data = allocate((size_t)tensor_count(T) * sizeof(real), "a dump", error);
    if (copy.data) {
        tensor_copy(copy, T);
    }
    return copy;
}

static void add(Dump *dump, Tensor T, const char *format, va_list arguments) {
    if (dump->count == MAX_TENSORS) {
        bug("dump: more than %d tensors", MAX_TENSORS);
    }
    if (dump->failed) {
        return;
    }
    SafetensorsEntry *entry = &dump->entries[dump->count];
    vsnprintf(entry->name, sizeof entry->name, format, arguments);
    entry->T = copy_of(T, &dump->error);
    dump->failed = !entry->T.data;
    dump->count += !dump->failed;
}

void dump_input(Dump *dump, Tensor T, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add(dump, T, format, arguments);
    va_end(arguments);
}

void dump_made(Dump *dump, Tensor T, const char *equation, const char *read,
               const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add(dump, T, format, arguments);
    va_end(arguments);
    if (!dump->failed) {
        snprintf(dump->made_by[dump->count - 1], MAX_TEXT_BYTES, "%s; read %s",
                 equation, read);
    }
}

void dump_about(Dump *dump, const char *key, const char *text) {
    if (dump->about_count == MAX_TEXTS) {
        bug("dump: more than %d texts", MAX_TEXTS);
    }
    dump->about[dump->about_count++] = (SafetensorsText){key, text};
}

/* ---- writing ------------------------------------------------------------------ */

bool dump_write(const Dump *dump, const char *path, Error *error) {
    SafetensorsText texts[1 + MAX_TEXTS + MAX_TENSORS] = {{"format", DUMP_FORMAT}};
    int count = 1;
    if (dump->failed) {
        *error = dump->error;
        return false;
    }
    for (int i = 0; i < dump->about_count; i++) {
        texts[count++] = dump->about[i];
    }
    for (int i = 0; i < dump->count; i++) {
        if (dump->made_by[i][0]) {
            texts[count++] = (SafetensorsText){dump->entries[i].name, dump->made_by[i]};
        }
    }
    return safetensors_write(path, dump->entries, dump->count, texts, count, error);
}

int dump_run(const char *program, const char *path, DumpFunction *function) {
    Error error;
    if (!function(path, &error)) {
        fprintf(stderr, "%s: %s\n", program, error.text);
        return 1;
    }
    printf("every tensor of one pass: %s\n", path);
    return output_end(program, 0);
}

int dump_run_in_double(const char *program, const char *self, const char *path,
                       DumpFunction *function) {
    const char *const words[] = {"--dump", path, NULL};
    if (IN_DOUBLE) {
        return dump_run(program, path, function);
    }
    char in_double[32];
    snprintf(in_double, sizeof in_double, "%s_double", program);
    const int status = second_program(self, in_double, words);
    return status < 0 ? 1 : status;
}
