/* fine_tune.c: see fine_tune.h. */
#include "chapters/07_pretrained_weights/fine_tuning/fine_tune.h"

#include <string.h>

static PatchGrid grid_of(const VitConfig *c) {
    return (PatchGrid){c->height / c->patch, c->width / c->patch};
}

/* The parameter of this name, or NULL. */
static const Parameter *find(const ParameterList *list, const char *name) {
    for (int i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return &list->items[i];
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

bool fine_tune_begin(Trainer *to, const Trainer *from, Interpolation kind,
                     Error *error) {
    const PatchGrid old = grid_of(&from->settings.model),
                    new = grid_of(&to->settings.model);
    const Positional positional[] = {
        {"pos_embed", old, new},
        {"pos_embed_x", {1, old.across}, {1, new.across}},
        {"pos_embed_y", {1, old.down}, {1, new.down}},
        {NULL, old, new},
    };
    for (int i = 0; i < to->list.count; i++) {
        const Parameter *p = &to->list.items[i], *q = find(&from->list, p->name);
        Tensor T = parameter_in(p, to->weights);
        if (strncmp(p->name, "head.", 5) == 0) {
            tensor_fill(T, 0); /* [ViT 3.2]   a zero-initialised D x K layer */
        } else if (!q) {
            return error_set(error, "there is no %s", p->name);
        } else if (!begin_parameter(T, parameter_in(q, from->weights), p->name,
                                    positional, kind, error)) {
            return false;
        }
    }
    return true;
}
