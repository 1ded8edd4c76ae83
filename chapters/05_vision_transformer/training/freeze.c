/* freeze.c: see freeze.h. */
#include "chapters/05_vision_transformer/training/freeze.h"

#include <stdio.h>
#include <string.h>

/* Which block a parameter is of; -1: the embedding, in front of them. */
static int block_of(const Parameter *p) {
    int block = -1;
    sscanf(p->name, "blocks.%d.", &block);
    return block;
}

static bool behind_the_blocks(const Parameter *p) {
    return strncmp(p->name, "norm.", 5) == 0 || strncmp(p->name, "head.", 5) == 0;
}

ParameterList not_frozen(const ParameterList *list, int freeze) {
    int first = 0;
    while (freeze > 0 && first < list->count &&
           !behind_the_blocks(&list->items[first]) &&
           block_of(&list->items[first]) < freeze) {
        first++;
    }
    return (ParameterList){&list->items[first], list->count - first, list->total};
}
