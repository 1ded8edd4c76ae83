/* plan_notes.c: what a run's settings amount to. See plan.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chapters/05_vision_transformer/program/plan.h"

/* A line about this run, if it is so. */
static void note_if(bool so, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void note_if(bool so, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (so) {
        printf("note: ");
        vprintf(format, arguments);
        printf("\n");
    }
    va_end(arguments);
}

/* ---- going on ----------------------------------------------------------------- */

/* Each setting that is another from here on. */
static void note_changes(const Plan *p, const Trainer *t) {
    Trainer before = *t;
    before.settings = p->info.settings;
    for (int i = 0; i < settings_count(); i++) {
        char was[SETTINGS_TEXT], is[SETTINGS_TEXT];
        const char *old = options_shown(&p->info.settings, i, was);
        const char *new = options_shown(&p->settings, i, is);
        note_if(strcmp(old, new) != 0, "%s is %s from here on, it was %s",
                settings_name(i), new, old);
    }
    const double next = trainer_rate(t, t->step + 1);
    note_if(!p->finished && trainer_rate(&before, t->step + 1) != next,
            "the rate of the next step is %.3g, the last one's was %.3g", next,
            trainer_rate(&before, t->step));
}

static void note_resumed(const Plan *p, const Trainer *t) {
    const Options *o = p->options;
    const LogEnd *end = &p->log_end;
    const bool stopped_early = o->max_steps > 0 && o->max_steps <= t->step;
    const bool gap = !p->finished && end->step < t->step;
    note_changes(p, t);
    note_if(p->finished,
            "%s has step %ld of %ld behind it: nothing is left to train, it is tested "
            "only",
            o->resume, t->step, stopped_early ? o->max_steps : trainer_total_steps(t));
    note_if(gap && end->lines == 0,
            "there are no lines in %s yet: they begin with step %ld", o->log,
            t->step + 1);
    note_if(gap && end->lines > 0,
            "%s ends with step %ld: the lines up to %ld are missing", o->log, end->step,
            t->step);
}

/* ---- settings ----------------------------------------------------------------- */

static void note_rate(const Trainer *t) {
    const Settings *s = &t->settings;
    const long total = trainer_total_steps(t), warmup = trainer_warmup(t);
    const long peak = warmup > 0 ? warmup : 1;
    const bool endless = s->warmup >= total, noam = s->schedule == SCHEDULE_NOAM;
    const bool adamw = s->optimiser == OPTIMISER_ADAMW;
    const double forgotten = adamw ? s->lr * s->adamw.weight_decay : 0;
    note_if(endless,
            "the warm-up of %ld steps doesn't end in a run of %ld: the rate goes up to "
            "%.3g only",
            s->warmup, total, trainer_rate(t, total > 1 ? total - 1 : 1));
    note_if(noam && !endless,
            "noam's highest rate is %.3g, of step %ld: --lr is a factor here, 1 in the "
            "paper",
            trainer_rate(t, peak), peak);
    note_if(!noam && s->lr < 1e-9,
            "a rate of %.3g is too small to change a weight in float", s->lr);
    note_if(adamw && s->clip > 0 && s->clip < 1e-5,
            "--clip %.3g makes gradients as small as AdamW's epsilon, and steps with "
            "them",
            s->clip);
    note_if(forgotten >= 1,
            "rate times weight decay is %.3g: at 1 and more a step forgets all weights",
            forgotten);
}

/* Images from which nothing can be learned, or little. */
static void note_images(const Dataset *d, Pixels pixels_from) {
    const ImageSet *train = &d->train;
    const size_t pixels =
        (size_t)train->channels * (size_t)train->height * (size_t)train->width;
    bool blank = pixels_from == PIXELS_MEASURED, one_label = true,
         one_image = train->pixels != NULL;
    for (int c = 0; c < train->channels; c++) {
        blank = blank && d->deviation[c] == 1; /* so says dataset_load: none varies */
    }
    for (int i = 1; i < train->count && (one_label || one_image); i++) {
        one_label = one_label && train->labels[i] == train->labels[0];
        one_image = one_image && memcmp(train->pixels + (size_t)i * pixels,
                                        train->pixels, pixels) == 0;
    }
    note_if(one_label, "all training images are of class %s: no other can be learned",
            dataset_class(d, train->labels[0]));
    note_if(blank, "all pixels of the training images are the same: they show nothing");
    note_if(one_image && !blank,
            "all training images are the same: there is nothing to learn from them");
}

/* What was left out of a folder of pictures. */
static void note_skipped(const DataNotes *notes) {
    for (long i = 0; i < notes->skipped && i < DATA_NAMED; i++) {
        note_if(true, "skipped, for it is no JPEG or PNG picture: %s", notes->named[i]);
    }
    note_if(notes->skipped > DATA_NAMED,
            "skipped as no pictures: %ld files, with these", notes->skipped);
}

static void note_settings(const Plan *p, const Trainer *t) {
    const Settings *s = &t->settings;
    const ImageSet *train = &p->dataset.train;
    const long total = trainer_total_steps(t), max_steps = p->options->max_steps;
    const int left_over = train->count % s->batch;
    note_images(&p->dataset, s->pixels);
    note_rate(t);
    note_if(max_steps > total,
            "the run ends with step %ld: --steps %ld doesn't make it longer", total,
            max_steps);
    note_if(left_over > train->count / 10,
            "%d of %d images fill no batch of %d: they wait, others each epoch",
            left_over, train->count, s->batch);
    note_if(s->dropout > 0.9, "dropout %g leaves %.3g%% of what it is applied to",
            s->dropout, 100 * (1 - s->dropout));
    note_if(s->label_smoothing > 0.9, "label smoothing %g leaves %.3g%% of a label",
            s->label_smoothing, 100 * (1 - s->label_smoothing));
    note_if(2 * s->shift >= train->width || 2 * s->shift >= train->height,
            "--shift %d leaves little of many images of %dx%d in sight", s->shift,
            train->height, train->width);
    note_if(vit_patches(&s->model) == 1,
            "a patch of %d is the whole image: attention has one patch to look at",
            s->model.patch);
    note_if(s->model.block.D == 1,
            "layer norm makes a token of one element 0, whatever the image shows: "
            "--dim 2 or more can learn");
}

void plan_notes(const Plan *p, const Trainer *t) {
    const Options *o = p->options;
    const double checksum = p->info.checksum;
    note_if(o->twice, "%s is given more than once: the last counts", o->twice);
    note_skipped(&p->notes);
    note_if(p->info.unknown[0],
            "%s has \"%s\", which this program doesn't know and leaves out", p->from,
            p->info.unknown);
    if (o->resume) {
        note_resumed(p, t);
    }
    note_if(o->eval && checksum >= 0 && checksum != (double)p->dataset.checksum,
            "%s was trained on other images than those in %s", o->eval, p->directory);
    if (!o->eval && !p->finished) {
        note_settings(p, t);
    }
}
