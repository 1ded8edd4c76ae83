/* all_reduce_halving.c: recursive halving and doubling: see all_reduce.h. */
#include "chapters/08_many_machines/collectives/all_reduce.h"

/* x from `begin` on, before `end`, to or from a rank. */
static Message part(real *x, long begin, long end, int rank) {
    return (Message){rank, x + begin, end - begin, 0};
}

static void add(Message to, const real *from) {
    for (long i = 0; i < to.count; i++) {
        to.data[i] += from[i];
    }
}

/* The largest power of two that isn't more than P. */
static int power_below(int P) {
    int power = 1;
    while (2 * power <= P) {
        power *= 2;
    }
    return power;
}

/*
 * With P = 8, rank r = (r2 r1 r0) in binary digits. It first exchanges half of x with
 * the rank whose r2 differs, and keeps summing the half that has its own digit; of
 * that, half with the rank whose r1 differs, and so on, until it has the sum of an
 * eighth. Then back: eighths become quarters, quarters halves, halves the whole.
 */
static void halve_and_double(Group *group, int P, real *x, long n, real *room) {
    const int r = group->rank;
    long begin = 0, end = n, begins[32], ends[32];
    int depth = 0;
    for (int digit = P / 2; digit > 0; digit /= 2) {
        const int other = r ^ digit;
        const long middle = begin + (end - begin) / 2;
        const bool upper = r & digit;
        begins[depth] = begin;
        ends[depth++] = end;
        const Message low = part(x, begin, middle, other),
                      high = part(x, middle, end, other);
        const Message mine = upper ? high : low, theirs = upper ? low : high;
        group_exchange(group, theirs, (Message){other, room, mine.count, 0});
        add(mine, room);
        begin = upper ? middle : begin;
        end = upper ? end : middle;
    }
    while (depth > 0) {
        const int digit = P >> depth, other = r ^ digit;
        depth--;
        const bool upper = r & digit;
        const Message mine = part(x, begin, end, other);
        const Message theirs = upper ? part(x, begins[depth], begin, other)
                                     : part(x, end, ends[depth], other);
        group_exchange(group, mine, theirs);
        begin = begins[depth];
        end = ends[depth];
    }
}

/* Ranks from P on have a partner below, which does the work for both. */
void all_reduce_halving(Group *group, real *x, long n, real *room) {
    const int P = power_below(group->size), r = group->rank;
    if (r >= P) {
        group_send(group, (Message){r - P, x, n, 0});
        group_receive(group, (Message){r - P, x, n, 0});
        return;
    }
    const bool for_two = r + P < group->size;
    if (for_two) {
        group_receive(group, (Message){r + P, room, n, 0});
        add((Message){r, x, n, 0}, room);
    }
    halve_and_double(group, P, x, n, room);
    if (for_two) {
        group_send(group, (Message){r + P, x, n, 0});
    }
}

long all_reduce_room(AllReduce *way, long n, int size) {
    return way == all_reduce_ring ? (n + size - 1) / size : n;
}
