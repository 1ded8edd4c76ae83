/* workspace.c: see workspace.h. */
#include "common/workspace.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "common/error.h"

/* Precedes the memory that is handed out, and fills a cache line. */
typedef struct {
    _Alignas(64) size_t bytes;
} Block;

/* The spare block of each thread, on a cache line of its own. Threads beyond these, and
 * nested ones, share a slot: the first of them gets the block, the others make one. */
enum { SLOTS = 256 };
static struct { _Alignas(64) _Atomic(Block *) block; } spare[SLOTS];

static _Atomic(Block *) *slot_of_this_thread(void) {
#ifdef _OPENMP
    return &spare[omp_get_thread_num() % SLOTS].block;
#else
    return &spare[0].block;
#endif
}

void *workspace_take(size_t bytes, const char *what) {
    Block *block = atomic_exchange(slot_of_this_thread(), NULL);
    if (block && block->bytes >= bytes) {
        return block + 1;
    }
    Error error;
    free(block);
    block = allocate(sizeof *block + bytes, what, &error);
    if (!block) {
        fflush(stdout);
        fprintf(stderr, "%s\n", error.text);
        _Exit(EXIT_FAILURE); /* from any thread */
    }
    block->bytes = bytes;
    return block + 1;
}

void workspace_give(void *memory) {
    free(atomic_exchange(slot_of_this_thread(), (Block *)memory - 1));
}
