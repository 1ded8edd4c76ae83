/* said.c: see said.h. */
#include "chapters/07_pretrained_weights/weights/said.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/files/number.h"
#include "common/files/regular_file.h"

/* ---- the file's texts ------------------------------------------------- */

/* A whole number under this key, from min to max; untouched if there is none. */
static bool text_number(const Arrays *file, const char *key, long min, long max,
                        int *number, Error *error) {
    const char *text = arrays_text(file, key);
    long value;
    if (!text) {
        return true;
    }
    if (!number_read_whole(text, min, max, &value)) {
        return error_set(error, "%s: its text \"%s\" is \"%.40s\"", arrays_path(file),
                         key, text);
    }
    *number = (int)value;
    return true;
}

static bool text_epsilon(const Arrays *file, Said *said, Error *error) {
    const char *text = arrays_text(file, "layer_norm_eps");
    if (text && !(number_read(text, &said->epsilon) && said->epsilon >= 0 &&
                  said->epsilon < 1)) {
        return error_set(error, "%s: its text \"layer_norm_eps\" is \"%.40s\"",
                         arrays_path(file), text);
    }
    return true;
}

/* The settings of chapter 5's checkpoints (settings.c), which --export keeps. */
static bool said_by_texts(Said *said, const Arrays *file, Error *error) {
    int activation = 0, norm = 0, positions = 0, pool = 0;
    if (!arrays_text(file, "heads")) {
        return true; /* somebody else's texts */
    }
    if (!text_number(file, "heads", 1, 65536, &said->heads, error) ||
        !text_number(file, "height", 1, VIT_MAX_SIDE, &said->height, error) ||
        !text_number(file, "width", 1, VIT_MAX_SIDE, &said->width, error) ||
        !text_number(file, "activation", 0, 1, &activation, error) ||
        !text_number(file, "norm", 0, 1, &norm, error) ||
        !text_number(file, "positions", 0, 3, &positions, error) ||
        !text_number(file, "pool", 0, 1, &pool, error) ||
        !text_epsilon(file, said, error)) {
        return false;
    }
    said->activation = activation == 1 ? ACTIVATION_RELU : ACTIVATION_GELU;
    said->norm = norm == 1 ? POST_NORM : PRE_NORM;
    said->positions = (Positions)positions;
    said->mean = pool == 1;
    said->by_texts = true;
    return true;
}

/* ---- config.json ------------------------------------------------------ */

/* Which config.json, and the first thing that is wrong with it. */
typedef struct {
    const char *name;
    bool ok;
    Error *error;
} Config;

/* A whole number from 1 to a million under this key, if there is one and none is known
 * yet. */
static void take_int(Config *c, const JsonValue *object, const char *key, int *number) {
    const JsonValue *value = json_get(object, key);
    if (!c->ok || !value || *number != 0 || value->kind == JSON_OTHER) {
        return; /* null, too */
    }
    if (value->kind != JSON_INTEGER || value->integer < 1 || value->integer > 1000000) {
        c->ok = error_set(c->error, "%s: %s is no whole number from 1 to a million",
                          c->name, key);
        return;
    }
    *number = (int)value->integer;
}

/* "image_size": 224, or [224, 224], or, by timm, [3, 224, 224]: the last two. */
static void take_size(Config *c, const JsonValue *object, const char *key, Said *said) {
    const JsonValue *value = json_get(object, key);
    if (!value || said->height != 0) {
        return;
    }
    if (value->kind != JSON_ARRAY) {
        take_int(c, object, key, &said->height);
        said->width = said->height;
        return;
    }
    int sizes[2] = {0, 0}, count = 0;
    for (const JsonValue *v = value->first; v; v = v->next, count++) {
        sizes[0] = sizes[1];
        sizes[1] = v->kind == JSON_INTEGER && v->integer > 0 && v->integer <= 1000000
                       ? (int)v->integer
                       : 0;
    }
    if (count < 2 || count > 3 || sizes[0] == 0 || sizes[1] == 0) {
        c->ok =
            c->ok && error_set(c->error, "%s: %s is no size of an image", c->name, key);
        return;
    }
    said->height = sizes[0];
    said->width = sizes[1];
}

static void take_epsilon(Config *c, const JsonValue *object, Said *said) {
    double epsilon;
    if (said->epsilon < 0 &&
        json_number(json_get(object, "layer_norm_eps"), &epsilon)) {
        said->epsilon = epsilon;
        c->ok = c->ok &&
                ((epsilon >= 0 && epsilon < 1) ||
                 error_set(c->error, "%s: layer_norm_eps is %g", c->name, epsilon));
    }
}

