/* load.c: see load.h. */
#include "chapters/07_pretrained_weights/weights/load.h"

#include <stdlib.h>
#include <string.h>

#include "chapters/07_pretrained_weights/weights/geometry.h"
#include "chapters/07_pretrained_weights/weights/tensors.h"
#include "chapters/07_pretrained_weights/weights/transform.h"

typedef struct {
    Names names;
    ModelTensors tensors;
    real *scratch; /* an array before its change; as long as the longest that has one */
    Error *error;
} Load;

/* ---- which arrays a tensor is made of --------------------------------- */

/* What this part's shape is to be. */
static Tensor shape_of_part(Tensor T, Part part) {
    T.shape[0] /= part == WHOLE ? 1 : 3;
    return T;
}

/* Its parts, in places; how many: 1, 3, or, if one is missing, 0. */
static int places_of(const Load *load, const ModelTensor *t, const Place *places[3]) {
    places[0] = names_find(&load->names, t->name, t->block, WHOLE);
    if (places[0]) {
        return 1;
    }
    int found = 0;
    for (int i = 0; i < 3; i++) {
        places[i] = names_find(&load->names, t->name, t->block, (Part)(QUERY + i));
        found += places[i] != NULL;
    }
    return found == 3 ? 3 : 0;
}

/* A model without biases for its queries, keys and values has none in any block: they
 * are 0. */
static bool may_be_missing(const Load *load, const ModelTensor *t) {
    if (strcmp(t->name, "attn.qkv.bias") != 0) {
        return false;
    }
    for (int i = 0; i < load->names.count; i++) {
        if (strcmp(load->names.places[i].row->ours, t->name) == 0) {
            return false;
        }
    }
    return true;
}

/* The first row of the dialect's that is this tensor, or a part of it, and isn't among
 * the file's names. */
static const DialectRow *missing_row(const Load *load, const ModelTensor *t) {
    const Dialect *d = load->names.dialect;
    const DialectRow *row = t->block == NO_BLOCK ? d->model : d->block;
    while (row->theirs && !(row->ours && strcmp(row->ours, t->name) == 0 &&
                            !names_find(&load->names, t->name, t->block, row->part))) {
        row++;
    }
    return row;
}

static bool is_missing(const Load *load, const ModelTensor *t) {
    char name[TENSOR_NAME];
    const char *theirs = missing_row(load, t)->theirs;
    return error_set(load->error, "%s: %s is missing: there is no %s%s (names of %s)",
                     arrays_path(load->names.file), tensors_name(t, name),
                     t->block == NO_BLOCK ? "" : "...", theirs ? theirs : "such tensor",
                     load->names.dialect->name);
}

/* The class token has no position in models that add positions before it is there
 * (big_vision; timm's no_embed_class): then there are as many as patches. */
static bool lacks_class_position(const Pretrained *model, const ModelTensor *t,
                                 const Tensor *shape) {
    return strcmp(t->name, "pos_embed") == 0 && t->block == NO_BLOCK &&
           pretrained_first_patch(&model->config) == 1 && shape->ndim == 3 &&
           shape->shape[1] == vit_patches(&model->config.vit);
}

/* ---- types and shapes --------------------------------------------------- */

static bool check_type(const Load *load, const Place *place) {
    return place->array->type != ARRAY_OTHER ||
           error_set(load->error,
                     "%s: %s (names of %s) is of type %s: only floats of 16, 32 and 64 "
                     "bits, the lowest byte first, are read",
                     arrays_path(load->names.file), place->array->name,
                     load->names.dialect->name, place->array->kind);
}

static bool wrong_shape(const Load *load, const ModelTensor *t, const Place *place,
                        Tensor want) {
    char name[TENSOR_NAME], is[ARRAY_SHAPE_TEXT], wanted[TENSOR_SHAPE_TEXT];
    return error_set(load->error,
                     "%s: %s is %s (names of %s): it can't be %s%s, which is %s here",
                     arrays_path(load->names.file), place->array->name,
                     arrays_shape_text(place->array, is), load->names.dialect->name,
                     place->row->part == WHOLE ? "" : "a third of ",
                     tensors_name(t, name), tensor_shape_text(want, wanted));
}

/* In JAX's kernels the heads are a dimension: as many in every block. */
static bool check_heads(const Load *load, const Place *place, int heads) {
    const Change change = place->row->change;
    const int *shape = place->array->shape;
    const bool in_front = change == HEADS_OUT || change == HEADS_BIAS;
    if ((!in_front && change != HEADS_IN) || shape[in_front ? 0 : 1] == heads) {
        return true;
    }
    return error_set(load->error, "%s: %s is of %d heads, the first block of %d",
                     arrays_path(load->names.file), place->array->name,
                     shape[in_front ? 0 : 1], heads);
}

/* All types are known, and all shapes as the config says; before anything is read. */
static bool check_shapes(const Load *load, const Pretrained *model,
                         const ModelTensor *t) {
    const Place *places[3];
    const int count = places_of(load, t, places);
    if (count == 0) {
        return may_be_missing(load, t) || is_missing(load, t);
    }
    for (int i = 0; i < count; i++) {
        Tensor shape, want = shape_of_part(*t->T, places[i]->row->part);
        if (!check_type(load, places[i])) {
            return false;
        }
        if (!transform_shape(places[i]->row->change, places[i]->array, &shape) ||
            !(tensor_same_shape(shape, want) ||
              lacks_class_position(model, t, &shape))) {
            return wrong_shape(load, t, places[i], want);
        }
        if (!check_heads(load, places[i], model->config.vit.block.heads)) {
            return false;
        }
    }
    return true;
}

