/*
 * workspace.h: memory that a function needs while it runs, and never across calls.
 *
 * A product packs its operands into hundreds of kilobytes. A thread's stack may be too
 * small for them (ulimit -s, OMP_STACKSIZE), and it also holds the thread's own
 * variables. Asking the system for memory at each call would take longer than a small
 * product. So what is given back is kept for the next call on this thread.
 */
#pragma once

#include <stddef.h>

/* workspace_take: at least `bytes` bytes, aligned to 64, with anything in them. Where
 * there is no memory the program ends with one line that names `what`, status 1. */
void *workspace_take(size_t bytes, const char *what);

/* workspace_give: give them back, by the thread that took them. */
void workspace_give(void *memory);
