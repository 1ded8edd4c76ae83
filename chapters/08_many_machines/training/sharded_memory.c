/* sharded_memory.c: AdamW's moments of which each rank keeps its part: see
 * sharded_update.h. */
#define _DEFAULT_SOURCE /* madvise */
#include "chapters/08_many_machines/training/sharded_update.h"

#include <stdint.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

/* The elements become 0. Where that is possible, the pages that have nothing else go
 * back to the system; returns how many bytes. Only Linux promises that such a page
 * reads as 0 afterwards: others may keep what was in it. */
static size_t forget(real *from, real *to) {
    const size_t bytes = (size_t)(to - from) * sizeof(real);
#ifdef __linux__
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t before = (page - (uintptr_t)from % page) % page;
    const size_t after = (uintptr_t)to % page;
    char *begin = (char *)from + before, *end = (char *)to - after;
    if (bytes > before + after &&
        madvise(begin, bytes - before - after, MADV_DONTNEED) == 0) {
        memset(from, 0, before);
        memset(end, 0, after);
        return bytes - before - after;
    }
#endif
    memset(from, 0, bytes);
    return 0;
}

double sharded_forget(Trainer *t, const Group *group) {
    const Part own = sharded_part(t, group->rank, group->size);
    real *const blocks[] = {t->m, t->v};
    size_t bytes = 0;
    for (int i = 0; i < 2; i++) {
        bytes += forget(blocks[i], blocks[i] + own.from);
        bytes += forget(blocks[i] + own.to, blocks[i] + t->list.total);
    }
    return (double)bytes;
}

void sharded_collect(Trainer *t, Group *group) {
    const Part own = sharded_part(t, group->rank, group->size);
    real *const blocks[] = {t->m, t->v};
    for (int i = 0; i < 2; i++) {
        if (group->rank > 0) {
            group_send(group, (Message){0, blocks[i] + own.from, own.to - own.from, 0});
            continue;
        }
        for (int rank = 1; rank < group->size; rank++) {
            const Part part = sharded_part(t, rank, group->size);
            group_receive(
                group, (Message){rank, blocks[i] + part.from, part.to - part.from, 0});
        }
    }
}
