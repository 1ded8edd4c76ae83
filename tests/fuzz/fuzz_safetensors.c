/*
 * fuzz_safetensors.c: a file of tensors: opened, every tensor of it read. What was
 * read is written, and must be read back the same.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "common/files/safetensors_file.h"

enum { MOST_TENSORS = 6, MOST_NUMBERS = 4096, ROUND_TRIPS = 8 };

static const char *copy;

/* Tensors of one input, their elements one after the other. */
typedef struct {
    SafetensorsEntry entries[MOST_TENSORS];
    int count;
    real numbers[MOST_NUMBERS];
    long used;
    bool all;
} Tensors;

void fuzz_setup(void) {
    copy = fuzz_path("copy");
}

/* A tensor of the shape that the file says; false if it is too large for here. */
static bool shape_of(const SafetensorsTensor *there, Tensors *t, Tensor *T) {
    double count = 1;
    *T = there->shape;
    T->data = t->numbers + t->used;
    for (int d = 0; d < T->ndim; d++) {
        count *= T->shape[d];
    }
    if (T->ndim == 0 || t->count == MOST_TENSORS ||
        count > (double)(MOST_NUMBERS - t->used)) {
        return false;
    }
    T->ld = tensor_cols(*T);
    return true;
}

static void read_all(const Safetensors *file, Tensors *t) {
    Error error = {""};
    for (int i = 0; i < file->count; i++) {
        SafetensorsEntry *e = &t->entries[t->count];
        const char *name = file->tensors[i].name;
        if (strlen(name) >= sizeof e->name || !shape_of(&file->tensors[i], t, &e->T)) {
            t->all = false;
            continue;
        }
        const bool ok = safetensors_read(file, name, e->T, &error);
        fuzz_must_tell(ok, &error);
        if (!ok) {
            t->all = false;
            continue;
        }
        for (long k = 0; k < tensor_count(e->T); k++) {
            fuzz_must(isfinite(e->T.data[k]), "what was read is finite");
        }
        snprintf(e->name, sizeof e->name, "%s", name);
        t->used += tensor_count(e->T);
        t->count++;
    }
}

static void write_and_read(const Tensors *t) {
    Safetensors file;
    Error error = {""};
    const bool ok =
        safetensors_write(copy, t->entries, t->count,
                          &(SafetensorsText){"key", "\"\\\n\x01"}, 1, &error) &&
        safetensors_open(&file, copy, &error);
    fuzz_must(ok, "what is written can be opened");
    const char *text = safetensors_metadata(&file, "key");
    fuzz_must(text && strcmp(text, "\"\\\n\x01") == 0, "texts come back");
    for (int i = 0; i < t->count; i++) {
        static real numbers[MOST_NUMBERS];
        const SafetensorsEntry *e = &t->entries[i];
        Tensor T = e->T;
        T.data = numbers;
        fuzz_must(safetensors_read(&file, e->name, T, &error), "tensors come back");
        fuzz_must(memcmp(numbers, e->T.data, (size_t)tensor_count(T) * sizeof(real)) ==
                      0,
                  "numbers come back to the bit");
    }
    safetensors_close(&file);
    remove(copy);
}

void fuzz_input(const unsigned char *bytes, size_t count) {
    static Tensors tensors;
    static unsigned accepted;
    Safetensors file;
    Error error = {""};
    if (!fuzz_open(&file, bytes, count, &error)) {
        fuzz_must_tell(false, &error);
        return;
    }
    tensors.count = 0;
    tensors.used = 0;
    tensors.all = true;
    (void)safetensors_metadata(&file, "format");
    real none;
    Tensor nothing = {.data = &none, .ndim = 1, .shape = {1}, .ld = 1};
    fuzz_must(!safetensors_read(&file, "no such name \"\n", nothing, &error),
              "a tensor that isn't there can't be read");
    fuzz_must_tell(false, &error);
    read_all(&file, &tensors);
    safetensors_close(&file);
    /* Writing waits for the disk: every few times. */
    if (tensors.all && tensors.count > 0 && accepted++ % ROUND_TRIPS == 0) {
        write_and_read(&tensors);
    }
}

/* ---- seeds ----------------------------------------------------------------------- */

static void seed(const char *header, const void *numbers, size_t bytes) {
    unsigned char file[1024];
    const size_t length = strlen(header);
    for (int i = 0; i < 8; i++) {
        file[i] = (unsigned char)(length >> (8 * i));
    }
    memcpy(file + 8, header, length);
    memcpy(file + 8 + length, numbers, bytes);
    fuzz_seed(file, 8 + length + bytes);
}

void fuzz_seeds(void) {
    static const float singles[6] = {1, -2, 0.5f, 3e38f, 1e-40f, 0};
    static const double doubles[2] = {1, 1e-300};
    seed("{\"y\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", singles,
         24);
    seed("{\"__metadata__\":{\"format\":\"pt\",\"a\":\"\\u00e9\\\"\\\\\"},"
         "\"a.b\":{\"dtype\":\"F64\",\"shape\":[1,1,2],\"data_offsets\":[0,16]}}   ",
         doubles, 16);
    seed("{\"b\":{\"data_offsets\":[8,24],\"dtype\":\"F32\",\"shape\":[4]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,2],\"data_offsets\":[0,8]}}",
         singles, 24);
    seed("{\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", singles, 4);
    seed("{}", "", 0);
}
