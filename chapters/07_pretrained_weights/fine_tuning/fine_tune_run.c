/* fine_tune_run.c: see fine_tune_run.h. */
#include "chapters/07_pretrained_weights/fine_tuning/fine_tune_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/program/run.h"
#include "chapters/05_vision_transformer/training/checkpoint_file.h"
#include "chapters/07_pretrained_weights/fine_tuning/enlarge.h"
#include "chapters/07_pretrained_weights/fine_tuning/fine_tune.h"
#include "common/files/number.h"
#include "common/files/regular_file.h"
#include "common/lesson/output.h"
#include "common/lesson/report.h"

static const char program[] = "chapter7";
static const char *const kinds[] = {"bicubic", "bilinear", "corners", NULL};

/* What this task's words say, and the size that the images had before. */
static struct {
    const char *checkpoint; /* --fine-tune's file, or NULL */
    int height, width;      /* --size; 0: as the images are */
    Interpolation kind;
    CheckpointInfo info; /* the checkpoint's */
    int image_height, image_width;
} own;

/* ---- the words ---------------------------------------------------------------- */

void fine_tune_help(void) {
    printf("\nFine-tuning\n"
           "  --fine-tune FILE       train on, from a checkpoint: SGD, new head\n"
           "  --size N, --size HxW   with images of this size; without --fine-tune:\n"
           "                         train from scratch\n"
           "  --steps N              so many steps: the schedule ends there\n"
           "  --interpolate KIND     of positions: bicubic, bilinear or corners\n"
           "                         [bicubic]\n");
}

