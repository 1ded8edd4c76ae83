/* run.c: see run.h. */
#include "run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint.h"
#include "file_lock.h"
#include "gallery.h"
#include "look.h"
#include "progress.h"
#include "report.h"
#include "stop.h"

/* ---- getting ready ----------------------------------------------------------- */

static const char *data_directory(const Options *o) {
    return o->data ? o->data : dataset_find();
}

static bool load_data(const Options *o, Dataset *dataset, Error *error) {
    const char *directory = data_directory(o);
    if (!directory) {
        return error_set(error, "no data: run this in the repository's root, where "
                                "data/ is, or give --data DIR");
    }
    if (!dataset_load(dataset, directory, error)) {
        return false;
    }
    printf("data: %s: %d training and %d test images of %dx%d\n", directory,
           dataset->train.count, dataset->test.count, dataset->train.height,
           dataset->train.width);
    if (dataset_is_sample(directory)) {
        printf(
            "      THIS IS THE SMALL SAMPLE: enough to see that everything works, not "
            "to learn well.\n      `make data` gets the whole of Fashion-MNIST.\n");
    }
    return true;
}

/* The settings of this run: the options', or the checkpoint's that it goes on from. */
static bool decide_settings(const Options *o, Dataset *dataset, Settings *settings,
                            CheckpointInfo *info, Error *error) {
    const char *from = o->resume ? o->resume : o->eval;
    *settings = o->settings;
    if (from) {
        if (!checkpoint_info(from, info, error) ||
            !options_merge(o, &info->settings, settings, error)) {
            return false;
        }
        /* The model has seen pixels normalised in this way. */
        dataset->mean = info->mean;
        dataset->deviation = info->deviation;
    } else {
        settings->model.height = dataset->train.height;
        settings->model.width = dataset->train.width;
    }
    if (settings->model.height != dataset->train.height ||
        settings->model.width != dataset->train.width) {
        return error_set(error,
                         "%s is of a model for images of %dx%d, the data's are "
                         "%dx%d",
                         from, settings->model.height, settings->model.width,
                         dataset->train.height, dataset->train.width);
    }
    if (o->eval && settings->batch > dataset->train.count) {
        settings->batch = dataset->train.count; /* nothing is trained */
    }
    if (o->resume && info->train_images != dataset->train.count) {
        return error_set(error,
                         "%s was trained on %ld images, here are %d: give the "
                         "same --data",
                         o->resume, info->train_images, dataset->train.count);
    }
    return true;
}

/* Is the file one of the data's? */
static bool is_data(const Options *o, const char *path) {
    const char *directory = data_directory(o);
    return directory && dataset_has_file(directory, path);
}

bool run_files_check(const Options *o, Error *error) {
    if (o->eval) {
        return true;
    }
    const char *written[] = {o->save, o->log};
    for (int i = 0; i < 2; i++) {
        if (is_data(o, written[i])) {
            return error_set(error,
                             "%s: can't be written: it is one of the data's files",
                             written[i]);
        }
    }
    if (regular_file_same(o->save, o->log)) {
        return error_set(error, "%s: the checkpoint and the log can't be one file",
                         o->save);
    }
    return checkpoint_can_save(o->save, error) && progress_can_log(o->log, error);
}

/* What is impossible with this data: a patch that doesn't divide the image, ... */
static bool check_settings(const Settings *settings, const Dataset *dataset,
                           Error *error) {
    if (settings->batch > dataset->train.count) {
        return error_set(error, "a batch of %d images is more than the %d there are",
                         settings->batch, dataset->train.count);
    }
    return settings_check(settings, error);
}

static void print_run(const Trainer *t, const Engine *engine) {
    const Settings *s = &t->settings;
    const VitConfig *c = &s->model;
    const long formula = vit_parameter_formula(c);
    report_check(t->list.total == formula, "%ld parameters, by the formula %ld",
                 t->list.total, formula);
    printf("model: patch %d, %d tokens, D %d, depth %d, heads %d, MLP %d: %ld "
           "parameters, %.1f MFLOP an image\n",
           c->patch, vit_tokens(c), c->block.D, c->depth, c->block.heads, c->block.M,
           t->list.total, vit_forward_flops(c) / 1e6);
    if (c->positions != POSITIONS_1D || c->pool != POOL_CLASS) {
        printf("       positions %s, pool %s\n",
               options_word("positions", (int)c->positions),
               options_word("pool", (int)c->pool));
    }
    printf("training: %d epochs of %ld steps of %d images, lr %g, seed %llu, ",
           s->epochs, trainer_steps_per_epoch(t), s->batch, s->lr,
           (unsigned long long)s->seed);
    engine->describe(t);
}

