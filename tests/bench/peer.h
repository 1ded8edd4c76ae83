/*
 * peer.h: a child process that computes when it is told to, ours or PyTorch's.
 *
 * They talk in lines. The child sets up, warms up and says "ready WORDS"; or
 * "skipped WHY". Then, as often as it is asked:
 *
 *     go SECONDS     steps for about that long: answers images per second
 *     quit           answers "PEAK BASE", the most memory it has had and what it
 *                    had before the model was made, in MB; and ends
 *
 * A child whose input ends ends too. One that dies, or doesn't answer within
 * PEER_PATIENCE_S, is an error here, never a wait without end.
 */
#ifndef PEER_H
#define PEER_H

#include <sys/types.h>

#include "error.h"

#define PEER_PATIENCE_S 900

typedef struct {
    pid_t pid;    /* 0: none */
    int to, from; /* our ends of its pipes */
    char name[48];
    char words[400]; /* what it said after "ready" or "skipped" */
    bool skipped;
} Peer;

/*
 * peer_start: run argv (ends in NULL) and wait until it is ready. A child that
 * says "skipped", or a program that isn't there, is no error: skipped is set.
 */
bool peer_start(Peer *peer, const char *name, char *const argv[], Error *error);

/* peer_go: its images per second over about `seconds`. */
bool peer_go(Peer *peer, double seconds, double *images_per_s, Error *error);

/* peer_quit: its memory, in MB; ends it. */
bool peer_quit(Peer *peer, double *peak_mb, double *base_mb, Error *error);

/* peer_kill: end it at once, if there is one. */
void peer_kill(Peer *peer);

#endif
