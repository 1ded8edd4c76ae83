/* rank_engine.c: see rank_engine.h. */
#include "chapters/08_many_machines/program/rank_engine.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "chapters/05_vision_transformer/training/settings.h"
#include "chapters/08_many_machines/program/agreement.h"
#include "chapters/08_many_machines/program/heartbeat.h"
#include "chapters/08_many_machines/program/rank_report.h"
#include "chapters/08_many_machines/program/this_program.h"

static const Engine *inner;
static Group *group;
static const Options *options;
static const RankOptions *own;

/* ---- what a rank says before it begins ------------------------------------------- */

static void add_program(Statement *s) {
    char model[256];
    statement_add(s, "program's checksum", "%016llx",
                  (unsigned long long)this_program_checksum());
    this_processor(model);
    statement_add(s, "processor", "%s", model);
}

static uint64_t checksum_of_set(const ImageSet *set) {
    const size_t count = (size_t)set->count;
    const size_t pixels =
        count * (size_t)set->channels * (size_t)set->height * (size_t)set->width;
    uint64_t sum = checksum_add(0, set->labels, count * sizeof *set->labels);
    return set->pixels ? checksum_add(sum, set->pixels, pixels) : sum;
}

static void add_data(Statement *s, const Dataset *d) {
    statement_add(s, "number of training images", "%d", d->train.count);
    statement_add(s, "number of test images", "%d", d->test.count);
    statement_add(s, "training data's checksum", "%08lx", (unsigned long)d->checksum);
    statement_add(s, "test data's checksum", "%016llx",
                  (unsigned long long)checksum_of_set(&d->test));
    for (int k = 0; k < d->train.channels; k++) {
        statement_add(s, "mean and deviation of pixels", "%.17g %.17g", d->mean[k],
                      d->deviation[k]);
    }
}

static void add_settings(Statement *s, const Trainer *t) {
    char text[SETTINGS_TEXT];
    statement_add(s, "--threads", "%d", own->threads);
    statement_add(s, "--sum", "%s", rank_options_sum(own));
    statement_add(s, "--bucket", "%ld", own->bucket_bytes / 1024);
    statement_add(s, "--steps", "%ld", options->max_steps);
    for (int i = 0; i < settings_count(); i++) {
        statement_add(s, settings_name(i), "%s", options_shown(&t->settings, i, text));
    }
}

static void add_weights(Statement *s, const Trainer *t) {
    const size_t bytes = (size_t)t->list.total * sizeof(real);
    uint64_t sum = checksum_add(0, t->weights, bytes);
    sum = checksum_add(sum, t->m, bytes);
    sum = checksum_add(sum, t->v, bytes);
    statement_add(s, "checkpoint's step", "%ld", t->step);
    statement_add(s, options->resume || options->eval ? "checkpoint" : "first weights",
                  "%016llx", (unsigned long long)sum);
}

static void begin_statement(Statement *s, int status, const Error *error) {
    *s = (Statement){.status = status};
    heartbeat_host(s->host);
    if (status != 0) {
        snprintf(s->error, sizeof s->error, "%s", error->text);
    }
    add_program(s);
}

static int agree(const Trainer *t, const Dataset *dataset, int status, Error *error) {
    static Statement mine;
    if (group->size == 1) {
        return status;
    }
    begin_statement(&mine, status, error);
    statement_add(&mine, "task", options->eval ? "test" : "training");
    if (status == 0) {
        add_data(&mine, dataset);
        add_settings(&mine, t);
        add_weights(&mine, t);
        heartbeat_tests(dataset->test.count / t->settings.batch + 1);
    }
    return agreement(group, &mine, error);
}

int rank_engine_agree(Group *of, const char *task, int status, Error *error) {
    static Statement mine;
    if (of->size == 1) {
        return status;
    }
    begin_statement(&mine, status, error);
    statement_add(&mine, "task", "%s", task);
    return agreement(of, &mine, error);
}

/* ---- where it is ----------------------------------------------------------------- */

static int steps(Trainer *t, const Dataset *dataset, int max_steps,
                 StepResult *results) {
    heartbeat_at(AT_STEP, t->step + 1);
    return inner->steps(t, dataset, max_steps, results);
}

static void evaluate(Trainer *t, const Dataset *dataset, const ImageSet *set,
                     int *predictions, Evaluation *result) {
    heartbeat_at(AT_TEST, t->step);
    inner->evaluate(t, dataset, set, predictions, result);
}

static void download(Trainer *t) {
    heartbeat_at(AT_SAVE, t->step);
    if (inner->download) {
        inner->download(t);
    }
}

static int failed(int status, const Error *error) {
    return heartbeat_fail(status, error->text) ? status : -1;
}

static void report(const Trainer *t) {
    rank_report(t, group, own);
}

Engine rank_engine(const Engine *engine, Group *of, const Options *o,
                   const RankOptions *words) {
    Engine outer = *engine;
    inner = engine;
    group = of;
    options = o;
    own = words;
    outer.steps = steps;
    outer.evaluate = evaluate;
    outer.download = download;
    if (of->size > 1) {
        outer.agree = agree;
        outer.failed = failed;
        outer.report = report;
    }
    return outer;
}
