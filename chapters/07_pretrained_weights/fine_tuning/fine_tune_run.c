/* fine_tune_run.c: see fine_tune_run.h. */
#include "chapters/07_pretrained_weights/fine_tuning/fine_tune_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/program/run.h"
#include "chapters/05_vision_transformer/training/checkpoint_file.h"
#include "chapters/07_pretrained_weights/fine_tuning/fine_tune.h"
#include "common/files/regular_file.h"
#include "common/lesson/output.h"
#include "common/lesson/report.h"

static const char *const kinds[] = {"bicubic", "bilinear", "corners", NULL};

/* What this task's own words say. */
static struct {
    const char *checkpoint;
    Interpolation kind;
    CheckpointInfo info; /* the checkpoint's */
} own;

/* ---- the words ------------------------------------------------------------- */

void fine_tune_help(void) {
    printf(
        "\nFine-tuning\n"
        "  --fine-tune FILE       train on, from a checkpoint: SGD, a new head, "
        "images\n"
        "                         of --size WxH (default: as its model has them)\n"
        "  --steps N              so many steps: the schedule ends there\n"
        "  --interpolate KIND     of its positions: bicubic, bilinear, or corners, as\n"
        "                         the paper's authors [bicubic]\n");
}

bool fine_tune_asked(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--fine-tune") == 0) {
            return true;
        }
    }
    return false;
}

static bool read_kind(const char *text, Error *error) {
    for (int i = 0; kinds[i]; i++) {
        if (strcmp(text, kinds[i]) == 0) {
            own.kind = (Interpolation)i;
            return true;
        }
    }
    return error_set(
        error, "--interpolate is bicubic, bilinear or corners, not \"%.60s\"", text);
}

/* Takes this task's words out of the command line; the others go to `rest`. */
static bool take_words(int argc, char **argv, int *count, char **rest, Error *error) {
    *count = 0;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        const bool file = i > 0 && strcmp(word, "--fine-tune") == 0;
        const bool kind = i > 0 && strcmp(word, "--interpolate") == 0;
        if (!file && !kind) {
            rest[(*count)++] = argv[i];
            continue;
        }
        if (*value == '\0' || strncmp(value, "--", 2) == 0) {
            return error_set(error, "%s needs a value", word);
        }
        if (kind && !read_kind(value, error)) {
            return false;
        }
        own.checkpoint = file ? value : own.checkpoint;
        i++;
    }
    return true;
}

/* The model is the checkpoint's; what it learns, and how, is to be said. */
static bool agree(const Options *o, Error *error) {
    static const char *const used[] = {
        "--data",         "--size",      "--split",    "--memory", "--save",
        "--log",          "--epochs",    "--steps",    "--batch",  "--lr",
        "--seed",         "--threads",   "--schedule", "--warmup", "--clip",
        "--dropout",      "--smoothing", "--momentum", "--freeze", "--optimiser",
        "--weight-decay", "--beta2",     "--shift",    "--flip",   NULL};
    if (o->resume || o->eval || o->image || o->dump || o->describe || o->gradcheck) {
        return error_set(error, "--fine-tune, and another task: one or the other");
    }
    if (options_given(o, "--steps") && options_given(o, "--epochs")) {
        return error_set(error, "--steps and --epochs: one or the other");
    }
    return options_only(o, "--fine-tune", used, error) &&
           (!regular_file_same(o->save, own.checkpoint) ||
            error_set(
                error,
                "--save %.200s is what --fine-tune begins with: give another name",
                o->save));
}

/* [ViT T.4]   what isn't said: SGD with momentum, batches of 512 */
static void set_defaults(Options *o) {
    Settings *s = &o->settings;
    const VitConfig *model = &own.info.settings.model;
    if (!options_given(o, "--optimiser")) {
        s->optimiser = OPTIMISER_SGD;
    }
    if (!options_given(o, "--lr") && s->optimiser == OPTIMISER_SGD) {
        s->lr = 0.03;
    }
    if (!options_given(o, "--batch")) {
        s->batch = 512;
    }
    if (!options_given(o, "--smoothing")) {
        s->label_smoothing = 0;
    }
    if (o->max_steps > 0) {
        s->total_steps = o->max_steps;
        o->max_steps = -1;
    }
    if (o->width == 0) {
        o->width = model->width;
        o->height = model->height;
    }
    s->model = *model;
    o->command = "./chapter5"; /* goes on with what is stopped, and its log */
    o->own_log = "chapter5.csv";
}

/* ---- the run --------------------------------------------------------------- */

/* A trainer that begins with the checkpoint's weights. */
static bool make(Trainer *t, const Settings *settings, int images, Error *error) {
    const Settings *old = &own.info.settings;
    static Trainer from;
    Error why;
    if (!trainer_make_small(&from, old, old->batch, error)) {
        return false;
    }
    bool ok = checkpoint_load(own.checkpoint, &from, error) &&
              trainer_make(t, settings, images, error);
    if (ok && !fine_tune_begin(t, &from, own.kind, &why)) {
        trainer_free(t);
        ok = error_set(error, "%.200s: %.250s", own.checkpoint, why.text);
    }
    trainer_free(&from);
    return ok;
}

static int lesson(const Options *o) {
    const VitConfig *c = &own.info.settings.model;
    const int down = c->height / c->patch, across = c->width / c->patch;
    const Positions positions = c->positions;
    const bool moved = o->height != c->height || o->width != c->width;
    report_title("Chapter 7: fine-tuning");
    printf("begins with: %s, after %ld steps on images of %dx%d; a new head\n",
           own.checkpoint, own.info.step, c->height, c->width);
    if (moved && (positions == POSITIONS_1D || positions == POSITIONS_2D)) {
        printf("positions: those of %dx%d patches, interpolated (%s) to %dx%d\n", down,
               across, kinds[own.kind], o->height / c->patch, o->width / c->patch);
    } else if (moved && positions == POSITIONS_SINUSOIDAL) {
        printf("note: sinusoidal positions count tokens: on another grid of patches "
               "they mean other places\n");
    }
    return 0;
}

/* With words that are understood. */
static int begin(Options *o) {
    Engine engine = engine_cpu;
    Error error;
    if (!checkpoint_info(own.checkpoint, &own.info, &error)) {
        return output_error(o->program, 1, "%s", error.text);
    }
    set_defaults(o);
    engine.make = make;
    return run(o, &engine, lesson);
}

int fine_tune_run(int argc, char **argv) {
    static Options options;
    Error error;
    int count, status;
    char **rest = allocate(((size_t)argc + 1) * sizeof *rest, "the words", &error);
    if (!rest) {
        return output_error("chapter7", 1, "%s", error.text);
    }
    if (!take_words(argc, argv, &count, rest, &error) ||
        !options_parse(&options, count, rest, &error) || !agree(&options, &error)) {
        status = output_error("chapter7", 2, "%s", error.text);
    } else {
        status = begin(&options);
    }
    free(rest);
    return status;
}
