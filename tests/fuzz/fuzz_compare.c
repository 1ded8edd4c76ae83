/*
 * fuzz_compare.c: make compare's program on two dumps, of which one is the input, on
 * the side that its first byte says.
 */
#define main compare_main
#include "../compare/main.c"
#undef main

#include "tests/fuzz/fuzz.h"

static const char *input, *right;

static const float numbers[4] = {1, -2, 0.5f, 3};

/* A small dump as the course writes it. */
static void write_right(const char *path) {
    real data[4];
    Error error;
    for (int i = 0; i < 4; i++) {
        data[i] = (real)numbers[i];
    }
    const Tensor T = {.data = data, .ndim = 2, .shape = {2, 2}, .ld = 2};
    const SafetensorsEntry entries[2] = {{"x", T}, {"y", T}};
    const SafetensorsText texts[2] = {{"format", DUMP_FORMAT},
                                      {"y", "[ViT eq.4] y = LN(z); read notes/04"}};
    if (!safetensors_write(path, entries, 2, texts, 2, &error)) {
        bug("fuzz: %s", error.text);
    }
}

void fuzz_setup(void) {
    input = fuzz_path("input");
    right = fuzz_path("right");
    write_right(right);
}

void fuzz_input(const unsigned char *bytes, size_t count) {
    if (count < 1) {
        return;
    }
    char *words[] = {"compare", (char *)right, (char *)input, NULL};
    if (bytes[0] & 1) {
        words[1] = (char *)input;
        words[2] = (char *)right;
    }
    fuzz_write(input, bytes + 1, count - 1);
    const int status = compare_main(3, words);
    fuzz_must(status >= 0 && status <= 2, "the status is 0, 1 or 2");
    fflush(stdout);
}

void fuzz_seeds(void) {
    fuzz_seed_file(0, right);
    fuzz_seed_file(1, right);
    fuzz_seed("\0{}", 3);
    write_right(input);
}
