/* recipe.c: see recipe.h. */
#include "chapters/07_pretrained_weights/pictures/recipe.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/07_pretrained_weights/pictures/neighbour.h"
#include "chapters/07_pretrained_weights/weights/load.h"
#include "common/files/json.h"
#include "common/files/number.h"

/* ---- the table ----------------------------------------------------------- */

#define HALF                                                                           \
    { 0.5, 0.5, 0.5 }
#define IMAGENET_MEAN                                                                  \
    { 0.485, 0.456, 0.406 } /* of its training images' pixels */
#define IMAGENET_DEVIATION                                                             \
    { 0.229, 0.224, 0.225 }

static const struct {
    const char *name;
    double ratio; /* of the crop to what is resized */
    bool squash;
    ResizeFilter filter;
    CropRounding rounding;
    double mean[PICTURE_CHANNELS], deviation[PICTURE_CHANNELS];
} table[] = {
    {"vit", 0.9, false, RESIZE_BICUBIC, CROP_HALF_TO_EVEN, HALF, HALF},
    {"augreg", 0.9, false, RESIZE_BICUBIC, CROP_HALF_TO_EVEN, HALF, HALF},
    {"384", 1, false, RESIZE_BICUBIC, CROP_HALF_TO_EVEN, HALF, HALF},
    {"deit", 0.9, false, RESIZE_BICUBIC, CROP_HALF_TO_EVEN, IMAGENET_MEAN,
     IMAGENET_DEVIATION},
    {"torchvision", 0.875, false, RESIZE_BILINEAR, CROP_HALF_TO_EVEN, IMAGENET_MEAN,
     IMAGENET_DEVIATION},
    {"hf-vit", 1, true, RESIZE_BILINEAR, CROP_HALF_DOWN, HALF, HALF},
    {"hf-deit", 0.875, true, RESIZE_BICUBIC, CROP_HALF_DOWN, IMAGENET_MEAN,
     IMAGENET_DEVIATION},
    {"square", 1, true, RESIZE_BICUBIC, CROP_HALF_TO_EVEN, {0, 0, 0}, {1, 1, 1}},
};
enum { RECIPES = sizeof table / sizeof table[0] };

const char *recipe_names(void) {
    static char names[128];
    int used = 0;
    for (int i = 0; i < RECIPES; i++) {
        used += snprintf(names + used, sizeof names - (size_t)used, "%s%s",
                         i == 0 ? "" : ", ", table[i].name);
    }
    return names;
}

/* Resize so that a crop of height x width is `ratio` of it, as timm reckons. Where
 * nothing is cut away, nothing has to be cropped of a squashed picture. */
static void set_sizes(Recipe *r, double ratio, int height, int width) {
    r->resize = true;
    r->squash = r->squash || height != width;
    r->height = (int)floor(height / ratio);
    r->width = (int)floor(width / ratio);
    r->crop = !r->squash || r->height != height || r->width != width;
    r->crop_height = height;
    r->crop_width = width;
}

bool recipe_named(Recipe *r, const char *name, int height, int width, Error *error) {
    for (int i = 0; i < RECIPES; i++) {
        if (strcmp(table[i].name, name) == 0) {
            *r = (Recipe){.squash = table[i].squash,
                          .filter = table[i].filter,
                          .rounding = table[i].rounding,
                          .scale = 1.0 / 255};
            snprintf(r->name, sizeof r->name, "%s", name);
            memcpy(r->mean, table[i].mean, sizeof r->mean);
            memcpy(r->deviation, table[i].deviation, sizeof r->deviation);
            set_sizes(r, table[i].ratio, height, width);
            return true;
        }
    }
    return error_set(error, "there is no recipe \"%.40s\": it is one of %s", name,
                     recipe_names());
}

static bool same_numbers(const double a[PICTURE_CHANNELS],
                         const double b[PICTURE_CHANNELS]) {
    for (int c = 0; c < PICTURE_CHANNELS; c++) {
        if (a[c] != b[c]) {
            return false;
        }
    }
    return true;
}

