/* names.c: see names.h. */
#include "chapters/07_pretrained_weights/weights/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/model/vit.h"
#include "chapters/07_pretrained_weights/weights/transform.h"

/* ---- one name --------------------------------------------------------- */

static bool begins_with(const char *text, const char *word) {
    return strncmp(text, word, strlen(word)) == 0;
}

/* The name without what may stand before it: "module.vit.classifier.bias" is
 * "classifier.bias". */
static const char *bare_name(const Dialect *dialect, const char *name) {
    for (int i = 0; i < 6 && dialect->prefixes[i]; i++) {
        if (begins_with(name, dialect->prefixes[i])) {
            name += strlen(dialect->prefixes[i]);
            i = -1; /* they may be stacked: from the first again */
        }
    }
    return name;
}

/* "layers.12.norm1.bias" begins with "layers.%d.": its block is 12, and its name there
 * "norm1.bias", is returned; NULL: it doesn't. */
static const char *name_in_block(const char *name, const char *prefix, int *block) {
    const size_t before = (size_t)(strchr(prefix, '%') - prefix);
    const char *after = prefix + before + 2;
    if (strncmp(name, prefix, before) != 0) {
        return NULL;
    }
    const char *digits = name + before;
    const size_t length = strspn(digits, "0123456789");
    if (length == 0 || length > 4 || (length > 1 && digits[0] == '0') ||
        !begins_with(digits + length, after)) {
        return NULL;
    }
    *block = (int)strtol(digits, NULL, 10);
    return digits + length + strlen(after);
}

static bool matches(const char *pattern, const char *name) {
    const size_t length = strlen(pattern);
    return pattern[length - 1] == '*' ? strncmp(name, pattern, length - 1) == 0
                                      : strcmp(name, pattern) == 0;
}

static const DialectRow *row_of(const DialectRow *rows, const char *name) {
    while (rows->theirs && !matches(rows->theirs, name)) {
        rows++;
    }
    return rows->theirs ? rows : NULL;
}

/* The row of this bare name; NULL if the dialect has none. */
static const DialectRow *find_row(const Dialect *dialect, const char *name,
                                  int *block) {
    *block = NO_BLOCK;
    for (int i = 0; i < 3 && dialect->blocks[i]; i++) {
        const char *rest = name_in_block(name, dialect->blocks[i], block);
        if (rest) {
            return row_of(dialect->block, rest);
        }
    }
    return row_of(dialect->model, name);
}

/* ---- all of a file's -------------------------------------------------- */

/* The dialect whose sign is among the names; NULL if none is. */
static const Dialect *dialect_of(const Arrays *file) {
    for (const Dialect *d = dialects; d->name; d++) {
        for (int i = 0; i < arrays_count(file); i++) {
            if (strcmp(bare_name(d, arrays_get(file, i)->name), d->sign) == 0) {
                return d;
            }
        }
    }
    return NULL;
}

static bool no_dialect(const Arrays *file, Error *error) {
    return error_set(error,
                     "%s: no ViT of a known dialect (timm, transformers, torchvision, "
                     "the authors' JAX): none has the names %s, ...",
                     arrays_path(file),
                     arrays_count(file) > 0 ? arrays_get(file, 0)->name
                                            : "of a file without arrays");
}

/* Whole numbers are no weights: the places of patches (position_ids), or how many
 * batches there were. What a model of another kind is known by isn't one of these. */
static bool is_counter(const Names *names, const Array *array) {
    return arrays_is_whole(array) &&
           !foreign_find(bare_name(names->dialect, array->name));
}

static bool has_no_place(const Names *names, const Array *array, Error *error) {
    const char *path = arrays_path(names->file);
    const Foreign *foreign = foreign_find(bare_name(names->dialect, array->name));
    if (foreign) {
        return error_set(error,
                         "%s: %s (names of %s): a model with %s, which isn't read",
                         path, array->name, names->dialect->name, foreign->means);
    }
    return error_set(error, "%s: %s has no place in a ViT (names of %s)", path,
                     array->name, names->dialect->name);
}

/* Two names of one tensor, or one with two prefixes. */
static bool check_twice(const Names *names, const Place *place, Error *error) {
    const DialectRow *row = place->row;
    const Place *other = names_find(names, row->ours, place->block, row->part);
    return !other || error_set(error, "%s: %s and %s are the same tensor (names of %s)",
                               arrays_path(names->file), other->array->name,
                               place->array->name, names->dialect->name);
}

static bool add_place(Names *names, const Array *array, Error *error) {
    Place place = {.array = array};
    place.row =
        find_row(names->dialect, bare_name(names->dialect, array->name), &place.block);
    if (!place.row) {
        return is_counter(names, array) || has_no_place(names, array, error);
    }
    if (!place.row->ours) {
        return true;
    }
    if (place.block >= VIT_MAX_DEPTH) {
        return error_set(error, "%s: %s: more than %d blocks aren't read",
                         arrays_path(names->file), array->name, VIT_MAX_DEPTH);
    }
    if (!check_twice(names, &place, error)) {
        return false;
    }
    names->places[names->count++] = place;
    names->depth = place.block >= names->depth ? place.block + 1 : names->depth;
    return true;
}

bool names_recognise(Names *names, const Arrays *file, Error *error) {
    const int count = arrays_count(file);
    *names = (Names){.file = file, .dialect = dialect_of(file)};
    if (!names->dialect) {
        return no_dialect(file, error);
    }
    names->places = allocate((size_t)count * sizeof(Place), "a list of names", error);
    bool ok = names->places != NULL;
    for (int i = 0; ok && i < count; i++) {
        ok = add_place(names, arrays_get(file, i), error);
    }
    if (!ok) {
        names_free(names);
    }
    return ok;
}

void names_free(Names *names) {
    free(names->places);
    *names = (Names){0};
}

const Place *names_find(const Names *names, const char *ours, int block, Part part) {
    for (int i = 0; i < names->count; i++) {
        const Place *p = &names->places[i];
        if (p->block == block && p->row->part == part &&
            strcmp(p->row->ours, ours) == 0) {
            return p;
        }
    }
    return NULL;
}

Tensor names_shape(const Names *names, const char *ours, int block, Part part) {
    const Place *place = names_find(names, ours, block, part);
    Tensor shape = {0};
    if (place && !transform_shape(place->row->change, place->array, &shape)) {
        shape = (Tensor){0};
    }
    return shape;
}
