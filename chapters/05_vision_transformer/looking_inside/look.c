/* look.c: see look.h. */
#include "chapters/05_vision_transformer/looking_inside/look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "chapters/05_vision_transformer/looking_inside/gallery.h"
#include "chapters/05_vision_transformer/looking_inside/inspect.h"
#include "common/lesson/plot_file.h"

/* Or as many as there are. */
enum { DISTANCE_IMAGES = 256, ROLLOUT_CLASSES = 10, CONFUSION_CLASSES = 100 };

/* The model, and what it is looked at with. */
typedef struct {
    Trainer *trainer;
    const Dataset *dataset;
    const int *predictions; /* of the test set */
    VitConfig c;
    int columns;         /* patches in a row of the image */
    double *numbers;     /* a figure's own: numbers_of */
    long *row;           /* (K) */
    unsigned char *grey; /* (H, W), an image in grey */
} Model;

/* ---- the run ------------------------------------------------------------------ */

static void write_rates(FILE *file, const Model *m) {
    static const Schedule paper[] = {
        {.kind = SCHEDULE_NOAM, .peak = 1, .warmup = 4000, .D = 512},
        {.kind = SCHEDULE_NOAM, .peak = 1, .warmup = 8000, .D = 512},
        {.kind = SCHEDULE_NOAM, .peak = 1, .warmup = 8000, .D = 256},
    };
    enum { POINTS = 400 };
    for (long step = 100; step <= 100 * POINTS; step += 100) {
        fprintf(file, "%ld", step);
        for (size_t k = 0; k < sizeof paper / sizeof paper[0]; k++) {
            fprintf(file, " %.8g", schedule_rate(&paper[k], step));
        }
        fprintf(file, "\n");
    }
    fprintf(file, "\n\n");
    const long total = trainer_total_steps(m->trainer);
    for (long i = 1; i <= POINTS; i++) {
        const long step = i * total / POINTS > 0 ? i * total / POINTS : 1;
        fprintf(file, "%ld %.8g\n", step, trainer_rate(m->trainer, step));
    }
}

static void write_confusion(FILE *file, const Model *m) {
    const int K = m->dataset->classes;
    for (int i = 0; i < K; i++) {
        const long count = gallery_row(m->dataset, m->predictions, i, m->row);
        for (int j = 0; j < K; j++) {
            fprintf(file, "%d %d %ld %.5f \"%s\"\n", i, j, m->row[j],
                    count > 0 ? (double)m->row[j] / (double)count : 0.0,
                    m->dataset->class_name[i]);
        }
    }
}

/* ---- weights ------------------------------------------------------------------ */

static void write_filters(FILE *file, const Model *m) {
    const int P = m->c.patch, n = m->c.channels * P * P;
    double *scratch = m->numbers, *components = scratch + (long)n * n;
    double *variance = components + (long)n * n, all = 0;
    inspect_filters(m->trainer->vit.embedding.E, scratch, variance, components);
    for (int i = 0; i < n; i++) {
        all += variance[i];
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < n; k++) {
            fprintf(file, "%d %.6f %d %d %.6f\n", i + 1,
                    all > 0 ? variance[i] / all : 0, k % P, k % (P * P) / P,
                    components[(long)i * n + k]);
        }
        fprintf(file, "\n\n");
    }
}

static void write_positions(FILE *file, const Model *m) {
    const int N = vit_patches(&m->c), columns = m->columns;
    inspect_positions(m->trainer->vit.embedding.pos_embed, m->numbers);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            fprintf(file, "%d %d %d %d %.5f\n", i / columns, i % columns, j / columns,
                    j % columns, m->numbers[(long)i * N + j]);
        }
        fprintf(file, "\n\n");
    }
}

/* ---- attention ---------------------------------------------------------------- */

/* A (heads, n, n) of a layer, of the image that was last looked at. */
static Tensor attention_of(const Model *m, int layer) {
    return tensor_slice(m->trainer->workers[0].activations.blocks[layer].attn.A, 0);
}

/* A (n, n) of one head: which = layer * heads + head. */
static Tensor weights_of(const Model *m, int which) {
    const int heads = m->c.block.heads;
    return tensor_slice(attention_of(m, which / heads), which % heads);
}

/* mean (layers * heads), over the first images of the test set; returns how many. */
static int measure_distances(const Model *m, double *mean) {
    const int heads = m->c.depth * m->c.block.heads;
    const int all = m->dataset->test.count;
    const int count = all < DISTANCE_IMAGES ? all : DISTANCE_IMAGES;
    memset(mean, 0, (size_t)heads * sizeof *mean);
    for (int i = 0; i < count; i++) {
        gallery_forward(m->trainer, m->dataset, i);
        for (int k = 0; k < heads; k++) {
            mean[k] +=
                inspect_distance(weights_of(m, k), m->columns, m->c.patch) / count;
        }
    }
    return count;
}

