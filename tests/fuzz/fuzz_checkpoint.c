/*
 * fuzz_checkpoint.c: a checkpoint: its settings, and, where they are those of the tiny
 * model here, all its numbers, into a trainer. One that was read is saved and must be
 * read back the same.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/training/checkpoint_file.h"
#include "tests/fuzz/fuzz.h"
#include "common/files/safetensors_file.h"

enum { SIDE = 2, ROUND_TRIPS = 8 };

static const char *copy;
static Trainer trainer, second;
static Dataset dataset;
static unsigned char pixels[3 * SIDE * SIDE];
static int labels[3];

static Settings tiny(void) {
    Settings s = settings_default();
    s.model = (VitConfig){.height = SIDE,
                          .width = SIDE,
                          .channels = 1,
                          .patch = SIDE,
                          .depth = 1,
                          .block = {.D = 1, .heads = 1, .M = 1},
                          .classes = 10};
    s.batch = 1;
    return s;
}

void fuzz_setup(void) {
    const Settings settings = tiny();
    Error error;
    const ImageSet set = {3, 1, SIDE, SIDE, pixels, labels, NULL};
    dataset = (Dataset){
        .train = set, .test = set, .classes = 10, .mean = {0.5}, .deviation = {0.25}};
    copy = fuzz_path("copy");
    if (!trainer_make(&trainer, &settings, set.count, &error) ||
        !trainer_make(&second, &settings, set.count, &error)) {
        bug("fuzz: %s", error.text);
    }
}

static void check_info(const CheckpointInfo *info) {
    Error error;
    Settings s = info->settings;
    fuzz_must(settings_check(&s, &error), "settings that were read are possible");
    fuzz_must(info->step >= 0 && info->train_images >= 1,
              "what else was read is possible");
    for (int c = 0; c < s.model.channels; c++) {
        fuzz_must(isfinite(info->mean[c]) && isfinite(info->deviation[c]) &&
                      info->deviation[c] > 0,
                  "pixels can be normalised");
    }
}

static bool same_model(const Settings *s) {
    const VitConfig *a = &s->model, *b = &trainer.settings.model;
    return a->height == b->height && a->width == b->width && a->patch == b->patch &&
           a->channels == b->channels && a->classes == b->classes &&
           a->depth == b->depth && a->block.D == b->block.D &&
           a->block.heads == b->block.heads && a->block.M == b->block.M &&
           a->positions == b->positions && a->pool == b->pool &&
           a->block.norm == b->block.norm;
}

/* The classes' names of both files, or none of both. */
static void check_names(const CheckpointInfo *info) {
    Dataset names = {.classes = 0};
    Error error = {""};
    fuzz_must(checkpoint_names(copy, info, &names, &error), "names are read back");
    fuzz_must(names.classes == dataset.classes, "of as many classes");
    for (int k = 0; k < names.classes; k++) {
        fuzz_must(strcmp(names.class_name[k], dataset.class_name[k]) == 0,
                  "names come back");
    }
    dataset_free(&names);
}

/* Saved, and read back, to the bit. */
static void save_and_load(const CheckpointInfo *info) {
    CheckpointInfo back;
    Error error = {""};
    const size_t bytes = (size_t)trainer.list.total * sizeof(real);
    trainer.settings = info->settings;
    memcpy(dataset.mean, info->mean, sizeof info->mean);
    memcpy(dataset.deviation, info->deviation, sizeof info->deviation);
    if (!checkpoint_save(copy, &trainer, &dataset, &error)) {
        fuzz_must_tell(false, &error);
        return; /* it may refuse what it would not read */
    }
    fuzz_must(checkpoint_info(copy, &back, &error), "what is saved is read back");
    fuzz_must(checkpoint_load(copy, &second, &error), "what is saved loads");
    fuzz_must(second.step == trainer.step && back.step == trainer.step,
              "the step comes back");
    fuzz_must(back.mean[0] == info->mean[0] && back.deviation[0] == info->deviation[0],
              "mean and deviation come back to the bit");
    check_names(&back);
    for (int i = 0; i < settings_count(); i++) {
        char a[SETTINGS_TEXT], b[SETTINGS_TEXT];
        settings_get(&info->settings, i, a);
        settings_get(&back.settings, i, b);
        fuzz_must(strcmp(a, b) == 0, "settings come back");
    }
    fuzz_must(memcmp(trainer.weights, second.weights, bytes) == 0 &&
                  memcmp(trainer.m, second.m, bytes) == 0 &&
                  memcmp(trainer.v, second.v, bytes) == 0,
              "weights and moments come back to the bit");
}

static void read_checkpoint(const Safetensors *file) {
    static unsigned loaded;
    CheckpointInfo info = {.step = 0};
    Error error = {""};
    if (!checkpoint_read_info(file, &info, &error)) {
        fuzz_must_tell(false, &error);
        return;
    }
    check_info(&info);
    if (!same_model(&info.settings)) {
        return;
    }
    if (!checkpoint_read_names(file, &info, &dataset, &error)) {
        fuzz_must_tell(false, &error);
        return;
    }
    const bool ok = checkpoint_read(file, &trainer, &error);
    fuzz_must_tell(ok, &error);
    if (ok) {
        for (long i = 0; i < trainer.list.total; i++) {
            fuzz_must(isfinite(trainer.weights[i]) && isfinite(trainer.m[i]) &&
                          isfinite(trainer.v[i]),
                      "what was loaded is finite");
        }
        if (loaded++ % ROUND_TRIPS == 0) {
            save_and_load(&info);
        }
    }
}

void fuzz_input(const unsigned char *bytes, size_t count) {
    Safetensors file;
    Error error = {""};
    if (!fuzz_open(&file, bytes, count, &error)) {
        fuzz_must_tell(false, &error);
        return;
    }
    read_checkpoint(&file);
    safetensors_close(&file);
}

void fuzz_seeds(void) {
    static unsigned char bytes[1 << 16];
    Error error;
    for (int i = 0; i < 2; i++) {
        static const char *const names[] = {"a", "b", "c", "d", "e",
                                            "f", "g", "h", "i", "\xC3\xA9"};
        if (!dataset_name(&dataset, 10, i == 0 ? NULL : names, &error)) {
            bug("fuzz: %s", error.text);
        }
        trainer.step = i;
        trainer.settings.schedule = i == 0 ? SCHEDULE_COSINE : SCHEDULE_NOAM;
        if (!checkpoint_save(copy, &trainer, &dataset, &error)) {
            bug("fuzz: %s", error.text);
        }
        fuzz_seed(bytes, fuzz_read(copy, bytes, sizeof bytes));
    }
}
