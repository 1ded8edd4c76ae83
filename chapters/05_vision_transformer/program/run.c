/* run.c: see run.h. */
#include "chapters/05_vision_transformer/program/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/training/checkpoint_file.h"
#include "chapters/05_vision_transformer/program/file_lock.h"
#include "chapters/05_vision_transformer/looking_inside/gallery.h"
#include "chapters/05_vision_transformer/looking_inside/look.h"
#include "common/lesson/output.h"
#include "chapters/05_vision_transformer/program/plan.h"
#include "chapters/05_vision_transformer/program/progress.h"
#include "common/lesson/report.h"
#include "chapters/05_vision_transformer/program/stop.h"
#include "chapters/05_vision_transformer/own_data/stream.h"
#include "common/lesson/stopwatch.h"

typedef struct {
    const Engine *engine;
    Plan *plan;
    const Dataset *dataset; /* the plan's */
    Trainer *trainer;
    bool made; /* the trainer */
    Progress progress;
} Run;

/* ---- getting ready ----------------------------------------------------------- */

/* How pictures are had: from memory or from their files; and what tests. */
static void print_pictures(const Plan *p) {
    const DataNotes *n = &p->notes;
    if (p->dataset.split > 0) {
        printf("      no test set: %g of each class are held out (--split, --seed)\n",
               p->dataset.split);
    }
    if (n->grey) {
        printf("      they are in grey: the model, which is for colour, gets it three "
               "times\n");
    }
    if (n->streamed) {
        printf("      %.3g MB of pixels, of at most %.3g MB (--memory): ", n->mb,
               n->memory_mb);
        if (n->no_spool.text[0]) {
            printf("decoded again when they are needed (%s)\n", n->no_spool.text);
        } else {
            printf("read again from a temporary file in %s\n", spool_folder());
        }
    }
}

static void print_data(const Plan *p) {
    const Dataset *d = &p->dataset;
    const ImageSet *train = &d->train;
    printf("data: %s: %d training and %d test images of %dx%d", p->directory,
           train->count, d->test.count, train->height, train->width);
    printf("%s%s", train->height == train->width ? "" : " (height x width)",
           train->channels > 1 ? " in colour" : "");
    if (d->classes != 10) {
        printf(", %d classes", d->classes);
    }
    printf("\n");
    print_pictures(p);
    if (dataset_is_sample(p->directory)) {
        printf(
            "      THIS IS THE SMALL SAMPLE: enough to see that everything works, not "
            "to learn well.\n      `make data` gets the whole of Fashion-MNIST.\n");
    }
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
    if (s->norm_epsilon != LAYER_NORM_EPSILON) {
        printf("       epsilon of the norms %g\n", s->norm_epsilon);
    }
    if (s->optimiser == OPTIMISER_SGD) {
        printf("       SGD with momentum %g\n", s->momentum);
    }
    if (s->freeze > 0) {
        printf("       frozen: the embedding and %d of %d blocks, %ld parameters\n",
               s->freeze, c->depth, t->trained.items[0].offset);
    }
    if (s->total_steps > 0) {
        printf("training: %ld steps", s->total_steps);
    } else {
        printf("training: %d epoch%s of %ld steps", s->epochs,
               s->epochs == 1 ? "" : "s", trainer_steps_per_epoch(t));
    }
    printf(" of %d images, lr %g, seed %llu, ", s->batch, s->lr,
           (unsigned long long)s->seed);
    engine->describe(t);
}

/* Checks everything that may prevent the run; returns an exit status. From here on no
 * other run can write the checkpoint, if this one will: the lock comes first, for what
 * is loaded has to be what will be replaced. */
static int get_ready(const Run *r, Error *error) {
    const Options *o = r->plan->options;
    Plan *p = r->plan;
    Trainer *t = r->trainer;
    const bool trains = !o->eval && !p->finished;
    const bool writes = trains && !o->follower;
    if ((writes && !file_lock_beside(o->save, error)) ||
        (p->from && !checkpoint_load(p->from, t, error)) ||
        (writes && t->step > 0 && !plan_check_log(p, t, error))) {
        return 1;
    }
    if (trains && t->step == 0 && trainer_total_steps(t) == 1 &&
        t->settings.schedule == SCHEDULE_COSINE) {
        error_set(error, "a run of one step would learn nothing: the rate of the last "
                         "step is 0; more --epochs, or a smaller --batch");
        return 2;
    }
    return 0;
}