/* ---- training ---------------------------------------------------------------- */

typedef struct {
    const Options *options;
    const Engine *engine;
    const Dataset *dataset;
} Run;

/* RUN_UNLOGGED: the log can't be written; the weights are good. */
typedef enum { RUN_DONE, RUN_STOPPED, RUN_UNLOGGED, RUN_FAILED } RunEnd;

/* The log first, so that no checkpoint is ahead of it. A log that can't be written must
 * not cost the weights: they are saved all the same. */
static RunEnd save(const Run *r, Trainer *t, Progress *progress, Error *error) {
    Error log_error;
    const bool logged = progress_sync(progress, &log_error);
    if (r->engine->download) {
        r->engine->download(t);
    }
    if (!checkpoint_save(r->options->save, t, r->dataset, error)) {
        return RUN_FAILED;
    }
    if (!logged) {
        *error = log_error;
    }
    return logged ? RUN_DONE : RUN_UNLOGGED;
}

/* After each epoch: test, tell, save. */
static RunEnd end_epoch(const Run *r, Trainer *t, Progress *progress, Error *error) {
    Evaluation evaluation;
    r->engine->evaluate(t, r->dataset, &r->dataset->test, &evaluation);
    progress_epoch(progress, t, &evaluation);
    return save(r, t, progress, error);
}

static RunEnd log_steps(Progress *progress, const StepResult *results, int count,
                        Error *error) {
    for (int i = 0; i < count; i++) {
        const StepResult *s = &results[i];
        if (!isfinite(s->loss) || !isfinite(s->gradient_norm)) {
            error_set(error,
                      "step %ld: the loss is %g, its gradient's norm %g: try a "
                      "lower --lr; nothing was saved since the last epoch",
                      s->step, s->loss, s->gradient_norm);
            return RUN_FAILED;
        }
        if (!progress_step(progress, s, i == count - 1, error)) {
            return RUN_UNLOGGED;
        }
    }
    return RUN_DONE;
}

/* An engine is asked for at most so many steps at once; then Ctrl-C is looked at. */
enum { STEPS_AT_ONCE = 16 };

static RunEnd train_steps(const Run *r, Trainer *t, Progress *progress, Error *error) {
    const long total = trainer_total_steps(t), per_epoch = trainer_steps_per_epoch(t);
    const long most = r->options->max_steps;
    const long last = most > 0 && most < total ? most : total;
    while (t->step < last) {
        StepResult results[STEPS_AT_ONCE];
        const long epoch_end = (t->step / per_epoch + 1) * per_epoch;
        const long wanted = (epoch_end < last ? epoch_end : last) - t->step;
        const int count = r->engine->steps(
            t, r->dataset, wanted < STEPS_AT_ONCE ? (int)wanted : STEPS_AT_ONCE,
            results);
        RunEnd end = log_steps(progress, results, count, error);
        if (end == RUN_DONE && t->step % per_epoch == 0) {
            end = end_epoch(r, t, progress, error);
        }
        if (end != RUN_DONE) {
            return end;
        }
        if (stop_asked()) {
            return RUN_STOPPED;
        }
    }
    return RUN_DONE;
}

/* No two runs write one checkpoint, and a run's two files are two. */
static bool open_files(const Run *r, const Trainer *t, Progress *progress,
                       FileLock *lock, Error *error) {
    const Options *o = r->options;
    if (!run_files_check(o, error) || !file_lock_beside(lock, o->save, error)) {
        return false;
    }
    if (!progress_begin(progress, t, o->log, error)) {
        file_lock_release(lock);
        return false;
    }
    return true;
}

