/* fuzz_picture.c: the program that looks at make plots' pictures: PNG. */
#define main picture_main
#include "../pictures/main.c"
#undef main

#include "tests/fuzz/fuzz.h"

static const char *input;

void fuzz_setup(void) {
    input = fuzz_path("input.png");
}

void fuzz_input(const unsigned char *bytes, size_t count) {
    fuzz_write(input, bytes, count);
    char *words[] = {"check", (char *)input, NULL};
    const int status = picture_main(2, words);
    fuzz_must(status == 0 || status == 1, "the status is 0 or 1");
    fflush(stdout);
}

/* ---- seeds --------------------------------------------------------------------- */

static size_t put_chunk(unsigned char *to, const char *kind, const void *data,
                        size_t count) {
    for (int i = 0; i < 4; i++) {
        to[i] = (unsigned char)(count >> (24 - 8 * i));
    }
    memcpy(to + 4, kind, 4);
    memcpy(to + 8, data, count);
    memset(to + 8 + count, 0, 4); /* the checksum is not looked at */
    return count + 12;
}

/* A picture of 8x8 pixels of grey (colour type 0), RGB (2) or RGBA (6). */
static void seed(unsigned char kind, int samples) {
    unsigned char lines[8 * (1 + 8 * 4)], packed[512], file[1024];
    unsigned char head[13] = {0, 0, 0, 8, 0, 0, 0, 8, 8, kind, 0, 0, 0};
    const size_t row = 1 + 8 * (size_t)samples;
    uLongf packed_count = sizeof packed;
    for (size_t i = 0; i < 8 * row; i++) {
        const size_t y = i / row;
        lines[i] = (unsigned char)(i % row == 0 ? y % 5 : i % 11 == 0 ? 9 : 255);
    }
    if (compress(packed, &packed_count, lines, 8 * row) != Z_OK) {
        abort();
    }
    static const unsigned char magic[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    size_t at = sizeof magic;
    memcpy(file, magic, sizeof magic);
    at += put_chunk(file + at, "IHDR", head, sizeof head);
    at += put_chunk(file + at, "IDAT", packed, packed_count);
    at += put_chunk(file + at, "IEND", "", 0);
    fuzz_seed(file, at);
}

void fuzz_seeds(void) {
    seed(0, 1);
    seed(2, 3);
    seed(6, 4);
}