/* The signal that asks this run, or another process of it, to stop; 0: none. */
static int asked(const Run *r) {
    return r->engine->stop_asked ? r->engine->stop_asked(r->trainer) : stop_asked();
}

/* ---- training ---------------------------------------------------------------- */

/* How it ended. RUN_UNLOGGED: the log can't be written; the weights are good. */
typedef enum { RUN_DONE, RUN_STOPPED, RUN_UNLOGGED, RUN_FAILED } RunEnd;

/* The log first, so that no checkpoint is ahead of it. A log that can't be written must
 * not cost the weights: they are saved all the same. */
static RunEnd save(Run *r, Error *error) {
    const bool logged = progress_sync(&r->progress, error);
    if (r->engine->download) {
        r->engine->download(r->trainer);
    }
    if (!r->plan->options->follower &&
        !checkpoint_save(r->plan->options->save, r->trainer, r->dataset, error)) {
        return RUN_FAILED;
    }
    return logged ? RUN_DONE : RUN_UNLOGGED;
}

/* What is saved must be worth testing. */
static bool test(const Run *r, const ImageSet *set, Evaluation *e, Error *error) {
    Error why;
    r->engine->evaluate(r->trainer, r->dataset, set, NULL, e);
    dataset_expect(&r->dataset->test, NULL, r->dataset->test.count);
    if (!stream_check(r->dataset->test.source, error)) {
        return false;
    }
    return evaluation_check(e, &why) ||
           error_set(error,
                     "after step %ld: %.300s; nothing was saved since the last epoch",
                     r->trainer->step, why.text);
}

/* After each epoch: test, tell, save. */
static RunEnd end_epoch(Run *r, Error *error) {
    Evaluation evaluation;
    if (!test(r, &r->dataset->test, &evaluation, error)) {
        return RUN_FAILED;
    }
    progress_epoch(&r->progress, &evaluation);
    return save(r, error);
}

static RunEnd log_steps(Run *r, const StepResult *results, int count, Error *error) {
    for (int i = 0; i < count; i++) {
        const StepResult *s = &results[i];
        if (!isfinite(s->loss) || !isfinite(s->gradient_norm)) {
            error_set(error,
                      "step %ld: the loss is %g, its gradient's norm %g: try a "
                      "lower --lr; nothing was saved since the last epoch",
                      s->step, fabs(s->loss), fabs(s->gradient_norm));
            return RUN_FAILED;
        }
        if (!progress_step(&r->progress, s, i == count - 1, error)) {
            return RUN_UNLOGGED;
        }
    }
    return RUN_DONE;
}

/* An engine is asked for at most so many steps at once; then Ctrl-C is looked at. */
enum { STEPS_AT_ONCE = 16 };

/* The images of the rest of this epoch, so that they can be there in time. */
static void expect_epoch(const Run *r) {
    Trainer *t = r->trainer;
    const long per_epoch = trainer_steps_per_epoch(t);
    if (t->step < trainer_total_steps(t)) {
        const long left = per_epoch - t->step % per_epoch;
        const int *next = trainer_batch(t);
        dataset_expect(&r->dataset->train, next, (int)left * t->settings.batch);
    }
}

static RunEnd train_steps(Run *r, Error *error) {
    Trainer *t = r->trainer;
    const long total = trainer_total_steps(t), per_epoch = trainer_steps_per_epoch(t);
    const long max_steps = r->plan->options->max_steps;
    const long last = max_steps > 0 && max_steps < total ? max_steps : total;
    r->progress.last_step = last;
    RunEnd end = RUN_DONE;
    expect_epoch(r);
    while (end == RUN_DONE && t->step < last) {
        StepResult results[STEPS_AT_ONCE];
        const long epoch_end = (t->step / per_epoch + 1) * per_epoch;
        const long wanted = (epoch_end < last ? epoch_end : last) - t->step;
        const int at_once = wanted < STEPS_AT_ONCE ? (int)wanted : STEPS_AT_ONCE;
        const int count = r->engine->steps(t, r->dataset, at_once, results);
        t->last_loss = results[count - 1].loss;
        end = log_steps(r, results, count, error);
        if (end == RUN_DONE && !stream_check(r->dataset->train.source, error)) {
            end = RUN_FAILED;
        }
        if (end == RUN_DONE && t->step % per_epoch == 0) {
            expect_epoch(r);
            end = end_epoch(r, error);
        }
        if (end == RUN_DONE && asked(r)) {
            end = RUN_STOPPED;
        }
    }
    return end;
}

