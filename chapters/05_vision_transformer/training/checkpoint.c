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
enum { STEP, TRAIN_IMAGES, MEAN, DEVIATION, CHECKSUM, LAST_LOSS, SPLIT, NUMBERS };
static const struct {
    const char *key;
    double min, max;
    bool whole, newer; /* newer: a file may lack it; then it is -1 */
    bool per_channel;  /* one for each channel of the images, blanks between them */
} numbers[NUMBERS] = {
    [STEP] = {"step", 0, sizeof(long) == 4 ? 2e9 : 1e15, true, false, false},
    [TRAIN_IMAGES] = {"train_images", 1, 1e9, true, false, false},
    [MEAN] = {"mean", 0, 1, false, false, true},
    [DEVIATION] = {"deviation", 1e-9, 1, false, false, true},
    [CHECKSUM] = {"data_crc32", 0, UINT32_MAX, true, true, false},
    [LAST_LOSS] = {"last_loss", 0, DBL_MAX, false, true, false},
    [SPLIT] = {"split", 0, 1, false, true, false},
};

static const char names_key[] = "class_names"; /* line by line; "classes" is their K */

static int how_many(int n, const VitConfig *model) {
    return numbers[n].per_channel ? model->channels : 1;
}

/* ---- saving -------------------------------------------------------------- */

enum { MAX_TEXTS = 64, TEXT_BYTES = SETTINGS_TEXT * DATASET_MAX_CHANNELS };

static void print_numbers(char text[TEXT_BYTES], const double *value, int count) {
    int used = 0;
    for (int c = 0; c < count; c++) {
        used += snprintf(text + used, (size_t)(TEXT_BYTES - used), "%s%.17g",
                         c == 0 ? "" : " ", value[c]);
    }
}

/* The settings, the numbers, the format and the names, as texts; returns how many. */
static int make_texts(const Trainer *t, const Dataset *dataset, const char *names,
                      SafetensorsText *texts, char (*values)[TEXT_BYTES]) {
    const double step = (double)t->step, images = dataset->train.count,
                 checksum = dataset->checksum;
    const double *const value[NUMBERS] = {
        &step,     &images,       dataset->mean,  dataset->deviation,
        &checksum, &t->last_loss, &dataset->split};
    int n = 0;
    for (; n < settings_count(); n++) {
        settings_get(&t->settings, n, values[n]);
        texts[n] = (SafetensorsText){settings_name(n), values[n]};
    }
    for (int k = 0; k < NUMBERS - (dataset->split == 0); k++, n++) {
        if (k == CHECKSUM) { /* in the middle, as in the files of earlier versions */
            texts[n++] = (SafetensorsText){"format", CHECKPOINT_FORMAT};
        }
        print_numbers(values[n], value[k], how_many(k, &t->settings.model));
        texts[n] = (SafetensorsText){numbers[k].key, values[n]};
    }
    if (names) {
        texts[n++] = (SafetensorsText){names_key, names};
    }
    return n;
}

