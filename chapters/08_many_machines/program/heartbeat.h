/*
 * heartbeat.h: who is still there? A rank that waits for a message can't tell whether
 * it is late, or will never come, and MPI waits for ever. So each rank has a thread
 * that does nothing else but tell rank 0, four times per second, how far its rank is
 * (and at once when it leaves the start); and rank 0's tells the others. They have a
 * TCP connection of their own for it, on which nothing is ever waited for:
 *
 *     the connection is closed      its process has ended: killed, or crashed
 *     nothing is heard              its process is stopped, or its network is down
 *     the step stays the same,      it computes without end
 *     and it waits for nobody
 *     a rank says that it failed    a picture that can't be read, a full disk, ...
 *
 * In all these cases rank 0 prints one line that says which rank, where, and why, and
 * ends all ranks. If rank 0 is the one that has gone, rank 1 does.
 *
 * A process has one heartbeat: the functions below are about it. Without one (a single
 * rank, or --patience 0) they do nothing.
 */
#pragma once

#include <stdbool.h>

#include "chapters/08_many_machines/collectives/group.h"
#include "common/error.h"

/* What a rank does; it stays at the start for as long as reading the data takes. */
typedef enum { AT_START, AT_STEP, AT_TEST, AT_SAVE } HeartbeatPlace;

enum { HEARTBEAT_NO_PATIENCE = -1, HEARTBEAT_USUAL = 0 };

typedef struct {
    const char *program; /* "chapter8", before each line */
    Group *group;        /* for the addresses, at the beginning; not used later */

    /*
     * Seconds that a rank may say nothing, or be at the same step without waiting for
     * others; the latter are at least ten times what the longest step has taken.
     * HEARTBEAT_USUAL: 30 and 300 (until there was a step, an hour). The same at all
     * ranks: rank 0's counts.
     */
    double patience_s;

    /* A number that grows while this rank waits for messages. Any thread may ask. */
    unsigned long (*turns)(void);

    /* Ends all ranks, if it can. It may return; the process ends all the same. */
    void (*end_all)(int status);
} HeartbeatPlan;

/* heartbeat_open: connects to rank 0. Called by all; false at all, with an error that
 * counts at rank 0, if a rank can't be reached. */
bool heartbeat_open(const HeartbeatPlan *plan, Error *error);

/* heartbeat_at: where this rank is from now on; `step` is the one that is under way. */
void heartbeat_at(HeartbeatPlace place, long step);

/* heartbeat_tests: how many steps a test may be as long as; 1 at first. */
void heartbeat_tests(long steps);

/* heartbeat_fail: this rank can't go on. Rank 0 prints it, with the rank's name, and
 * all end: it doesn't return. But if all ranks say the same within a moment it is
 * printed once, without a name, and returns true: they can end as if nothing had
 * happened. */
bool heartbeat_fail(int status, const char *why);

/* heartbeat_close: from now on no rank need be there. */
void heartbeat_close(void);

/* heartbeat_host: this machine's name. */
#define HEARTBEAT_HOST 64
void heartbeat_host(char host[HEARTBEAT_HOST]);
