/* small_run.c: see small_run.h. */
#include "tests/small_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/check_helpers.h"
#include "common/random.h"

static ImageSet small_set(int count, uint32_t sequence) {
    const Random random = {.seed = 3, .use = RANDOM_DEMO, .sequence = sequence};
    const int pixels = SMALL_SIDE * SMALL_SIDE;
    ImageSet set = {
        .count = count, .channels = 1, .height = SMALL_SIDE, .width = SMALL_SIDE};
    set.pixels = malloc((size_t)(count * pixels));
    set.labels = malloc((size_t)count * sizeof(int));
    ck_assert(set.pixels && set.labels);
    for (int i = 0; i < count; i++) {
        const int label = i % SMALL_CLASSES;
        set.labels[i] = label;
        for (int p = 0; p < pixels; p++) {
            const int y = p / SMALL_SIDE, x = p % SMALL_SIDE;
            const int pattern = (x * (label + 1) + y * label) % 7 * 20;
            const uint64_t index = (uint64_t)i * (uint64_t)pixels + (uint64_t)p;
            set.pixels[i * pixels + p] =
                (unsigned char)(pattern + (int)random_below(random, index, 100));
        }
    }
    return set;
}

Dataset small_dataset(int train, int test) {
    static const char *const names[SMALL_CLASSES] = {
        "class 0", "class 1", "class 2", "class 3", "class 4",
        "class 5", "class 6", "class 7", "class 8", "class 9"};
    Dataset d = {.mean = {0.4}, .deviation = {0.25}};
    Error error;
    ck_assert(dataset_name(&d, SMALL_CLASSES, names, &error));
    d.train = small_set(train, 100);
    d.test = small_set(test, 101);
    return d;
}

Settings small_settings(void) {
    Settings s = settings_default();
    s.model = (VitConfig){.height = SMALL_SIDE,
                          .width = SMALL_SIDE,
                          .channels = 1,
                          .patch = 4,
                          .depth = 2,
                          .block = {.D = 8, .heads = 2, .M = 12},
                          .classes = SMALL_CLASSES};
    s.epochs = 4;
    s.batch = 4;
    s.warmup = 3;
    s.lr = 2e-3;
    s.adamw = (AdamW){0.9, 0.999, 1e-8, 0.05};
    s.clip = 1;
    s.label_smoothing = 0.1;
    s.dropout = 0.1;
    s.shift = 1;
    s.flip = 1;
    s.seed = 5;
    return s;
}

Trainer new_trainer(const Settings *settings, const Dataset *dataset) {
    Trainer trainer;
    Error error = {""};
    ck_assert_msg(trainer_make(&trainer, settings, dataset->train.count, &error), "%s",
                  error.text);
    return trainer;
}

StepResult train_to(Trainer *trainer, const Dataset *dataset, long step) {
    StepResult result = {0};
    while (trainer->step < step) {
        result = trainer_step(trainer, dataset);
    }
    return result;
}

Tensor weights_of(const Trainer *trainer) {
    return tensor1(trainer->weights, (int)trainer->list.total);
}
