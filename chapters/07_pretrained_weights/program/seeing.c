/* seeing.c: see seeing.h. */
#include "chapters/07_pretrained_weights/pictures/picture_tensor.h"
#include "chapters/07_pretrained_weights/program/seeing.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/07_pretrained_weights/weights/load.h"
#include "common/files/regular_file.h"
#include "common/lesson/stopwatch.h"

/* ---- a model, ready -------------------------------------------------------- */

static void lay_out(Arena *arena, void *of_seeing) {
    Seeing *s = of_seeing;
    const VitConfig *c = &s->model.config.vit;
    const int n = pretrained_tokens(&s->model.config);
    s->image = arena_tensor4(arena, 1, c->channels, c->height, c->width);
    s->rollout.R = arena_tensor2(arena, n, n);
    s->rollout.room[0] = arena_tensor2(arena, n, n);
    s->rollout.room[1] = arena_tensor2(arena, n, n);
    s->row = arena_tensor1(arena, n);
    s->weights = arena_tensor2(arena, c->height / c->patch, c->width / c->patch);
}

static bool check_options(const PretrainedConfig *c, const char *path,
                          const SeeingOptions *o, Error *error) {
    if (o->layer > c->vit.depth) {
        return error_set(error, "%.200s has %d blocks: --layer can't be %d", path,
                         c->vit.depth, o->layer);
    }
    if (o->head > c->vit.block.heads) {
        return error_set(error, "%.200s has %d heads: --head can't be %d", path,
                         c->vit.block.heads, o->head);
    }
    return (c->vit.channels == 1 || c->vit.channels == PICTURE_CHANNELS) ||
           error_set(error,
                     "%.200s is for images of %d channels: pictures have 3, or, in "
                     "grey, 1",
                     path, c->vit.channels);
}

bool seeing_open(Seeing *s, const char *path, const SeeingOptions *o, Error *error) {
    *s = (Seeing){.path = path};
    const PretrainedConfig *c = &s->model.config;
    return pretrained_load(&s->model, path, o->heads, error) &&
           check_options(c, path, o, error) &&
           recipe_for(&s->recipe, &s->model, path, o->recipe, error) &&
           (!c->head ||
            labels_for(&s->labels, path, c->vit.classes, o->labels, error)) &&
           pretrained_activations_make(&s->activations, c, 1, error) &&
           arena_make(&s->arena, lay_out, s, "a picture", error);
}

void seeing_free(Seeing *s) {
    arena_free(&s->arena);
    pretrained_activations_free(&s->activations);
    labels_free(&s->labels);
    pretrained_free(&s->model);
}

/* ---- about it --------------------------------------------------------------- */

static const char *const reads[] = {
    [READ_CLASS] = "the class token",
    [READ_CLASS_AND_DISTIL] = "the class and the distillation token",
    [READ_MEAN_OF_NORMED] = "the mean of all patches, normed before",
    [READ_NORM_OF_MEAN] = "the mean of all patches, normed after",
};

void seeing_print(const Seeing *s) {
    const PretrainedConfig *c = &s->model.config;
    const VitConfig *v = &c->vit;
    char text[RECIPE_TEXT];
    printf("weights: %s, in the names of %s\n", s->path, pretrained_dialect(&s->model));
    printf("model: images of %dx%d, %d patches of %dx%d, %d blocks; D %d, %d heads%s, "
           "MLP %d\n",
           v->width, v->height, vit_patches(v), v->patch, v->patch, v->depth,
           v->block.D, v->block.heads,
           c->heads_assumed ? " (assumed, from the width; or --heads)" : "",
           v->block.M);
    printf("       epsilon %g; it reads %s", c->epsilon, reads[c->reading]);
    if (c->pre_logits > 0) {
        printf(", through a hidden layer of %d", c->pre_logits);
    }
    if (c->head) {
        printf("; %d classes\n", v->classes);
    } else {
        printf("; it has no head\n");
    }
    printf("recipe: %s (%s): %s\n", s->recipe.name, s->recipe.why,
           recipe_text(&s->recipe, text));
    if (c->head) {
        printf("labels: %s%s%s\n",
               s->labels.count > 0 ? s->labels.from : "none, classes by their numbers",
               s->labels.note[0] ? "; " : "", s->labels.note);
    }
}

