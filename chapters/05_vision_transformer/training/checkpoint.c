/* checkpoint.c: see checkpoint.h. */
#include "chapters/05_vision_transformer/training/checkpoint.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/files/number.h"

/* The three blocks of a run, and what stands before their tensors' names. */
static const char *prefix[3] = {"", "adamw.m.", "adamw.v."};

static real *block_of(const Trainer *t, int which) {
    return which == 0 ? t->weights : which == 1 ? t->m : t->v;
}

/* ---- saving -------------------------------------------------------------- */

/* Settings and the few other numbers, as texts; returns how many. */
enum { OTHER_TEXTS = 7 };

static const char *const other_keys[OTHER_TEXTS] = {
    "step", "train_images", "mean", "deviation", "format", "data_crc32", "last_loss"};

static int make_texts(const Trainer *t, const Dataset *dataset, SafetensorsText *texts,
                      char (*values)[SETTINGS_TEXT]) {
    int n = 0;
    for (; n < settings_count(); n++) {
        settings_get(&t->settings, n, values[n]);
        texts[n] = (SafetensorsText){settings_name(n), values[n]};
    }
    const int first = n;
    snprintf(values[n++], SETTINGS_TEXT, "%ld", t->step);
    snprintf(values[n++], SETTINGS_TEXT, "%d", dataset->train.count);
    snprintf(values[n++], SETTINGS_TEXT, "%.17g", dataset->mean);
    snprintf(values[n++], SETTINGS_TEXT, "%.17g", dataset->deviation);
    snprintf(values[n++], SETTINGS_TEXT, "%s", CHECKPOINT_FORMAT);
    snprintf(values[n++], SETTINGS_TEXT, "%lu", (unsigned long)dataset->checksum);
    snprintf(values[n++], SETTINGS_TEXT, "%.17g", t->last_loss);
    for (int i = 0; i < OTHER_TEXTS; i++) {
        texts[first + i] = (SafetensorsText){other_keys[i], values[first + i]};
    }
    return n;
}

/* The tensors of all three blocks, each of which must be finite: a run that diverges
 * leaves infinities in the moments before the loss shows any. */
static bool make_entries(const char *name, const Trainer *t, SafetensorsEntry *entries,
                         Error *error) {
    for (int i = 0; i < 3 * t->list.count; i++) {
        const Parameter *p = &t->list.items[i % t->list.count];
        const int which = i / t->list.count;
        snprintf(entries[i].name, sizeof entries[i].name, "%s%s", prefix[which],
                 p->name);
        entries[i].T = parameter_in(p, block_of(t, which));
        const long at = safetensors_not_finite(entries[i].T);
        if (at >= 0) {
            return error_set(
                error,
                "%s: not saved: after step %ld %s has %s at [%ld]: the run "
                "diverges, try a lower --lr or a --clip",
                name, t->step, entries[i].name,
                isnan(entries[i].T.data[at]) ? "NaN" : "infinity", at);
        }
    }
    return true;
}

bool checkpoint_encode(const Trainer *t, const Dataset *dataset, const char *name,
                       SafetensorsSink sink, Error *error) {
    const int count = 3 * t->list.count, texts_wanted = settings_count() + OTHER_TEXTS;
    SafetensorsEntry *entries =
        allocate((size_t)count * sizeof *entries, "a checkpoint's list", error);
    SafetensorsText *texts =
        allocate((size_t)texts_wanted * sizeof *texts, "a checkpoint's texts", error);
    char(*values)[SETTINGS_TEXT] =
        allocate((size_t)texts_wanted * SETTINGS_TEXT, "a checkpoint's texts", error);
    bool ok = entries && texts && values && make_entries(name, t, entries, error);
    if (ok) {
        const int n = make_texts(t, dataset, texts, values);
        const SafetensorsContent content = {entries, count, texts, n};
        ok = safetensors_encode(&content, name, sink, error);
    }
    free(entries);
    free(texts);
    free(values);
    return ok;
}

/* ---- loading ------------------------------------------------------------- */

/* The numbers beside the settings, and what is possible. */
typedef struct {
    const char *key;
    double min, max;
    bool whole;
} Number;
static const Number step_is = {"step", 0, sizeof(long) == 4 ? 2e9 : 1e15, true},
                    images_is = {"train_images", 1, 1e9, true},
                    mean_is = {"mean", 0, 1, false},
                    deviation_is = {"deviation", 1e-9, 1, false},
                    checksum_is = {"data_crc32", 0, UINT32_MAX, true},
                    last_loss_is = {"last_loss", 0, DBL_MAX, false};

static bool read_number(const Safetensors *file, const Number *n, double *value,
                        Error *error) {
    const char *text = safetensors_metadata(file, n->key);
    if (!text) {
        return error_set(error, "%s: no checkpoint of this course: it lacks \"%s\"",
                         file->name, n->key);
    }
    if (!number_read(text, value) || !(*value >= n->min && *value <= n->max) ||
        (n->whole && *value != floor(*value))) {
        *value = n->min;
        return error_set(error, "%s: damaged: %s is \"%.40s\"", file->name, n->key,
                         text);
    }
    return true;
}

