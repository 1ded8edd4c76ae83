/* gallery.c: see gallery.h. */
#include "chapters/05_vision_transformer/looking_inside/gallery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/looking_inside/inspect.h"
#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "common/real_math.h"

/* ---- the classes ----------------------------------------------------------- */

long gallery_row(const Dataset *dataset, const int *predictions, int k, long *row) {
    const ImageSet *set = &dataset->test;
    long count = 0;
    memset(row, 0, (size_t)dataset->classes * sizeof *row);
    for (int i = 0; i < set->count; i++) {
        if (set->labels[i] == k && predictions[i] >= 0) {
            row[predictions[i]]++;
            count++;
        }
    }
    return count;
}

/* The class, other than its own, that images of class k are most often taken for. */
static int most_confused(const long *row, int classes, int k) {
    int worst = k == 0 ? 1 : 0;
    for (int j = 0; j < classes; j++) {
        if (j != k && row[j] > row[worst]) {
            worst = j;
        }
    }
    return worst;
}

static void print_class(const Dataset *dataset, const int *predictions, int k,
                        long *row) {
    const long count = gallery_row(dataset, predictions, k, row);
    const int other = most_confused(row, dataset->classes, k);
    if (count == 0) { /* no image, no accuracy */
        printf("%-14s %8s  -\n", dataset->class_name[k], "-");
        return;
    }
    printf("%-14s %8.4f  ", dataset->class_name[k], (double)row[k] / (double)count);
    if (row[other] > 0) {
        printf("%s (%ld of %ld)\n", dataset->class_name[other], row[other], count);
    } else {
        printf("-\n");
    }
}

/* A class that has images, and its accuracy. */
typedef struct {
    int k;
    double accuracy;
} Rank;

static int by_accuracy(const void *a, const void *b) {
    const Rank *x = a, *y = b;
    const int order = (x->accuracy > y->accuracy) - (x->accuracy < y->accuracy);
    return order != 0 ? order : x->k - y->k;
}

/* rank (K): those that have images, the worst first; returns how many. */
static int rank_classes(const Dataset *dataset, const int *predictions, long *count,
                        Rank *rank) {
    const ImageSet *set = &dataset->test;
    int ranked = 0;
    memset(count, 0, (size_t)dataset->classes * sizeof *count);
    for (int k = 0; k < dataset->classes; k++) {
        rank[k] = (Rank){k, 0};
    }
    for (int i = 0; i < set->count; i++) {
        count[set->labels[i]]++;
        rank[set->labels[i]].accuracy += predictions[i] == set->labels[i];
    }
    for (int k = 0; k < dataset->classes; k++) {
        if (count[k] > 0) {
            rank[ranked++] = (Rank){k, rank[k].accuracy / (double)count[k]};
        }
    }
    qsort(rank, (size_t)ranked, sizeof *rank, by_accuracy);
    return ranked;
}

enum { FEW = 20, OF_MANY = 5 }; /* classes: all are shown, or so many at each end */

bool gallery_classes(const Dataset *dataset, const int *predictions, Error *error) {
    const size_t K = (size_t)dataset->classes;
    long *row = allocate(K * sizeof *row, "a row of classes", error);
    Rank *rank = row ? allocate(K * sizeof *rank, "the classes' order", error) : NULL;
    if (!rank) {
        free(row);
        return false;
    }
    const int ranked = rank_classes(dataset, predictions, row, rank);
    const bool many = dataset->classes > FEW;
    printf("\n%-14s %8s  %s\n", "class", "accuracy", "most often taken for");
    for (int i = 0; i < (many ? ranked : dataset->classes); i++) {
        if (many && i == OF_MANY && ranked > 2 * OF_MANY) {
            printf("... %d classes ...\n", ranked - 2 * OF_MANY);
            i = ranked - OF_MANY;
        }
        print_class(dataset, predictions, many ? rank[i].k : i, row);
    }
    free(rank);
    free(row);
    return true;
}

/* ---- a few images ------------------------------------------------------------- */

static char shade(double value, double max) {
    static const char ramp[] = " .:-=+*#%@";
    /* fmax passes over a NaN: no NaN becomes an index */
    return ramp[(int)fmin(fmax(max > 0 ? value / max * 9.999 : 0, 0), 9)];
}