/* Whatever ended the steps, their weights are saved if they still give finite logits. A
 * run may stop between two epochs, so a few images are tested. */
static RunEnd end_run(Run *r, RunEnd end, Error *error) {
    const bool alone = end == RUN_UNLOGGED && r->engine->agree; /* others go on */
    const int batch = r->trainer->settings.batch;
    ImageSet few = r->dataset->test;
    Evaluation evaluation;
    Error why;
    few.count = few.count < batch ? few.count : batch;
    if (end != RUN_FAILED && !alone) {
        const bool good = test(r, &few, &evaluation, error);
        const RunEnd saved = good ? save(r, error) : RUN_FAILED;
        end = saved != RUN_DONE ? saved : end;
    }
    if (!progress_end(&r->progress, &why) && (end == RUN_DONE || end == RUN_STOPPED)) {
        *error = why;
        end = RUN_UNLOGGED;
    }
    return end;
}

/* The share of its time that a thread waited for pictures, on average. */
static void print_waited(const Run *r, double seconds) {
    const Dataset *d = r->dataset;
    const double waited =
        stream_waited(d->train.source) + stream_waited(d->test.source);
    if (d->train.source && seconds > 0) {
        printf("pictures: training waited for them %.1f%% of its time\n",
               100 * waited / (seconds * r->trainer->settings.threads));
    }
}

static RunEnd train(Run *r, Error *error) {
    const Options *o = r->plan->options;
    printf("log: %s   checkpoint, after each epoch and on Ctrl-C: %s\n\n", o->log,
           o->save);
    stop_later(true);
    RunEnd end = RUN_FAILED;
    const char *log = o->follower ? "/dev/null" : o->log;
    if (progress_begin(&r->progress, r->trainer, log, error)) {
        const double begin = stopwatch_ms();
        end = train_steps(r, error);
        print_waited(r, (stopwatch_ms() - begin) / 1e3);
        end = end_run(r, end, error);
        if (r->engine->report && (end == RUN_DONE || end == RUN_STOPPED)) {
            r->engine->report(r->trainer);
        }
    }
    stop_later(false);
    return end == RUN_DONE && asked(r) ? RUN_STOPPED : end;
}

/* ---- the last lines ----------------------------------------------------------- */

/* Classes, and images or --look's files. */
static bool show(const Run *r, const int *predictions, Error *error) {
    const char *looked = r->plan->options->look;
    if (!gallery_classes(r->dataset, predictions, error)) {
        return false;
    }
    printf(looked ? "\n" : "");
    return looked ? look(r->trainer, r->dataset, predictions, error)
                  : gallery_images(r->trainer, r->dataset, error);
}

/* All of that, and `test accuracy: 0.NNNN`. */
static bool report(const Run *r, Error *error) {
    const Options *o = r->plan->options;
    const ImageSet *set = &r->dataset->test;
    Evaluation e;
    Error why;
    int *predictions =
        allocate((size_t)set->count * sizeof *predictions, "predictions", error);
    if (!predictions) {
        return false;
    }
    r->engine->evaluate(r->trainer, r->dataset, set, predictions, &e);
    bool ok = stream_check(set->source, error);
    if (ok && !evaluation_check(&e, &why)) {
        ok = error_set(error, "%.150s: %.300s", o->eval ? o->eval : o->save, why.text);
    }
    if (ok && r->engine->download) {
        r->engine->download(r->trainer);
    }
    ok = ok && (o->follower ||
                (show(r, predictions, error) && stream_check(set->source, error)));
    free(predictions);
    if (ok) {
        printf("\n%ld of %ld test images right, mean loss %.4f\ntest accuracy: %.4f\n",
               e.correct, e.count, e.loss, (double)e.correct / (double)e.count);
    }
    return ok;
}