static bool same_recipe(const Recipe *a, const Recipe *b) {
    const bool crop =
        a->crop == b->crop &&
        (!a->crop || (a->crop_height == b->crop_height &&
                      a->crop_width == b->crop_width && a->rounding == b->rounding));
    const bool resize = a->resize == b->resize && a->squash == b->squash &&
                        a->height == b->height && a->width == b->width &&
                        a->filter == b->filter;
    return crop && resize && a->scale == b->scale && same_numbers(a->mean, b->mean) &&
           same_numbers(a->deviation, b->deviation);
}

const char *recipe_name(const Recipe *r, int height, int width) {
    for (int i = 0; i < RECIPES; i++) {
        Recipe named;
        Error error;
        if (recipe_named(&named, table[i].name, height, width, &error) &&
            same_recipe(r, &named)) {
            return table[i].name;
        }
    }
    return NULL;
}

/* "0.5", or "0.485 0.456 0.406" */
static void three(const double v[PICTURE_CHANNELS], char text[40]) {
    if (v[0] == v[1] && v[1] == v[2]) {
        snprintf(text, 40, "%.4g", v[0]);
    } else {
        snprintf(text, 40, "%.4g %.4g %.4g", v[0], v[1], v[2]);
    }
}

const char *recipe_text(const Recipe *r, char text[RECIPE_TEXT]) {
    char resize[64] = "not resized", crop[48] = "", mean[40], deviation[40];
    const char *filter = r->filter == RESIZE_BICUBIC ? "bicubic" : "bilinear";
    if (r->resize && r->squash) {
        snprintf(resize, sizeof resize, "squashed to %dx%d, %s", r->width, r->height,
                 filter);
    } else if (r->resize) {
        snprintf(resize, sizeof resize, "shorter side to %d, %s", r->height, filter);
    }
    if (r->crop) {
        snprintf(crop, sizeof crop, "; the middle %dx%d", r->crop_width,
                 r->crop_height);
    }
    three(r->mean, mean);
    three(r->deviation, deviation);
    snprintf(text, RECIPE_TEXT, "%s%s; mean %s, deviation %s", resize, crop, mean,
             deviation);
    return text;
}

/* ---- what is beside the weights ------------------------------------------- */

static bool read_side(const JsonValue *value, int *side) {
    if (!value || value->kind != JSON_INTEGER || value->integer < 1 ||
        value->integer > VIT_MAX_SIDE) {
        return false;
    }
    *side = (int)value->integer;
    return true;
}

/* 224, {"height": 224, "width": 224} or {"shortest_edge": 224}; *shortest: the last. */
static bool read_size(const JsonValue *value, int *height, int *width, bool *shortest) {
    *shortest = false;
    if (read_side(value, height)) {
        *width = *height;
        return true;
    }
    if (read_side(json_get(value, "shortest_edge"), height)) {
        *width = *height;
        *shortest = true;
        return !json_get(value, "longest_edge");
    }
    return read_side(json_get(value, "height"), height) &&
           read_side(json_get(value, "width"), width);
}

/* One number for each channel, or one for all. */
static bool read_three(const JsonValue *value, double v[PICTURE_CHANNELS]) {
    if (json_number(value, &v[0])) {
        v[1] = v[2] = v[0];
        return true;
    }
    if (!value || value->kind != JSON_ARRAY || value->count != PICTURE_CHANNELS) {
        return false;
    }
    const JsonValue *member = value->first;
    for (int c = 0; c < PICTURE_CHANNELS; c++, member = member->next) {
        if (!json_number(member, &v[c])) {
            return false;
        }
    }
    return true;
}

/* `mean` and `deviation` by these keys, where they are there. */
static bool read_norm(const JsonValue *object, const char *mean, const char *deviation,
                      Recipe *r, Error *error) {
    const JsonValue *m = json_get(object, mean), *d = json_get(object, deviation);
    if ((m && !read_three(m, r->mean)) || (d && !read_three(d, r->deviation))) {
        return error_set(error, "%s and %s aren't a number for each of 3 channels",
                         mean, deviation);
    }
    for (int c = 0; c < PICTURE_CHANNELS; c++) {
        if (!(r->deviation[c] > 0)) {
            return error_set(error, "%s has %g: pixels can't be divided by it",
                             deviation, r->deviation[c]);
        }
    }
    return true;
}