/* A picture of (H, W) greys or the like: how much of it a character shows. */
typedef struct {
    int height, width, side; /* side: pixels from one character to the next */
} Canvas;

static Canvas canvas_of(const ImageSet *set) {
    enum { COLUMNS = 56 }; /* two pictures and their frame fit a terminal */
    return (Canvas){set->height, set->width, (set->width + COLUMNS - 1) / COLUMNS};
}

/* A character is about twice as high as wide: one shows two rows of pixels, or blocks
 * of pixels. */
static double grey_at(const Canvas *c, const unsigned char *grey, int y, int x) {
    double sum = 0;
    int count = 0;
    for (int i = y; i < y + 2 * c->side && i < c->height; i++) {
        for (int j = x; j < x + c->side && j < c->width; j++) {
            sum += grey[i * c->width + j];
            count++;
        }
    }
    return sum / count;
}

static void draw(const ImageSet *set, const unsigned char *grey, Tensor attention,
                 int patch) {
    const Canvas c = canvas_of(set);
    double max = 0;
    for (int i = 0; i < tensor_cols(attention); i++) {
        max = fmax(max, (double)attention.data[i]);
    }
    for (int y = 0; y + 1 < set->height; y += 2 * c.side) {
        printf("    ");
        for (int x = 0; x < set->width; x += c.side) {
            putchar(shade(grey_at(&c, grey, y, x), 255));
        }
        printf("   |");
        for (int x = 0; x < set->width; x += c.side) {
            int at = y / patch * (set->width / patch) + x / patch;
            putchar(shade((double)attention.data[at], max));
        }
        printf("|\n");
    }
}

Tensor gallery_forward(Trainer *t, const Dataset *dataset, int index) {
    Worker *worker = &t->workers[0];
    const Augmentation none = {0};
    const Dropout off = {0};
    Tensor image = tensor_first(worker->images, 1);
    dataset_image(dataset, &dataset->test, index, &none, tensor_slice(image, 0));
    return vit_forward(&t->vit, image, &worker->activations, &off);
}

static void show_image(Trainer *t, const Dataset *dataset, int index, Tensor attention,
                       unsigned char *grey) {
    const VitConfig *c = &t->settings.model;
    Tensor logits = gallery_forward(t, dataset, index);
    inspect_patches(&t->workers[0].activations, c->depth - 1, 0,
                    c->pool == POOL_CLASS ? 1 : vit_tokens(c), attention);
    const int prediction = argmax_row(logits, 0), label = dataset->test.labels[index];
    double sum = 0;
    for (int k = 0; prediction >= 0 && k < tensor_cols(logits); k++) {
        sum += exp((double)(logits.data[k] - logits.data[prediction]));
    }
    printf("\ntest image %d: %s; the model says %s (%.0f%%): %s\n", index,
           dataset->class_name[label], dataset_class(dataset, prediction),
           sum > 0 ? 100 / sum : 0, prediction == label ? "right" : "WRONG");
    dataset_grey(&dataset->test, index, grey);
    draw(&dataset->test, grey, attention, c->patch);
}

int gallery_first_of(const ImageSet *set, int label) {
    for (int i = 0; i < set->count; i++) {
        if (set->labels[i] == label) {
            return i;
        }
    }
    return -1;
}

bool gallery_images(Trainer *t, const Dataset *dataset, Error *error) {
    const ImageSet *set = &dataset->test;
    const int K = dataset->classes, classes[] = {0, K * 6 / 10, K * 8 / 10, K - 1};
    const int N = vit_patches(&t->settings.model);
    const size_t pixels = (size_t)set->height * (size_t)set->width;
    real *weights = allocate((size_t)N * sizeof(real), "an attention map", error);
    unsigned char *grey = weights ? allocate(pixels, "an image", error) : NULL;
    if (!grey) {
        free(weights);
        return false;
    }
    printf("\nTest images (left) and where %s in the last layer (right)\n",
           t->settings.model.pool == POOL_CLASS ? "the class token looks"
                                                : "the patches look on average");
    for (int i = 0; i < 4; i++) {
        int index = gallery_first_of(set, classes[i]);
        if (index >= 0 && (i == 0 || classes[i] != classes[i - 1])) {
            show_image(t, dataset, index, tensor1(weights, N), grey);
        }
    }
    free(grey);
    free(weights);
    return true;
}
