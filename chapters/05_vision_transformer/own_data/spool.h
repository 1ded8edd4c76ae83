/*
 * spool.h: the pixels of pictures that memory hasn't room for, decoded once, in a
 * temporary file. It is in the folder $TMPDIR, else in /var/tmp, which is on a disk; it
 * has no name, so that it is gone when the program ends, however that happens.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

typedef struct {
    int file;     /* -1: none */
    size_t bytes; /* of an image */
} Spool;

/* spool_folder: where temporary files are made. */
const char *spool_folder(void);

/* spool_has_room: false, and why, if the disk hasn't room for `bytes`. */
bool spool_has_room(double bytes, Error *why);

/* spool_make: an empty one, for images of so many bytes. False, and why. */
bool spool_make(Spool *spool, size_t bytes, Error *why);

/* spool_put: image `index`, all of it. Threads may put several at once. */
bool spool_put(const Spool *spool, int index, const unsigned char *pixels, Error *why);

/* spool_get: the first `bytes` bytes of image `index`, which was put. */
bool spool_get(const Spool *spool, int index, size_t bytes, unsigned char *pixels,
               Error *why);

void spool_free(Spool *spool);
