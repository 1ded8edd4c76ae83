/* gallery.c: see gallery.h. */
#include "chapters/05_vision_transformer/looking_inside/gallery.h"

#include <stdio.h>
#include <stdlib.h>

#include "chapters/05_vision_transformer/looking_inside/inspect.h"
#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "common/real_math.h"

/* The class, other than its own, that images of class k are most often taken for. */
static int most_confused(const Evaluation *e, int k) {
    int worst = k == 0 ? 1 : 0;
    for (int j = 0; j < DATASET_CLASSES; j++) {
        if (j != k && e->confusion[k][j] > e->confusion[k][worst]) {
            worst = j;
        }
    }
    return worst;
}

long gallery_count(const Evaluation *e, int k) {
    long count = 0;
    for (int j = 0; j < DATASET_CLASSES; j++) {
        count += e->confusion[k][j];
    }
    return count;
}

void gallery_classes(const Dataset *dataset, const Evaluation *e) {
    printf("\n%-14s %8s  %s\n", "class", "accuracy", "most often taken for");
    for (int k = 0; k < DATASET_CLASSES; k++) {
        const int other = most_confused(e, k);
        const long count = gallery_count(e, k), mistaken = e->confusion[k][other];
        if (count == 0) { /* no image, no accuracy */
            printf("%-14s %8s  -\n", dataset->class_name[k], "-");
            continue;
        }
        printf("%-14s %8.4f  ", dataset->class_name[k],
               (double)e->confusion[k][k] / (double)count);
        if (mistaken > 0) {
            printf("%s (%ld of %ld)\n", dataset->class_name[other], mistaken, count);
        } else {
            printf("-\n");
        }
    }
}

static char shade(double value, double max) {
    static const char ramp[] = " .:-=+*#%@";
    /* fmax passes over a NaN: no NaN becomes an index */
    return ramp[(int)fmin(fmax(max > 0 ? value / max * 9.999 : 0, 0), 9)];
}

/* A character is about twice as high as wide: one shows two rows of pixels. */
static void draw(const ImageSet *set, int index, Tensor attention, int patch) {
    const unsigned char *pixels = dataset_pixels(set, index);
    double max = 0;
    for (int i = 0; i < tensor_cols(attention); i++) {
        max = fmax(max, (double)attention.data[i]);
    }
    for (int y = 0; y + 1 < set->height; y += 2) {
        printf("    ");
        for (int x = 0; x < set->width; x++) {
            const unsigned char *p = pixels + y * set->width + x;
            putchar(shade((p[0] + p[set->width]) / 2.0, 255));
        }
        printf("   |");
        for (int x = 0; x < set->width; x++) {
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

static void show_image(Trainer *t, const Dataset *dataset, int index,
                       Tensor attention) {
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
    draw(&dataset->test, index, attention, c->patch);
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
    static const int classes[] = {0, 6, 8, 9};
    const int N = vit_patches(&t->settings.model);
    real *weights = allocate((size_t)N * sizeof(real), "an attention map", error);
    if (!weights) {
        return false;
    }
    printf("\nTest images (left) and where %s in the last layer (right)\n",
           t->settings.model.pool == POOL_CLASS ? "the class token looks"
                                                : "the patches look on average");
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        int index = gallery_first_of(&dataset->test, classes[i]);
        if (index >= 0) {
            show_image(t, dataset, index, tensor1(weights, N));
        }
    }
    free(weights);
    return true;
}
