/* fine_tune.c: see fine_tune.h. */
#include "chapters/07_pretrained_weights/fine_tuning/fine_tune.h"

#include <string.h>

#include "chapters/07_pretrained_weights/weights/tensors.h"

static PatchGrid grid_of(const VitConfig *c) {
    return (PatchGrid){c->height / c->patch, c->width / c->patch};
}

/* The tensor of this name, or NULL. */
static const Tensor *find(const ModelTensors *tensors, const char *name) {
    for (int i = 0; i < tensors->count; i++) {
        char text[TENSOR_NAME];
        if (strcmp(tensors_name(&tensors->items[i], text), name) == 0) {
            return tensors->items[i].T;
        }
    }
    return NULL;
}

/* The name of position embeddings, and the grids they are moved between: a vector for
 * each patch, or (2d) for each column and each row. */
typedef struct {
    const char *name;
    PatchGrid from, to;
} Positional;

static bool begin_parameter(Tensor T, Tensor old, const char *name,
                            const Positional *positional, Interpolation kind,
                            Error *error) {
    char is[TENSOR_SHAPE_TEXT], was[TENSOR_SHAPE_TEXT];
    for (const Positional *p = positional; p->name; p++) {
        if (strcmp(name, p->name) == 0) {
            return positions_interpolate(old, p->from, T, p->to, kind, error);
        }
    }
    if (!tensor_same_shape(T, old)) {
        return error_set(error, "%s is %s there, and %s for these images", name,
                         tensor_shape_text(old, was), tensor_shape_text(T, is));
    }
    tensor_copy(T, old);
    return true;
}

static bool begin_all(Trainer *to, const ModelTensors *from,
                      const Positional *positional, Interpolation kind, Error *error) {
    for (int i = 0; i < to->list.count; i++) {
        const Parameter *p = &to->list.items[i];
        const Tensor *old = find(from, p->name);
        Tensor T = parameter_in(p, to->weights);
        if (strncmp(p->name, "head.", 5) == 0) {
            tensor_fill(T, 0); /* [ViT 3.2]   a zero-initialised D x K layer */
        } else if (!old) {
            return error_set(error, "there is no %s", p->name);
        } else if (!begin_parameter(T, *old, p->name, positional, kind, error)) {
            return false;
        }
    }
    return true;
}

bool fine_tune_begin(Trainer *to, Pretrained *from, Interpolation kind, Error *error) {
    const PatchGrid old = grid_of(&from->config.vit),
                    new = grid_of(&to->settings.model);
    const Positional positional[] = {
        {"pos_embed", old, new},
        {"pos_embed_x", {1, old.across}, {1, new.across}},
        {"pos_embed_y", {1, old.down}, {1, new.down}},
        {NULL, old, new},
    };
    ModelTensors tensors;
    const bool ok = tensors_list(&tensors, from, error) &&
                    begin_all(to, &tensors, positional, kind, error);
    tensors_free(&tensors);
    return ok;
}

/* ---- what can be trained ---------------------------------------------------- */

bool fine_tune_can(const PretrainedConfig *c, Error *error) {
    const int channels = c->vit.channels;
    if (c->distil_token) {
        return error_set(error, "a distilled model: chapter 5's, which trains it, has "
                                "no second token (dist_token)");
    }
    if (c->reading == READ_NORM_OF_MEAN) {
        return error_set(error, "its head reads the norm of the patches' mean "
                                "(fc_norm): chapter 5's model, which trains it, reads "
                                "the mean of the normed ones");
    }
    if (c->reading == READ_MEAN_OF_NORMED && c->class_token) {
        return error_set(error, "its head reads the patches' mean, and it has a class "
                                "token (cls_token): chapter 5's model, which trains "
                                "it, has one or the other");
    }
    return channels == 1 || channels == DATASET_MAX_CHANNELS ||
           error_set(error, "images of %d channels: those to train on have 1 or %d",
                     channels, DATASET_MAX_CHANNELS);
}

bool fine_tune_pixels(const Recipe *r, double mean[DATASET_MAX_CHANNELS],
                      double deviation[DATASET_MAX_CHANNELS], Error *error) {
    /* (pixel scale - m) / d = (pixel / 255 - m / s) / (d / s)   with s = 255 scale */
    const double s = r->scale == 1.0 / 255 ? 1 : 255 * r->scale;
    for (int c = 0; c < DATASET_MAX_CHANNELS; c++) {
        mean[c] = r->mean[c] / s;
        deviation[c] = r->deviation[c] / s;
        if (!(mean[c] >= 0 && mean[c] <= 1 && deviation[c] >= 1e-9 &&
              deviation[c] <= 1)) {
            return error_set(error,
                             "the recipe of %.100s has mean %g and deviation %g, for "
                             "pixels from 0 to 1: want both from 0 to 1",
                             r->why, mean[c], deviation[c]);
        }
    }
    return true;
}
