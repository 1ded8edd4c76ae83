/* made_up.c: see made_up.h. */
#include "tests/bench/made_up.h"

#include <math.h>
#include <string.h>

/* FNV-1a. */
static uint32_t hash(const char *name) {
    uint32_t h = 2166136261u;
    for (; *name; name++) {
        h = (h ^ (unsigned char)*name) * 16777619u;
    }
    return h;
}

/* The steps of murmur3 that mix a word's bits. */
static uint32_t mix(uint32_t x) {
    x = (x ^ x >> 16) * 0x85ebca6bu;
    x = (x ^ x >> 13) * 0xc2b2ae35u;
    return x ^ x >> 16;
}

uint32_t made_up(const char *name, long index) {
    return mix(hash(name) + (uint32_t)index * 2654435761u);
}

static bool ends_in_weight(const char *name) {
    const size_t length = strlen(name);
    return length >= 6 && strcmp(name + length - 6, "weight") == 0;
}

static void fill(const Parameter *p, real *data) {
    const long count = tensor_count(p->shape);
    const bool matrix = p->decay == DECAY;
    const uint32_t h = hash(p->name);
    const double columns = (double)count / p->shape.shape[0];
    const double scale = matrix ? sqrt(3 / columns) : 0.1;
    const double middle = !matrix && ends_in_weight(p->name) ? 1 : 0; /* a norm's */
    for (long i = 0; i < count; i++) {
        const double u = mix(h + (uint32_t)i * 2654435761u) / 2147483648.0 - 1;
        data[i] = (real)(middle + scale * u);
    }
}

void made_up_weights(const ParameterList *list, real *weights) {
    for (int i = 0; i < list->count; i++) {
        fill(&list->items[i], weights + list->items[i].offset);
    }
}
