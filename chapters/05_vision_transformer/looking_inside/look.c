/* look.c: see look.h. */
#include "chapters/05_vision_transformer/looking_inside/look.h"

#include <stdio.h>
#include <stdlib.h>

#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "chapters/05_vision_transformer/looking_inside/gallery.h"
#include "chapters/05_vision_transformer/looking_inside/inspect.h"
#include "common/lesson/plot_file.h"

enum { DISTANCE_IMAGES = 256 }; /* or as many as there are */

static int columns_of(const VitConfig *c) {
    return c->width / c->patch;
}

/* `count` doubles, freed by the caller. */
static double *doubles(long count, const char *what, Error *error) {
    return allocate((size_t)count * sizeof(double), what, error);
}

/* ---- weights ----------------------------------------------------------------- */

static void write_filters(const VitConfig *c, const double *variance,
                          const double *components) {
    const int pixels = c->patch * c->patch, n = c->channels * pixels;
    FILE *file = plot_file_open("patch_filters",
                                "component, its share of the variance; x, y, its "
                                "value (of channel 0, 1, ... in turn)");
    double all = 0;
    for (int i = 0; i < n; i++) {
        all += variance[i];
    }
    for (int i = 0; file && i < n; i++) {
        for (int k = 0; k < n; k++) {
            const int at = k % pixels;
            fprintf(file, "%d %.6f %d %d %.6f\n", i + 1,
                    all > 0 ? variance[i] / all : 0, at % c->patch, at / c->patch,
                    components[i * n + k]);
        }
        fprintf(file, "\n\n");
    }
    plot_file_close(file, "patch_filters");
}

static bool look_at_filters(const Vit *vit, Error *error) {
    const VitConfig *c = &vit->config;
    const long n = (long)c->channels * c->patch * c->patch;
    double *numbers = doubles((2 * n + 1) * n, "the filters' components", error);
    if (!numbers) {
        return false;
    }
    inspect_filters(vit->embedding.E, numbers, numbers + n * n, numbers + n * n + n);
    write_filters(c, numbers + n * n, numbers + n * n + n);
    free(numbers);
    return true;
}

static bool look_at_positions(const Vit *vit, Error *error) {
    const int N = vit_tokens(&vit->config) - 1, columns = columns_of(&vit->config);
    double *S = doubles((long)N * N, "the positions' similarities", error);
    if (!S) {
        return false;
    }
    inspect_positions(vit->embedding.pos_embed, S);
    FILE *file = plot_file_open("position_similarity",
                                "a block for each patch: its row and column, "
                                "another's, the cosine of their positions");
    for (int i = 0; file && i < N; i++) {
        for (int j = 0; j < N; j++) {
            fprintf(file, "%d %d %d %d %.5f\n", i / columns, i % columns, j / columns,
                    j % columns, S[(long)i * N + j]);
        }
        fprintf(file, "\n\n");
    }
    plot_file_close(file, "position_similarity");
    free(S);
    return true;
}

/* ---- attention --------------------------------------------------------------- */

/* mean[layer * heads + head], over the first images of the test set. */
static int measure_distances(Trainer *t, const Dataset *dataset, double *mean) {
    const VitConfig *c = &t->settings.model;
    const int heads = c->block.heads;
    const int count =
        dataset->test.count < DISTANCE_IMAGES ? dataset->test.count : DISTANCE_IMAGES;
    for (int i = 0; i < count; i++) {
        gallery_forward(t, dataset, i);
        for (int l = 0; l < c->depth; l++) {
            Tensor A = tensor_slice(t->workers[0].activations.blocks[l].attn.A, 0);
            for (int k = 0; k < heads; k++) {
                mean[l * heads + k] +=
                    inspect_distance(tensor_slice(A, k), columns_of(c), c->patch) /
                    count;
            }
        }
    }
    return count;
}

/* What a head would have that looks at all patches alike: the line to compare with. */
static double distance_of_equal_weights(Trainer *t) {
    const VitConfig *c = &t->settings.model;
    Tensor A = tensor_slice(t->workers[0].activations.blocks[0].attn.A, 0);
    tensor_fill(A, 1); /* written over by the next forward pass */
    return inspect_distance(tensor_slice(A, 0), columns_of(c), c->patch);
}

static bool look_at_distances(Trainer *t, const Dataset *dataset, Error *error) {
    const VitConfig *c = &t->settings.model;
    const int heads = c->block.heads;
    double *mean = doubles((long)c->depth * heads, "attention distances", error);
    if (!mean) {
        return false;
    }
    const int count = measure_distances(t, dataset, mean);
    const double equal = distance_of_equal_weights(t);
    FILE *file = plot_file_open("attention_distance",
                                "layer, head, mean distance (pixels), the same for "
                                "equal weights, images");
    printf("mean attention distance in pixels, over %d test images; looking at all "
           "patches\nalike would give %.1f:\n",
           count, equal);
    for (int l = 0; l < c->depth; l++) {
        printf("    layer %d:", l + 1);
        for (int k = 0; k < heads; k++) {
            printf(" %5.1f", mean[l * heads + k]);
            if (file) {
                fprintf(file, "%d %d %.4f %.4f %d\n", l + 1, k + 1, mean[l * heads + k],
                        equal, count);
            }
        }
        printf("\n");
    }
    plot_file_close(file, "attention_distance");
    free(mean);
    return true;
}

