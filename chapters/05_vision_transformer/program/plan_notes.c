/* plan_notes.c: what a run's settings and its log amount to. See plan.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/files/number.h"
#include "chapters/05_vision_transformer/program/plan.h"
#include "chapters/05_vision_transformer/program/progress.h"

/* ---- the log that a run goes on with ------------------------------------------ */

bool plan_check_log(const Plan *p, const Options *o, const Trainer *t, Error *error) {
    Trainer before = *t; /* as the checkpoint's run had it */
    LogEnd end;
    before.settings = p->info.settings;
    if (!progress_log_end(o->log, p->info.step, &end, error)) {
        return false;
    }
    if (end.lines == 0) {
        return true;
    }
    const double rate = trainer_rate(&before, end.step);
    if (fabs(end.rate - rate) > 1e-4 * fabs(rate)) {
        return error_set(error,
                         "%s is another run's log: its rate of step %ld is %g, %s had "
                         "%g; give another --log",
                         o->log, end.step, end.rate, o->resume, rate);
    }
    if (end.step == p->info.step && p->info.last_loss >= 0 &&
        fabs(end.loss - p->info.last_loss) > 1e-6 + 1e-9 * fabs(end.loss)) {
        return error_set(error,
                         "%s is another run's log: its loss of step %ld is %.6f, %s "
                         "had %.6f; give another --log",
                         o->log, end.step, end.loss, o->resume, p->info.last_loss);
    }
    return true;
}

/* ---- notes: going on ---------------------------------------------------------- */

/* A setting's value for people: "post", "0.003". */
static const char *shown(const Settings *settings, int i, char text[SETTINGS_TEXT]) {
    double number = -1;
    settings_get(settings, i, text);
    if (!number_read(text, &number) || number < 0) {
        return "the default"; /* -1: flip, warm-up */
    }
    const char *word = options_word(settings_name(i), (int)fmin(number, 99));
    if (!word && strpbrk(text, ".e")) {
        snprintf(text, SETTINGS_TEXT, "%.10g", number);
    }
    return word ? word : text;
}

/* Each setting that is another from here on. */
static void note_changes(const Plan *p, const Trainer *t) {
    Trainer before = *t;
    before.settings = p->info.settings;
    for (int i = 0; i < settings_count(); i++) {
        char was[SETTINGS_TEXT], is[SETTINGS_TEXT];
        const char *old = shown(&p->info.settings, i, was);
        const char *new = shown(&p->settings, i, is);
        if (strcmp(old, new) != 0) {
            printf("note: %s is %s from here on, it was %s\n", settings_name(i), new,
                   old);
        }
    }
    const double was = trainer_rate(&before, t->step);
    const double is = trainer_rate(t, t->step + 1);
    if (!p->finished && trainer_rate(&before, t->step + 1) != is) {
        printf("note: the rate of the next step is %.3g, the last one's was %.3g\n", is,
               was);
    }
}

static void note_log(const Options *o, const Trainer *t) {
    LogEnd end;
    Error told; /* by plan_check_log */
    if (!progress_log_end(o->log, t->step, &end, &told) || end.step == t->step) {
        return;
    }
    if (end.lines == 0) {
        printf("note: there are no lines in %s yet: they begin with step %ld\n", o->log,
               t->step + 1);
    } else {
        printf("note: %s ends with step %ld: the lines up to %ld are missing\n", o->log,
               end.step, t->step);
    }
}

static void note_resumed(const Plan *p, const Options *o, const Trainer *t) {
    note_changes(p, t);
    if (p->finished) {
        printf("note: %s has step %ld of %ld behind it: nothing is left to train, it "
               "is tested only\n",
               o->resume, t->step,
               o->max_steps > 0 && o->max_steps <= t->step ? o->max_steps
                                                           : trainer_total_steps(t));
    } else if (t->step > 0) {
        note_log(o, t);
    }
}

/* ---- notes: settings ---------------------------------------------------------- */