/* PIL numbers its filters. */
static bool read_resample(const JsonValue *value, ResizeFilter *filter, Error *error) {
    static const char *const name[] = {"nearest", "Lanczos", "bilinear",
                                       "bicubic", "box",     "Hamming"};
    enum { BILINEAR = 2, BICUBIC = 3, FILTERS = 6 };
    if (!value) {
        return true;
    }
    const bool known =
        value->kind == JSON_INTEGER && value->integer >= 0 && value->integer < FILTERS;
    if (!known || (value->integer != BILINEAR && value->integer != BICUBIC)) {
        return error_set(error,
                         "resample is %s: only 2 (bilinear) and 3 (bicubic) are "
                         "here",
                         known ? name[value->integer] : "no filter of PIL's");
    }
    *filter = value->integer == BICUBIC ? RESIZE_BICUBIC : RESIZE_BILINEAR;
    return true;
}

static bool read_preprocessor(const JsonValue *top, Recipe *r, Error *error) {
    const char *type = json_text(json_get(top, "image_processor_type"));
    type = type ? type : json_text(json_get(top, "feature_extractor_type"));
    const bool deit = type && strncmp(type, "DeiT", strlen("DeiT")) == 0;
    const JsonValue *size = json_get(top, "size"), *crop = json_get(top, "crop_size");
    bool shortest = false, ignored;
    if (!top || top->kind != JSON_OBJECT) {
        return error_set(error, "no settings of transformers: not an object");
    }
    if (size && !read_size(size, &r->height, &r->width, &shortest)) {
        return error_set(error, "its size is none that is known here");
    }
    r->resize = json_flag(json_get(top, "do_resize"), true);
    r->squash = !shortest;
    r->filter = deit ? RESIZE_BICUBIC : RESIZE_BILINEAR;
    r->crop = json_flag(json_get(top, "do_center_crop"), deit);
    r->rounding = CROP_HALF_DOWN;
    if (r->crop && crop &&
        !read_size(crop, &r->crop_height, &r->crop_width, &ignored)) {
        return error_set(error, "its crop_size is none that is known here");
    }
    if (!read_resample(json_get(top, "resample"), &r->filter, error)) {
        return false;
    }
    r->scale = 1.0 / 255;
    if (!json_flag(json_get(top, "do_rescale"), true)) {
        r->scale = 1;
    } else if (json_get(top, "rescale_factor") &&
               !json_number(json_get(top, "rescale_factor"), &r->scale)) {
        return error_set(error, "its rescale_factor is no number");
    }
    if (!json_flag(json_get(top, "do_normalize"), true)) {
        for (int c = 0; c < PICTURE_CHANNELS; c++) {
            r->mean[c] = 0;
            r->deviation[c] = 1;
        }
        return true;
    }
    return read_norm(top, "image_mean", "image_std", r, error);
}

bool recipe_from_json(Recipe *r, char *text, size_t bytes, Error *error) {
    JsonValue *top = json_read(text, bytes, error);
    const bool ok = top && read_preprocessor(top, r, error);
    free(top);
    return ok;
}

