/* plan.c: see plan.h. */
#include "chapters/05_vision_transformer/program/plan.h"

#include <math.h>
#include <string.h>

#include "chapters/05_vision_transformer/program/file_lock.h"

/* ---- files and data ----------------------------------------------------------- */

/* A run's checkpoint, its lock and its log are three files, and none is the data's. */
static bool check_names(const Plan *p, Error *error) {
    const Options *o = p->options;
    const char *written[] = {o->save, o->log};
    char lock[FILE_PATH_BYTES];
    Error too_long; /* checkpoint_can_save will say it */
    for (int i = 0; i < 2; i++) {
        if (p->directory && dataset_has_file(p->directory, written[i])) {
            return error_set(error,
                             "%s: can't be written: it is one of the data's files",
                             written[i]);
        }
    }
    const bool checkpoint = regular_file_same(o->save, o->log) ||
                            (o->resume && regular_file_same(o->resume, o->log));
    if (checkpoint ||
        (file_lock_name(o->save, lock, &too_long) && regular_file_same(lock, o->log))) {
        return error_set(error,
                         "%s can't be both the checkpoint%s and the log: give --log",
                         o->log, checkpoint ? "" : "'s lock");
    }
    return true;
}

/* What the data are to become: what the options say, or, for what a checkpoint was
 * trained on, what they were then. */
static DataWish wish_of(const Plan *p) {
    const Options *o = p->options;
    const VitConfig *model = &p->info.settings.model;
    DataWish wish = {.width = o->width,
                     .height = o->height,
                     .channels = o->channels,
                     .split = o->split,
                     .seed = o->settings.seed,
                     .memory_mb = o->memory_mb};
    if (!p->from) {
        return wish;
    }
    if (o->width == 0) { /* only pictures have no size of their own */
        wish.width = model->width;
        wish.height = model->height;
        wish.only_pictures = true;
    }
    wish.channels = model->channels;
    wish.seed = p->info.settings.seed;
    if (p->info.split > 0 && o->split == 0) {
        wish.split = p->info.split;
    }
    return wish;
}

/* The images that the model is for. */
static bool check_images(const Plan *p, Error *error) {
    const VitConfig *model = &p->settings.model;
    const ImageSet *train = &p->dataset.train;
    if (model->height != train->height || model->width != train->width) {
        return error_set(
            error, "%s is of a model for images of %dx%d, the data's are %dx%d",
            p->from, model->height, model->width, train->height, train->width);
    }
    return model->channels == train->channels ||
           error_set(error, "%s is of a model for images in %s, the data's are in %s",
                     p->from, model->channels == 1 ? "grey" : "colour",
                     train->channels == 1 ? "grey" : "colour");
}

/* The data's classes, and what they were called when the model was trained. */
static bool check_class_names(const Plan *p, const Dataset *saved, Error *error) {
    const Dataset *d = &p->dataset;
    for (int k = 0; k < d->classes; k++) {
        const char *was = saved->class_name[k], *is = d->class_name[k];
        if (strcmp(was, is) != 0) {
            return error_set(error,
                             "%s is of a model whose class %d is %s; in %s it is %s",
                             p->from, k, was, p->directory, is);
        }
    }
    return true;
}

/* The classes that the model knows. Data that don't name them may have fewer, and get
 * the names that the checkpoint has. */
static bool check_classes(Plan *p, Error *error) {
    const int classes = p->settings.model.classes;
    Dataset *d = &p->dataset, saved = {.classes = 0};
    const bool named = dataset_is_named(d);
    if (d->classes > classes || (d->classes < classes && named)) {
        return error_set(error,
                         "%s is of a model for %d classes, the data in %s have %d",
                         p->from, classes, p->directory, d->classes);
    }
    bool ok = checkpoint_names(p->from, &p->info, &saved, error);
    if (ok && !named) {
        ok = dataset_name(d, classes, (const char *const *)saved.class_name, error);
    } else if (ok && dataset_is_named(&saved)) {
        ok = check_class_names(p, &saved, error);
    }
    dataset_free(&saved);
    return ok;
}

