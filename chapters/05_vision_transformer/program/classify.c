/* classify.c: see classify.h. */
#include "chapters/05_vision_transformer/program/classify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "chapters/05_vision_transformer/own_data/convert.h"
#include "chapters/05_vision_transformer/training/checkpoint_file.h"
#include "common/lesson/output.h"
#include "common/softmax.h"

enum { SHOWN = 5 };

/* A checkpoint, and one picture as its data set. */
typedef struct {
    const char *checkpoint, *file;
    CheckpointInfo info;
    Trainer trainer;
    Dataset dataset;
    int width, height; /* the picture's own */
} Seen;

static bool read_picture(Seen *s, Error *error) {
    const VitConfig *model = &s->info.settings.model;
    ImageSet *set = &s->dataset.test;
    Picture picture;
    if (!picture_read(&picture, s->file, error)) {
        return false;
    }
    s->width = picture.width;
    s->height = picture.height;
    *set = (ImageSet){.count = 1,
                      .channels = model->channels,
                      .height = model->height,
                      .width = model->width};
    const size_t bytes =
        (size_t)set->channels * (size_t)set->height * (size_t)set->width;
    set->pixels = allocate(bytes, "the picture", error);
    const bool ok = set->pixels && convert_picture(&picture, set->channels, set->height,
                                                   set->width, set->pixels, error);
    picture_free(&picture);
    return ok;
}

static bool load(Seen *s, Error *error) {
    if (!checkpoint_info(s->checkpoint, &s->info, error)) {
        return false;
    }
    const CheckpointInfo *info = &s->info;
    Settings settings = info->settings;
    settings.batch = 1;
    for (int c = 0; c < DATASET_MAX_CHANNELS; c++) {
        s->dataset.mean[c] = info->mean[c];
        s->dataset.deviation[c] = info->deviation[c];
    }
    return read_picture(s, error) &&
           checkpoint_names(s->checkpoint, info, &s->dataset, error) &&
           trainer_make_small(&s->trainer, &settings, 1, error) &&
           checkpoint_load(s->checkpoint, &s->trainer, error);
}

/* p (1, K): the probabilities. */
static Tensor look_at(Seen *s) {
    Worker *worker = &s->trainer.workers[0];
    const Augmentation none = {0};
    const Dropout off = {0};
    Tensor image = tensor_first(worker->images, 1);
    dataset_image(&s->dataset, &s->dataset.test, 0, &none, tensor_slice(image, 0));
    Tensor p = vit_forward(&s->trainer.vit, image, &worker->activations, &off);
    softmax_forward(p, p);
    return p;
}

static void print_classes(const Seen *s, Tensor p) {
    const int K = tensor_cols(p);
    for (int shown = 0; shown < SHOWN && shown < K; shown++) {
        int best = 0;
        for (int k = 1; k < K; k++) {
            best = p.data[k] > p.data[best] ? k : best;
        }
        printf("%6.2f%%  %s\n", 100 * (double)p.data[best],
               s->dataset.class_name[best]);
        p.data[best] = -1; /* not again */
    }
}

static bool classify(Seen *s, Error *error) {
    if (!load(s, error)) {
        return false;
    }
    const VitConfig *c = &s->info.settings.model;
    Tensor p = look_at(s);
    for (int k = 0; k < c->classes; k++) {
        if (!isfinite(p.data[k])) {
            return error_set(error, "%s: the logits of this picture are not finite",
                             s->checkpoint);
        }
    }
    printf("%s: %d x %d pixels, seen as %d x %d in %s, by %s\n", s->file, s->width,
           s->height, c->width, c->height, c->channels == 1 ? "grey" : "colour",
           s->checkpoint);
    print_classes(s, p);
    return true;
}

int classify_run(const Options *o) {
    static Seen seen; /* a Trainer is large */
    Error error;
    seen.checkpoint = o->eval ? o->eval : o->save;
    seen.file = o->image;
    const bool ok = classify(&seen, &error);
    trainer_free(&seen.trainer);
    dataset_free(&seen.dataset);
    if (!ok) {
        return output_error(o->program, 1, "%s", error.text);
    }
    return output_end(o->program, 0);
}
