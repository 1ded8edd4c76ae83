/* exchange_shards.c: everybody has something for everybody: see sum_in_order.h. */
#include "chapters/08_many_machines/collectives/all_reduce.h"
#include "chapters/08_many_machines/collectives/sum_in_order.h"

void exchange_shards(Group *group, real *const *mine, int S, long n, real *room) {
    const int P = group->size, r = group->rank;
    const int my_first = first_shard(S, P, r), my_end = first_shard(S, P, r + 1);
    const long own = chunk_begin(n, P, r + 1) - chunk_begin(n, P, r);
    /* exercise 8.4 */
    /* At distance d all ranks send to the rank d further on, and receive from the one d
     * before. Of two ranks one may have a shard more: an empty message stands for
     * it. */
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
                in = (Message){from, room + (theirs + i) * shard_chunk(n, P), own, 0};
            }
            group_exchange(group, out, in);
        }
    }
    /* end of exercise 8.4 */
}