static bool read_pretrained_cfg(const JsonValue *cfg, Recipe *r, Error *error) {
    const char *filter = json_text(json_get(cfg, "interpolation"));
    const char *mode = json_text(json_get(cfg, "crop_mode"));
    double ratio = 0.875; /* timm's own default */
    json_number(json_get(cfg, "crop_pct"), &ratio);
    if (!(ratio > 0 && ratio <= 1)) {
        return error_set(error, "its crop_pct is %g, not from 0 to 1", ratio);
    }
    if (filter && strcmp(filter, "bicubic") != 0 && strcmp(filter, "bilinear") != 0) {
        return error_set(error,
                         "its interpolation is \"%.40s\": only bilinear and "
                         "bicubic are here",
                         filter);
    }
    if (mode && strcmp(mode, "center") != 0 && strcmp(mode, "squash") != 0) {
        return error_set(error,
                         "its crop_mode is \"%.40s\": only center and squash "
                         "are here",
                         mode);
    }
    r->filter =
        filter && strcmp(filter, "bilinear") == 0 ? RESIZE_BILINEAR : RESIZE_BICUBIC;
    r->squash = mode && strcmp(mode, "squash") == 0;
    r->scale = 1.0 / 255;
    set_sizes(r, ratio, r->crop_height, r->crop_width);
    return read_norm(cfg, "mean", "std", r, error);
}

bool recipe_from_timm(Recipe *r, char *text, size_t bytes, bool *found, Error *error) {
    JsonValue *top = json_read(text, bytes, error);
    const JsonValue *cfg = json_get(top, "pretrained_cfg");
    *found = cfg != NULL;
    const bool ok = top && (!cfg || read_pretrained_cfg(cfg, r, error));
    free(top);
    return ok;
}

/* ---- which one ------------------------------------------------------------- */

/* From a file beside the weights. *found: there is one that says it. */
static bool from_neighbours(Recipe *r, const char *path, bool *found, Error *error) {
    static const char *const files[] = {"preprocessor_config.json", "config.json"};
    for (int i = 0; i < 2 && !*found; i++) {
        size_t bytes;
        Error why;
        char *text;
        if (!neighbour_read(path, files[i], &text, &bytes, error)) {
            return false;
        }
        if (!text) {
            continue;
        }
        *found = i == 0;
        const bool ok = i == 0 ? recipe_from_json(r, text, bytes, &why)
                               : recipe_from_timm(r, text, bytes, found, &why);
        free(text);
        if (!ok) {
            return error_set(error, "%s, beside %.200s: %.200s", files[i], path,
                             why.text);
        }
        snprintf(r->name, sizeof r->name, "%s", i == 0 ? "hf" : "timm");
        snprintf(r->why, sizeof r->why, "%s", files[i]);
    }
    return true;
}

/* "0.5" for all channels, or "0.5 0.4 0.3". */
static bool numbers_in(const char *text, double v[PICTURE_CHANNELS]) {
    int count = 0;
    while (text && *text && count < PICTURE_CHANNELS) {
        char one[32];
        const size_t length = strcspn(text, " ");
        snprintf(one, sizeof one, "%.*s", (int)(length < 32 ? length : 31), text);
        if (!number_read(one, &v[count++])) {
            return false;
        }
        text += length + (text[length] == ' ');
    }
    if (count == 1) {
        v[1] = v[2] = v[0];
    }
    return text && *text == '\0' && (count == 1 || count == PICTURE_CHANNELS);
}

/* ---- in the metadata ------------------------------------------------------- */

/* What a recipe without a name is, in whole numbers; and its scale, mean, deviation. */
typedef enum { SIDE, BOOL, FILTER, ROUNDING } WholeKind; /* a side, or 0 or 1 */
static const struct {
    const char *key;
    size_t at; /* in Recipe */
    WholeKind kind;
} wholes[] = {
    {"pictures.resize", offsetof(Recipe, resize), BOOL},
    {"pictures.squash", offsetof(Recipe, squash), BOOL},
    {"pictures.height", offsetof(Recipe, height), SIDE},
    {"pictures.width", offsetof(Recipe, width), SIDE},
    {"pictures.bicubic", offsetof(Recipe, filter), FILTER},
    {"pictures.crop", offsetof(Recipe, crop), BOOL},
    {"pictures.crop_height", offsetof(Recipe, crop_height), SIDE},
    {"pictures.crop_width", offsetof(Recipe, crop_width), SIDE},
    {"pictures.crop_half_down", offsetof(Recipe, rounding), ROUNDING},
};
enum { WHOLES = sizeof wholes / sizeof wholes[0] };
static const char scale_key[] = "pictures.scale";

