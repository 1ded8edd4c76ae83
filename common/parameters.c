/* parameters.c: see parameters.h. */
#include "common/parameters.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

Tensor parameter_shaped(ParameterBlock *block, Decay decay, Tensor shape,
                        const char *format, ...) {
    shape.data = block->data ? block->data + block->used : NULL;
    if (block->list) {
        Parameter *p = &block->list->items[block->count];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(p->name, sizeof p->name, format, arguments);
        va_end(arguments);
        p->decay = decay;
        p->shape = shape;
        p->offset = block->used;
    }
    block->used += tensor_count(shape);
    block->count++;
    return shape;
}

bool parameters_list(ParameterList *list, ParameterLayout *layout, void *model,
                     Error *error) {
    *list = (ParameterList){0};
    ParameterBlock counted = {0};
    layout(&counted, model);
    list->items =
        allocate((size_t)counted.count * sizeof(Parameter), "parameter list", error);
    if (!list->items) {
        return false;
    }
    ParameterBlock named = {.list = list};
    layout(&named, model);
    list->count = named.count;
    list->total = named.used;
    return true;
}

void parameters_list_free(ParameterList *list) {
    free(list->items);
    *list = (ParameterList){0};
}

void parameters_view(const ParameterList *list, ParameterLayout *layout, void *model,
                     real *data) {
    ParameterBlock block = {.data = data};
    layout(&block, model);
    if (block.used != list->total) {
        bug("parameters_view: the layout has %ld numbers, the list %ld", block.used,
            list->total);
    }
}

Tensor parameter_in(const Parameter *p, real *block) {
    Tensor T = p->shape;
    T.data = block + p->offset;
    return T;
}
