/* ring_in_flight.c: see ring_in_flight.h. */
#include "chapters/08_many_machines/collectives/ring_in_flight.h"

#include "chapters/08_many_machines/collectives/all_reduce.h"

static int steps(const RingInFlight *ring) {
    return 2 * (ring->group->size - 1);
}

/* Does this step add what arrives (reduce-scatter), or keep it (all-gather)? */
static bool adds(const RingInFlight *ring) {
    return ring->step < ring->group->size - 1;
}

/* The chunk that the rank gets in this step; it sends the one after it. The chunks go
 * on round the ring from one half to the other: reduce-scatter ends with getting the
 * rank's own chunk, and all-gather begins with sending it. */
static int chunk_to_get(const RingInFlight *ring) {
    const int P = ring->group->size;
    return (ring->group->rank - 2 - ring->step + 2 * P) % P;
}

static Message chunk(const RingInFlight *ring, int c, int rank) {
    const int P = ring->group->size;
    const long begin = chunk_begin(ring->n, P, c);
    return (Message){rank, ring->x + begin, chunk_begin(ring->n, P, c + 1) - begin,
                     ring->tag};
}

static void begin_step(RingInFlight *ring) {
    const int P = ring->group->size, r = ring->group->rank;
    const int get = chunk_to_get(ring);
    const Message out = chunk(ring, (get + 1) % P, (r + 1) % P);
    Message in = chunk(ring, get, (r + P - 1) % P);
    in.data = adds(ring) ? ring->room : in.data;
    ring->ticket = group_begin(ring->group, out, in);
}

/* What has arrived; then the next step, if there is one. */
static void end_step(RingInFlight *ring) {
    if (adds(ring)) {
        const Message sum = chunk(ring, chunk_to_get(ring), 0);
        for (long i = 0; i < sum.count; i++) {
            sum.data[i] += ring->room[i];
        }
    }
    if (++ring->step < steps(ring)) {
        begin_step(ring);
    }
}

void ring_begin(RingInFlight *ring, Group *group, real *x, long n, real *room,
                int tag) {
    *ring = (RingInFlight){.group = group, .x = x, .room = room, .n = n, .tag = tag};
    if (steps(ring) > 0) {
        begin_step(ring);
    }
}

bool ring_move(RingInFlight *ring) {
    while (ring->step < steps(ring) && group_test(ring->group, ring->ticket)) {
        end_step(ring);
    }
    return ring->step >= steps(ring);
}

void ring_wait(RingInFlight *ring) {
    if (ring->step < steps(ring)) {
        group_wait(ring->group, ring->ticket);
        end_step(ring);
    }
}

void ring_finish(RingInFlight *ring) {
    while (ring->step < steps(ring)) {
        ring_wait(ring);
    }
}