/* What no tensor of ours is made of: a head's bias without a head, say. */
static bool check_spare(const Load *load) {
    for (int i = 0; i < load->names.count; i++) {
        const Place *p = &load->names.places[i];
        bool wanted = false;
        for (int k = 0; !wanted && k < load->tensors.count; k++) {
            const ModelTensor *t = &load->tensors.items[k];
            wanted = t->block == p->block && strcmp(t->name, p->row->ours) == 0;
        }
        if (!wanted) {
            return error_set(load->error,
                             "%s: %s has no place in this model (names of %s)",
                             arrays_path(load->names.file), p->array->name,
                             load->names.dialect->name);
        }
    }
    return true;
}

/* ---- elements --------------------------------------------------------- */

/* Where the file has it, if it can be used there. */
static const real *view_of(const Load *load, const ModelTensor *t) {
    const Place *places[3];
    if (places_of(load, t, places) != 1 || transform_moves(places[0]->row->change) ||
        places[0]->array->count != tensor_count(*t->T)) {
        return NULL;
    }
    return arrays_view(load->names.file, places[0]->array);
}

/* T's elements from one array. */
static bool fill(const Load *load, const Place *place, Tensor T) {
    const Arrays *file = load->names.file;
    const Array *array = place->array;
    real *tail = T.data + (tensor_count(T) - array->count);
    if (!transform_moves(place->row->change)) { /* positions: the patches', behind 0s */
        return arrays_read(file, array, tail, load->error);
    }
    if (!arrays_read(file, array, load->scratch, load->error)) {
        return false;
    }
    transform(place->row->change, array, load->scratch, T);
    return true;
}

/* One tensor: viewed, or into *memory, which moves on. */
static bool load_tensor(const Load *load, const ModelTensor *t, real **memory) {
    const Place *places[3];
    const int count = places_of(load, t, places);
    const real *view = view_of(load, t);
    if (view) {
        t->T->data = (real *)view;
        return arrays_check(load->names.file, places[0]->array, view, load->error);
    }
    t->T->data = *memory;
    *memory += tensor_count(*t->T);
    for (int i = 0; i < count; i++) {
        if (!fill(load, places[i], transform_part(*t->T, places[i]->row->part))) {
            return false;
        }
        arrays_release(load->names.file, places[i]->array);
    }
    return true;
}

/* How many elements must be in memory of our own; and the longest array that is changed
 * on its way there. */
static long count_memory(const Load *load, long *longest) {
    long count = 0;
    *longest = 0;
    for (int i = 0; i < load->tensors.count; i++) {
        const ModelTensor *t = &load->tensors.items[i];
        const Place *places[3];
        const int parts = places_of(load, t, places);
        count += view_of(load, t) ? 0 : tensor_count(*t->T);
        for (int k = 0; k < parts; k++) {
            const bool longer = transform_moves(places[k]->row->change) &&
                                places[k]->array->count > *longest;
            *longest = longer ? places[k]->array->count : *longest;
        }
    }
    return count;
}

static bool load_tensors(Load *load, Pretrained *model) {
    bool ok = check_spare(load);
    for (int i = 0; ok && i < load->tensors.count; i++) {
        ok = check_shapes(load, model, &load->tensors.items[i]);
    }
    if (!ok) {
        return false;
    }
    long longest;
    const long count = count_memory(load, &longest);
    real *memory = model->memory =
        allocate((size_t)count * sizeof(real), "weights", load->error);
    load->scratch =
        memory ? allocate((size_t)longest * sizeof(real), "an array", load->error)
               : NULL;
    ok = load->scratch != NULL;
    for (int i = 0; ok && i < load->tensors.count; i++) {
        ok = load_tensor(load, &load->tensors.items[i], &memory);
    }
    free(load->scratch);
    return ok;
}

/* ---- all -------------------------------------------------------------- */

static bool load_named(Pretrained *model, Load *load, int heads, Error *error) {
    Said said;
    return said_read(&said, load->names.file, error) &&
           geometry_find(&model->config, &load->names, &said, heads, error) &&
           tensors_shape(&load->tensors, model, error) && load_tensors(load, model);
}

bool pretrained_from(Pretrained *model, Arrays *file, int heads, Error *error) {
    Load load = {.error = error};
    *model = (Pretrained){.file = file};
    bool ok = names_recognise(&load.names, file, error);
    if (ok) {
        model->dialect = load.names.dialect->name;
        ok = load_named(model, &load, heads, error);
    }
    tensors_free(&load.tensors);
    names_free(&load.names);
    if (!ok) {
        pretrained_free(model);
        *model = (Pretrained){.memory = NULL};
    }
    return ok;
}

bool pretrained_load(Pretrained *model, const char *path, int heads, Error *error) {
    Arrays *file = arrays_open(path, error);
    *model = (Pretrained){.memory = NULL};
    return file && pretrained_from(model, file, heads, error);
}

const char *pretrained_dialect(const Pretrained *model) {
    return model->dialect;
}
