/*
 * stream.h: pictures that memory hasn't room for, read again each time they are asked
 * for: their pixels from a temporary file (spool.h), or, where there is none, the
 * pictures' files, which are decoded anew. Threads read ahead of training, in the order
 * that dataset_expect told them, into a ring of images; so that whoever asks for the
 * next image finds it there. What isn't there yet, or wasn't expected, the caller reads
 * itself. Pixels are the same either way.
 */
#pragma once

#include "chapters/05_vision_transformer/own_data/spool.h"
#include "chapters/05_vision_transformer/training/dataset.h"

typedef struct {
    char **path; /* (count) the images' files; owned, as each path is: malloc */
    Spool spool; /* their pixels, if there is one; owned */
    int count, channels, height, width;
    int ring;    /* images read ahead, at most */
    int threads; /* that read */
} StreamPlan;

/* stream_make: NULL, and what the plan owns is freed, if there is no memory or no
 * thread. The first images are expected: 0, 1, ... */
ImageSource *stream_make(StreamPlan *plan, Error *error);

/* stream_check: false if a file could not be read again, or is damaged: its image was
 * black. NULL: true. */
bool stream_check(ImageSource *source, Error *error);

/* stream_waited: seconds that callers have waited for images, or read them themselves,
 * together. NULL: 0. */
double stream_waited(ImageSource *source);