/* The classes' names as lines; NULL if there is no memory. */
static char *join_names(const Dataset *dataset, Error *error) {
    const size_t bytes = (size_t)dataset->classes * DATASET_NAME_BYTES + 1;
    char *names = allocate(bytes, "the classes' names", error), *end = names;
    for (int k = 0; names && k < dataset->classes; k++) {
        end += sprintf(end, "%s%s", k == 0 ? "" : "\n", dataset->class_name[k]);
    }
    return names;
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
    char values[MAX_TEXTS][TEXT_BYTES], *names = NULL;
    SafetensorsText texts[MAX_TEXTS];
    if (settings_count() + NUMBERS + 2 > MAX_TEXTS) {
        bug("checkpoint_encode: more than %d texts", MAX_TEXTS);
    }
    SafetensorsEntry *entries =
        allocate((size_t)count * sizeof *entries, "a checkpoint's list", error);
    bool ok = entries && make_entries(name, t, entries, error);
    if (ok && dataset_is_named(dataset)) {
        names = join_names(dataset, error);
        ok = names != NULL;
    }
    if (ok) {
        const int text_count = make_texts(t, dataset, names, texts, values);
        const SafetensorsContent content = {entries, count, texts, text_count};
        ok = safetensors_encode(&content, name, sink, error);
    }
    free(names);
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

/* The next of a text's numbers, up to a blank or the end; NULL: it is damaged. */
static const char *next_number(const char *text, int n, double *value) {
    char one[SETTINGS_TEXT];
    const size_t length = strcspn(text, " ");
    if (length >= sizeof one) {
        return NULL;
    }
    memcpy(one, text, length);
    one[length] = '\0';
    const bool good = number_read(one, value) && *value >= numbers[n].min &&
                      *value <= numbers[n].max &&
                      !(numbers[n].whole && *value != floor(*value));
    return good ? text + length : NULL;
}

/* value (count): how_many of it. */
static bool read_numbers(const Safetensors *file, int n, int count, double *value,
                         Error *error) {
    const char *key = numbers[n].key, *text = safetensors_metadata(file, key);
    value[0] = -1;
    if (!text) {
        return numbers[n].newer || is_lacking(file, key, error);
    }
    for (int c = 0; text && c < count; c++) {
        text += c > 0 && *text == ' ';
        text = next_number(text, n, &value[c]);
    }
    return (text && *text == '\0') || is_damaged(file, key, error);
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
    const int channels = settings->model.channels;
    if (channels != 1 && channels != DATASET_MAX_CHANNELS) {
        return error_set(error, "%s: a model of %d channels; images have 1 or %d",
                         file->name, channels, DATASET_MAX_CHANNELS);
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
    bool known = strcmp(key, "format") == 0 || strcmp(key, names_key) == 0;
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
    double value[NUMBERS][DATASET_MAX_CHANNELS] = {{0}};
    if (!read_settings(file, &info->settings, error) ||
        !check_size(file, &info->settings.model, error)) {
        return false;
    }
    for (int k = 0; k < NUMBERS; k++) {
        const int count = how_many(k, &info->settings.model);
        if (!read_numbers(file, k, count, value[k], error)) {
            return false;
        }
    }
    find_unknown(file, info->unknown);
    info->step = (long)value[STEP][0];
    info->train_images = (long)value[TRAIN_IMAGES][0];
    memcpy(info->mean, value[MEAN], sizeof info->mean);
    memcpy(info->deviation, value[DEVIATION], sizeof info->deviation);
    info->checksum = value[CHECKSUM][0];
    info->last_loss = value[LAST_LOSS][0];
    info->split = value[SPLIT][0];
    return true;
}

/* Cuts the lines of `text` apart: name (count); false if there are more, or fewer, or
 * one is no name. */
static bool split_names(char *text, int count, const char **name) {
    for (int k = 0; k < count; k++) {
        const size_t length = strcspn(text, "\n");
        const bool last = text[length] == '\0';
        name[k] = text;
        text[length] = '\0';
        if (last != (k == count - 1) || dataset_name_fault(name[k])) {
            return false;
        }
        text += length + 1;
    }
    return true;
}

bool checkpoint_read_names(const Safetensors *file, const CheckpointInfo *info,
                           Dataset *dataset, Error *error) {
    const int count = info->settings.model.classes;
    const char *text = safetensors_metadata(file, names_key);
    if (!text) {
        return dataset_name(dataset, count, NULL, error);
    }
    char *copy = allocate(strlen(text) + 1, "the classes' names", error);
    const char **name =
        copy ? allocate((size_t)count * sizeof *name, "the classes' names", error)
             : NULL;
    bool ok = name != NULL;
    if (ok) {
        ok = split_names(strcpy(copy, text), count, name)
                 ? dataset_name(dataset, count, name, error)
                 : is_damaged(file, names_key, error);
    }
    free(name);
    free(copy);
    return ok;
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
    bool ok = read_numbers(file, STEP, 1, &step, error);
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
