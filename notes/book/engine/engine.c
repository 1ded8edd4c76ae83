/* engine.c: the module's exports; see engine.h, and site/engine.js, which calls it. */
#include "notes/book/engine/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const EngineSubject *const subjects[] = {
    &gradcheck_subject,
#ifndef REAL_IS_DOUBLE /* the second module, in double, has nothing else */
    &softmax_subject,   &gelu_subject,    &attention_subject, &scale_subject,
    &heads_subject,     &shuffle_subject, &sinusoids_subject, &block_subject,
    &depth_subject,     &vit_subject,     &train_subject,
#endif
};
enum { SUBJECTS = sizeof subjects / sizeof subjects[0] };

#define EXPORT(function) __attribute__((export_name(#function), used)) function

/* The page writes a name here before each call; afterwards it reads an error here. */
static char text[512];
static Error error;

char *EXPORT(engine_text)(void) {
    return text;
}

const char *EXPORT(engine_error)(void) {
    return error.text;
}

/* "attention.A": its subject, and *name: "A"; NULL and an error if there is none. */
static const EngineSubject *subject_of(const char **name) {
    const char *dot = strchr(text, '.');
    for (int i = 0; dot && i < SUBJECTS; i++) {
        const size_t length = strlen(subjects[i]->name);
        if (length == (size_t)(dot - text) &&
            strncmp(subjects[i]->name, text, length) == 0) {
            *name = dot + 1;
            return subjects[i];
        }
    }
    error_set(&error, "there is no %.60s: no such subject", text);
    return NULL;
}

/* The entry of this name in a list whose entries begin with their name. */
#define FIND(entry, type, list)                                                        \
    const type *entry = NULL;                                                          \
    {                                                                                  \
        const char *name;                                                              \
        const EngineSubject *subject = subject_of(&name);                              \
        entry = subject ? subject->list : NULL;                                        \
        while (entry && entry->name && strcmp(entry->name, name) != 0) {               \
            entry++;                                                                   \
        }                                                                              \
        if (subject && (!entry || !entry->name)) {                                     \
            error_set(&error, "there is no %.60s among the " #list, text);             \
            entry = NULL;                                                              \
        }                                                                              \
    }

/* engine_run: 1, or 0 and an error. */
int EXPORT(engine_run)(void) {
    FIND(function, EngineFunction, functions)
    return function && function->run(&error) ? 1 : 0;
}

/* engine_get: where the number is; NULL if there is none. (A value could be NaN.) */
const double *EXPORT(engine_get)(void) {
    FIND(number, EngineNumber, numbers)
    return number ? number->value : NULL;
}

/* engine_set: 1, or 0 and an error. */
int EXPORT(engine_set)(double value) {
    FIND(number, EngineNumber, numbers)
    if (!number) {
        return 0;
    }
    if (!(value >= number->min && value <= number->max) ||
        (number->whole && value != floor(value))) {
        error_set(&error, "%.60s must be a %snumber from %g to %g, not %g", text,
                  number->whole ? "whole " : "", number->min, number->max, value);
        return 0;
    }
    *number->value = value;
    return 1;
}

/* engine_tensor: {address of the elements, dimensions, shape[4], row distance} as
 * ints; NULL if there is no such tensor, or none yet. */
const int *EXPORT(engine_tensor)(void) {
    static int found[2 + TENSOR_MAX_DIMS + 1];
    FIND(tensor, EngineTensor, tensors)
    if (!tensor) {
        return NULL;
    }
    if (!tensor->T->data) {
        error_set(&error, "%.60s is not there yet: run its function first", text);
        return NULL;
    }
    found[0] = (int)(size_t)tensor->T->data;
    found[1] = tensor->T->ndim;
    memcpy(found + 2, tensor->T->shape, sizeof tensor->T->shape);
    found[2 + TENSOR_MAX_DIMS] = tensor->T->ld;
    return found;
}

/* engine_file: {address, bytes} of a file, as ints; NULL if there is none, or none
 * yet. */
const int *EXPORT(engine_file)(void) {
    static int found[2];
    FIND(file, EngineFile, files)
    if (!file) {
        return NULL;
    }
    if (!*file->bytes) {
        error_set(&error, "%.60s is not there yet", text);
        return NULL;
    }
    found[0] = (int)(size_t)*file->bytes;
    found[1] = (int)*file->count;
    return found;
}

/* engine_put_file: room for `count` bytes of a file, which the page fills; NULL and an
 * error if there is no memory. */
void *EXPORT(engine_put_file)(int count) {
    FIND(file, EngineFile, files)
    unsigned char *bytes = file ? malloc(count > 0 ? (size_t)count : 1) : NULL;
    if (!file) {
        return NULL;
    }
    if (!bytes) {
        error_set(&error, "there is no memory for a file of %d bytes", count);
        return NULL;
    }
    free(*file->bytes);
    *file->bytes = bytes;
    *file->count = (size_t)count;
    return bytes;
}
