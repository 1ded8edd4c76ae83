/* checkpoint.c: see checkpoint.h. */
#include "chapters/05_vision_transformer/training/checkpoint.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/files/number.h"

/* ---- what a checkpoint has ------------------------------------------------ */

/* Tensor i of the 3 list.count: the weights, then AdamW's two moments of them. */
static SafetensorsEntry entry_of(const Trainer *t, int i) {
    static const char *const prefix[3] = {"", "adamw.m.", "adamw.v."};
    real *const block[3] = {t->weights, t->m, t->v};
    const Parameter *p = &t->list.items[i % t->list.count];
    const int which = i / t->list.count;
    SafetensorsEntry entry = {.T = parameter_in(p, block[which])};
    snprintf(entry.name, sizeof entry.name, "%s%s", prefix[which], p->name);
    return entry;
}

/* The numbers that aren't settings, and their ranges. */
enum { STEP, TRAIN_IMAGES, MEAN, DEVIATION, CHECKSUM, LAST_LOSS, NUMBERS };
static const struct {
    const char *key;
    double min, max;
    bool whole, newer; /* newer: files of earlier versions lack it; then it is -1 */
} numbers[NUMBERS] = {
    [STEP] = {"step", 0, sizeof(long) == 4 ? 2e9 : 1e15, true, false},
    [TRAIN_IMAGES] = {"train_images", 1, 1e9, true, false},
    [MEAN] = {"mean", 0, 1, false, false},
    [DEVIATION] = {"deviation", 1e-9, 1, false, false},
    [CHECKSUM] = {"data_crc32", 0, UINT32_MAX, true, true},
    [LAST_LOSS] = {"last_loss", 0, DBL_MAX, false, true},
};

/* ---- saving -------------------------------------------------------------- */

enum { MAX_TEXTS = 64 };

/* The settings, the numbers and the format, as texts; returns how many. */
static int make_texts(const Trainer *t, const Dataset *dataset, SafetensorsText *texts,
                      char (*values)[SETTINGS_TEXT]) {
    const double value[NUMBERS] = {(double)t->step,   dataset->train.count,
                                   dataset->mean,     dataset->deviation,
                                   dataset->checksum, t->last_loss};
    int n = 0;
    for (; n < settings_count(); n++) {
        settings_get(&t->settings, n, values[n]);
        texts[n] = (SafetensorsText){settings_name(n), values[n]};
    }
    for (int k = 0; k < NUMBERS; k++, n++) {
        if (k == CHECKSUM) { /* in the middle, as in the files of earlier versions */
            texts[n++] = (SafetensorsText){"format", CHECKPOINT_FORMAT};
        }
        snprintf(values[n], SETTINGS_TEXT, "%.17g", value[k]);
        texts[n] = (SafetensorsText){numbers[k].key, values[n]};
    }
    return n;
}

/* The tensors, each of which must be finite: a run that diverges leaves infinities in
 * the moments before the loss shows any. */
static bool make_entries(const char *name, const Trainer *t, SafetensorsEntry *entries,
                         Error *error) {
    for (int i = 0; i < 3 * t->list.count; i++) {
        entries[i] = entry_of(t, i);
        const long at = safetensors_not_finite(entries[i].T);
        if (at >= 0) {
            return error_set(error,
                             "%s: not saved: after step %ld %s has %s at [%ld]: the "
                             "run diverges, try a lower --lr or a --clip",
                             name, t->step, entries[i].name,
                             isnan(entries[i].T.data[at]) ? "NaN" : "infinity", at);
        }
    }
    return true;
}

bool checkpoint_encode(const Trainer *t, const Dataset *dataset, const char *name,
                       SafetensorsSink sink, Error *error) {
    const int count = 3 * t->list.count;
    char values[MAX_TEXTS][SETTINGS_TEXT];
    SafetensorsText texts[MAX_TEXTS];
    if (settings_count() + NUMBERS + 1 > MAX_TEXTS) {
        bug("checkpoint_encode: more than %d texts", MAX_TEXTS);
    }
    SafetensorsEntry *entries =
        allocate((size_t)count * sizeof *entries, "a checkpoint's list", error);
    bool ok = entries && make_entries(name, t, entries, error);
    if (ok) {
        const int text_count = make_texts(t, dataset, texts, values);
        const SafetensorsContent content = {entries, count, texts, text_count};
        ok = safetensors_encode(&content, name, sink, error);
    }
    free(entries);
    return ok;
}

/* ---- loading ------------------------------------------------------------- */