/* ---- a picture ---------------------------------------------------------------- */

static bool is_finite(Tensor T) {
    for (long i = 0; i < tensor_count(T); i++) {
        if (!isfinite(T.data[i])) {
            return false;
        }
    }
    return true;
}

bool seeing_prepare(const Recipe *recipe, const char *path, Tensor image, Picture *seen,
                    Error *error) {
    Picture photo = {0};
    Error why;
    *seen = (Picture){0};
    if (!picture_read(&photo, path, error)) {
        return false;
    }
    const bool fits = picture_fit(&photo, recipe, seen, &why);
    picture_free(&photo);
    if (!fits) {
        return error_set(error, "%.200s: %.250s", path, why.text);
    }
    picture_to_tensor(seen, recipe, image);
    return true;
}

bool seeing_look(Seeing *s, const char *path, Picture *seen, Error *error) {
    const double start = stopwatch_ms();
    if (!seeing_prepare(&s->recipe, path, tensor_slice(s->image, 0), seen, error)) {
        return false;
    }
    s->prepare_ms = stopwatch_ms() - start;
    pretrained_forward(&s->model, s->image, &s->activations);
    const bool head = s->model.config.head;
    if (!is_finite(head ? s->activations.logits : s->activations.y)) {
        picture_free(seen);
        return error_set(error,
                         "%.200s: what the model makes of it isn't finite: are these "
                         "weights whole, and is the recipe theirs?",
                         path);
    }
    return true;
}

void seeing_print_classes(const Seeing *s, int top) {
    const int K = s->model.config.vit.classes;
    const real *logits = s->activations.logits.data;
    double max = (double)logits[0], sum = 0, below = (double)INFINITY;
    int below_class = -1;
    for (int k = 0; k < K; k++) {
        max = fmax(max, (double)logits[k]);
    }
    for (int k = 0; k < K; k++) {
        sum += exp((double)logits[k] - max);
    }
    for (int i = 0; i < top && i < K; i++) {
        int best = -1; /* the largest that wasn't printed; of equals the first */
        for (int k = 0; k < K; k++) {
            const double x = (double)logits[k];
            const bool left = x < below || (x == below && k > below_class);
            if (left && (best < 0 || x > (double)logits[best])) {
                best = k;
            }
        }
        char text[LABEL_TEXT];
        below = (double)logits[best];
        below_class = best;
        printf("  %.4f  %5d  %s\n", exp(below - max) / sum, best,
               labels_name(&s->labels, best, text));
    }
}

