/* features.c: see features.h. */
#include "chapters/07_pretrained_weights/program/features.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/files/regular_file.h"

/* "\x93NUMPY", version 1.0, the length of what follows in 2 bytes, then Python's words,
 * filled up with blanks so that the elements begin at a multiple of 64. */
static bool write_header(FILE *file, int rows, int cols) {
    char words[118];
    const int used = snprintf(words, sizeof words,
                              "{'descr': '<f4', 'fortran_order': False, "
                              "'shape': (%d, %d), }",
                              rows, cols);
    memset(words + used, ' ', sizeof words - (size_t)used);
    words[sizeof words - 1] = '\n';
    return fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, file) == 10 &&
           fwrite(words, 1, sizeof words, file) == sizeof words;
}

static bool write_float(FILE *file, float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const unsigned char bytes[4] = {(unsigned char)bits, (unsigned char)(bits >> 8),
                                    (unsigned char)(bits >> 16),
                                    (unsigned char)(bits >> 24)};
    return fwrite(bytes, 1, 4, file) == 4;
}

bool features_write(const char *path, Tensor Y, Error *error) {
    NewFile file;
    if (!new_file_begin(&file, path, error)) {
        return false;
    }
    bool ok = write_header(file.file, tensor_rows(Y), tensor_cols(Y));
    for (int i = 0; ok && i < tensor_rows(Y); i++) {
        for (int j = 0; ok && j < tensor_cols(Y); j++) {
            ok = write_float(file.file, (float)tensor_row(Y, i)[j]);
        }
    }
    if (!ok) {
        new_file_drop(&file);
        return error_set(error, "%.300s: can't be written", path);
    }
    return new_file_end(&file, error);
}