/* What --resume's or --eval's file needs of the data. */
static bool check_data(Plan *p, Error *error) {
    const CheckpointInfo *info = &p->info;
    const Dataset *d = &p->dataset;
    const char *resume = p->options->resume;
    const double near = 1e-9; /* compilers round the mean in more ways than one */
    bool same_pixels = true;
    for (int c = 0; c < d->train.channels; c++) {
        same_pixels = same_pixels && fabs(info->mean[c] - d->mean[c]) < near &&
                      fabs(info->deviation[c] - d->deviation[c]) < near;
    }
    const bool same_sum = info->checksum == (double)d->checksum;
    if (!check_images(p, error) || !check_classes(p, error)) {
        return false;
    }
    if (resume && info->train_images != d->train.count) {
        return error_set(
            error, "%s was trained on %ld images, here are %d: give the same --data",
            resume, info->train_images, d->train.count);
    }
    same_pixels = same_pixels || info->settings.pixels == PIXELS_GIVEN;
    if (same_sum && !same_pixels) {
        return error_set(error,
                         "%s: damaged: mean %g and deviation %g aren't those of its "
                         "images, %g and %g",
                         p->from, info->mean[0], info->deviation[0], d->mean[0],
                         d->deviation[0]);
    }
    /* A file that has no checksum yet has the pixels' mean. */
    if (resume && !(info->checksum >= 0 ? same_sum : same_pixels)) {
        return error_set(
            error,
            "%s was trained on other images than those in %s: give the same --data",
            resume, p->directory);
    }
    return true;
}

/* ---- settings ---------------------------------------------------------------- */

/* The settings of this run: the options', or the checkpoint's that it goes on from. */
static bool decide_settings(Plan *p, Error *error) {
    const Options *o = p->options;
    Settings *s = &p->settings;
    *s = o->settings;
    if (!p->from) {
        s->model.height = p->dataset.train.height;
        s->model.width = p->dataset.train.width;
        s->model.channels = p->dataset.train.channels;
        s->model.classes = p->dataset.classes;
        if (s->pixels == PIXELS_GIVEN) {
            memcpy(p->dataset.mean, o->mean, sizeof o->mean);
            memcpy(p->dataset.deviation, o->deviation, sizeof o->deviation);
        }
        if (o->whole_if_fewer && s->batch > p->dataset.train.count) {
            s->batch = p->dataset.train.count;
        }
        if (s->flip < 0) { /* kept: a run that goes on may lack classes.txt */
            s->flip = p->dataset.has_class_names ? 1 : 0;
        }
        return true;
    }
    if (!options_merge(o, &p->info.settings, s, error) || !check_data(p, error)) {
        return false;
    }
    /* The model has seen pixels normalised in this way. */
    memcpy(p->dataset.mean, p->info.mean, sizeof p->info.mean);
    memcpy(p->dataset.deviation, p->info.deviation, sizeof p->info.deviation);
    if (o->eval && s->batch > p->dataset.train.count) {
        s->batch = p->dataset.train.count; /* nothing is trained */
    }
    return true;
}

/* What is impossible with this data: a patch that doesn't divide the image, ... */
static bool check_settings(const Plan *p, Error *error) {
    const Options *o = p->options;
    const Settings *s = &p->settings;
    if (o->split > 0 && p->dataset.split == 0) {
        return error_set(error, "%s has a test set: leave --split out", p->directory);
    }
    if (o->memory_mb > 0 && !p->notes.pictures) {
        return error_set(error,
                         "%s has no pictures, and is read into memory: leave --memory "
                         "out",
                         p->directory);
    }
    const ImageSet *train = &p->dataset.train;
    const int side = train->height < train->width ? train->height : train->width;
    if (s->batch > train->count) {
        return error_set(error, "a batch of %d images is more than the %d there are",
                         s->batch, train->count);
    }
    if (!o->eval && s->shift >= side) {
        return error_set(error,
                         "--shift %d can move all of an image of %dx%d out of sight: "
                         "at most %d",
                         s->shift, train->height, train->width, side - 1);
    }
    return (p->options->eval || options_fit_optimiser(p->options, s, error)) &&
           settings_check(s, error);
}