static void write_distances(FILE *file, const Model *m) {
    const int heads = m->c.block.heads;
    const int count = measure_distances(m, m->numbers);
    /* for comparison: a head that looks at all patches alike */
    Tensor A = weights_of(m, 0);
    tensor_fill(A, 1); /* written over by the next forward pass */
    const double equal = inspect_distance(A, m->columns, m->c.patch);
    printf("mean attention distance in pixels, over %d test images; looking at all "
           "patches\nalike would give %.1f:\n",
           count, equal);
    for (int l = 0; l < m->c.depth; l++) {
        printf("    layer %d:", l + 1);
        for (int k = 0; k < heads; k++) {
            const double mean = m->numbers[l * heads + k];
            printf(" %5.1f", mean);
            if (file) {
                fprintf(file, "%d %d %.4f %.4f %d\n", l + 1, k + 1, mean, equal, count);
            }
        }
        printf("\n");
    }
}

/* One image: its class, the prediction if it is another, and where it comes from. */
static void write_rollout_of(FILE *file, const Model *m, int index, int prediction,
                             const double *patches) {
    const ImageSet *set = &m->dataset->test;
    const int label = set->labels[index], P = m->c.patch;
    double max = 0;
    for (int j = 0; j < vit_patches(&m->c); j++) {
        max = patches[j] > max ? patches[j] : max;
    }
    dataset_grey(set, index, m->grey);
    fprintf(file, "\"%s\" \"%s\"\n", m->dataset->class_name[label],
            prediction == label ? "" : dataset_class(m->dataset, prediction));
    for (int y = 0; y < set->height; y++) {
        for (int x = 0; x < set->width; x++) {
            const double weight = patches[y / P * m->columns + x / P];
            fprintf(file, "%d %d %.3f %.4f\n", x, y,
                    m->grey[y * set->width + x] / 255.0, max > 0 ? weight / max : 0);
        }
    }
    fprintf(file, "\n\n");
}

static void write_rollout(FILE *file, const Model *m) {
    double *row = m->numbers, *scratch = row + vit_tokens(&m->c);
    for (int k = 0; k < m->dataset->classes && k < ROLLOUT_CLASSES; k++) {
        const int index = gallery_first_of(&m->dataset->test, k);
        Tensor A[VIT_MAX_DEPTH];
        if (index < 0) {
            continue;
        }
        Tensor logits = gallery_forward(m->trainer, m->dataset, index);
        for (int l = 0; l < m->c.depth; l++) {
            A[l] = attention_of(m, l);
        }
        inspect_rollout(A, m->c.depth, row, scratch);
        write_rollout_of(file, m, index, argmax_row(logits, 0), row + 1);
    }
}

/* ---- weights of one image ----------------------------------------------------- */

/* The first test image that the model gets right; the first of all if it gets none. */
static int first_right(const Model *m) {
    const ImageSet *set = &m->dataset->test;
    for (int i = 0; i < set->count; i++) {
        Tensor logits = gallery_forward(m->trainer, m->dataset, i);
        if (argmax_row(logits, 0) == set->labels[i]) {
            return i;
        }
    }
    return 0;
}

static void write_pixels(FILE *file, const Model *m, int index) {
    const ImageSet *set = &m->dataset->test;
    dataset_grey(set, index, m->grey);
    fprintf(file, "\"%s\" %d %d %d\n", m->dataset->class_name[set->labels[index]],
            index, m->c.depth, m->c.block.heads);
    for (int at = 0; at < set->height * set->width; at++) {
        fprintf(file, "%d %d %.4f\n", at % set->width, at / set->width,
                m->grey[at] / 255.0);
    }
    fprintf(file, "\n\n");
}

/* The class token's row [AIAYN fig.3]: what it gives to itself, then to each patch. */
static void write_class_token(FILE *file, const Model *m, int which) {
    const int heads = m->c.block.heads, n = vit_tokens(&m->c);
    const real *a = tensor_row(weights_of(m, which), 0);
    fprintf(file, "%d %d %.6f %.3f\n", which / heads + 1, which % heads + 1,
            (double)a[0], inspect_breadth(a, n));
    for (int j = 0; j < n - 1; j++) {
        fprintf(file, "%d %d %.6f\n", j % m->columns, j / m->columns, (double)a[1 + j]);
    }
    fprintf(file, "\n\n");
}

/* Mean breadth of a head's rows. */
static double breadth_of(const Model *m, int which) {
    const int n = vit_tokens(&m->c);
    double mean = 0;
    for (int i = 0; i < n; i++) {
        mean += inspect_breadth(tensor_row(weights_of(m, which), i), n) / n;
    }
    return mean;
}

/* The whole matrix of one head [AIAYN fig.4]: row i is what token i looks at. */
static void write_head(FILE *file, const Model *m, int which) {
    const int heads = m->c.block.heads, n = vit_tokens(&m->c);
    Tensor A = weights_of(m, which);
    fprintf(file, "%d %d %.3f\n", which / heads + 1, which % heads + 1,
            breadth_of(m, which));
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            fprintf(file, "%d %d %.6f\n", i, j, (double)tensor_row(A, i)[j]);
        }
    }
    fprintf(file, "\n\n");
}