Tensor seeing_attention(Seeing *s, int layer, int head) {
    const PretrainedConfig *c = &s->model.config;
    const int L = c->vit.depth, n = pretrained_tokens(c), h = c->vit.block.heads;
    Tensor from = s->rollout.R, all = tensor1(s->weights.data, vit_patches(&c->vit));
    if (layer == 0) {
        Tensor A[VIT_MAX_DEPTH];
        for (int l = 0; l < L; l++) {
            A[l] = tensor_slice(s->activations.A[l], 0);
        }
        rollout(A, L, &s->rollout);
    } else {
        Tensor A = tensor_slice(s->activations.A[layer - 1], 0);
        tensor_fill(from, 0);
        for (int i = 0; i < h; i++) {
            if (head == 0 || head == i + 1) {
                tensor_add(from, tensor_slice(A, i)); /* a sum: the largest becomes 1 */
            }
        }
    }
    rollout_rows(from, pretrained_first_patch(c), s->row.data);
    rollout_of_patches(s->row.data, n, all);
    return s->weights;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double seeing_time(Seeing *s, int *times) {
    enum { MOST = 101, FEWEST = 7, BUDGET_MS = 3000 };
    double ms[MOST];
    const double start = stopwatch_ms();
    *times = 0;
    while (*times < FEWEST || (*times < MOST && stopwatch_ms() - start < BUDGET_MS)) {
        const double before = stopwatch_ms();
        pretrained_forward(&s->model, s->image, &s->activations);
        ms[(*times)++] = stopwatch_ms() - before;
    }
    qsort(ms, (size_t)*times, sizeof ms[0], by_size);
    return (ms[(*times - 1) / 2] + ms[*times / 2]) / 2;
}

/* ---- paths -------------------------------------------------------------------- */

/* A path's folder with its slash, and its name without ".jpg": lengths in bytes. */
typedef struct {
    int folder, stem;
    const char *name;
} PathParts;

static PathParts parts_of(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    return (PathParts){
        .folder = (int)(name - path),
        .stem = (int)(dot && dot > name ? (size_t)(dot - name) : strlen(name)),
        .name = name};
}

/* Would both be drawn in one file, cat.jpg and cat.png? */
static bool collide(const char *a, const char *b, bool in_one_folder) {
    const PathParts p = parts_of(a), q = parts_of(b);
    return strcmp(a, b) != 0 && p.stem == q.stem &&
           memcmp(p.name, q.name, (size_t)p.stem) == 0 &&
           (in_one_folder ||
            (p.folder == q.folder && memcmp(a, b, (size_t)p.folder) == 0));
}

/* "attention", or "layer3.head5" */
static void drawing_kind(const SeeingOptions *o, char what[40]) {
    if (o->layer == 0) {
        snprintf(what, 40, "attention");
    } else if (o->head == 0) {
        snprintf(what, 40, "layer%d", o->layer);
    } else {
        snprintf(what, 40, "layer%d.head%d", o->layer, o->head);
    }
}

bool seeing_drawing(const char *picture, const SeeingOptions *o,
                    char path[FILE_PATH_BYTES], Error *error) {
    char what[40];
    PathParts parts = parts_of(picture);
    drawing_kind(o, what);
    for (int i = 0; i < o->count; i++) {
        if (collide(picture, o->pictures[i], o->out != NULL)) {
            parts.stem = (int)strlen(parts.name); /* cat.png.attention.png */
        }
    }
    const int folder = o->out ? (int)strlen(o->out) : parts.folder;
    const int length = snprintf(path, FILE_PATH_BYTES, "%.*s%s%.*s.%s.png", folder,
                                o->out ? o->out : picture, o->out ? "/" : "",
                                parts.stem, parts.name, what);
    if (length >= FILE_PATH_BYTES) {
        return error_set(error, "%.200s: too long a name for its drawing's", picture);
    }
    for (int i = 0; i < o->count; i++) {
        if (regular_file_same(path, o->pictures[i])) {
            return error_set(error,
                             "%.200s would be drawn over %.200s, which is one of the "
                             "pictures: --out DIR draws elsewhere",
                             picture, o->pictures[i]);
        }
    }
    return true;
}

static bool ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

bool weights_default(char path[FILE_PATH_BYTES], Error *error) {
    int found = 0;
    DIR *folder = opendir("data/weights");
    path[0] = '\0';
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        const char *name = entry->d_name;
        if (name[0] != '.' &&
            (ends_with(name, ".safetensors") || ends_with(name, ".npz"))) {
            snprintf(path, FILE_PATH_BYTES, "data/weights/%s", name);
            found++;
        }
    }
    if (folder) {
        closedir(folder);
    }
    if (found == 0) {
        return error_set(error, "no weights: put a file of them into data/weights, or "
                                "name it: --weights FILE; none is fetched");
    }
    return found == 1 || error_set(error,
                                   "data/weights has %d files of weights: --weights "
                                   "FILE says which",
                                   found);
}