static bool read_settings(const Safetensors *file, Settings *settings, Error *error) {
    *settings = settings_default();
    const char *format = safetensors_metadata(file, "format");
    if (!format || strcmp(format, CHECKPOINT_FORMAT) != 0) {
        return error_set(error,
                         "%s: no checkpoint of this course (its format is not "
                         "\"" CHECKPOINT_FORMAT "\")",
                         file->name);
    }
    for (int i = 0; i < settings_count(); i++) {
        const char *text = safetensors_metadata(file, settings_name(i));
        if (!text && settings_newer(i)) {
            continue; /* as settings_default says */
        }
        if (!text) {
            return error_set(error, "%s: no checkpoint of this course: it lacks \"%s\"",
                             file->name, settings_name(i));
        }
        if (!settings_set(settings, i, text)) {
            return error_set(error, "%s: damaged: %s is \"%.40s\"", file->name,
                             settings_name(i), text);
        }
    }
    if (settings->model.classes != DATASET_CLASSES || settings->model.channels != 1) {
        return error_set(error,
                         "%s: a model of %d classes and %d channels; the data here has "
                         "%d and 1",
                         file->name, settings->model.classes, settings->model.channels,
                         DATASET_CLASSES);
    }
    Error why;
    if (!settings_check(settings, &why)) {
        return error_set(error, "%s: damaged: %.200s", file->name, why.text);
    }
    return true;
}

/* The settings decide how much memory a run takes: the file must have the numbers of
 * such a model, three times in 4 bytes or more, before that is believed. */
static bool check_size(const Safetensors *file, const VitConfig *model, Error *error) {
    const long parameters = vit_parameter_formula(model);
    return (double)file->data_bytes >= 12.0 * (double)parameters ||
           error_set(
               error,
               "%s: damaged: a model of its settings has %ld parameters, the file "
               "is too short for them",
               file->name, parameters);
}

/* What files of earlier versions lack: then it is -1. */
static bool read_newer(const Safetensors *file, const Number *n, double *value,
                       Error *error) {
    *value = -1;
    return !safetensors_metadata(file, n->key) || read_number(file, n, value, error);
}

static bool is_known(const char *key) {
    bool known = false;
    for (int i = 0; i < settings_count(); i++) {
        known = known || strcmp(key, settings_name(i)) == 0;
    }
    for (int i = 0; i < OTHER_TEXTS; i++) {
        known = known || strcmp(key, other_keys[i]) == 0;
    }
    return known;
}

/* What a later version says, and this one would leave out. */
static void find_unknown(const Safetensors *file, char unknown[40]) {
    const char *key;
    unknown[0] = '\0';
    for (int i = 0; (key = safetensors_key(file, i)); i++) {
        if (!is_known(key)) {
            snprintf(unknown, 40, "%.39s", *key ? key : "(no name)");
        }
    }
    for (char *c = unknown; *c; c++) {
        *c = (unsigned char)*c < ' ' || *c == 127 ? '?' : *c;
    }
}

bool checkpoint_read_info(const Safetensors *file, CheckpointInfo *info, Error *error) {
    double step = 0, images = 0;
    const bool ok = read_settings(file, &info->settings, error) &&
                    check_size(file, &info->settings.model, error) &&
                    read_number(file, &step_is, &step, error) &&
                    read_number(file, &images_is, &images, error) &&
                    read_number(file, &mean_is, &info->mean, error) &&
                    read_number(file, &deviation_is, &info->deviation, error) &&
                    read_newer(file, &checksum_is, &info->checksum, error) &&
                    read_newer(file, &last_loss_is, &info->last_loss, error);
    find_unknown(file, info->unknown);
    info->step = (long)step;
    info->train_images = (long)images;
    return ok;
}

/* A mean of squares below 0 would be a NaN some steps later. */
static bool check_squares(const char *file, const char *name, Tensor v, Error *error) {
    for (long i = 0; i < tensor_count(v); i++) {
        if (v.data[i] < 0) {
            return error_set(error,
                             "%s: damaged: %s has %g at [%ld], a mean of squares", file,
                             name, (double)v.data[i], i);
        }
    }
    return true;
}

bool checkpoint_read(const Safetensors *file, Trainer *t, Error *error) {
    const int wanted = 3 * t->list.count;
    double step = 0;
    bool ok = read_number(file, &step_is, &step, error);
    for (int i = 0; ok && i < wanted; i++) {
        const Parameter *p = &t->list.items[i % t->list.count];
        const int which = i / t->list.count;
        char name[96];
        snprintf(name, sizeof name, "%s%s", prefix[which], p->name);
        const Tensor T = parameter_in(p, block_of(t, which));
        ok = safetensors_read(file, name, T, error) &&
             (which < 2 || check_squares(file->name, name, T, error));
    }
    if (ok && file->count != wanted) {
        ok = error_set(error,
                       "%s: of another model: it has %d tensors, the model of its "
                       "settings %d",
                       file->name, file->count, wanted);
    }
    if (ok) {
        t->step = (long)step;
    }
    return ok;
}
