/* all_reduce_ring.c: chunks that go round: see all_reduce.h. */
#include "chapters/08_many_machines/collectives/all_reduce.h"

long chunk_begin(long n, int P, int c) {
    return (long)((long long)n * c / P);
}

/* A number of a rank or a chunk, counted round the ring. */
static int round_ring(int number, int P) {
    return (number % P + P) % P;
}

/* Chunk c of x, to or from a rank. */
static Message chunk(real *x, long n, int P, int c, int rank) {
    const long begin = chunk_begin(n, P, c);
    return (Message){rank, x + begin, chunk_begin(n, P, c + 1) - begin, 0};
}

/* exercise 8.1, cut: */
/*
 * In step s, rank r sends chunk r - s - 1 to its right neighbour, and gets chunk r - s
 * - 2 from its left one, to which it adds its own. So chunk c begins at rank c + 1,
 * goes round, and has been added to by all when it arrives at rank c.
 */
/* end of exercise 8.1 */
void ring_reduce_scatter(Group *group, real *x, long n, real *room) {
    /* exercise 8.1 */
    const int P = group->size, r = group->rank;
    const int right = round_ring(r + 1, P), left = round_ring(r - 1, P);
    for (int s = 0; s < P - 1; s++) {
        const Message mine = chunk(x, n, P, round_ring(r - s - 1, P), right);
        const Message sum = chunk(x, n, P, round_ring(r - s - 2, P), left);
        group_exchange(group, mine, (Message){left, room, sum.count, 0});
        for (long i = 0; i < sum.count; i++) {
            sum.data[i] += room[i];
        }
    }
    /* end of exercise 8.1 */
}

/* exercise 8.1, cut: */
/* The same way round once more, with finished chunks: what arrives replaces. */
/* end of exercise 8.1 */
void ring_all_gather(Group *group, real *x, long n) {
    /* exercise 8.1 */
    const int P = group->size, r = group->rank;
    const int right = round_ring(r + 1, P), left = round_ring(r - 1, P);
    for (int s = 0; s < P - 1; s++) {
        const Message finished = chunk(x, n, P, round_ring(r - s, P), right);
        const Message next = chunk(x, n, P, round_ring(r - s - 1, P), left);
        group_exchange(group, finished, next);
    }
    /* end of exercise 8.1 */
}

void all_reduce_ring(Group *group, real *x, long n, real *room) {
    ring_reduce_scatter(group, x, n, room);
    ring_all_gather(group, x, n);
}
