/*
 * labels.h: what a model's classes are called. Weights seldom say it; a file beside
 * them often does.
 */
#pragma once

#include <stddef.h>

#include "common/error.h"

typedef struct {
    char **names;  /* (count) */
    char **ids;    /* (count) "n01440764", where the file has them; or NULL */
    int count;     /* 0: nobody knows them */
    char from[64]; /* the file's name */
    char note[96]; /* a file that was there and left out, and why; or "" */
    void *memory;  /* owned: names, and what they point to */
} Labels;

/*
 * labels_for: of `classes` classes. They come from `named` (--labels); else from the
 * metadata of `weights` (class_names, a line each); else from a file in its folder:
 * config.json's id2label, or labels.txt, classes.txt, imagenet_classes.txt; else, of
 * 1000 classes, from data/imagenet_classes.txt.
 *
 * A file is JSON ({"id2label": {"0": "tench"}}, {"0": ["n01440764", "tench"]},
 * ["tench"]), or text with a name per line. False and an error: `named` can't be used.
 * A neighbour that doesn't fit is left out; `note` says so.
 */
bool labels_for(Labels *labels, const char *weights, int classes, const char *named,
                Error *error);
void labels_free(Labels *labels);

/* labels_from_text: from such a file's text, which has a 0 after its `bytes` bytes, and
 * is written over. */
bool labels_from_text(Labels *labels, int classes, char *text, size_t bytes,
                      Error *error);

/* labels_find: of a model of `classes` classes, the one with this name: it is the
 * label, the id or the number, in this order. -1 and an error: there is none, or more
 * than one. */
int labels_find(const Labels *labels, int classes, const char *name, Error *error);

/* labels_name: of class k, or "class 281" in `text`. */
enum { LABEL_TEXT = 32 };
const char *labels_name(const Labels *labels, int k, char text[LABEL_TEXT]);
