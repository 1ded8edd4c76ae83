/* group.c: see group.h. */
#include "chapters/08_many_machines/collectives/group.h"

#include "common/error.h"

/* A programmer's mistakes, told before they hang. */
static void expect_peer(const Group *group, Message message, const char *what) {
    if (message.count == 0) {
        return;
    }
    if (message.count < 0 || message.rank < 0 || message.rank >= group->size ||
        message.rank == group->rank) {
        bug("%s: %ld elements, rank %d of %d and rank %d: a message goes to another "
            "rank",
            what, message.count, group->rank, group->size, message.rank);
    }
}

static void count_bytes(Group *group, Message message) {
    group->sent_bytes += (long long)message.count * (long long)sizeof(real);
}

void group_send(Group *group, Message message) {
    expect_peer(group, message, "group_send");
    count_bytes(group, message);
    group->kind->send(group, message);
}

void group_receive(Group *group, Message message) {
    expect_peer(group, message, "group_receive");
    group->kind->receive(group, message);
}

int group_begin(Group *group, Message send, Message receive) {
    expect_peer(group, send, "group_begin, to send");
    expect_peer(group, receive, "group_begin, to receive");
    count_bytes(group, send);
    return group->kind->begin(group, send, receive);
}

bool group_test(Group *group, int ticket) {
    return group->kind->test(group, ticket);
}

void group_wait(Group *group, int ticket) {
    group->kind->wait(group, ticket);
}

void group_exchange(Group *group, Message send, Message receive) {
    group_wait(group, group_begin(group, send, receive));
}

int group_begin_sum(Group *group, real *x, long n) {
    return group->kind->begin_sum ? group->kind->begin_sum(group, x, n) : -1;
}