/* A word as a shell takes it: a path may have blanks or a quote. */
static void print_word(const char *before, const char *word) {
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                        "_./-+,:@%=~";
    const bool quoted = word[0] == '~' || word[strspn(word, plain)] != '\0';
    printf("%s%s", before, quoted ? "'" : "");
    for (; *word; word++) {
        printf(*word == '\'' ? "'\\'" : ""); /* ' becomes '\'' */
        putchar(*word);
    }
    printf(quoted ? "'" : "");
}

/* The words to go on with: the files that this run was given or has made. */
static void say_how_to_resume(const Options *o, const Trainer *t) {
    const bool as_typed = o->command[0] != '/' && strchr(o->command, '/');
    char program[FILE_PATH_BYTES];
    snprintf(program, sizeof program, "%s%s", as_typed ? "" : "./",
             as_typed ? o->command : o->program);
    printf("\nstopped after step %ld of %ld; everything is in %s. To go on:\n", t->step,
           trainer_total_steps(t), o->save);
    printf("    %s", o->launcher ? o->launcher : "");
    print_word("", program);
    print_word(" --resume ", o->save);
    if (o->data) {
        print_word(" --data ", o->data);
    }
    if (o->width > 0) {
        printf(" --size %dx%d", o->width, o->height);
    }
    if (o->memory_mb > 0) {
        printf(" --memory %g", o->memory_mb);
    }
    if (strcmp(o->log, o->own_log) != 0) {
        print_word(" --log ", o->log);
    }
    if (o->max_steps > 0) {
        printf(" --steps %ld", o->max_steps);
    }
    printf("%s\n", o->again ? o->again : "");
}

/* ---- the whole ---------------------------------------------------------------- */

/* This process can't go on. If others share the run, they have to know. */
static int fail(const Run *r, const Error *error) {
    const int status = r->engine->failed ? r->engine->failed(1, error) : -1;
    return status >= 0 ? status
                       : output_error(r->plan->options->program, 1, "%s", error->text);
}

/* With a trainer that is ready: an exit status. */
static int run_trainer(Run *r) {
    const Options *o = r->plan->options;
    const Plan *p = r->plan;
    RunEnd end = RUN_DONE;
    Error error;
    print_data(p);
    if (p->from) {
        printf("checkpoint: %s, after step %ld\n", p->from, r->trainer->step);
    }
    if (!o->eval) {
        print_run(r->trainer, r->engine);
    }
    plan_notes(p, r->trainer);
    if (!o->eval && !p->finished) {
        end = train(r, &error);
    }
    if (end == RUN_STOPPED) {
        say_how_to_resume(o, r->trainer);
        return 128 + asked(r);
    }
    if (end != RUN_DONE || !report(r, &error)) {
        return fail(r, &error);
    }
    if (report_failures() > 0) {
        return output_error(o->program, 1,
                            "what the lines that begin with FAIL say went wrong");
    }
    return 0;
}

/* All that comes before it; 0, or an exit status and why. */
static int prepare(Run *r, const Options *o, Error *error) {
    const Engine *engine = r->engine;
    Plan *plan = r->plan;
    const int status = plan_make(plan, o, error);
    if (status != 0) {
        return status;
    }
    if ((!o->eval && engine->can_train && !engine->can_train(&plan->settings, error)) ||
        !engine->make(r->trainer, &plan->settings, plan->dataset.train.count, error)) {
        return 1;
    }
    r->made = true;
    return get_ready(r, error);
}

static int run_prepared(Run *r, const Options *o, int (*lesson)(const Options *)) {
    if (r->engine->upload) {
        r->engine->upload(r->trainer);
    }
    const int status = lesson(o);
    return status != 0 ? status : run_trainer(r);
}

int run(const Options *o, const Engine *engine, int (*lesson)(const Options *)) {
    static Trainer trainer;
    Plan plan;
    Run r = {
        .engine = engine, .plan = &plan, .dataset = &plan.dataset, .trainer = &trainer};
    Error error = {""};
    stop_watch();
    int status = prepare(&r, o, &error);
    if (engine->agree) {
        status = engine->agree(&trainer, &plan.dataset, status, &error);
    }
    if (status == 0) {
        status = run_prepared(&r, o, lesson);
    } else if (error.text[0] != '\0') {
        output_error(o->program, status, "%s", error.text);
    }
    file_lock_release();
    if (r.made) {
        engine->free(&trainer);
    }
    dataset_free(&plan.dataset);
    return output_end(o->program, status);
}
