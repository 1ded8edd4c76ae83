/* all_reduce_gather.c: all to rank 0, and back: see all_reduce.h. */
#include "chapters/08_many_machines/collectives/all_reduce.h"

void all_reduce_gather(Group *group, real *x, long n, real *room) {
    if (group->rank > 0) {
        group_send(group, (Message){0, x, n, 0});
        group_receive(group, (Message){0, x, n, 0});
        return;
    }
    /* One after the other: rank 0's link is the only one that is ever busy. */
    for (int r = 1; r < group->size; r++) {
        group_receive(group, (Message){r, room, n, 0});
        for (long i = 0; i < n; i++) {
            x[i] += room[i];
        }
    }
    for (int r = 1; r < group->size; r++) {
        group_send(group, (Message){r, x, n, 0});
    }
}
