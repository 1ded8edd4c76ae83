/* arena.c: see arena.h. */
#include "common/arena.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

/* More than any memory has. A larger plan is counted as this much, and refused. */
#define LIMIT (LONG_MAX / (long)sizeof(real))

bool arena_make(Arena *arena, ArenaLayout *lay_out, void *owner, const char *what,
                Error *error) {
    Arena plan = {0};
    lay_out(&plan, owner);
    *arena = (Arena){.capacity = plan.used};
    arena->block = allocate(
        plan.used < LIMIT ? (size_t)plan.used * sizeof(real) : SIZE_MAX, what, error);
    if (!arena->block) {
        return false;
    }
    lay_out(arena, owner);
    arena_check_full(arena);
    return true;
}

void arena_free(Arena *arena) {
    free(arena->block);
    *arena = (Arena){0};
}

static long times(long count, int n) {
    return n > 0 && count > LIMIT / n ? LIMIT : count * n;
}

static real *take(Arena *arena, long count) {
    const long line = 64 / (long)sizeof(real);
    real *data = arena->block ? arena->block + arena->used : NULL;
    const long rounded = (count + line - 1) / line * line;
    arena->used = rounded > LIMIT - arena->used ? LIMIT : arena->used + rounded;
    if (arena->block && arena->used > arena->capacity) {
        bug("arena: planned for %ld numbers, asked for %ld. "
            "The layout asks for more than when it was counted.",
            arena->capacity, arena->used);
    }
    return data;
}

Tensor arena_tensor1(Arena *arena, int n) {
    return tensor1(take(arena, n), n);
}

Tensor arena_tensor2(Arena *arena, int rows, int cols) {
    return tensor2(take(arena, times(rows, cols)), rows, cols);
}

Tensor arena_tensor3(Arena *arena, int n0, int n1, int n2) {
    return tensor3(take(arena, times(times(n0, n1), n2)), n0, n1, n2);
}

Tensor arena_tensor4(Arena *arena, int n0, int n1, int n2, int n3) {
    const long count = times(times(times(n0, n1), n2), n3);
    return tensor4(take(arena, count), n0, n1, n2, n3);
}

void arena_check_full(const Arena *arena) {
    if (arena->used != arena->capacity) {
        bug("arena: planned for %ld numbers, handed out %ld", arena->capacity,
            arena->used);
    }
}
