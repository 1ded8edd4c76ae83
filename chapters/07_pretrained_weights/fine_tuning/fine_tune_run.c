/* fine_tune_run.c: see fine_tune_run.h. */
#include "chapters/07_pretrained_weights/fine_tuning/fine_tune_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/program/run.h"
#include "chapters/05_vision_transformer/training/checkpoint_file.h"
#include "chapters/07_pretrained_weights/fine_tuning/fine_tune.h"
#include "chapters/07_pretrained_weights/fine_tuning/fine_tune_memory.h"
#include "chapters/07_pretrained_weights/weights/load.h"
#include "common/files/number.h"
#include "common/files/regular_file.h"
#include "common/lesson/output.h"
#include "common/lesson/report.h"

static const char *const kinds[] = {"bicubic", "bilinear", "corners", NULL};

/* What this task's own words say, and what the file is. */
static struct {
    const char *file, *recipe_name; /* --fine-tune, --recipe */
    int heads;
    Interpolation kind;
    Pretrained model;
    bool is_checkpoint;  /* of this course */
    CheckpointInfo info; /* of a checkpoint */
    Recipe recipe;       /* of other weights, or by --recipe */
} own;

/* ---- the words ------------------------------------------------------------- */

void fine_tune_help(void) {
    printf(
        "\nFine-tuning\n"
        "  --fine-tune FILE       train on, from such weights or a checkpoint: SGD, a "
        "new\n"
        "                         head, images of --size WxH (default: as its model "
        "has\n"
        "                         them), pixels as --recipe or the file has them\n"
        "  --data DIR             pictures or other data, as for ./chapter5\n"
        "  --steps N              so many steps: the schedule ends there\n"
        "  --interpolate KIND     of its positions: bicubic, bilinear, or corners, as\n"
        "                         the paper's authors [bicubic]\n"
        "  All options of ./chapter5 --help that don't make another model.\n");
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

static bool read_heads(const char *text, Error *error) {
    long heads;
    if (!number_read_whole(text, 1, 4096, &heads)) {
        return error_set(error, "--heads can't be \"%.60s\": want 1 to 4096", text);
    }
    own.heads = (int)heads;
    return true;
}

static bool read_recipe(const char *text, Error *error) {
    Recipe recipe; /* of any size: is there one of this name? */
    own.recipe_name = text;
    return recipe_named(&recipe, text, 224, 224, error);
}

/* One of this task's words. */
static bool take_word(const char *word, const char *value, Error *error) {
    if (*value == '\0' || strncmp(value, "--", 2) == 0) {
        return error_set(error, "%s needs a value", word);
    }
    if (strcmp(word, "--interpolate") == 0) {
        return read_kind(value, error);
    }
    if (strcmp(word, "--heads") == 0) {
        return read_heads(value, error);
    }
    if (strcmp(word, "--recipe") == 0) {
        return read_recipe(value, error);
    }
    own.file = value;
    return true;
}

static bool is_own(const char *word) {
    static const char *const words[] = {"--fine-tune", "--interpolate", "--heads",
                                        "--recipe", NULL};
    int i = 0;
    while (words[i] && strcmp(words[i], word) != 0) {
        i++;
    }
    return words[i] != NULL;
}

/* Takes this task's words out of the command line; the others go to `rest`. */
static bool take_words(int argc, char **argv, int *count, char **rest, Error *error) {
    *count = 0;
    for (int i = 0; i < argc; i++) {
        if (i == 0 || !is_own(argv[i])) {
            rest[(*count)++] = argv[i];
        } else if (!take_word(argv[i], i + 1 < argc ? argv[i + 1] : "", error)) {
            return false;
        } else {
            i++;
        }
    }
    return true;
}

/* The model is the file's; what it learns, and how, is to be said. */
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
           (!regular_file_same(o->save, own.file) ||
            error_set(
                error,
                "--save %.200s is what --fine-tune begins with: give another name",
                o->save));
}

/* ---- the file --------------------------------------------------------------- */

/* Errors of what doesn't know its name. */
static bool of_file(const Error *why, Error *error) {
    return error_set(error, "%.200s: %.300s", own.file, why->text);
}

/* A checkpoint of this course says how far it is, and what its pixels were. */
static bool read_checkpoint(Error *error) {
    const char *format = arrays_text(own.model.file, "format");
    own.is_checkpoint = format && strcmp(format, CHECKPOINT_FORMAT) == 0;
    return !own.is_checkpoint || checkpoint_info(own.file, &own.info, error);
}

