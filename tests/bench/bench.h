/* bench.h: what a run of the benchmark measures, and how long. */
#pragma once

#include "tests/bench/models.h"

typedef enum {
    PART_MATMUL = 1,
    PART_TRAIN = 2,
    PART_INFER = 4,
    PART_MEMORY = 8,
    PART_BATCH = 16,
    PART_TOKENS = 32,
    PART_RANKS = 64
} Part;

enum { ALL_PARTS = 127, SWEEPS = PART_BATCH | PART_TOKENS, MAX_ROUNDS = 99 };

typedef enum { EAGER, COMPILE, FLAVOURS } Flavour;

typedef struct {
    int rounds;        /* medians are of so many */
    double seconds;    /* a burst of a child */
    double matmul_ms;  /* a burst of products */
    double patience_s; /* a peer that is silent for longer has failed */
    bool quick;        /* only small things, of each kind one */
    unsigned parts;    /* of Part */
    bool model[BENCH_MODELS], models_given;
    bool pytorch[FLAVOURS]; /* still in the race */
    bool help;
    int cores;          /* "all threads" */
    const char *self;   /* this program, to be started again */
    const char *python; /* what runs pytorch_peer.py */
    const char *mpirun; /* what starts ranks; NULL: none are in the race (any more) */
    bool mpirun_is_the_users;
    const char *rank_program; /* what it starts */
    int failures;             /* of those that we are compared with */
} Bench;

/* bench_failed: someone that we are compared with is there, but can't be: say why, and
 * count it. */
void bench_failed(Bench *bench, const char *why);
