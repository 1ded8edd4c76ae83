/*
 * core.c: what needs nothing but a C library, at work: a small model learns a few
 * images; the run goes into a checkpoint in memory and comes back to the bit; both go
 * on to the same weights. run.sh builds it for WebAssembly, and for this machine
 * without OpenMP, of these sources alone.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/training/checkpoint.h"

enum { IMAGES = 20, SIDE = 8, STEPS = 60 };

static unsigned char pixels[IMAGES * SIDE * SIDE];
static int labels[IMAGES];

static void must(bool held, const char *what) {
    printf("%s  %s\n", held ? "PASS" : "FAIL", what);
    if (!held) {
        exit(1);
    }
}

static void no_error(bool ok, const Error *error) {
    if (!ok) {
        printf("FAIL  %s\n", error->text);
        exit(1);
    }
}

/* A bright row says which class it is. */
static Dataset make_images(void) {
    for (int i = 0; i < IMAGES; i++) {
        labels[i] = i % SIDE;
        for (int p = 0; p < SIDE * SIDE; p++) {
            const int noise = (i * 37 + p * 11) % 60;
            pixels[i * SIDE * SIDE + p] =
                (unsigned char)(noise + (p / SIDE == i % SIDE ? 190 : 0));
        }
    }
    const ImageSet set = {IMAGES, 1, SIDE, SIDE, pixels, labels, NULL};
    return (Dataset){.train = set,
                     .test = set,
                     .classes = SIDE,
                     .mean = {0.25},
                     .deviation = {0.25}};
}

static Settings small_model(void) {
    Settings s = settings_default();
    s.model = (VitConfig){.height = SIDE,
                          .width = SIDE,
                          .channels = 1,
                          .patch = 4,
                          .depth = 2,
                          .block = {.D = 16, .heads = 2, .M = 32},
                          .classes = SIDE};
    s.batch = 10;
    s.epochs = STEPS * s.batch / IMAGES;
    s.lr = 0.01;
    s.dropout = 0.05;
    s.label_smoothing = 0;
    s.threads = 2; /* one after the other */
    return s;
}

static StepResult train(Trainer *t, const Dataset *data, int steps) {
    StepResult result = {0};
    for (int i = 0; i < steps; i++) {
        result = trainer_step(t, data);
        t->last_loss = result.loss;
    }
    return result;
}

static bool same_weights(const Trainer *a, const Trainer *b) {
    return memcmp(a->weights, b->weights, (size_t)a->list.total * sizeof(real)) == 0;
}

static Trainer restored(const SafetensorsBuffer *buffer) {
    Safetensors file;
    CheckpointInfo info;
    Trainer t;
    Error error;
    no_error(safetensors_decode(&file, safetensors_from(buffer->bytes, buffer->count),
                                "memory", &error),
             &error);
    no_error(checkpoint_read_info(&file, &info, &error), &error);
    no_error(trainer_make(&t, &info.settings, (int)info.train_images, &error), &error);
    no_error(checkpoint_read(&file, &t, &error), &error);
    safetensors_close(&file);
    return t;
}

static void damage(SafetensorsBuffer *buffer) {
    Safetensors file;
    Error error;
    memset(buffer->bytes + buffer->count - sizeof(real), 0xff, sizeof(real)); /* NaN */
    Trainer t;
    const Settings settings = small_model();
    no_error(trainer_make(&t, &settings, IMAGES, &error), &error);
    no_error(safetensors_decode(&file, safetensors_from(buffer->bytes, buffer->count),
                                "memory", &error),
             &error);
    must(!checkpoint_read(&file, &t, &error), "a checkpoint with a NaN is refused");
    safetensors_close(&file);
    must(!safetensors_decode(&file, safetensors_from(buffer->bytes, buffer->count - 1),
                             "memory", &error),
         "a checkpoint that is cut is refused");
    trainer_free(&t);
}

int main(void) {
    const Dataset data = make_images();
    const Settings settings = small_model();
    Trainer t;
    Evaluation evaluation;
    SafetensorsBuffer buffer = {0};
    Error error;
    no_error(trainer_make(&t, &settings, IMAGES, &error), &error);
    const StepResult first = train(&t, &data, 1);
    train(&t, &data, STEPS / 2);
    no_error(checkpoint_encode(&t, &data, "memory", safetensors_into(&buffer), &error),
             &error);
    Trainer back = restored(&buffer);
    must(back.step == t.step && same_weights(&t, &back),
         "a checkpoint in memory comes back to the bit");
    const StepResult last = train(&t, &data, STEPS / 2 - 1);
    train(&back, &data, STEPS / 2 - 1);
    must(same_weights(&t, &back), "what was resumed goes on to the same bits");
    trainer_evaluate(&t, &data, &data.test, NULL, &evaluation);
    printf("      loss %.2f, then %.2f; %ld of %ld images right\n", first.loss,
           last.loss, evaluation.correct, evaluation.count);
    must(last.loss < first.loss / 4 && evaluation.correct == IMAGES,
         "a small model learns twenty images");
    damage(&buffer);
    free(buffer.bytes);
    trainer_free(&back);
    trainer_free(&t);
    return 0;
}
