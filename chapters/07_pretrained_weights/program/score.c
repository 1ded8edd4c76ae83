/* score.c: see score.h. */
#include "chapters/07_pretrained_weights/program/score.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chapters/05_vision_transformer/own_data/readers.h"
#include "common/lesson/output.h"
#include "common/lesson/stopwatch.h"

/* ---- folders ------------------------------------------------------------------- */

/* The names in a folder, in the bytes' order, without hidden ones; owned. */
typedef struct {
    struct dirent **entry;
    int count;
} Listing;

static int is_shown(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool list(const char *folder, Listing *listing, Error *error) {
    *listing = (Listing){.entry = NULL};
    listing->count = scandir(folder, &listing->entry, is_shown, by_bytes);
    if (listing->count < 0) {
        listing->count = 0;
        return error_set(error, "%.300s: it can't be read: %s", folder,
                         strerror(errno));
    }
    return true;
}

static void listing_free(Listing *listing) {
    for (int i = 0; i < listing->count; i++) {
        free(listing->entry[i]);
    }
    free(listing->entry);
    *listing = (Listing){.entry = NULL};
}

/* n01440764: what ImageNet calls a class. */
static bool is_id(const char *name) {
    return name[0] == 'n' && strlen(name) == 9 && strspn(name + 1, "0123456789") == 8;
}

/* ---- the work ------------------------------------------------------------------- */

enum { AT_ONCE = 16 };
static const double memory_bytes = 256e6; /* for the activations of so many */

typedef struct {
    const char *program, *folder;
    const Seeing *seeing;
    int top;
    Score *score;
    Listing folders;
    int *label;                        /* of each folder; -1: it is a file */
    long files;                        /* in all of them */
    PretrainedActivations activations; /* of `room` images */
    int room, waiting;
    real *memory;
    Tensor images; /* (room, C, H, W) */
    char (*path)[FILE_PATH_BYTES];
    int labels[AT_ONCE]; /* of those that wait */
    double shown_ms;     /* when the line was last shown; below 0: there is none */
} Work;

static void hide_progress(const Work *w) {
    if (w->shown_ms >= 0) {
        printf("\r%70s\r", "");
    }
}

static void skip(Work *w, const char *why) {
    hide_progress(w);
    output_error(w->program, 1, "skipped: %s", why);
    w->score->skipped++;
}

static void show_progress(Work *w) {
    const Score *score = w->score;
    const double now = stopwatch_ms();
    if (w->shown_ms >= 0 && now - w->shown_ms > 500 && score->pictures > 0) {
        printf("\r%ld of %ld pictures, top-1 so far %.2f %%",
               score->pictures + score->skipped, w->files,
               100 * (double)score->first / (double)score->pictures);
        fflush(stdout);
        w->shown_ms = now;
    }
}

/* ---- which class a folder is ---------------------------------------------------- */

static bool all_ids(const Work *w) {
    int count = 0;
    for (int i = 0; i < w->folders.count; i++) {
        if (w->label[i] >= 0) {
            if (!is_id(w->folders.entry[i]->d_name)) {
                return false;
            }
            count++;
        }
    }
    return count == w->seeing->model.config.vit.classes;
}

static bool find_classes(Work *w, Error *error) {
    const Labels *labels = &w->seeing->labels;
    const int classes = w->seeing->model.config.vit.classes;
    int next = 0;
    w->score->in_order = !labels->ids && all_ids(w);
    for (int i = 0; i < w->folders.count; i++) {
        const char *name = w->folders.entry[i]->d_name;
        Error why;
        if (w->label[i] < 0) {
            continue;
        }
        w->label[i] =
            w->score->in_order ? next++ : labels_find(labels, classes, name, &why);
        if (w->label[i] < 0) {
            return error_set(error, "%.200s/%.200s: %.150s", w->folder, name, why.text);
        }
        w->score->classes++;
    }
    return w->score->classes > 0 ||
           error_set(error, "%.300s: --score wants a folder with one folder per class",
                     w->folder);
}

/* How many files there are; which entries are folders. */
static bool look_around(Work *w, Error *error) {
    if (!list(w->folder, &w->folders, error)) {
        return false;
    }
    w->label = allocate((size_t)w->folders.count * sizeof(int) + 1, "classes", error);
    bool ok = w->label != NULL;
    for (int i = 0; ok && i < w->folders.count; i++) {
        char path[FILE_PATH_BYTES];
        ok = reader_join(path, w->folder, w->folders.entry[i]->d_name, error);
        w->label[i] = ok && reader_is_folder(path) ? 0 : -1;
        if (ok && w->label[i] == 0) {
            Listing files;
            ok = list(path, &files, error);
            w->files += files.count;
            listing_free(&files);
        }
    }
    return ok && find_classes(w, error);
}

/* ---- pictures ------------------------------------------------------------------- */

static bool make_room(Work *w, Error *error) {
    const Seeing *s = w->seeing;
    const VitConfig *c = &s->model.config.vit;
    const double one = (double)s->activations.arena.capacity * sizeof(real);
    const int fit = (int)fmin(AT_ONCE, memory_bytes / one);
    w->room = fit > 1 ? fit : 1;
    const size_t image = (size_t)c->channels * (size_t)c->height * (size_t)c->width;
    w->memory = allocate((size_t)w->room * image * sizeof(real), "pictures", error);
    w->path =
        w->memory ? allocate((size_t)w->room * sizeof *w->path, "paths", error) : NULL;
    w->images = tensor4(w->memory, w->room, c->channels, c->height, c->width);
    return w->path && pretrained_activations_make(&w->activations, &s->model.config,
                                                  w->room, error);
}

/* How many classes are more likely than this one; of equals the first is. */
static int rank_of(const real *logits, int classes, int label) {
    int before = 0;
    for (int k = 0; k < classes; k++) {
        before +=
            logits[k] > logits[label] || (k < label && logits[k] == logits[label]);
    }
    return before;
}

static bool is_finite(const real *logits, int classes) {
    for (int k = 0; k < classes; k++) {
        if (!isfinite(logits[k])) {
            return false;
        }
    }
    return true;
}

/* The first `count` images, which are ready. */
static bool judge(Work *w, int count, Error *error) {
    const int classes = w->seeing->model.config.vit.classes;
    Tensor images = w->images;
    images.shape[0] = count;
    pretrained_forward(&w->seeing->model, images, &w->activations);
    for (int i = 0; i < count; i++) {
        const real *logits = tensor_row(w->activations.logits, i);
        if (!is_finite(logits, classes)) {
            return error_set(error,
                             "%.200s: what the model makes of it isn't finite: are "
                             "these weights whole, and is the recipe theirs?",
                             w->path[i]);
        }
        const int rank = rank_of(logits, classes, w->labels[i]);
        w->score->pictures++;
        w->score->first += rank == 0;
        w->score->among += rank < w->top;
    }
    show_progress(w);
    return true;
}

/* All that wait: read at once, as many as there are threads; then one pass. */
static bool judge_waiting(Work *w, Error *error) {
    Error errors[AT_ONCE];
    bool good[AT_ONCE] = {false};
    int count = 0;
#pragma omp parallel for schedule(dynamic, 1)
    for (int i = 0; i < w->waiting; i++) {
        Picture seen;
        good[i] = seeing_prepare(&w->seeing->recipe, w->path[i],
                                 tensor_slice(w->images, i), &seen, &errors[i]);
        picture_free(&seen);
    }
    for (int i = 0; i < w->waiting; i++) {
        if (!good[i]) {
            skip(w, errors[i].text);
            continue;
        }
        if (count < i) { /* where one was skipped the others move up */
            tensor_copy(tensor_slice(w->images, count), tensor_slice(w->images, i));
            memcpy(w->path[count], w->path[i], sizeof w->path[i]);
            w->labels[count] = w->labels[i];
        }
        count++;
    }
    w->waiting = 0;
    return count == 0 || judge(w, count, error);
}

static bool score_class(Work *w, const char *folder, int label, Error *error) {
    Listing files;
    bool ok = list(folder, &files, error);
    for (int i = 0; ok && i < files.count; i++) {
        ok = reader_join(w->path[w->waiting], folder, files.entry[i]->d_name, error);
        w->labels[w->waiting++] = label;
        ok = ok && (w->waiting < w->room || judge_waiting(w, error));
    }
    listing_free(&files);
    return ok;
}

static bool score_all(Work *w, Error *error) {
    char path[FILE_PATH_BYTES], why[FILE_PATH_BYTES + 40];
    bool ok = true;
    for (int i = 0; ok && i < w->folders.count; i++) {
        ok = reader_join(path, w->folder, w->folders.entry[i]->d_name, error);
        if (ok && w->label[i] >= 0) {
            ok = score_class(w, path, w->label[i], error);
        } else if (ok) {
            snprintf(why, sizeof why, "%s: it is in no class's folder", path);
            skip(w, why);
        }
    }
    ok = ok && judge_waiting(w, error);
    hide_progress(w);
    return ok &&
           (w->score->pictures > 0 ||
            error_set(error, "%.300s: there is no picture in its folders", w->folder));
}

bool score_folder(const char *program, Seeing *seeing, const char *folder, int top,
                  Score *score, Error *error) {
    Work w = {.program = program,
              .folder = folder,
              .seeing = seeing,
              .top = top,
              .score = score,
              .shown_ms = isatty(STDOUT_FILENO) ? 0 : -1};
    *score = (Score){.pictures = 0};
    if (!seeing->model.config.head) {
        return error_set(error, "%.300s has no head: it knows no classes",
                         seeing->path);
    }
    const bool ok =
        look_around(&w, error) && make_room(&w, error) && score_all(&w, error);
    pretrained_activations_free(&w.activations);
    listing_free(&w.folders);
    free(w.label);
    free(w.memory);
    free(w.path);
    return ok;
}

static void print_share(int top, long right, long pictures) {
    const double n = (double)pictures, p = (double)right / n;
    printf("  top-%-3d %6.2f %%  +- %.2f  (%ld of %ld)\n", top, 100 * p,
           100 * sqrt(p * (1 - p) / n), right, pictures);
}

void score_print(const Score *score, int top) {
    printf("score: of %ld picture%s in %d class%s%s\n", score->pictures,
           score->pictures == 1 ? "" : "s", score->classes,
           score->classes == 1 ? "" : "es",
           score->in_order ? ", ImageNet's in its order" : "");
    print_share(1, score->first, score->pictures);
    if (top > 1) {
        print_share(top, score->among, score->pictures);
    }
    if (score->skipped > 0) {
        printf("%ld file%s skipped\n", score->skipped,
               score->skipped == 1 ? " was" : "s were");
    }
}