static void write_rollout(FILE *file, const Dataset *dataset, int index, int prediction,
                          const VitConfig *c, const double *patches) {
    const ImageSet *set = &dataset->test;
    const unsigned char *pixels =
        set->pixels + (long)index * set->channels * set->height * set->width;
    const int label = set->labels[index];
    double max = 0;
    for (int j = 0; j < vit_tokens(c) - 1; j++) {
        max = patches[j] > max ? patches[j] : max;
    }
    fprintf(file, "\"%s\" \"%s\"\n", dataset->class_name[label],
            prediction == label ? "" : dataset_class(dataset, prediction));
    for (int y = 0; y < set->height; y++) {
        for (int x = 0; x < set->width; x++) {
            const int at = y / c->patch * columns_of(c) + x / c->patch;
            fprintf(file, "%d %d %.3f %.4f\n", x, y, pixels[y * set->width + x] / 255.0,
                    max > 0 ? patches[at] / max : 0);
        }
    }
    fprintf(file, "\n\n");
}

static bool look_at_rollout(Trainer *t, const Dataset *dataset, Error *error) {
    const VitConfig *c = &t->settings.model;
    const int n = vit_tokens(c);
    double *row = doubles(2L * n, "a rollout", error);
    if (!row) {
        return false;
    }
    FILE *file = plot_file_open("attention_rollout",
                                "one block an image: its class and, if it is another, "
                                "the prediction; x, y, pixel, rollout / its largest");
    for (int k = 0; file && k < DATASET_CLASSES; k++) {
        const int index = gallery_first_of(&dataset->test, k);
        Tensor A[VIT_MAX_DEPTH];
        if (index < 0) {
            continue;
        }
        Tensor logits = gallery_forward(t, dataset, index);
        for (int l = 0; l < c->depth; l++) {
            A[l] = tensor_slice(t->workers[0].activations.blocks[l].attn.A, 0);
        }
        inspect_rollout(A, c->depth, row, row + n);
        write_rollout(file, dataset, index, argmax_row(logits, 0), c, row + 1);
    }
    plot_file_close(file, "attention_rollout");
    free(row);
    return true;
}

/* ---- weights of one image ---------------------------------------------------- */

/* The first test image that the model gets right; the first of all if it gets none. */
static int first_right(Trainer *t, const Dataset *dataset) {
    for (int i = 0; i < dataset->test.count; i++) {
        if (argmax_row(gallery_forward(t, dataset, i), 0) == dataset->test.labels[i]) {
            return i;
        }
    }
    return 0;
}

static Tensor weights_of_head(const Trainer *t, int layer, int head) {
    Tensor A = t->workers[0].activations.blocks[layer].attn.A;
    return tensor_slice(tensor_slice(A, 0), head);
}

static void write_pixels(FILE *file, const Dataset *dataset, int index,
                         const VitConfig *c) {
    const ImageSet *set = &dataset->test;
    const long pixels = (long)set->height * set->width;
    const unsigned char *first = set->pixels + index * set->channels * pixels;
    fprintf(file, "\"%s\" %d %d %d\n", dataset->class_name[set->labels[index]], index,
            c->depth, c->block.heads);
    for (int at = 0; at < pixels; at++) {
        fprintf(file, "%d %d %.4f\n", at % set->width, at / set->width,
                first[at] / 255.0);
    }
    fprintf(file, "\n\n");
}

/* The class token's row [AIAYN fig.3]: what it gives to itself, then to each patch. */
static void write_class_token(FILE *file, const Trainer *t, int layer, int head) {
    const VitConfig *c = &t->settings.model;
    const int n = vit_tokens(c);
    const real *a = tensor_row(weights_of_head(t, layer, head), 0);
    fprintf(file, "%d %d %.6f %.3f\n", layer + 1, head + 1, (double)a[0],
            inspect_breadth(a, n));
    for (int j = 0; j < n - 1; j++) {
        fprintf(file, "%d %d %.6f\n", j % columns_of(c), j / columns_of(c),
                (double)a[1 + j]);
    }
    fprintf(file, "\n\n");
}

/* Mean breadth of a head's rows. */
static double breadth_of_head(const Trainer *t, int which) {
    const int heads = t->settings.model.block.heads, n = vit_tokens(&t->settings.model);
    Tensor A = weights_of_head(t, which / heads, which % heads);
    double mean = 0;
    for (int i = 0; i < n; i++) {
        mean += inspect_breadth(tensor_row(A, i), n) / n;
    }
    return mean;
}

/* The whole matrix of one head [AIAYN fig.4]: row i is what token i looks at. */
static void write_head(FILE *file, const Trainer *t, int which) {
    const VitConfig *c = &t->settings.model;
    const int heads = c->block.heads, n = vit_tokens(c);
    Tensor A = weights_of_head(t, which / heads, which % heads);
    fprintf(file, "%d %d %.3f\n", which / heads + 1, which % heads + 1,
            breadth_of_head(t, which));
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            fprintf(file, "%d %d %.6f\n", i, j, (double)tensor_row(A, i)[j]);
        }
    }
    fprintf(file, "\n\n");
}

