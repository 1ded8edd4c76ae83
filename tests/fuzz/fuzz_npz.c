/*
 * fuzz_npz.c: an archive of arrays (chapter 7, npz.h): listed, every array of it read
 * and viewed. Whatever is listed has its bytes within the archive.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/07_pretrained_weights/weights/arrays.h"
#include "tests/fuzz/fuzz.h"

enum { MOST_NUMBERS = 1 << 16 };

static const char *path;

void fuzz_setup(void) {
    path = fuzz_path("input.npz");
}

/* From memory, which is quicker; every now and then from a file, as programs do. */
static Arrays *open_input(const unsigned char *bytes, size_t count, Error *error) {
    static unsigned number;
    if (++number % 64 != 0) {
        return arrays_from(bytes, count, "memory", error);
    }
    fuzz_write(path, bytes, count);
    return arrays_open(path, error);
}

/* Read as if its checksum were right, which mutated elements hardly ever have. */
static void read_array(const Arrays *file, const Array *a, size_t size) {
    static real elements[MOST_NUMBERS];
    Error error = {""};
    double count = 1;
    fuzz_must(a->name[0] == '\0' || arrays_find(file, a->name) == a, "names are found");
    for (int d = 0; d < a->ndim && a->ndim <= ARRAY_NDIM; d++) {
        fuzz_must(a->shape[d] >= 0, "no size is negative");
        count *= a->shape[d];
    }
    fuzz_must(a->at >= 0 && a->bytes >= 0 && (uint64_t)a->at <= size &&
                  (uint64_t)a->bytes <= size - (uint64_t)a->at,
              "the bytes are in the file");
    if (a->ndim > ARRAY_NDIM || a->type == ARRAY_OTHER || a->count > MOST_NUMBERS) {
        return;
    }
    fuzz_must((double)a->count == count, "the count is the shape's");
    if (a->count == 0) {
        return; /* nobody reads it (transform.c) */
    }
    const real *view = arrays_view(file, a);
    Array unchecked = *a;
    unchecked.has_checksum = false;
    const bool right = arrays_read(file, a, elements, &error);
    fuzz_must_tell(right, &error);
    const bool ok = arrays_read(file, &unchecked, elements, &error);
    fuzz_must_tell(ok, &error);
    fuzz_must(ok || !right, "a right checksum is no hindrance");
    for (long i = 0; ok && i < a->count; i++) {
        fuzz_must(isfinite(elements[i]), "what was read is finite");
    }
    if (view) {
        fuzz_must(arrays_check(file, &unchecked, view, &error) == ok,
                  "a view is read the same");
    }
    arrays_release(file, a);
}

void fuzz_input(const unsigned char *bytes, size_t count) {
    Error error = {""};
    Arrays *file = open_input(bytes, count, &error);
    if (!file) {
        fuzz_must_tell(false, &error);
        return;
    }
    (void)arrays_text(file, "format");
    for (int i = 0; i < arrays_count(file); i++) {
        read_array(file, arrays_get(file, i), count);
    }
    arrays_close(file);
}

/* ---- seeds ----------------------------------------------------------------------- */

static size_t put(unsigned char *to, unsigned long long number, int width) {
    for (int i = 0; i < width; i++) {
        to[i] = (unsigned char)(number >> (8 * i));
    }
    return (size_t)width;
}

/* An archive of one member, with the records of large ones or without. */
static void seed(const char *name, const char *header, int version, bool large) {
    static const float elements[4] = {1, -2, 0.5F, 3e38F};
    unsigned char zip[1024] = {0}, *at;
    const size_t length = strlen(header), prefix = version == 1 ? 10 : 12;
    const size_t size = prefix + length + sizeof elements, begin = 30 + strlen(name);
    put(zip, 0x04034b50, 4);
    put(zip + 26, strlen(name), 2);
    memcpy(zip + 30, name, strlen(name));
    at = zip + begin;
    memcpy(at, "\x93NUMPY", 6);
    at[6] = (unsigned char)version;
    put(at + 8, length, version == 1 ? 2 : 4);
    memcpy(at + prefix, header, length);
    memcpy(at + prefix + length, elements, sizeof elements);
    unsigned char *central = at + size;
    put(central, 0x02014b50, 4);
    put(central + 20, large ? 0xffffffff : size, 4);
    put(central + 24, large ? 0xffffffff : size, 4);
    put(central + 28, strlen(name), 2);
    put(central + 30, large ? 20 : 0, 2);
    memcpy(central + 46, name, strlen(name));
    unsigned char *end = central + 46 + strlen(name);
    if (large) {
        put(end, 1, 2);
        put(end + 2, 16, 2);
        put(end + 4, size, 8);
        put(end + 12, size, 8);
        end += 20;
    }
    const size_t directory = (size_t)(end - central), first = (size_t)(central - zip);
    if (large) {
        put(end, 0x06064b50, 4);
        put(end + 24, 1, 8);
        put(end + 32, 1, 8);
        put(end + 40, directory, 8);
        put(end + 48, first, 8);
        put(end + 56, 0x07064b50, 4);
        put(end + 64, first + directory, 8);
        end += 76;
    }
    put(end, 0x06054b50, 4);
    put(end + 10, 1, 2);
    put(end + 12, directory, 4);
    put(end + 16, large ? 0xffffffff : first, 4);
    fuzz_seed(zip, (size_t)(end - zip) + 22);
}

void fuzz_seeds(void) {
    seed("cls.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 4), }\n",
         1, false);
    seed("a/b.npy", "{'descr': '<f8', 'fortran_order': True, 'shape': (2,), }", 2,
         true);
    seed("h.npy", "{\"shape\": (2, 4), \"descr\": \"<f2\", \"fortran_order\": False}",
         3, true);
    seed("v.npy", "{'descr': '|V2', 'fortran_order': False, 'shape': (2, 2, 2, 1)}", 1,
         false);
    seed("w.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 1, 2, 1)}",
         1, false);
    seed("i.npy", "{'descr': '<i8', 'fortran_order': False, 'shape': (2,)}", 1, false);
    seed("archive/data.pkl", "x", 1, false);
}
