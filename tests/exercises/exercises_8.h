/* exercises_8.h: what the files of chapter 8's exercises share: ranks that are threads,
 * watched while they run what the student wrote. */
#pragma once

#include "chapters/08_many_machines/collectives/threads_group.h"

enum { MAX_RANKS = 12 };

/* What was seen of the messages of one run. */
typedef struct {
    long sent[MAX_RANKS];   /* elements, by each rank */
    long messages_sent;     /* by all ranks ... */
    long messages_received; /* ... and received: unless equal, some are lost */
    long begun, ended;      /* group_begin's tickets: unless equal, some still move */
    int across_from, across_to; /* a message between ranks that aren't neighbours */
} Watched;

/* run_watched: `size` threads do body(group, data), as threads_group_run. */
bool run_watched(int size, GroupBody *body, void *data, Watched *seen, Error *error);

/* without_copies: from now on no message is copied, however short it is; or again. */
void without_copies(bool yes);

/* expect_run: it did end; what its deadlock is like has names. All messages arrived. */
void expect_run(bool ok, const Error *error, const Watched *seen);

void ring_grade(void);     /* 8.1, exercises_8_ring.c */
void exchange_grade(void); /* 8.4, exercises_8_shards.c */
void fold_grade(void);     /* 8.5, exercises_8_shards.c */