static void note_rate(const Trainer *t) {
    const Settings *s = &t->settings;
    const long total = trainer_total_steps(t);
    if (s->warmup >= total) {
        printf("note: the warm-up of %ld steps doesn't end in a run of %ld: the rate "
               "goes up to %.3g only\n",
               s->warmup, total, trainer_rate(t, total > 1 ? total - 1 : 1));
    } else if (s->schedule == SCHEDULE_NOAM) {
        const long warm = trainer_warmup(t);
        printf(
            "note: noam's highest rate is %.3g, of step %ld: --lr is a factor here, 1 "
            "in the paper\n",
            trainer_rate(t, warm > 0 ? warm : 1), warm > 0 ? warm : 1);
    }
    if (s->lr < 1e-9 && s->schedule == SCHEDULE_COSINE) {
        printf("note: a rate of %.3g is too small to change a weight in float\n",
               s->lr);
    }
    if (s->clip > 0 && s->clip < 1e-5) {
        printf(
            "note: --clip %.3g makes gradients as small as AdamW's epsilon, and steps "
            "with them\n",
            s->clip);
    }
    if (s->lr * s->adamw.weight_decay >= 1) {
        printf(
            "note: rate times weight decay is %.3g: at 1 and more a step forgets all "
            "weights\n",
            s->lr * s->adamw.weight_decay);
    }
}

/* Images from which nothing can be learned, or little. */
static void note_images(const Dataset *d) {
    const ImageSet *train = &d->train;
    const size_t pixels = (size_t)train->height * (size_t)train->width;
    bool one_label = true, one_image = true;
    for (int i = 1; i < train->count && (one_label || one_image); i++) {
        one_label = one_label && train->labels[i] == train->labels[0];
        one_image = one_image && memcmp(train->pixels + (size_t)i * pixels,
                                        train->pixels, pixels) == 0;
    }
    if (one_label) {
        printf("note: all training images are of class %s: no other can be learned\n",
               dataset_class(d, train->labels[0]));
    }
    if (d->deviation == 1) { /* as dataset_load says of images that don't vary */
        printf("note: all pixels of the training images are the same: they show "
               "nothing\n");
    } else if (one_image) {
        printf("note: all training images are the same: there is nothing to learn from "
               "them\n");
    }
}

static void note_settings(const Plan *p, const Options *o, const Trainer *t) {
    const Settings *s = &t->settings;
    const ImageSet *train = &p->dataset.train;
    const int left_over = train->count % s->batch;
    note_images(&p->dataset);
    note_rate(t);
    if (o->max_steps > trainer_total_steps(t)) {
        printf("note: the run ends with step %ld: --steps %ld doesn't make it longer\n",
               trainer_total_steps(t), o->max_steps);
    }
    if (left_over > train->count / 10) {
        printf("note: %d of %d images fill no batch of %d: they wait, others each "
               "epoch\n",
               left_over, train->count, s->batch);
    }
    if (s->dropout > 0.9) {
        printf("note: dropout %g leaves %.3g%% of what it is applied to\n", s->dropout,
               100 * (1 - s->dropout));
    }
    if (s->label_smoothing > 0.9) {
        printf("note: label smoothing %g leaves %.3g%% of a label\n",
               s->label_smoothing, 100 * (1 - s->label_smoothing));
    }
    if (2 * s->shift >= train->width || 2 * s->shift >= train->height) {
        printf("note: --shift %d leaves little of many images of %dx%d in sight\n",
               s->shift, train->height, train->width);
    }
    if (vit_patches(&s->model) == 1) {
        printf(
            "note: a patch of %d is the whole image: attention has one patch to look "
            "at\n",
            s->model.patch);
    }
    if (s->model.block.D == 1) {
        printf("note: layer norm makes a token of one element 0, whatever the image "
               "shows: --dim 2 or more can learn\n");
    }
}

void plan_notes(const Plan *p, const Options *o, const Trainer *t) {
    if (o->twice) {
        printf("note: %s is given more than once: the last counts\n", o->twice);
    }
    if (p->from && p->info.unknown[0]) {
        printf("note: %s has \"%s\", which this program doesn't know and leaves out\n",
               p->from, p->info.unknown);
    }
    if (o->resume) {
        note_resumed(p, o, t);
    }
    if (o->eval && p->info.checksum >= 0 &&
        p->info.checksum != (double)p->dataset.checksum) {
        printf("note: %s was trained on other images than those in %s\n", o->eval,
               p->directory);
    }
    if (!o->eval && !p->finished) {
        note_settings(p, o, t);
    }
}