static int get_whole(const Recipe *r, int i) {
    const void *at = (const char *)r + wholes[i].at;
    switch (wholes[i].kind) {
    case BOOL: return *(const bool *)at;
    case FILTER: return *(const ResizeFilter *)at == RESIZE_BICUBIC;
    case ROUNDING: return *(const CropRounding *)at == CROP_HALF_DOWN;
    case SIDE: break;
    }
    return *(const int *)at;
}

static void set_whole(Recipe *r, int i, int value) {
    void *at = (char *)r + wholes[i].at;
    switch (wholes[i].kind) {
    case BOOL: *(bool *)at = value != 0; break;
    case FILTER: *(ResizeFilter *)at = value ? RESIZE_BICUBIC : RESIZE_BILINEAR; break;
    case ROUNDING:
        *(CropRounding *)at = value ? CROP_HALF_DOWN : CROP_HALF_TO_EVEN;
        break;
    case SIDE: *(int *)at = value; break;
    }
}

static char *next_text(PictureTexts *t, const char *key) {
    char *value = t->values[t->count];
    t->texts[t->count++] = (SafetensorsText){key, value};
    return value;
}

static void put_three(PictureTexts *t, const char *key,
                      const double v[PICTURE_CHANNELS]) {
    snprintf(next_text(t, key), sizeof t->values[0], "%.17g %.17g %.17g", v[0], v[1],
             v[2]);
}

void recipe_texts(const Recipe *r, int height, int width, PictureTexts *t) {
    const char *name = recipe_name(r, height, width);
    t->count = 0;
    if (name) {
        snprintf(next_text(t, "recipe"), sizeof t->values[0], "%s", name);
        return;
    }
    for (int i = 0; i < WHOLES; i++) {
        snprintf(next_text(t, wholes[i].key), sizeof t->values[0], "%d",
                 get_whole(r, i));
    }
    snprintf(next_text(t, scale_key), sizeof t->values[0], "%.17g", r->scale);
    put_three(t, "mean", r->mean);
    put_three(t, "deviation", r->deviation);
}

static bool mean_and_deviation(Recipe *r, const Arrays *file) {
    return numbers_in(arrays_text(file, "mean"), r->mean) &&
           numbers_in(arrays_text(file, "deviation"), r->deviation) &&
           r->deviation[0] > 0 && r->deviation[1] > 0 && r->deviation[2] > 0;
}

/* What recipe_texts has written where there was no name. */
static bool stated(Recipe *r, const Arrays *file, Error *error) {
    snprintf(r->name, sizeof r->name, "stated");
    for (int i = 0; i < WHOLES; i++) {
        const char *text = arrays_text(file, wholes[i].key);
        const bool side = wholes[i].kind == SIDE;
        long value;
        if (!text ||
            !number_read_whole(text, side, side ? PICTURE_MAX_SIDE : 1, &value)) {
            return error_set(error, "%.300s: its metadata: %s is %.40s: want %s",
                             arrays_path(file), wholes[i].key, text ? text : "missing",
                             side ? "a number of pixels" : "0 or 1");
        }
        set_whole(r, i, (int)value);
    }
    const char *scale = arrays_text(file, scale_key);
    return (scale && number_read(scale, &r->scale) && mean_and_deviation(r, file)) ||
           error_set(error,
                     "%.300s: its metadata: %s, mean or deviation is missing, or no "
                     "number",
                     arrays_path(file), scale_key);
}

/* From the metadata of the weights' file. What chapter 5 has trained is squashed, as
 * its own pictures were. */