/* Two heads that do different things [AIAYN fig.5]: those whose rows are narrowest and
 * broadest, as layer * heads + head. Not of the last layer: of its rows the result
 * needs the class token's only. */
static void narrowest_and_broadest(const Trainer *t, int which[2]) {
    const VitConfig *c = &t->settings.model;
    const int layers = c->depth > 1 ? c->depth - 1 : 1;
    which[0] = which[1] = 0;
    for (int i = 1; i < layers * c->block.heads; i++) {
        const double breadth = breadth_of_head(t, i);
        which[0] = breadth < breadth_of_head(t, which[0]) ? i : which[0];
        which[1] = breadth > breadth_of_head(t, which[1]) ? i : which[1];
    }
}

static void look_at_weights(Trainer *t, const Dataset *dataset) {
    const VitConfig *c = &t->settings.model;
    FILE *file = plot_file_open(
        "attention_weights",
        "the image: class, number, layers, heads; x, y, pixel. Then for each head of "
        "each layer, of "
        "the class token: layer, head, its weight for itself, breadth; column and row "
        "of a patch, weight. Then two heads: layer, head, mean breadth; i, j, A_ij");
    if (file) {
        const int index = first_right(t, dataset);
        int which[2] = {0, 0};
        gallery_forward(t, dataset, index);
        write_pixels(file, dataset, index, c);
        for (int i = 0; i < c->depth * c->block.heads; i++) {
            write_class_token(file, t, i / c->block.heads, i % c->block.heads);
        }
        narrowest_and_broadest(t, which);
        write_head(file, t, which[0]);
        write_head(file, t, which[1]);
    }
    plot_file_close(file, "attention_weights");
}

/* ---- the rest ------------------------------------------------------------------ */

static void look_at_confusion(const Dataset *dataset, const Evaluation *e) {
    FILE *file = plot_file_open("confusion_matrix",
                                "label, prediction, images, share of the label's "
                                "images; and the label's name");
    for (int i = 0; file && i < DATASET_CLASSES; i++) {
        long count = 0;
        for (int j = 0; j < DATASET_CLASSES; j++) {
            count += e->confusion[i][j];
        }
        for (int j = 0; j < DATASET_CLASSES; j++) {
            fprintf(file, "%d %d %ld %.5f \"%s\"\n", i, j, e->confusion[i][j],
                    count > 0 ? (double)e->confusion[i][j] / (double)count : 0.0,
                    dataset->class_name[i]);
        }
    }
    plot_file_close(file, "confusion_matrix");
}

static void look_at_rates(const Trainer *t) {
    static const Schedule paper[] = {
        {.kind = SCHEDULE_NOAM, .peak = 1, .warmup = 4000, .D = 512},
        {.kind = SCHEDULE_NOAM, .peak = 1, .warmup = 8000, .D = 512},
        {.kind = SCHEDULE_NOAM, .peak = 1, .warmup = 8000, .D = 256},
    };
    enum { PAPER = sizeof paper / sizeof paper[0], POINTS = 400 };
    FILE *file = plot_file_open(
        "learning_rates", "step, [AIAYN eq.3] for d_model 512 and 4000 steps of "
                          "warm-up, 512 and 8000, 256 and 8000; then step, this run's");
    for (long i = 1; file && i <= POINTS; i++) {
        const long step = i * 100;
        fprintf(file, "%ld", step);
        for (int k = 0; k < PAPER; k++) {
            fprintf(file, " %.8g", schedule_rate(&paper[k], step));
        }
        fprintf(file, "\n");
    }
    if (file) {
        fprintf(file, "\n\n");
    }
    const long total = trainer_total_steps(t);
    for (long i = 1; file && i <= POINTS; i++) {
        const long step = i * total / POINTS > 0 ? i * total / POINTS : 1;
        fprintf(file, "%ld %.8g\n", step, trainer_rate(t, step));
    }
    plot_file_close(file, "learning_rates");
}

bool look(Trainer *t, const Dataset *dataset, const Evaluation *evaluation,
          Error *error) {
    look_at_rates(t);
    look_at_confusion(dataset, evaluation);
    const VitConfig *c = &t->settings.model;
    const bool class_token = c->pool == POOL_CLASS;
    if (!look_at_filters(&t->vit, error)) {
        return false;
    }
    if (!class_token || c->positions != POSITIONS_1D) {
        plot_file_leave_out("position_similarity",
                            "it needs a class token and a learned vector for each "
                            "place.");
    } else if (!look_at_positions(&t->vit, error)) {
        return false;
    }
    if (!class_token) {
        static const char *const of_attention[] = {
            "attention_weights", "attention_distance", "attention_rollout"};
        for (int i = 0; i < 3; i++) {
            plot_file_leave_out(of_attention[i], "this model has no class token.");
        }
        return true;
    }
    look_at_weights(t, dataset);
    return look_at_distances(t, dataset, error) && look_at_rollout(t, dataset, error);
}