/* ---- going on ---------------------------------------------------------------- */

/* A checkpoint counts steps: they must mean what they meant, and some must be left. */
static bool check_steps(Plan *p, Error *error) {
    const Options *o = p->options;
    const int batch = p->settings.batch, epochs = p->settings.epochs;
    const int batch_before = p->info.settings.batch;
    const long all_epochs = (long)(p->dataset.train.count / batch) * epochs;
    const long total =
        p->settings.total_steps > 0 ? p->settings.total_steps : all_epochs;
    const long done = p->info.step;
    if (p->settings.optimiser != p->info.settings.optimiser) {
        return error_set(error,
                         "%s has the moments of another --optimiser: leave it out",
                         o->resume);
    }
    if (batch != batch_before) {
        return error_set(error,
                         "%s counts steps of %d images: with --batch %d they would be "
                         "other epochs; leave --batch out",
                         o->resume, batch_before, batch);
    }
    if (total < done && options_given(o, "--epochs")) {
        return error_set(error,
                         "--epochs %d are %ld steps: %s has %ld behind it already",
                         epochs, total, o->resume, done);
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

bool plan_check_log(Plan *p, const Trainer *t, Error *error) {
    const char *log = p->options->log, *resume = p->options->resume;
    const LogEnd *end = &p->log_end;
    Trainer before = *t; /* as the checkpoint's run had it */
    before.settings = p->info.settings;
    if (!progress_can_log(log, p->info.step, &p->log_end, error)) {
        return false;
    }
    if (end->lines == 0) {
        return true;
    }
    const double rate = trainer_rate(&before, end->step), loss = p->info.last_loss;
    if (fabs(end->rate - rate) > 1e-4 * fabs(rate)) {
        return error_set(error,
                         "%s is another run's log: its rate of step %ld is %g, %s had "
                         "%g; give another --log",
                         log, end->step, end->rate, resume, rate);
    }
    if (end->step == p->info.step && loss >= 0 &&
        fabs(end->loss - loss) > 1e-6 + 1e-9 * fabs(end->loss)) {
        return error_set(error,
                         "%s is another run's log: its loss of step %ld is %.6f, %s "
                         "had %.6f; give another --log",
                         log, end->step, end->loss, resume, loss);
    }
    return true;
}

/* What a run reads first and writes later is asked before it begins, not after its
 * first epoch. */
int plan_make(Plan *p, const Options *o, Error *error) {
    *p = (Plan){.options = o,
                .directory = o->data ? o->data : dataset_find(),
                .from = o->resume ? o->resume : o->eval};
    const bool writes = !o->eval && !o->follower;
    if (!o->eval && !check_names(p, error)) {
        return 2;
    }
    if ((p->from && !checkpoint_info(p->from, &p->info, error)) ||
        (writes && !checkpoint_can_save(o->save, error)) ||
        (writes && !progress_can_log(o->log, 0, &p->log_end, error))) {
        return 1;
    }
    if (!p->directory) {
        error_set(error, "no data: run this in the repository's root, where data/ is, "
                         "or give --data DIR");
        return 1;
    }
    const DataWish wish = wish_of(p);
    if (!dataset_load(&p->dataset, p->directory, &wish, &p->notes, error) ||
        !decide_settings(p, error)) {
        return 1;
    }
    if (!check_settings(p, error) || (o->resume && !check_steps(p, error))) {
        return 2;
    }
    return 0;
}
