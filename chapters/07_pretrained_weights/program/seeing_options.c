/* seeing_options.c: see seeing_options.h. */
#include "chapters/07_pretrained_weights/program/seeing_options.h"

#include <stddef.h>
#include <string.h>

#include "chapters/07_pretrained_weights/pictures/recipe.h"
#include "common/files/number.h"

const char seeing_help[] =
    "usage: ./chapter7                            the lesson's numbers, checked\n"
    "       ./chapter7 [options] PICTURE...       what a model sees in JPEG or PNG\n"
    "       ./chapter7 [options] --describe       the model alone\n"
    "       ./chapter7 [options] --export FILE    its weights, in our names\n"
    "       ./chapter7 [options] --score FOLDER   how often it is right\n\n"
    "  --weights FILE     safetensors (timm, transformers, torchvision, this course) "
    "or\n"
    "                     the authors' .npz; default: the only file in data/weights\n"
    "  --heads H          attention heads, where no file says how many\n"
    "  --recipe NAME      how a photo becomes pixels: vit, augreg, 384, deit,\n"
    "                     torchvision, hf-vit, hf-deit, square; default: as the files\n"
    "                     beside the weights say\n"
    "  --labels FILE      names of the classes: a line each, or JSON; default: those\n"
    "                     in the weights, in config.json, labels.txt, classes.txt or\n"
    "                     imagenet_classes.txt beside them, or, for 1000 classes, in\n"
    "                     data/imagenet_classes.txt\n"
    "  --score FOLDER     top-1 and top-5 of pictures in one folder per class, whose\n"
    "                     name is the label, the number, or ImageNet's (n01440764)\n"
    "  --top K            how many classes are printed, or counted by --score [5]\n"
    "  --layer L          draw this block's attention [the rollout of all blocks]\n"
    "  --head H           of it this head [the mean of all heads]\n"
    "  --out DIR          where drawings go [beside each picture]\n"
    "  --features FILE    y of every picture, as .npy (pictures, D)\n"
    "  --time             how long the model takes, when it is warm\n"
    "  --help             this text\n\n"
    "Draws cat.attention.png for cat.jpg. Exit status: 0 done, 1 a file or a check\n"
    "failed (other pictures are looked at all the same), 2 wrong usage.\n";

typedef enum { WORD, WHOLE, FLAG } Kind;
static const struct {
    const char *name;
    Kind kind;
    size_t at;
    long max; /* of a WHOLE; from 1 on */
} table[] = {
#define AT(field) offsetof(SeeingOptions, field)
    {"--weights", WORD, AT(weights), 0},
    {"--recipe", WORD, AT(recipe), 0},
    {"--labels", WORD, AT(labels), 0},
    {"--features", WORD, AT(features), 0},
    {"--out", WORD, AT(out), 0},
    {"--export", WORD, AT(export_to), 0},
    {"--score", WORD, AT(score), 0},
    {"--heads", WHOLE, AT(heads), 4096},
    {"--top", WHOLE, AT(top), 1000000},
    {"--layer", WHOLE, AT(layer), 4096},
    {"--head", WHOLE, AT(head), 4096},
    {"--time", FLAG, AT(time), 0},
    {"--describe", FLAG, AT(describe), 0},
    {"--help", FLAG, AT(help), 0},
    {"-h", FLAG, AT(help), 0},
};
enum { OPTIONS = sizeof table / sizeof table[0] };

static int index_of(const char *name) {
    int i = OPTIONS - 1;
    while (i >= 0 && strcmp(table[i].name, name) != 0) {
        i--;
    }
    return i;
}

/* One option; *used: how many words it took. */
static bool parse_one(SeeingOptions *o, const char *word, const char *value, int *used,
                      Error *error) {
    const int i = index_of(word);
    if (i < 0) {
        return error_set(
            error, "unknown option \"%.60s\": ./chapter7 --help lists them", word);
    }
    void *at = (char *)o + table[i].at;
    *used = table[i].kind == FLAG ? 1 : 2;
    if (table[i].kind == FLAG) {
        *(bool *)at = true;
        return true;
    }
    if (!value || *value == '\0' || strncmp(value, "--", 2) == 0) {
        return error_set(error, "%s needs a value", word);
    }
    if (table[i].kind == WORD) {
        *(const char **)at = value;
        return true;
    }
    long whole;
    if (!number_read_whole(value, 1, table[i].max, &whole)) {
        return error_set(error, "%s can't be \"%.60s\": want 1 to %ld", word, value,
                         table[i].max);
    }
    *(int *)at = (int)whole;
    return true;
}

static bool agree(const SeeingOptions *o, Error *error) {
    const bool of_pictures = o->features || o->out || o->time || o->layer > 0;
    if (o->help) {
        return true;
    }
    Recipe recipe; /* of any size: is there one of this name? */
    if (o->recipe && !recipe_named(&recipe, o->recipe, 224, 224, error)) {
        return false;
    }
    if (o->head > 0 && o->layer == 0) {
        return error_set(error, "--head is of a block: --layer says which");
    }
    if (o->describe && o->count > 0) {
        return error_set(error, "--describe is about the model: it takes no pictures");
    }
    if (o->score && (o->describe || o->count > 0 || of_pictures)) {
        return error_set(error, "--score is about a folder: it takes no pictures, and "
                                "no --describe, --features, --out, --time, --layer");
    }
    if (o->score) {
        return true;
    }
    if (o->count == 0 && (of_pictures || !(o->describe || o->export_to))) {
        return error_set(error, "which picture? ./chapter7 [options] PICTURE...");
    }
    return true;
}

bool seeing_options(SeeingOptions *o, int argc, char **argv, Error *error) {
    bool only_pictures = false;
    *o = (SeeingOptions){.top = 5, .pictures = argv + 1};
    for (int i = 1, used = 1; i < argc; i += used) {
        used = 1;
        if (!only_pictures && strcmp(argv[i], "--") == 0) {
            only_pictures = true;
        } else if (only_pictures || argv[i][0] != '-') {
            o->pictures[o->count++] = argv[i];
        } else if (!parse_one(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used,
                              error)) {
            return false;
        }
    }
    return agree(o, error);
}
