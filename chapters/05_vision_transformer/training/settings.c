/* settings.c: see settings.h. */
#include "chapters/05_vision_transformer/training/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/files/number.h"

Settings settings_default(void) {
    return (Settings){
        .model = {.height = 28,
                  .width = 28,
                  .channels = 1,
                  .patch = 4,
                  .depth = 4,
                  .block = {.D = 64, .heads = 4, .M = 128},
                  .classes = 10},
        .epochs = 12,
        .batch = 64,
        .lr = 3e-3,
        .warmup = -1,
        .adamw = {.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8, .weight_decay = 0.05},
        .momentum = 0.9,
        .clip = 1.0,
        .label_smoothing = 0.1,
        .flip = -1,
        .seed = 1,
        .threads = 1,
        .norm_epsilon = LAYER_NORM_EPSILON,
    };
}

/* ---- the table --------------------------------------------------------- */

/* INT is enums too: gcc and clang make them unsigned, and C may read them as ints. */
typedef enum { INT, LONG, U64, DOUBLE } Type;

static const struct {
    const char *name;
    Type type;
    size_t at;
    double min, max; /* what is possible */
} table[] = {
#define AT(field) offsetof(Settings, field)
    {"height", INT, AT(model.height), 1, VIT_MAX_SIDE},
    {"width", INT, AT(model.width), 1, VIT_MAX_SIDE},
    {"channels", INT, AT(model.channels), 1, 4096},
    {"patch", INT, AT(model.patch), 1, 4096},
    {"depth", INT, AT(model.depth), 1, VIT_MAX_DEPTH},
    {"dim", INT, AT(model.block.D), 1, 65536},
    {"heads", INT, AT(model.block.heads), 1, 65536},
    {"mlp", INT, AT(model.block.M), 1, 262144},
    {"norm", INT, AT(model.block.norm), 0, 1},
    {"activation", INT, AT(model.block.activation), 0, 1},
    {"positions", INT, AT(model.positions), 0, 3},
    {"pool", INT, AT(model.pool), 0, 1},
    {"classes", INT, AT(model.classes), 1, 65536},
    {"epochs", INT, AT(epochs), 1, 1000000},
    {"batch", INT, AT(batch), 1, 1000000},
    {"lr", DOUBLE, AT(lr), 0, 1e6},
    {"schedule", INT, AT(schedule), 0, 1},
    {"warmup", LONG, AT(warmup), -1, 2e9},
    {"beta1", DOUBLE, AT(adamw.beta1), 0, 0.999999999},
    {"beta2", DOUBLE, AT(adamw.beta2), 0, 0.999999999},
    {"epsilon", DOUBLE, AT(adamw.epsilon), 0, 1},
    {"weight_decay", DOUBLE, AT(adamw.weight_decay), 0, 1e6},
    {"clip", DOUBLE, AT(clip), 0, 1e12},
    {"label_smoothing", DOUBLE, AT(label_smoothing), 0, 1},
    {"dropout", DOUBLE, AT(dropout), 0, 0.999},
    {"shift", INT, AT(shift), 0, 4096},
    {"flip", INT, AT(flip), -1, 1},
    {"seed", U64, AT(seed), 0, 18446744073709551615.0},
    {"threads", INT, AT(threads), 1, MAX_THREADS},
    {"total_steps", LONG, AT(total_steps), 0, 2e9},
    {"optimiser", INT, AT(optimiser), 0, 1},
    {"momentum", DOUBLE, AT(momentum), 0, 0.999999999},
    {"freeze", INT, AT(freeze), 0, VIT_MAX_DEPTH},
    {"layer_norm_eps", DOUBLE, AT(norm_epsilon), 0, 0.999999},
    {"pixels", INT, AT(pixels), 0, 1},
};

int settings_count(void) {
    return (int)(sizeof table / sizeof table[0]);
}

const char *settings_name(int i) {
    return table[i].name;
}

int settings_index(const char *name) {
    for (int i = 0; i < settings_count(); i++) {
        if (strcmp(table[i].name, name) == 0) {
            return i;
        }
    }
    bug("settings_index: there is no setting %s", name);
}

bool settings_newer(int i) {
    static const char *const newer[] = {"positions",      "pool",     "total_steps",
                                        "optimiser",      "momentum", "freeze",
                                        "layer_norm_eps", "pixels"};
    for (size_t k = 0; k < sizeof newer / sizeof newer[0]; k++) {
        if (strcmp(table[i].name, newer[k]) == 0) {
            return true;
        }
    }
    return false;
}

const char *settings_range(int i) {
    static char text[64];
    snprintf(text, sizeof text, "%s from %.9g to %.9g",
             table[i].type == DOUBLE ? "a number" : "a whole number", table[i].min,
             table[i].max);
    return text;
}

void settings_get(const Settings *settings, int i, char text[SETTINGS_TEXT]) {
    const void *at = (const char *)settings + table[i].at;
    switch (table[i].type) {
    case INT: snprintf(text, SETTINGS_TEXT, "%d", *(const int *)at); break;
    case LONG: snprintf(text, SETTINGS_TEXT, "%ld", *(const long *)at); break;
    case U64: snprintf(text, SETTINGS_TEXT, "%" PRIu64, *(const uint64_t *)at); break;
    case DOUBLE: snprintf(text, SETTINGS_TEXT, "%.17g", *(const double *)at); break;
    }
}

/* All 64 bits: no double has them. */
static bool set_64_bits(uint64_t *to, const char *digits) {
    errno = 0;
    const uint64_t value = strtoull(digits, NULL, 10);
    if (digits[strspn(digits, "0123456789")] != '\0' || errno != 0) {
        return false;
    }
    *to = value;
    return true;
}

bool settings_set(Settings *settings, int i, const char *text) {
    void *at = (char *)settings + table[i].at;
    double value;
    if (!number_read(text, &value) || value < table[i].min || value > table[i].max ||
        (table[i].type != DOUBLE && value != floor(value))) {
        return false;
    }
    switch (table[i].type) {
    case INT: *(int *)at = (int)value; break;
    case LONG: *(long *)at = (long)value; break;
    case U64: return set_64_bits(at, text);
    case DOUBLE: *(double *)at = value; break;
    }
    return true;
}

bool settings_check(const Settings *settings, Error *error) {
    for (int i = 0; i < settings_count(); i++) {
        char text[SETTINGS_TEXT];
        Settings copy = *settings;
        settings_get(settings, i, text);
        if (!settings_set(&copy, i, text)) {
            return error_set(error, "%s can't be %s: want %s", table[i].name, text,
                             settings_range(i));
        }
    }
    if (settings->freeze > settings->model.depth) {
        return error_set(error, "%d blocks can't be frozen: the model has %d",
                         settings->freeze, settings->model.depth);
    }
    return vit_config_check(&settings->model, error);
}
