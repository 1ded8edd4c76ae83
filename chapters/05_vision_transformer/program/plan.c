/* plan.c: see plan.h. */
#include "chapters/05_vision_transformer/program/plan.h"

#include <math.h>
#include <string.h>

#include "chapters/05_vision_transformer/program/file_lock.h"
#include "chapters/05_vision_transformer/program/progress.h"

static bool is_given(const Options *o, const char *setting) {
    for (int i = 0; i < settings_count(); i++) {
        if (o->given[i] && strcmp(settings_name(i), setting) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- files ------------------------------------------------------------------- */

/* Is the file one of the data's? */
static bool is_data(const Options *o, const char *path) {
    const char *directory = o->data ? o->data : dataset_find();
    return directory && dataset_has_file(directory, path);
}

/* A run's checkpoint, its lock and its log are three files, and none is the data's. */
static bool check_names(const Options *o, Error *error) {
    const char *written[] = {o->save, o->log};
    char lock[FILE_PATH_BYTES];
    Error too_long; /* checkpoint_can_save will say it */
    for (int i = 0; i < 2; i++) {
        if (is_data(o, written[i])) {
            return error_set(error,
                             "%s: can't be written: it is one of the data's files",
                             written[i]);
        }
    }
    if (regular_file_same(o->save, o->log) ||
        (o->resume && regular_file_same(o->resume, o->log))) {
        return error_set(
            error, "%s can't be both the checkpoint and the log: give --log", o->log);
    }
    if (file_lock_name(o->save, lock, &too_long) && regular_file_same(lock, o->log)) {
        return error_set(
            error, "%s can't be both the checkpoint's lock and the log: give --log",
            o->log);
    }
    return true;
}

/* What a run reads first and writes later: asked before it begins, not after its first
 * epoch. */
static int check_files(Plan *p, const Options *o, Error *error) {
    if (!o->eval && !check_names(o, error)) {
        return 2;
    }
    const bool ok = (!p->from || checkpoint_info(p->from, &p->info, error)) &&
                    (o->eval || (checkpoint_can_save(o->save, error) &&
                                 progress_can_log(o->log, error)));
    return ok ? 0 : 1;
}

/* ---- data -------------------------------------------------------------------- */

static bool load_data(Plan *p, const Options *o, Error *error) {
    p->directory = o->data ? o->data : dataset_find();
    if (!p->directory) {
        return error_set(error, "no data: run this in the repository's root, where "
                                "data/ is, or give --data DIR");
    }
    return dataset_load(&p->dataset, p->directory, error);
}

static bool same_pixels(const CheckpointInfo *info, const Dataset *d) {
    const double near = 1e-9; /* compilers round the mean in more ways than one */
    return fabs(info->mean - d->mean) < near &&
           fabs(info->deviation - d->deviation) < near;
}

/* The same training images as before? A file that has no checksum yet has their
 * mean. */
static bool same_images(const CheckpointInfo *info, const Dataset *d) {
    return info->checksum >= 0 ? info->checksum == (double)d->checksum
                               : same_pixels(info, d);
}

/* What --resume's or --eval's file needs of the data. */
static bool check_data(const Plan *p, const Options *o, Error *error) {
    const VitConfig *model = &p->settings.model;
    const ImageSet *train = &p->dataset.train;
    if (model->height != train->height || model->width != train->width) {
        return error_set(error,
                         "%s is of a model for images of %dx%d, the data's are "
                         "%dx%d",
                         p->from, model->height, model->width, train->height,
                         train->width);
    }
    if (o->resume && p->info.train_images != train->count) {
        return error_set(error,
                         "%s was trained on %ld images, here are %d: give the "
                         "same --data",
                         o->resume, p->info.train_images, train->count);
    }
    if (p->info.checksum == (double)p->dataset.checksum &&
        !same_pixels(&p->info, &p->dataset)) {
        return error_set(error,
                         "%s: damaged: mean %g and deviation %g aren't those of its "
                         "images, %g and %g",
                         p->from, p->info.mean, p->info.deviation, p->dataset.mean,
                         p->dataset.deviation);
    }
    if (o->resume && !same_images(&p->info, &p->dataset)) {
        return error_set(error,
                         "%s was trained on other images than those in %s: give the "
                         "same --data",
                         o->resume, p->directory);
    }
    return true;
}

/* ---- settings ---------------------------------------------------------------- */

/* The settings of this run: the options', or the checkpoint's that it goes on from. */
static bool decide_settings(Plan *p, const Options *o, Error *error) {
    p->settings = o->settings;
    if (!p->from) {
        p->settings.model.height = p->dataset.train.height;
        p->settings.model.width = p->dataset.train.width;
        if (p->settings.flip < 0) { /* kept: a run that goes on may lack classes.txt */
            p->settings.flip = p->dataset.has_class_names ? 1 : 0;
        }
        return true;
    }
    if (!options_merge(o, &p->info.settings, &p->settings, error) ||
        !check_data(p, o, error)) {
        return false;
    }
    /* The model has seen pixels normalised in this way. */
    p->dataset.mean = p->info.mean;
    p->dataset.deviation = p->info.deviation;
    if (o->eval && p->settings.batch > p->dataset.train.count) {
        p->settings.batch = p->dataset.train.count; /* nothing is trained */
    }
    return true;
}

/* What is impossible with this data: a patch that doesn't divide the image, ... */
static bool check_settings(const Settings *s, const ImageSet *train, bool trains,
                           Error *error) {
    const int side = train->height < train->width ? train->height : train->width;
    if (s->batch > train->count) {
        return error_set(error, "a batch of %d images is more than the %d there are",
                         s->batch, train->count);
    }
    if (trains && s->shift >= side) {
        return error_set(error,
                         "--shift %d can move all of an image of %dx%d out of sight: "
                         "at most %d",
                         s->shift, train->height, train->width, side - 1);
    }
    return settings_check(s, error);
}

/* ---- going on ---------------------------------------------------------------- */

/* A checkpoint counts steps: they must mean what they meant, and some must be left. */
static bool check_steps(Plan *p, const Options *o, Error *error) {
    const Settings *s = &p->settings;
    const long per_epoch = p->dataset.train.count / s->batch, done = p->info.step;
    const long total = per_epoch * s->epochs;
    if (s->batch != p->info.settings.batch) {
        return error_set(error,
                         "%s counts steps of %d images: with --batch %d they would be "
                         "other epochs; leave --batch out",
                         o->resume, p->info.settings.batch, s->batch);
    }
    if (total < done && is_given(o, "epochs")) {
        return error_set(error,
                         "--epochs %d are %ld steps: %s has %ld behind it already",
                         s->epochs, total, o->resume, done);
    }
    if (o->max_steps > 0 && o->max_steps < done) {
        return error_set(error, "--steps %ld: %s has %ld steps behind it already",
                         o->max_steps, o->resume, done);
    }
    p->finished = done >= total || done == o->max_steps;
    if (p->finished && !regular_file_same(o->save, o->resume)) {
        return error_set(error,
                         "%s has all %ld steps behind it: there is nothing to train, "
                         "and to --save",
                         o->resume, done);
    }
    return true;
}

/* ---- the whole --------------------------------------------------------------- */

static int decide(Plan *p, const Options *o, Error *error) {
    p->from = o->resume ? o->resume : o->eval;
    const int status = check_files(p, o, error);
    if (status != 0) {
        return status;
    }
    if (!load_data(p, o, error) || !decide_settings(p, o, error)) {
        return 1;
    }
    if (!check_settings(&p->settings, &p->dataset.train, !o->eval, error) ||
        (o->resume && !check_steps(p, o, error))) {
        return 2;
    }
    return 0;
}

int plan_make(Plan *p, const Options *o, Error *error) {
    *p = (Plan){.directory = NULL};
    const int status = decide(p, o, error);
    if (status != 0) {
        plan_free(p);
    }
    return status;
}

void plan_free(Plan *p) {
    dataset_free(&p->dataset);
}
