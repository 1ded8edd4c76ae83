/* dump.c: see dump.h. */
#include "common/files/dump.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/lesson/output.h"
#include "common/lesson/second_program.h"
#include "common/files/safetensors_file.h"

enum { MAX_TENSORS = 160, MAX_TEXTS = 1 + 8 + MAX_TENSORS, MAX_TEXT_BYTES = 192 };

struct Dump {
    SafetensorsEntry entries[MAX_TENSORS]; /* their elements are owned */
    char made_by[MAX_TENSORS][MAX_TEXT_BYTES];
    SafetensorsText texts[MAX_TEXTS];
    int count, text_count;
    bool failed;
    Error error; /* the first failure: told when the dump is written */
};

Dump *dump_new(Error *error) {
    Dump *dump = allocate(sizeof *dump, "a dump", error);
    if (dump) {
        dump_about(dump, "format", DUMP_FORMAT);
    }
    return dump;
}

void dump_free(Dump *dump) {
    for (int i = 0; dump && i < dump->count; i++) {
        free(dump->entries[i].T.data);
    }
    free(dump);
}

void dump_made(Dump *dump, Tensor T, const char *equation, const char *read,
               const char *format, ...) {
    if (dump->count == MAX_TENSORS) {
        bug("dump: more than %d tensors", MAX_TENSORS);
    }
    if (dump->failed) {
        return;
    }
    SafetensorsEntry *entry = &dump->entries[dump->count];
    entry->T = T;
    entry->T.ld = tensor_cols(T); /* one row after the other */
    entry->T.data =
        allocate((size_t)tensor_count(T) * sizeof(real), "a dump", &dump->error);
    dump->failed = !entry->T.data;
    if (dump->failed) {
        return;
    }
    tensor_copy(entry->T, T);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(entry->name, sizeof entry->name, format, arguments);
    va_end(arguments);
    if (equation) {
        char *made_by = dump->made_by[dump->count];
        snprintf(made_by, MAX_TEXT_BYTES, "%s; read %s", equation, read);
        dump_about(dump, entry->name, made_by);
    }
    dump->count++;
}

void dump_about(Dump *dump, const char *key, const char *text) {
    if (dump->text_count == MAX_TEXTS) {
        bug("dump: more than %d texts", MAX_TEXTS);
    }
    dump->texts[dump->text_count++] = (SafetensorsText){key, text};
}

bool dump_write(const Dump *dump, const char *path, Error *error) {
    if (dump->failed) {
        *error = dump->error;
        return false;
    }
    return safetensors_write(path, dump->entries, dump->count, dump->texts,
                             dump->text_count, error);
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
