/* sum_in_order.c: see sum_in_order.h. */
#include "chapters/08_many_machines/collectives/sum_in_order.h"

#include <string.h>

#include "chapters/08_many_machines/collectives/all_reduce.h"

int first_shard(int S, int P, int rank) {
    return (int)((long)S * rank / P);
}

/* The longest chunk. */
static long chunk_most(long n, int P) {
    return (n + P - 1) / P;
}

long sum_in_order_room(long n, int S, int P) {
    return (S + 1) * chunk_most(n, P);
}

/* Every rank sends to each other rank that one's chunk of all its shards, and gets its own
 * chunk of all others' shards: shard s to room + s * chunk. */
static void exchange_chunks(Group *group, real *const *mine, int S, long n,
                            real *room) {
    const int P = group->size, r = group->rank;
    const int my_first = first_shard(S, P, r), my_end = first_shard(S, P, r + 1);
    const long own = chunk_begin(n, P, r + 1) - chunk_begin(n, P, r);
    for (int distance = 1; distance < P; distance++) {
        const int to = (r + distance) % P, from = (r + P - distance) % P;
        const long begin = chunk_begin(n, P, to), end = chunk_begin(n, P, to + 1);
        const int theirs = first_shard(S, P, from);
        const int their_end = first_shard(S, P, from + 1);
        for (int i = 0; my_first + i < my_end || theirs + i < their_end; i++) {
            Message out = {0}, in = {0};
            if (my_first + i < my_end) {
                out = (Message){to, mine[i] + begin, end - begin, 0};
            }
            if (theirs + i < their_end) {
                in = (Message){from, room + (theirs + i) * chunk_most(n, P), own, 0};
            }
            group_exchange(group, out, in);
        }
    }
}

void sum_in_order(Group *group, real *const *mine, int S, long n, real *room) {
    const int P = group->size, r = group->rank;
    const int my_first = first_shard(S, P, r), my_end = first_shard(S, P, r + 1);
    const long begin = chunk_begin(n, P, r), own = chunk_begin(n, P, r + 1) - begin;
    real *sum = room + S * chunk_most(n, P);
    exchange_chunks(group, mine, S, n, room);
    for (int s = 0; s < S; s++) {
        const bool here = s >= my_first && s < my_end;
        const real *x = here ? mine[s - my_first] + begin : room + s * chunk_most(n, P);
        if (s == 0) {
            memcpy(sum, x, (size_t)own * sizeof(real));
            continue;
        }
        for (long i = 0; i < own; i++) {
            sum[i] += x[i];
        }
    }
    memcpy(mine[0] + begin, sum, (size_t)own * sizeof(real));
    ring_all_gather(group, mine[0], n);
}
