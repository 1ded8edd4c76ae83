/*
 * contest.h: the same task for several children at a time, ours and PyTorch's,
 * which compute in turns: A B C, A B C, ... So whatever else the machine does
 * falls on all of them.
 */
#pragma once

#include "tests/bench/bench.h"
#include "tests/bench/peer.h"

enum { MAX_ENTRIES = 8, CHECKS = 3 };

typedef struct {
    bool ours;
    Flavour flavour; /* PyTorch's */
    int threads;
    int ranks;    /* so many processes, of `threads` each; 0: one, that isn't a rank */
    bool network; /* ours: ranks send over TCP, where MPI would take shared memory */
    int batch;    /* images of a step, of all ranks */
    Peer peer;
    bool skipped;
    double check[CHECKS];    /* results that all of a batch share; see ours.c */
    int turns;               /* so far */
    double rate[MAX_ROUNDS]; /* images per second, ascending in the end */
    double images_per_s;     /* the median; 0: skipped */
    double peak_mb, base_mb; /* memory, and what it was before the model */
} Entry;

typedef struct {
    Task task;
    int rounds;
    int count; /* entries; entries of more threads come first */
    Entry entries[MAX_ENTRIES];
} Contest;

/*
 * contest_enter: enters ours on all threads and, if `one_too`, on one. PyTorch is
 * entered on all, on half of them (what it takes itself where a core has two
 * hardware threads) and on one, in each of the first `flavours` flavours that are
 * still in the race.
 */
void contest_enter(Contest *contest, const Bench *bench, const Task *task, bool one_too,
                   int flavours);

/* contest_add: enters one, with the task's batch if it has none of its own. */
Entry *contest_add(Contest *contest, Entry entry);

/*
 * contest_run: start, measure and end entries. If `ones_last`, the entries on one
 * thread run after the others, so that there are fewer processes at a time.
 * A flavour that can't run, or whose results aren't ours, is taken out of the race,
 * with a line that says why; so are our ranks. False if ours of one process fails.
 */
bool contest_run(Contest *contest, Bench *bench, bool ones_last, Error *error);

/* contest_ours: our entry on `threads` threads; NULL if there is none. */
const Entry *contest_ours(const Contest *contest, int threads);

/* contest_best: PyTorch's fastest entry on up to `threads` threads; or NULL. */
const Entry *contest_best(const Contest *contest, int threads);

/* entry_flavour: "eager", "compile"; "-" for ours. */
const char *entry_flavour(const Entry *entry);

/* contest_probe: find the Python that has PyTorch: PYTHON if the user names one, else
 * the first in PATH, else the system's. Prints PyTorch's versions, or why it is
 * skipped. */
void contest_probe(Bench *bench);
