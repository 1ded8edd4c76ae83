/* look_at.c: see look_at.h. */
#include "chapters/07_pretrained_weights/program/look_at.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "chapters/07_pretrained_weights/pictures/overlay.h"
#include "chapters/07_pretrained_weights/program/features.h"
#include "chapters/07_pretrained_weights/program/score.h"
#include "chapters/07_pretrained_weights/program/seeing.h"
#include "chapters/07_pretrained_weights/weights/export.h"
#include "common/files/regular_file.h"
#include "common/lesson/output.h"
#include "common/lesson/stopwatch.h"
#include "common/matmul.h"

/* Attention over what the model saw, as a PNG. */
static bool draw(Seeing *seeing, const SeeingOptions *o, const char *picture,
                 const Picture *seen, Error *error) {
    char path[FILE_PATH_BYTES];
    Picture drawn = {0};
    if (!seeing_drawing(picture, o, path, error)) {
        return false;
    }
    Tensor weights = seeing_attention(seeing, o->layer, o->head);
    const bool ok = overlay_draw(seen, weights, &drawn, error) &&
                    picture_write(&drawn, path, error);
    picture_free(&drawn);
    if (!ok) {
        return false;
    }
    if (o->layer == 0) {
        printf("  attention rollout: %s\n", path);
    } else if (o->head == 0) {
        printf("  attention of block %d: %s\n", o->layer, path);
    } else {
        printf("  attention of block %d, head %d: %s\n", o->layer, o->head, path);
    }
    return true;
}

static bool look_at_one(Seeing *seeing, const SeeingOptions *o, const char *picture,
                        Error *error) {
    Picture seen;
    if (!seeing_look(seeing, picture, &seen, error)) {
        return false;
    }
    printf("\n%s\n", picture);
    if (seeing->model.config.head) {
        seeing_print_classes(seeing, o->top);
    }
    const bool ok = draw(seeing, o, picture, &seen, error);
    picture_free(&seen);
    return ok;
}

