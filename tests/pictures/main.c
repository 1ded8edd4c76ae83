/*
 * check_picture FILE.png...: is there something to see? One that is empty, black, or
 * drawn in one corner only fails: some pixels must differ from the background (the top
 * left corner), every quarter of it must have some of them, and the background must be
 * light. Exit status 1 if one fails.
 *
 * Reads what gnuplot writes: PNG of 8 bits a sample, not interlaced.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

typedef struct {
    int width, height, samples; /* samples: bytes a pixel: 1, 3 or 4 */
    unsigned char *pixels;      /* (height, width, samples), owned */
} Picture;

static uint32_t big_endian(const unsigned char *b) {
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static unsigned char *read_file(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    const long there = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    unsigned char *all = there > 0 ? malloc((size_t)there) : NULL;
    *bytes = 0;
    if (all) {
        rewind(file);
        *bytes = fread(all, 1, (size_t)there, file);
    }
    if (file) {
        (void)fclose(file);
    }
    return all;
}

/* The compressed data of all IDAT chunks, moved together at `all`; the head in *p. */
static size_t gather(unsigned char *all, size_t bytes, Picture *p) {
    static const unsigned char magic[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const int samples_of[7] = {1, 0, 3, 1, 0, 0, 4};
    size_t gathered = 0;
    if (bytes < 33 || memcmp(all, magic, 8) != 0 || all[24] != 8 || all[25] > 6 ||
        all[28] != 0) {
        return 0;
    }
    p->width = (int)big_endian(all + 16);
    p->height = (int)big_endian(all + 20);
    p->samples = samples_of[all[25]];
    for (size_t at = 8; at + 12 <= bytes;) {
        const size_t length = big_endian(all + at);
        if (at + 12 + length > bytes) {
            return 0;
        }
        if (memcmp(all + at + 4, "IDAT", 4) == 0) {
            memmove(all + gathered, all + at + 8, length);
            gathered += length;
        }
        at += 12 + length;
    }
    return gathered;
}

/* The prediction from the pixels to the left, above, and above to the left. */
static int predicted(int filter, int left, int above, int corner) {
    const int p = left + above - corner;
    const int a = abs(p - left), b = abs(p - above), c = abs(p - corner);
    switch (filter) {
    case 1: return left;
    case 2: return above;
    case 3: return (left + above) / 2;
    case 4: return a <= b && a <= c ? left : b <= c ? above : corner;
    default: return 0;
    }
}

/* Lines with a filter's number before each, to pixels, in place. */
static void unfilter(Picture *p, const unsigned char *lines) {
    const int row = p->width * p->samples;
    for (int y = 0; y < p->height; y++) {
        const unsigned char *in = lines + (size_t)y * (size_t)(row + 1);
        unsigned char *out = p->pixels + (size_t)y * (size_t)row;
        for (int i = 0; i < row; i++) {
            const int left = i >= p->samples ? out[i - p->samples] : 0;
            const int above = y > 0 ? out[i - row] : 0;
            const int corner = y > 0 && i >= p->samples ? out[i - row - p->samples] : 0;
            out[i] = (unsigned char)(in[i + 1] + predicted(in[0], left, above, corner));
        }
    }
}

static bool decode(unsigned char *all, size_t bytes, Picture *p) {
    const size_t packed = gather(all, bytes, p);
    const long limit = 20000;
    if (packed == 0 || p->samples == 0 || p->width < 1 || p->height < 1 ||
        p->width > limit || p->height > limit) {
        return false;
    }
    const size_t row = (size_t)p->width * (size_t)p->samples;
    const uLongf want = (uLongf)((row + 1) * (size_t)p->height);
    uLongf got = want;
    if (want / 1032 > packed) { /* deflate packs no better */
        return false;
    }
    unsigned char *lines = malloc(want);
    p->pixels = calloc((size_t)p->height, row);
    const bool ok = lines && p->pixels &&
                    uncompress(lines, &got, all, (uLong)packed) == Z_OK && got == want;
    if (ok) {
        unfilter(p, lines);
    }
    free(lines);
    return ok;
}

static bool fail(const char *path, const char *why) {
    printf("FAIL  %s: %s\n", path, why);
    return false;
}

static bool look(const char *path, const Picture *p) {
    long marked = 0, quarters[4] = {0};
    for (int y = 0; y < p->height; y++) {
        for (int x = 0; x < p->width; x++) {
            const size_t at =
                ((size_t)y * (size_t)p->width + (size_t)x) * (size_t)p->samples;
            if (memcmp(p->pixels + at, p->pixels, (size_t)p->samples) != 0) {
                marked++;
                quarters[2 * (2 * y >= p->height) + (2 * x >= p->width)]++;
            }
        }
    }
    const double share = (double)marked / p->width / p->height;
    if (p->pixels[0] < 200) {
        return fail(path, "the background is dark");
    }
    /* A heat map fills its axes, which are two thirds of a page; a page that is all
     * marked has no words around it. */
    if (share < 0.005 || share > 0.75) {
        printf("FAIL  %s: %.2f%% of its pixels are marked\n", path, 100 * share);
        return false;
    }
    for (int i = 0; i < 4; i++) {
        if (quarters[i] == 0) {
            return fail(path, "a quarter of it is empty");
        }
    }
    printf("ok    %s: %dx%d, %.1f%% of its pixels are marked\n", path, p->width,
           p->height, 100 * share);
    return true;
}

static bool check(const char *path) {
    Picture p = {0};
    size_t bytes;
    unsigned char *all = read_file(path, &bytes);
    const bool ok = all && decode(all, bytes, &p)
                        ? look(path, &p)
                        : fail(path, "is no PNG that I can read");
    free(all);
    free(p.pixels);
    return ok;
}

int main(int argc, char **argv) {
    int failed = argc < 2;
    for (int i = 1; i < argc; i++) {
        failed += !check(argv[i]);
    }
    return failed > 0;
}
