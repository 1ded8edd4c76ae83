/* exercises_8_watch.c: ranks as threads, and what they send: see exercises_8.h. */
#include <pthread.h>
#include <string.h>

#include "common/error.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_8.h"

static struct {
    pthread_mutex_t mutex; /* of seen */
    Watched *seen;
    GroupBody *body;
    void *data;
} now_running = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static bool beside(int a, int b, int size) {
    return (a + 1) % size == b || (b + 1) % size == a;
}

static void note(const Group *group, Message send, Message receive) {
    pthread_mutex_lock(&now_running.mutex);
    Watched *seen = now_running.seen;
    if (send.count > 0) {
        seen->messages_sent++;
        seen->sent[group->rank] += send.count;
        if (!beside(group->rank, send.rank, group->size)) {
            seen->across_from = group->rank;
            seen->across_to = send.rank;
        }
    }
    seen->messages_received += receive.count > 0;
    pthread_mutex_unlock(&now_running.mutex);
}

/* A ticket of nothing is 0 (threads_group.c), and counts for nothing. */
static void count(int ticket, long *tickets) {
    pthread_mutex_lock(&now_running.mutex);
    *tickets += ticket != 0;
    pthread_mutex_unlock(&now_running.mutex);
}

static void watched_send(Group *group, Message message) {
    Group *below = group->data; /* it carries the messages */
    note(group, message, (Message){0});
    below->kind->send(below, message);
}

static void watched_receive(Group *group, Message message) {
    Group *below = group->data;
    note(group, (Message){0}, message);
    below->kind->receive(below, message);
}

static int watched_begin(Group *group, Message send, Message receive) {
    Group *below = group->data;
    note(group, send, receive);
    const int ticket = below->kind->begin(below, send, receive);
    count(ticket, &now_running.seen->begun);
    return ticket;
}

static bool watched_test(Group *group, int ticket) {
    Group *below = group->data;
    const bool done = below->kind->test(below, ticket);
    count(done ? ticket : 0, &now_running.seen->ended);
    return done;
}

static void watched_wait(Group *group, int ticket) {
    Group *below = group->data;
    below->kind->wait(below, ticket);
    count(ticket, &now_running.seen->ended);
}

static const GroupKind watched = {watched_send, watched_receive, watched_begin,
                                  watched_test, watched_wait};

static void run_watched_rank(Group *group, void *data) {
    Group own = {.rank = group->rank, .size = group->size, .kind = &watched};
    own.data = group;
    (void)data;
    now_running.body(&own, now_running.data);
}

bool run_watched(int size, GroupBody *body, void *data, Watched *seen, Error *error) {
    *seen = (Watched){.across_from = -1, .across_to = -1};
    now_running.seen = seen;
    now_running.body = body;
    now_running.data = data;
    return threads_group_run(size, run_watched_rank, NULL, error);
}

void without_copies(bool yes) {
    threads_group_copy(yes ? 0 : THREADS_GROUP_SHORT);
}

void expect_run(bool ok, const Error *error, const Watched *seen) {
    expect_true(ok, "%s", error->text);
    const bool stuck = !ok && strstr(error->text, "deadlock: ");
    const bool sends = stuck && strstr(error->text, " sends to ");
    const bool receives = stuck && strstr(error->text, " receives from ");
    mistake_if("everybody sending and nobody receiving: a long message waits until its "
               "receiver asks for it",
               sends && !receives);
    mistake_if("ranks that all receive, and of which nobody sends any more: is it sent "
               "only afterwards, or never, or to somebody else?",
               receives && !sends);
    mistake_if("a circle of waits: follow it from rank to rank, and ask which of them "
               "should have done the other thing first",
               sends && receives);
    expect_true(seen->begun == seen->ended,
                "%ld messages are begun, of which %ld are waited for", seen->begun,
                seen->ended);
    mistake_if("a message that was begun and never waited for: it may be on its way "
               "still, or not yet have set out",
               seen->begun > seen->ended);
    expect_true(seen->messages_sent == seen->messages_received,
                "The ranks send %ld messages and receive %ld", seen->messages_sent,
                seen->messages_received);
    mistake_if("a message that nobody receives: it would be taken for the next one of "
               "the same sender",
               seen->messages_sent > seen->messages_received);
}