static bool train(const Run *r, Trainer *t, bool *stopped, Error *error) {
    const Options *o = r->options;
    Progress progress;
    FileLock lock;
    print_run(t, r->engine);
    printf("log: %s   checkpoint, after each epoch and on Ctrl-C: %s\n\n", o->log,
           o->save);
    if (!open_files(r, t, &progress, &lock, error)) {
        return false;
    }
    stop_watch();
    RunEnd end = train_steps(r, t, &progress, error);
    if (end != RUN_FAILED) {
        Error save_error;
        const RunEnd saved = save(r, t, &progress, &save_error);
        if (saved != RUN_DONE) {
            *error = save_error;
            end = saved;
        }
    }
    Error log_error;
    if (!progress_end(&progress, &log_error) && end != RUN_FAILED &&
        end != RUN_UNLOGGED) {
        *error = log_error;
        end = RUN_UNLOGGED;
    }
    file_lock_release(&lock);
    stop_unwatch();
    *stopped = end == RUN_STOPPED || (end == RUN_DONE && stop_asked());
    return end == RUN_DONE || end == RUN_STOPPED;
}

/* ---- the whole ---------------------------------------------------------------- */

/* The last lines: classes, images (or --look's files), and `test accuracy: 0.NNNN`. */
static bool report(const Run *r, Trainer *t, Error *error) {
    Evaluation evaluation;
    r->engine->evaluate(t, r->dataset, &r->dataset->test, &evaluation);
    gallery_classes(r->dataset, &evaluation);
    if (r->engine->download) {
        r->engine->download(t);
    }
    if (r->options->look) {
        printf("\n");
        if (!look(t, r->dataset, &evaluation, error)) {
            return false;
        }
    } else {
        gallery_images(t, r->dataset);
    }
    printf("\n%ld of %ld test images right, mean loss %.4f\n", evaluation.correct,
           evaluation.count, evaluation.loss);
    printf("test accuracy: %.4f\n",
           (double)evaluation.correct / (double)evaluation.count);
    return true;
}

/* With a trainer that is ready. */
static bool run_trainer(const Run *r, Trainer *t, bool *stopped, Error *error) {
    const Options *o = r->options;
    const char *from = o->resume ? o->resume : o->eval;
    if (from && !checkpoint_load(from, t, error)) {
        return false;
    }
    if (from) {
        printf("checkpoint: %s, after step %ld\n", from, t->step);
    }
    if (r->engine->upload) {
        r->engine->upload(t);
    }
    if (!o->eval && !train(r, t, stopped, error)) {
        return false;
    }
    return *stopped || report(r, t, error);
}

/* The words to go on with: the files that this run was given or has made. */
static void say_how_to_resume(const Options *o, const Trainer *t) {
    printf("\nstopped after step %ld of %ld; everything is in %s. To go on:\n"
           "    ./%s --resume %s",
           t->step, trainer_total_steps(t), o->save, o->program, o->save);
    if (o->data) {
        printf(" --data %s", o->data);
    }
    if (strcmp(o->log, o->own_log) != 0) {
        printf(" --log %s", o->log);
    }
    printf("\n");
}

/* Exit statuses: 1 the world's fault, 2 the command line's. */
static int complain(const Options *o, const Error *error, int status) {
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", o->program, error->text);
    return status;
}

static int run_with_data(const Options *o, const Engine *engine, Dataset *dataset) {
    static Trainer trainer;
    Settings settings;
    CheckpointInfo info = {0};
    Error error;
    bool stopped = false;
    if (!decide_settings(o, dataset, &settings, &info, &error)) {
        return complain(o, &error, 1);
    }
    if (!check_settings(&settings, dataset, &error)) {
        return complain(o, &error, 2);
    }
    if (!engine->make(&trainer, &settings, dataset->train.count, &error)) {
        return complain(o, &error, 1);
    }
    const Run r = {o, engine, dataset};
    const bool ok = run_trainer(&r, &trainer, &stopped, &error);
    if (ok && stopped) {
        say_how_to_resume(o, &trainer);
    }
    engine->free(&trainer);
    if (!ok) {
        return complain(o, &error, 1);
    }
    return stopped ? 128 + stop_asked() : 0;
}

int run(const Options *o, const Engine *engine) {
    Dataset dataset = {.train = {.count = 0}};
    Error error;
    file_limit_is_an_error();
    if (!run_files_check(o, &error)) {
        return complain(o, &error, 1);
    }
    if (!load_data(o, &dataset, &error)) {
        return complain(o, &error, 1);
    }
    const int status = run_with_data(o, engine, &dataset);
    dataset_free(&dataset);
    return status;
}