static bool from_metadata(Recipe *r, const VitConfig *c, const char *path, bool *found,
                          Error *error) {
    Arrays *file = arrays_open(path, error);
    if (!file) {
        return false;
    }
    const char *name = arrays_text(file, "recipe");
    bool ok = true;
    if (name) {
        Error why;
        *found = true;
        ok = recipe_named(r, name, c->height, c->width, &why) ||
             error_set(error, "%.200s: its metadata: %.250s", path, why.text);
    } else if (arrays_text(file, wholes[0].key)) {
        *found = true;
        ok = stated(r, file, error);
    } else {
        Recipe square;
        ok = recipe_named(&square, "square", c->height, c->width, error);
        *found = ok && mean_and_deviation(&square, file);
        *r = *found ? square : *r;
    }
    snprintf(r->why, sizeof r->why, "the file's metadata");
    arrays_close(file);
    return ok;
}

static const char *file_name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Weights that say nothing: the recipe of most weights that look so. */
static bool usual(Recipe *r, const Pretrained *model, const char *path, Error *error) {
    const VitConfig *c = &model->config.vit;
    const char *dialect = pretrained_dialect(model);
    const bool hf = strcmp(dialect, "transformers") == 0;
    const bool deit = model->config.reading == READ_CLASS_AND_DISTIL ||
                      strstr(file_name_of(path), "deit") != NULL;
    const char *name = hf && deit                            ? "hf-deit"
                       : hf                                  ? "hf-vit"
                       : strcmp(dialect, "torchvision") == 0 ? "torchvision"
                       : deit                                ? "deit"
                       : c->height >= 384 && c->width >= 384 ? "384"
                                                             : "vit";
    const bool ok = recipe_named(r, name, c->height, c->width, error);
    snprintf(r->why, sizeof r->why,
             "assumed, most weights in the names of %.40s want it; or --recipe",
             dialect);
    return ok;
}

/* Checkpoints, and what --export writes. In others' files the same words may mean
 * anything. */
static bool is_ours(const Pretrained *model) {
    return model->file && arrays_text(model->file, "heads");
}

/* The metadata have said it: what is beside them isn't used, which is to be printed. */
static void name_unused(Recipe *r, const char *path) {
    Recipe other = *r;
    bool found = false;
    Error ignored;
    if (from_neighbours(&other, path, &found, &ignored) && found) {
        snprintf(r->why, sizeof r->why,
                 "the file's metadata, which are its own; %.40s beside it isn't used",
                 other.why);
    }
}

/* *found: a file or the metadata say it. */
static bool from_files(Recipe *r, const Pretrained *model, const char *path,
                       bool *found, Error *error) {
    const VitConfig *c = &model->config.vit;
    if (!is_ours(model)) {
        return from_neighbours(r, path, found, error) &&
               (*found || from_metadata(r, c, path, found, error));
    }
    if (!from_metadata(r, c, path, found, error)) {
        return false;
    }
    if (*found) {
        name_unused(r, path);
        return true;
    }
    return from_neighbours(r, path, found, error);
}

/* The recipe's last picture is as large as the model's images. */
static bool check_fits(const Recipe *r, const VitConfig *c, Error *error) {
    const int height = r->crop ? r->crop_height : r->height;
    const int width = r->crop ? r->crop_width : r->width;
    if (!r->crop && !(r->resize && r->squash)) {
        return error_set(error,
                         "the recipe of %.100s makes pictures of many sizes: --recipe "
                         "says which to take",
                         r->why);
    }
    return (height == c->height && width == c->width) ||
           error_set(error,
                     "the recipe of %.100s makes pictures of %dx%d, the model was made "
                     "for %dx%d: --recipe says which to take",
                     r->why, width, height, c->width, c->height);
}

bool recipe_for(Recipe *r, const Pretrained *model, const char *path, const char *named,
                Error *error) {
    const VitConfig *c = &model->config.vit;
    bool found = false;
    if (named) {
        const bool ok = recipe_named(r, named, c->height, c->width, error);
        snprintf(r->why, sizeof r->why, "--recipe");
        return ok;
    }
    /* What a file leaves out is as the model or most recipes have it. */
    if (!recipe_named(r, "vit", c->height, c->width, error)) {
        return false;
    }
    r->height = c->height;
    r->width = c->width;
    if (!from_files(r, model, path, &found, error)) {
        return false;
    }
    return (found || usual(r, model, path, error)) && check_fits(r, c, error);
}
