/*
 * stream.h: pictures that memory hasn't room for, read from their files again each time
 * they are asked for. Threads decode ahead of training, in the order that
 * dataset_expect told them, into a ring of images; so that whoever asks for the next
 * image finds it there. What isn't there yet, or wasn't expected, the caller decodes
 * itself. Pixels are the same either way.
 */
#pragma once

#include "chapters/05_vision_transformer/training/dataset.h"

typedef struct {
    char **path; /* (count) the images' files; owned, as each path is: malloc */
    int count, channels, height, width;
    int ring;    /* images decoded ahead, at most */
    int threads; /* that decode */
} StreamPlan;

/* stream_make: NULL, and what the plan owns is freed, if there is no memory or no
 * thread. The first images are expected: 0, 1, ... */
ImageSource *stream_make(const StreamPlan *plan, Error *error);

/* stream_check: false if a file could not be read again, or is damaged: its image was
 * black. NULL: true. */
bool stream_check(ImageSource *source, Error *error);

/* stream_waited: seconds that callers have waited for images, or decoded them
 * themselves, together. NULL: 0. */
double stream_waited(ImageSource *source);
