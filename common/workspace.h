/*
 * workspace.h: memory that a function needs while it runs, and never across calls.
 *
 * A product packs its operands into hundreds of kilobytes. They can't be on the stack,
 * nor among a thread's own variables, which a thread's stack has to make room for: it
 * may be small (ulimit -s, OMP_STACKSIZE). And to ask the system for them at each call
 * would take longer than a small product. So what is given back is kept for the next
 * call on this thread.
 */
#pragma once

#include <stddef.h>

/* workspace_take: at least `bytes` bytes, aligned to 64, with anything in them. Where
 * there is no memory the program ends with one line that names `what`, status 1. */
void *workspace_take(size_t bytes, const char *what);

/* workspace_give: give them back, by the thread that took them. */
void workspace_give(void *memory);