static bool is_lacking(const Safetensors *file, const char *key, Error *error) {
    return error_set(error, "%s: no checkpoint of this course: it lacks \"%s\"",
                     file->name, key);
}

static bool is_damaged(const Safetensors *file, const char *key, Error *error) {
    return error_set(error, "%s: damaged: %s is \"%.40s\"", file->name, key,
                     safetensors_metadata(file, key));
}

static bool read_number(const Safetensors *file, int n, double *value, Error *error) {
    const char *key = numbers[n].key, *text = safetensors_metadata(file, key);
    *value = -1;
    if (!text) {
        return numbers[n].newer || is_lacking(file, key, error);
    }
    return (number_read(text, value) && *value >= numbers[n].min &&
            *value <= numbers[n].max &&
            !(numbers[n].whole && *value != floor(*value))) ||
           is_damaged(file, key, error);
}

static bool read_settings(const Safetensors *file, Settings *settings, Error *error) {
    *settings = settings_default();
    const char *format = safetensors_metadata(file, "format");
    if (!format || strcmp(format, CHECKPOINT_FORMAT) != 0) {
        return error_set(error,
                         "%s: no checkpoint of this course (its format is not \"%s\")",
                         file->name, CHECKPOINT_FORMAT);
    }
    for (int i = 0; i < settings_count(); i++) {
        const char *text = safetensors_metadata(file, settings_name(i));
        if (!text && settings_newer(i)) {
            continue; /* as settings_default says */
        }
        if (!text) {
            return is_lacking(file, settings_name(i), error);
        }
        if (!settings_set(settings, i, text)) {
            return is_damaged(file, settings_name(i), error);
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

/* The settings decide how much memory a run takes: they are believed if the file
 * is long enough for such a model, with three elements of >= 4 bytes per parameter. */
static bool check_size(const Safetensors *file, const VitConfig *model, Error *error) {
    const long parameters = vit_parameter_formula(model);
    if ((double)file->data_bytes < 12.0 * (double)parameters) {
        return error_set(error,
                         "%s: damaged: a model of its settings has %ld parameters, the "
                         "file is too short for them",
                         file->name, parameters);
    }
    return true;
}

static bool is_known(const char *key) {
    bool known = strcmp(key, "format") == 0;
    for (int i = 0; i < settings_count(); i++) {
        known = known || strcmp(key, settings_name(i)) == 0;
    }
    for (int k = 0; k < NUMBERS; k++) {
        known = known || strcmp(key, numbers[k].key) == 0;
    }
    return known;
}

/* What a later version says, and this one would leave out. */
static void find_unknown(const Safetensors *file, char unknown[40]) {
    unknown[0] = '\0';
    for (int i = 0; safetensors_key(file, i); i++) {
        const char *key = safetensors_key(file, i);
        if (!is_known(key)) {
            snprintf(unknown, 40, "%.39s", *key ? key : "(no name)");
        }
    }
    for (char *c = unknown; *c; c++) {
        *c = (unsigned char)*c < ' ' || *c == 127 ? '?' : *c;
    }
}

bool checkpoint_read_info(const Safetensors *file, CheckpointInfo *info, Error *error) {
    double value[NUMBERS];
    if (!read_settings(file, &info->settings, error) ||
        !check_size(file, &info->settings.model, error)) {
        return false;
    }
    for (int k = 0; k < NUMBERS; k++) {
        if (!read_number(file, k, &value[k], error)) {
            return false;
        }
    }
    find_unknown(file, info->unknown);
    info->step = (long)value[STEP];
    info->train_images = (long)value[TRAIN_IMAGES];
    info->mean = value[MEAN];
    info->deviation = value[DEVIATION];
    info->checksum = value[CHECKSUM];
    info->last_loss = value[LAST_LOSS];
    return true;
}

/* A mean of squares below 0 would be a NaN some steps later. */
static bool check_squares(const char *file, const SafetensorsEntry *v, Error *error) {
    for (long i = 0; i < tensor_count(v->T); i++) {
        if (v->T.data[i] < 0) {
            return error_set(error,
                             "%s: damaged: %s has %g at [%ld], a mean of squares", file,
                             v->name, (double)v->T.data[i], i);
        }
    }
    return true;
}

bool checkpoint_read(const Safetensors *file, Trainer *t, Error *error) {
    const int wanted = 3 * t->list.count;
    double step;
    bool ok = read_number(file, STEP, &step, error);
    for (int i = 0; ok && i < wanted; i++) {
        const SafetensorsEntry entry = entry_of(t, i);
        ok = safetensors_read(file, entry.name, entry.T, error) &&
             (i < 2 * t->list.count || check_squares(file->name, &entry, error));
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