/* QuickGELU, x sigmoid(1.702 x), is nearly GELU: such a model would nearly work. */
static void take_activation(Config *c, const JsonValue *object, const char *key,
                            Said *said) {
    const char *name = json_text(json_get(object, key));
    if (!c->ok || !name) {
        return;
    }
    if (strcmp(name, "relu") == 0) {
        said->activation = ACTIVATION_RELU;
    } else if (strcmp(name, "gelu") != 0) {
        c->ok = error_set(c->error, "%s: %s is \"%.40s\": only gelu and relu are read",
                          c->name, key, name);
    }
}

/* "" is what timm writes of a model without a head: its tokens as they are. */
static void take_pooling(Config *c, const JsonValue *object, Said *said) {
    const char *pool = json_text(json_get(object, "global_pool"));
    if (!c->ok || !pool) {
        return;
    }
    if (strcmp(pool, "avg") == 0) {
        said->mean = true;
    } else if (strcmp(pool, "token") != 0 && *pool != '\0') {
        c->ok = error_set(c->error,
                          "%s: global_pool is \"%.40s\": only token and avg are read",
                          c->name, pool);
    }
}

/* timm's: {"architecture": "vit_small_...", "num_features": 384,
 * "global_pool": "token", "pretrained_cfg": {"input_size": [3, 224, 224], ...},
 * "model_args": {...}} */
static void take_timms(Config *c, const JsonValue *config, Said *said) {
    const JsonValue *arguments = json_get(config, "model_args");
    const char *architecture = json_text(json_get(config, "architecture"));
    if (architecture && strstr(architecture, "quickgelu") && c->ok) {
        c->ok = error_set(c->error,
                          "%s: %.60s: a model with QuickGELU in place of GELU, which "
                          "isn't read",
                          c->name, architecture);
    }
    take_int(c, config, "num_features", &said->D);
    take_int(c, arguments, "num_heads", &said->heads);
    take_activation(c, arguments, "act_layer", said);
    take_size(c, arguments, "img_size", said);
    take_size(c, json_get(config, "pretrained_cfg"), "input_size", said);
    take_pooling(c, config, said);
    take_pooling(c, arguments, said);
}

bool said_by_json(Said *said, const JsonValue *config, const char *name, Error *error) {
    Config c = {name, true, error};
    if (config->kind != JSON_OBJECT) {
        return error_set(error, "%s: it is no JSON object", name);
    }
    take_int(&c, config, "num_attention_heads", &said->heads);
    take_int(&c, config, "hidden_size", &said->D);
    take_int(&c, config, "num_hidden_layers", &said->depth);
    take_int(&c, config, "intermediate_size", &said->M);
    take_int(&c, config, "patch_size", &said->patch);
    take_int(&c, config, "num_channels", &said->channels);
    take_size(&c, config, "image_size", said);
    take_epsilon(&c, config, said);
    take_activation(&c, config, "hidden_act", said);
    take_timms(&c, config, said);
    return c.ok;
}

/* config.json in the file's folder. */
static bool path_beside(const char *path, char beside[FILE_PATH_BYTES]) {
    const char *slash = strrchr(path, '/');
    const int folder = slash ? (int)(slash + 1 - path) : 0;
    return snprintf(beside, FILE_PATH_BYTES, "%.*sconfig.json", folder, path) <
           FILE_PATH_BYTES;
}

static bool read_config(Said *said, const char *path, Error *error) {
    enum { MAX_BYTES = 10000000 }; /* ImageNet-21k's names are a megabyte */
    FILE *file = regular_file_open(path, error);
    char *text = file ? allocate(MAX_BYTES, "config.json", error) : NULL;
    if (!text) {
        if (file) {
            fclose(file);
        }
        return false;
    }
    const size_t bytes = fread(text, 1, MAX_BYTES - 1, file);
    Error why;
    JsonValue *config = json_read(text, bytes, &why);
    const bool ok = config ? said_by_json(said, config, path, error)
                           : error_set(error, "%s: %s", path, why.text);
    free(config);
    free(text);
    fclose(file);
    return ok;
}

bool said_read(Said *said, const Arrays *file, Error *error) {
    char path[FILE_PATH_BYTES];
    *said = (Said){.epsilon = -1};
    if (!said_by_texts(said, file, error)) {
        return false;
    }
    const bool there = path_beside(arrays_path(file), path) && access(path, F_OK) == 0;
    return said->by_texts || !there || read_config(said, path, error);
}
