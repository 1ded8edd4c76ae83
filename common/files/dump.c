/* dump.c: see dump.h. */
#include "common/files/dump.h"

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
    char group[32]; /* what names begin with */
    SafetensorsText texts[MAX_TEXTS];
    int count, text_count;
    bool failed;
    Error error; /* the first failure: told when the dump is written */
};

void dump_group(Dump *dump, const char *group) {
    snprintf(dump->group, sizeof dump->group, "%s", group);
}

void dump_made(Dump *dump, Tensor T, const char *name, const char *notes,
               const char *equation) {
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
    snprintf(entry->name, sizeof entry->name, "%s%s", dump->group, name);
    if (equation) {
        char *made_by = dump->made_by[dump->count];
        snprintf(made_by, MAX_TEXT_BYTES, "%s; read notes/%s", equation, notes);
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

bool dump_write(const char *path, DumpFill *fill, void *context, Error *error) {
    static Dump dump; /* large */
    memset(&dump, 0, sizeof dump);
    dump_about(&dump, "format", DUMP_FORMAT);
    fill(&dump, context);
    *error = dump.error;
    const bool ok =
        !dump.failed && safetensors_write(path, dump.entries, dump.count, dump.texts,
                                          dump.text_count, error);
    for (int i = 0; i < dump.count; i++) {
        free(dump.entries[i].T.data);
    }
    return ok;
}

int dump_run(const char *program, const char *path, DumpFunction *function,
             const char *double_by) {
    const char *const words[] = {"--dump", path, NULL};
    Error error;
    if (double_by && !IN_DOUBLE) {
        const int status = second_program_in_double(double_by, program, words);
        return status < 0 ? 1 : status;
    }
    if (!function(path, &error)) {
        return output_error(program, 1, "%s", error.text);
    }
    printf("every tensor of one pass: %s\n", path);
    return output_end(program, 0);
}