/* And two heads that do different things [AIAYN fig.5]: those whose rows are narrowest
 * and broadest. The last layer's are left out: of their rows the result needs only the
 * class token's. */
static void write_weights(FILE *file, const Model *m) {
    const int heads = m->c.block.heads, depth = m->c.depth;
    const int index = first_right(m);
    gallery_forward(m->trainer, m->dataset, index);
    write_pixels(file, m, index);
    for (int i = 0; i < depth * heads; i++) {
        write_class_token(file, m, i);
    }
    int narrowest = 0, broadest = 0;
    for (int i = 1; i < (depth > 1 ? depth - 1 : 1) * heads; i++) {
        const double breadth = breadth_of(m, i);
        narrowest = breadth < breadth_of(m, narrowest) ? i : narrowest;
        broadest = breadth > breadth_of(m, broadest) ? i : broadest;
    }
    write_head(file, m, narrowest);
    write_head(file, m, broadest);
}

/* ---- all of them ---------------------------------------------------------------- */

typedef enum { ANY, FEW_CLASSES, CLASS_TOKEN, LEARNED_POSITIONS } Need;

static const struct {
    const char *name, *columns;
    void (*write)(FILE *file, const Model *m);
    Need need;
    bool prints; /* on the terminal too; it is also called with file NULL */
} figures[] = {
    {"learning_rates",
     "step, [AIAYN eq.3] for d_model 512 and 4000 steps of warm-up, 512 and 8000, 256 "
     "and 8000; then step, this run's",
     write_rates, ANY, false},
    {"confusion_matrix",
     "label, prediction, images, share of the label's images; and the label's name",
     write_confusion, FEW_CLASSES, false},
    {"patch_filters",
     "component, its share of the variance; x, y, its value (of channel 0, 1, ... in "
     "turn)",
     write_filters, ANY, false},
    {"position_similarity",
     "a block for each patch: its row and column, another's, the cosine of their "
     "positions",
     write_positions, LEARNED_POSITIONS, false},
    {"attention_weights",
     "the image: class, number, layers, heads; x, y, pixel. Then for each head of each "
     "layer, of the class token: layer, head, its weight for itself, breadth; column "
     "and row of a patch, weight. Then two heads: layer, head, mean breadth; i, j, "
     "A_ij",
     write_weights, CLASS_TOKEN, false},
    {"attention_distance",
     "layer, head, mean distance (pixels), the same for equal weights, images",
     write_distances, CLASS_TOKEN, true},
    {"attention_rollout",
     "one block an image: its class and, if it is another, the prediction; x, y, "
     "pixel, rollout / its largest",
     write_rollout, CLASS_TOKEN, false},
};

/* Enough for the figure that takes most: filters (n, n) twice, and n; positions (N, N);
 * a distance for each head; rollout, two rows of all tokens. */
static long numbers_of(const VitConfig *c) {
    const long n = (long)c->channels * c->patch * c->patch, N = vit_patches(c);
    return (2 * n + 1) * n + N * N + 2 * (N + 1) + (long)c->depth * c->block.heads;
}

/* All of them. */
static void write_figures(const Model *m) {
    const bool class_token = m->c.pool == POOL_CLASS;
    const bool places = class_token && m->c.positions == POSITIONS_1D;
    const char *const lacks[] = {
        [FEW_CLASSES] = m->c.classes <= CONFUSION_CLASSES
                            ? NULL
                            : "more than 100 classes are too many to draw.",
        [CLASS_TOKEN] = class_token ? NULL : "this model has no class token.",
        [LEARNED_POSITIONS] =
            places ? NULL
                   : "it needs a class token and a learned vector for each place."};
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        const char *why = lacks[figures[i].need];
        if (why) {
            plot_file_leave_out(figures[i].name, why);
            continue;
        }
        FILE *file = plot_file_open(figures[i].name, figures[i].columns);
        if (file || figures[i].prints) {
            figures[i].write(file, m);
        }
        plot_file_close(file, figures[i].name);
    }
}

bool look(Trainer *t, const Dataset *dataset, const int *predictions, Error *error) {
    const VitConfig *c = &t->settings.model;
    const size_t pixels = (size_t)c->height * (size_t)c->width;
    Model m = {t, dataset, predictions, *c, c->width / c->patch, NULL, NULL, NULL};
    m.numbers =
        allocate((size_t)numbers_of(c) * sizeof(double), "the figures' numbers", error);
    m.row = m.numbers
                ? allocate((size_t)c->classes * sizeof(long), "a row of classes", error)
                : NULL;
    m.grey = m.row ? allocate(pixels, "an image", error) : NULL;
    const bool ok = m.grey != NULL;
    if (ok) {
        write_figures(&m);
    }
    free(m.grey);
    free(m.row);
    free(m.numbers);
    return ok;
}
