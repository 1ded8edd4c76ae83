/*
 * peer.h: a child process that computes when it is told to: ours, PyTorch's, a BLAS's.
 * Whoever is compared has a process of its own, so that no library's threads are in
 * another's way.
 *
 * They talk in lines. The child sets up, and says "ready WORDS"; or
 * "skipped WHY" if what it needs isn't there. Then it answers what it is asked:
 *
 *     go SECONDS     computes for so long or a little longer: "COUNT SECONDS", how much
 *                    was computed (images, products) and in what time
 *     check          training and inference: a few results, that others must have too
 *     product ...    products only: prepares that one, and says whether it is right
 *     quit           "PEAK BASE", the most memory it has had and what it had before the
 *                    model was made, in MB; and ends
 *
 * An answer comes when the child's threads have come to rest. Instead of any answer it
 * may say "failed WHY". A child whose input ends ends too. One that dies, doesn't
 * answer within peer_patience_s, or answers something else is an error here, never a
 * wait without end.
 */
#pragma once

#include <sys/types.h>

#include "common/error.h"

extern double peer_patience_s;

typedef struct {
    pid_t pid;    /* 0: none */
    int to, from; /* our ends of its pipes */
    char name[256];
    char words[400]; /* what it said after "ready" or "skipped" */
    bool skipped;
} Peer;

/*
 * peer_start: run argv (ends in NULL) and wait until it is ready. A child that
 * says "skipped", or a program that isn't there, is no error: skipped is set.
 */
bool peer_start(Peer *peer, const char *name, char *const argv[], Error *error);

/* peer_ask: its answer to one line (without a newline). */
bool peer_ask(Peer *peer, const char *request, char *answer, size_t size, Error *error);

/* peer_numbers: the same for an answer of exactly `count` finite numbers. */
bool peer_numbers(Peer *peer, const char *request, double *numbers, int count,
                  Error *error);

/*
 * peer_go: how much it computes per second, over about `seconds`. A time that its own
 * turn doesn't have room for is refused.
 */
bool peer_go(Peer *peer, double seconds, double *per_second, Error *error);

/* peer_end: after its answer to "quit": it has a second to end by itself. */
void peer_end(Peer *peer);

/* peer_kill: end it at once, and what it has started, if there is one. */
void peer_kill(Peer *peer);

/* peers_end_with_us: a signal that ends this program ends them. */
void peers_end_with_us(void);