/* How pixels are normalised: as the weights' were. Those of a model trained here from
 * scratch were measured; so are the new data's. */
static bool find_pixels(Options *o, Error *error) {
    const Settings *old = &own.info.settings;
    Error why;
    if (own.is_checkpoint && !own.recipe_name) {
        o->settings.pixels = old->pixels;
        memcpy(o->mean, own.info.mean, sizeof o->mean);
        memcpy(o->deviation, own.info.deviation, sizeof o->deviation);
        return true;
    }
    o->settings.pixels = PIXELS_GIVEN;
    return recipe_for(&own.recipe, &own.model, own.file, own.recipe_name, error) &&
           (fine_tune_pixels(&own.recipe, o->mean, o->deviation, &why) ||
            of_file(&why, error));
}

static bool read_file(Options *o, Error *error) {
    Error why;
    if (!pretrained_load(&own.model, own.file, own.heads, error)) {
        return false;
    }
    if (!fine_tune_can(&own.model.config, &why)) {
        return of_file(&why, error);
    }
    return read_checkpoint(error) && find_pixels(o, error);
}

/* [ViT T.4]   what isn't said: SGD with momentum, batches of 512 */
static void set_defaults(Options *o) {
    Settings *s = &o->settings;
    const PretrainedConfig *model = &own.model.config;
    if (!options_given(o, "--optimiser")) {
        s->optimiser = OPTIMISER_SGD;
    }
    if (!options_given(o, "--lr") && s->optimiser == OPTIMISER_SGD) {
        s->lr = 0.03;
    }
    if (!options_given(o, "--batch")) {
        s->batch = 512;
        o->whole_if_fewer = true;
    }
    if (!options_given(o, "--smoothing")) {
        s->label_smoothing = 0;
    }
    if (o->max_steps > 0) {
        s->total_steps = o->max_steps;
        o->max_steps = -1;
    }
    if (o->width == 0) {
        o->width = model->vit.width;
        o->height = model->vit.height;
    }
    o->channels = model->vit.channels;
    s->model = model->vit;
    s->norm_epsilon = model->epsilon;
    o->command = "./chapter5"; /* goes on with what is stopped, and its log */
    o->own_log = "chapter5.csv";
}

/* ---- the run --------------------------------------------------------------- */

/* A trainer that begins with the file's weights, which aren't needed any more then. */
static bool make(Trainer *t, const Settings *settings, int images, Error *error) {
    const double all = machine_bytes();
    Error why;
    if ((all > 0 && !fine_tune_fits(settings, all, error)) ||
        !trainer_make(t, settings, images, error)) {
        return false;
    }
    const bool ok = fine_tune_begin(t, &own.model, own.kind, &why);
    pretrained_free(&own.model);
    if (!ok) {
        trainer_free(t);
        return of_file(&why, error);
    }
    return true;
}

/* What the file is. */
static void print_file(const Options *o) {
    const PretrainedConfig *c = &own.model.config;
    printf("begins with: %s, ", own.file);
    if (own.is_checkpoint) {
        printf("after %ld steps on", own.info.step);
    } else {
        printf("in the names of %s, %d heads%s, for", pretrained_dialect(&own.model),
               c->vit.block.heads,
               c->heads_assumed ? " (assumed, from the width; or --heads)" : "");
    }
    printf(" images of %dx%d; a new head\n", c->vit.height, c->vit.width);
    if (c->pre_logits > 0) {
        printf("left out: the hidden layer before its head (pre_logits), which is "
               "pre-training's [ViT 3.1]\n");
    }
    if (own.recipe.name[0] != '\0') {
        printf("pixels: mean %.4g %.4g %.4g, deviation %.4g %.4g %.4g, as recipe %s "
               "has them (%s); whole pictures, resized to %dx%d\n",
               o->mean[0], o->mean[1], o->mean[2], o->deviation[0], o->deviation[1],
               o->deviation[2], own.recipe.name, own.recipe.why, o->width, o->height);
    }
}

static int lesson(const Options *o) {
    const VitConfig *c = &own.model.config.vit;
    const int down = c->height / c->patch, across = c->width / c->patch;
    const Positions positions = c->positions;
    const bool moved = o->height != c->height || o->width != c->width;
    report_title("Chapter 7: fine-tuning");
    print_file(o);
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
    int status;
    if (read_file(o, &error)) {
        set_defaults(o);
        engine.make = make;
        status = run(o, &engine, lesson);
    } else {
        status = output_error(o->program, 1, "%s", error.text);
    }
    pretrained_free(&own.model);
    return status;
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
