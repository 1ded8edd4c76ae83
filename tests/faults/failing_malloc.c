/*
 * failing_malloc.c: a library to put before glibc's (LD_PRELOAD): the allocation whose
 * number is in FAIL_ALLOCATION finds no memory. At the end the number of them all is
 * written into the file COUNT_ALLOCATIONS, if that is set.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* glibc's own, under the names that it keeps for this. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static atomic_long allocations;
static long failing;

static bool fails(void) {
    const long number = atomic_fetch_add(&allocations, 1) + 1;
    if (number == 1) {
        const char *text = getenv("FAIL_ALLOCATION");
        failing = text ? strtol(text, NULL, 10) : 0;
    }
    if (number == failing) {
        errno = ENOMEM;
    }
    return number == failing;
}

void *malloc(size_t bytes) {
    return fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
    return fails() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes) {
    return fails() ? NULL : __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    return fails() ? NULL : __libc_memalign(alignment, bytes);
}

void *memalign(size_t alignment, size_t bytes) {
    return fails() ? NULL : __libc_memalign(alignment, bytes);
}

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
    if (fails()) {
        return ENOMEM;
    }
    *memory = __libc_memalign(alignment, bytes);
    return *memory ? 0 : ENOMEM;
}

__attribute__((destructor)) static void tell(void) {
    const long all = atomic_load(&allocations);
    const char *path = getenv("COUNT_ALLOCATIONS");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld\n", all);
        fclose(file);
    }
}
