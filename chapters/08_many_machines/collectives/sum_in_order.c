/* sum_in_order.c: see sum_in_order.h. */
#include "chapters/08_many_machines/collectives/sum_in_order.h"

#include <string.h>

#include "chapters/08_many_machines/collectives/all_reduce.h"

int first_shard(int S, int P, int rank) {
    return (int)((long)S * rank / P);
}

long shard_chunk(long n, int P) {
    return (n + P - 1) / P;
}

long sum_in_order_room(long n, int S, int P) {
    return (S + 1) * shard_chunk(n, P);
}

void fold_shards(const Group *group, real *const *mine, int S, long n, real *room) {
    /* exercise 8.5 */
    const int P = group->size, r = group->rank;
    const int my_first = first_shard(S, P, r), my_end = first_shard(S, P, r + 1);
    const long begin = chunk_begin(n, P, r), own = chunk_begin(n, P, r + 1) - begin;
    /* Not into mine[0], which is itself a term: its turn may come later. */
    real *sum = room + S * shard_chunk(n, P);
    for (int s = 0; s < S; s++) {
        const bool here = s >= my_first && s < my_end;
        const real *theirs = room + s * shard_chunk(n, P);
        const real *x = here ? mine[s - my_first] + begin : theirs;
        if (s == 0) {
            memcpy(sum, x, (size_t)own * sizeof(real));
            continue;
        }
        for (long i = 0; i < own; i++) {
            sum[i] += x[i];
        }
    }
    memcpy(mine[0] + begin, sum, (size_t)own * sizeof(real));
    /* end of exercise 8.5 */
}

void sum_in_order(Group *group, real *const *mine, int S, long n, real *room) {
    exchange_shards(group, mine, S, n, room);
    fold_shards(group, mine, S, n, room);
    ring_all_gather(group, mine[0], n);
}
