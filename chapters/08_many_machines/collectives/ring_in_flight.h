/*
 * ring_in_flight.h: the ring's all-reduce (all_reduce.h), step by step while the rank
 * computes something else. Several may be under way, each with a tag of its own.
 *
 * Nothing moves by itself: a step that has arrived has to be added up, and the next one
 * sent, by a call of ring_move. If a rank calls it too seldom, its neighbours wait.
 * rank_trainer has a thread that calls it.
 */
#pragma once

#include "chapters/08_many_machines/collectives/group.h"

typedef struct {
    Group *group;
    real *x;    /* (n) the sum, in the end; not to be touched until then */
    real *room; /* (n / P, rounded up) */
    long n;
    int tag;
    int step; /* of 2 (P - 1): which one is under way */
    int ticket;
} RingInFlight;

/* ring_begin: its first step. */
void ring_begin(RingInFlight *ring, Group *group, real *x, long n, real *room, int tag);

/* ring_move: as many steps as have arrived; true when x is the sum. */
bool ring_move(RingInFlight *ring);

/* ring_wait: waits for the step that is under way, if there is one, and begins the
 * next: for who has nothing else to do, but other rings that are to move meanwhile. */
void ring_wait(RingInFlight *ring);

/* ring_finish: waits until it is. */
void ring_finish(RingInFlight *ring);