bool fine_tune_asked(int argc, char **argv) {
    static const char *const words[] = {"--fine-tune", "--size", "--resume", "--eval"};
    for (int i = 1; i < argc; i++) {
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
            if (strcmp(argv[i], words[k]) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* "56", or "56x28". */
static bool read_size(const char *text, Error *error) {
    char height[12];
    const char *x = strchr(text, 'x');
    const size_t length = x ? (size_t)(x - text) : strlen(text);
    long H = 0, W = 0;
    snprintf(height, sizeof height, "%.*s", (int)(length < 11 ? length : 11), text);
    if (!number_read_whole(height, 1, 4096, &H) ||
        !number_read_whole(x ? x + 1 : height, 1, 4096, &W)) {
        return error_set(error, "--size can't be \"%.60s\": want pixels, 56 or 56x28",
                         text);
    }
    own.height = (int)H;
    own.width = (int)W;
    return true;
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

/* Takes this task's words out of the command line: the rest goes to `rest`. */
static bool take_words(int argc, char **argv, int *count, char **rest, Error *error) {
    *count = 0;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        const bool file = i > 0 && strcmp(word, "--fine-tune") == 0;
        const bool size = i > 0 && strcmp(word, "--size") == 0;
        const bool kind = i > 0 && strcmp(word, "--interpolate") == 0;
        if (!file && !size && !kind) {
            rest[(*count)++] = argv[i];
            continue;
        }
        if (*value == '\0' || strncmp(value, "--", 2) == 0) {
            return error_set(error, "%s needs a value", word);
        }
        if ((size && !read_size(value, error)) || (kind && !read_kind(value, error))) {
            return false;
        }
        own.checkpoint = file ? value : own.checkpoint;
        i++;
    }
    return true;
}

/* ---- agreeing ------------------------------------------------------------------- */

/* What --fine-tune makes of chapter 5's words: the model is the checkpoint's. */
static bool check_fine_tune(const Options *o, Error *error) {
    static const char *const used[] = {
        "--data",   "--save",     "--log",     "--epochs",    "--steps",
        "--batch",  "--lr",       "--seed",    "--threads",   "--schedule",
        "--warmup", "--clip",     "--dropout", "--smoothing", "--weight-decay",
        "--beta2",  "--momentum", "--freeze",  "--optimiser", "--shift",
        "--flip",   NULL};
    if (o->resume || o->eval || o->dump || o->describe || o->gradcheck) {
        return error_set(error, "--fine-tune, and another task: one or the other");
    }
    return options_only(o, "--fine-tune", used, error) &&
           (!regular_file_same(o->save, own.checkpoint) ||
            error_set(error,
                      "--save %.200s is what --fine-tune begins with: give "
                      "another name",
                      o->save));
}

static bool agree(const Options *o, Error *error) {
    const bool trains = !o->resume && !o->eval;
    if (own.checkpoint && !check_fine_tune(o, error)) {
        return false;
    }
    if (own.height > 0 && !trains) {
        return error_set(error, "--size: images are in the size of the checkpoint's "
                                "model: leave it out");
    }
    return !trains || !options_given(o, "--steps") || !options_given(o, "--epochs") ||
           error_set(error, "--steps and --epochs: one or the other");
}

/* [ViT T.4]   what isn't said: SGD with momentum, batches of 512 */
static void set_defaults(Options *o) {
    Settings *s = &o->settings;
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
    s->model = own.info.settings.model;
}

/* ---- the run ---------------------------------------------------------------------- */

/* Images in the size of the model; where it has none, as they are. */
static bool fit(Dataset *dataset, const VitConfig *model, Error *error) {
    own.image_height = dataset->train.height;
    own.image_width = dataset->train.width;
    return model->height == 0 ||
           dataset_resize(dataset, model->height, model->width, RESIZE_BICUBIC, error);
}

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

static void print_begin(const Settings *s) {
    const VitConfig *c = &own.info.settings.model;
    printf("begins with: %s, after %ld steps on images of %dx%d; a new head\n",
           own.checkpoint, own.info.step, c->height, c->width);
    if (s->model.positions == POSITIONS_1D || s->model.positions == POSITIONS_2D) {
        printf("positions: those of %dx%d patches, interpolated (%s)\n",
               c->height / c->patch, c->width / c->patch, kinds[own.kind]);
    } else if (s->model.positions == POSITIONS_SINUSOIDAL) {
        printf("note: sinusoidal positions count tokens: on another grid of patches "
               "they mean other places\n");
    }
}

static int lesson(const Options *o) {
    report_title("Chapter 7: training on");
    if (own.checkpoint) {
        print_begin(&o->settings);
    }
    const VitConfig *c = &o->settings.model;
    const bool known = c->height > 0 && !o->eval && !o->resume;
    if (known && (own.image_height != c->height || own.image_width != c->width)) {
        printf("images: %dx%d, resized to %dx%d (bicubic)\n", own.image_height,
               own.image_width, c->height, c->width);
    }
    return 0;
}

/* With words that are understood. */
static int begin(Options *o) {
    Engine engine = engine_cpu;
    Error error;
    if (own.checkpoint) {
        if (!checkpoint_info(own.checkpoint, &own.info, &error)) {
            return output_error(o->program, 1, "%s", error.text);
        }
        set_defaults(o);
        engine.make = make;
    }
    if (!o->resume && !o->eval) {
        o->settings.model.height = own.height;
        o->settings.model.width = own.width;
        if (o->max_steps > 0) {
            o->settings.total_steps = o->max_steps;
            o->max_steps = -1;
        }
    }
    o->fit = fit;
    return run(o, &engine, lesson);
}

int fine_tune_run(int argc, char **argv) {
    static Options options;
    Error error;
    int count, status;
    char **rest = allocate(((size_t)argc + 1) * sizeof *rest, "the words", &error);
    if (!rest) {
        return output_error(program, 1, "%s", error.text);
    }
    if (!take_words(argc, argv, &count, rest, &error) ||
        !options_parse(&options, count, rest, &error) || !agree(&options, &error)) {
        status = output_error(program, 2, "%s", error.text);
    } else {
        status = begin(&options);
    }
    free(rest);
    return status;
}