static int threads(void) {
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

/* All pictures; returns how many failed. A row of Y for each. */
static int look_at_all(const char *program, Seeing *seeing, const SeeingOptions *o,
                       Tensor Y) {
    int failed = 0;
    Error error;
    for (int i = 0; i < o->count; i++) {
        if (!look_at_one(seeing, o, o->pictures[i], &error)) {
            output_error(program, 1, "%s", error.text);
            failed++;
        } else if (Y.data) {
            tensor_copy(tensor_slice(Y, i), tensor_slice(seeing->activations.y, 0));
        }
    }
    if (o->time && failed < o->count) {
        int times;
        const double ms = seeing_time(seeing, &times);
        printf(
            "\nlatency: %.1f ms, the median of %d warm passes on %d thread%s; file to "
            "tensor %.1f ms\n",
            ms, times, threads(), threads() == 1 ? "" : "s", seeing->prepare_ms);
    }
    if (failed > 0 && o->count > 1) {
        printf("\n%d of %d pictures were not looked at\n", failed, o->count);
    }
    return failed;
}

/* What this would be written over: what is read, or a drawing; NULL: nothing of
 * these. */
static const char *written_over(const char *path, const Seeing *seeing,
                                const SeeingOptions *o) {
    if (regular_file_same(path, seeing->path)) {
        return "the weights are read from it";
    }
    if (o->labels && regular_file_same(path, o->labels)) {
        return "the names of the classes are read from it";
    }
    for (int i = 0; i < o->count; i++) {
        char drawing[FILE_PATH_BYTES];
        Error ignored;
        if (regular_file_same(path, o->pictures[i])) {
            return "it is one of the pictures";
        }
        if (seeing_drawing(o->pictures[i], o, drawing, &ignored) &&
            regular_file_same(path, drawing)) {
            return "it is where a picture is drawn";
        }
    }
    return NULL;
}

/* --export and --features; before anything is written. */
static bool check_outputs(const Seeing *seeing, const SeeingOptions *o, Error *error) {
    const char *const outputs[] = {o->export_to, o->features};
    for (int i = 0; i < 2; i++) {
        const char *why = outputs[i] ? written_over(outputs[i], seeing, o) : NULL;
        if (why) {
            return error_set(error, "%.300s: can't be written: %s; give another name",
                             outputs[i], why);
        }
    }
    return !(o->export_to && o->features &&
             regular_file_same(o->export_to, o->features)) ||
           error_set(error, "%.300s: --export and --features can't both write it",
                     o->features);
}

static bool export_to(Seeing *seeing, const char *path, Error *error) {
    const VitConfig *c = &seeing->model.config.vit;
    PictureTexts pictures;
    recipe_texts(&seeing->recipe, c->height, c->width, &pictures);
    if (!pretrained_export(&seeing->model, path, &pictures, error)) {
        return false;
    }
    printf("exported: %s\n", path);
    return true;
}

/* What a picture costs. */
static void print_costs(const Seeing *seeing) {
    const double bytes = (double)seeing->activations.arena.capacity * sizeof(real);
    printf("a picture: %.2f GFLOP, %.1f MB of activations\n",
           1e-9 * vit_forward_flops(&seeing->model.config.vit), 1e-6 * bytes);
}

/* Packing all weights takes about as long as packing them in one pass. */
enum { WORTH_PREPACKING = 3 };

/* The pictures, and what is to be written of them; false: an error, or some failed. */
static bool run(const char *program, Seeing *seeing, const SeeingOptions *o,
                bool *failed, Error *error) {
    Tensor Y = {.data = NULL};
    const int D = seeing->model.config.vit.block.D;
    if (!check_outputs(seeing, o, error)) {
        return false;
    }
    if (o->export_to && !export_to(seeing, o->export_to, error)) {
        return false;
    }
    if (o->score || o->time || o->count >= WORTH_PREPACKING) {
        pretrained_prepack(&seeing->model);
    }
    if (o->score) {
        Score score;
        printf("\n");
        if (!score_folder(program, seeing, o->score, o->top, &score, error)) {
            return false;
        }
        score_print(&score, o->top);
        *failed = score.skipped > 0;
        return true;
    }
    if (o->features) {
        const size_t bytes = (size_t)o->count * (size_t)D * sizeof(real);
        Y = tensor2(allocate(bytes, "features", error), o->count, D);
        if (!Y.data || !new_file_possible(o->features, error)) {
            free(Y.data);
            return false;
        }
    }
    *failed = look_at_all(program, seeing, o, Y) > 0;
    bool ok = true;
    if (o->features && *failed) {
        ok = error_set(error, "%.200s isn't written: it would lack rows", o->features);
    } else if (o->features) {
        ok = features_write(o->features, Y, error);
    }
    if (ok && o->features && !*failed) {
        printf("\nfeatures: %s, %dx%d\n", o->features, o->count, D);
    }
    free(Y.data);
    return ok;
}

static int no_weights(const char *program, const char *why) {
    output_error(program, 1, "%s", why);
    return output_error(program, 1,
                        "for example model.safetensors of timm's vit_base_patch16_224, "
                        "of google/vit-base-patch16-224 or facebook/deit-small-"
                        "patch16-224, or ViT-B_16.npz of the authors");
}

int look_at(const char *program, const SeeingOptions *o) {
    static Seeing seeing;
    char path[FILE_PATH_BYTES];
    Error error;
    bool failed = false;
    if (!o->weights && !weights_default(path, &error)) {
        return path[0] ? output_error(program, 1, "%s", error.text)
                       : no_weights(program, error.text);
    }
    const double start = stopwatch_ms();
    bool ok = seeing_open(&seeing, o->weights ? o->weights : path, o, &error);
    if (ok) {
        seeing_print(&seeing);
        printf("loaded in %.0f ms\n", stopwatch_ms() - start);
        if (o->describe) {
            print_costs(&seeing);
        }
        ok = run(program, &seeing, o, &failed, &error);
    }
    matmul_forget_prepacked();
    seeing_free(&seeing);
    if (!ok) {
        return output_error(program, 1, "%s", error.text);
    }
    return output_end(program, failed ? 1 : 0);
}
