/*
 * watch.h: a thread that looks after the others while this rank works or waits for
 * them.
 *
 * It ends the program, with one line, if
 *     a rank has gone           (rendezvous_look: at once)
 *     a sum has failed          (what `failed` says, NCCL's ncclCommGetAsyncError)
 *     the others let it wait    longer than patience_s seconds in one go
 * and first ends what is under way (`abort_work`, ncclCommAbort), for a kernel that
 * waits for another rank's would never end. Checkpoints appear whole or not at all, so
 * the last one is good.
 */
#pragma once

#include "chapters/08_many_machines/gpus/rendezvous.h"

typedef struct {
    const char *program; /* for messages */
    int rank;
    Rendezvous *rendezvous; /* NULL: there is none */
    double patience_s;
    bool (*failed)(void *work, Error *why);
    void (*abort_work)(void *work);
} Watch;

/* watch_begin: from now on. False: there is no thread for it. */
bool watch_begin(const Watch *watch, Error *error);

/* watch_work: what `failed` and `abort_work` are asked about; NULL: nothing yet. */
void watch_work(void *work);

/* watch_waiting: this rank needs the others from now on, or needs them no longer. */
void watch_waiting(bool begins);

/* watch_end: the thread ends; the rendezvous is the caller's again. */
void watch_end(void);
