/* threads_group.c: see threads_group.h. */
#include "chapters/08_many_machines/collectives/threads_group.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One half of a message: what its sender or its receiver has said of it. */
typedef struct {
    bool used, sends, matched;
    bool let_go; /* its rank has gone on: a copy may still be on its way */
    Message message;
    real *copy; /* owned: a short message's, so that its sender can go on */
    long order; /* of two that could match, the earlier does */
} Half;

enum { HALVES = 256 }; /* of one rank at a time */

static long copied_at_once = THREADS_GROUP_SHORT; /* elements */

void threads_group_copy(long most) {
    copied_at_once = most;
}

/* So many group_tests without an answer, while no rank got any further: a rank that
 * does nothing else has made them within a second or two. One that computes in between,
 * and will send something when it is done, asks far less often. */
enum { POLLS_IN_VAIN = 1 << 20 };

typedef struct Hub Hub;

typedef struct {
    Hub *hub;
    Group group;
    Half halves[HALVES];
    int waits_for; /* one of its halves, or -1: it computes */
    int asks_for;  /* the half that its last group_test missed, */
    long polls;    /* how often it has asked since any rank got further, */
    long progress; /* which was the hub's progress then */
    bool ended;
} Rank;

struct Hub {
    pthread_mutex_t mutex; /* of everything here */
    pthread_cond_t changed;
    int size;
    Rank *ranks; /* owned */
    GroupBody *body;
    void *data;
    long orders; /* given so far */
    long
        progress; /* grows whenever a rank says, gets or waits for something, or ends */
    bool broken;
    Error why;
};

/* ---- matching -------------------------------------------------------------------- */

static void break_up(Hub *hub) {
    hub->broken = true;
    pthread_cond_broadcast(&hub->changed);
}

/* The other half of `half`, which is rank `rank`'s: the earliest that fits, or NULL. */
static Half *other_half(Hub *hub, int rank, const Half *half) {
    Half *best = NULL, *theirs = hub->ranks[half->message.rank].halves;
    for (int i = 0; i < HALVES; i++) {
        Half *h = &theirs[i];
        if (h->used && !h->matched && h->sends != half->sends &&
            h->message.rank == rank && h->message.tag == half->message.tag &&
            (!best || h->order < best->order)) {
            best = h;
        }
    }
    return best;
}

/* The message arrives. */
static void deliver(Hub *hub, int rank, Half *half, Half *other) {
    Half *from = half->sends ? half : other, *to = half->sends ? other : half;
    const int sender = half->sends ? rank : half->message.rank;
    const int receiver = half->sends ? half->message.rank : rank;
    if (from->message.count != to->message.count) {
        error_set(&hub->why,
                  "rank %d sends %ld elements to rank %d, which wants %ld from it",
                  sender, from->message.count, receiver, to->message.count);
        break_up(hub);
        return;
    }
    const real *data = from->copy ? from->copy : from->message.data;
    memcpy(to->message.data, data, (size_t)to->message.count * sizeof(real));
    from->matched = to->matched = true;
    hub->progress++;
    pthread_cond_broadcast(&hub->changed);
}

/* A rank says its half of a message; where it is kept, or -1: there is none. */
static int say(Rank *rank, bool sends, Message message) {
    Hub *hub = rank->hub;
    int at = 0;
    if (message.count == 0 || hub->broken) {
        return -1;
    }
    while (at < HALVES && rank->halves[at].used) {
        at++;
    }
    if (at == HALVES) {
        bug("rank %d has begun %d messages and waited for none", rank->group.rank,
            HALVES);
    }
    Half *half = &rank->halves[at];
    *half = (Half){.used = true, .sends = sends, .message = message};
    half->order = hub->orders++;
    hub->progress++;
    Half *other = other_half(hub, rank->group.rank, half);
    if (other) {
        deliver(hub, rank->group.rank, half, other);
    } else if (sends && message.count <= copied_at_once) {
        const size_t bytes = (size_t)message.count * sizeof(real);
        half->copy = allocate(bytes, "a message", &hub->why);
        if (half->copy) {
            memcpy(half->copy, message.data, bytes);
        } else {
            break_up(hub);
        }
    }
    return at;
}

/* May its rank go on? A short message's sender may. */
static bool passed(const Half *half) {
    return half->matched || half->copy;
}

/* ---- waiting --------------------------------------------------------------------- */

/* The half without which a rank can't go on; NULL: it computes, or soon will. */
static const Half *stuck_at(const Hub *hub, const Rank *rank) {
    const bool polls = rank->polls >= POLLS_IN_VAIN && rank->progress == hub->progress;
    const int at = rank->waits_for < 0 && polls ? rank->asks_for : rank->waits_for;
    return at < 0 || passed(&rank->halves[at]) ? NULL : &rank->halves[at];
}

/* Everybody waits, by group_wait or by endless group_tests, or has ended: nobody will
 * ever send what they wait for. */
static void look_for_deadlock(Hub *hub) {
    char text[400] = "";
    int waiting = 0;
    for (int r = 0; r < hub->size && !hub->broken; r++) {
        const Rank *rank = &hub->ranks[r];
        if (rank->ended) {
            continue;
        }
        const Half *half = stuck_at(hub, rank);
        if (!half) {
            return;
        }
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%srank %d %s rank %d%s",
                 waiting++ ? ", " : "", r, half->sends ? "sends to" : "receives from",
                 half->message.rank, rank->waits_for < 0 ? " (group_test)" : "");
    }
    if (waiting > 0) {
        error_set(&hub->why, "deadlock: %s, and none of them goes on", text);
        break_up(hub);
    }
}

/* With the mutex: waits for a half, if there is one, and forgets it. A copy that nobody
 * has received stays until somebody does. */
static void wait_for(Rank *rank, int at) {
    Hub *hub = rank->hub;
    if (at < 0) {
        return;
    }
    Half *half = &rank->halves[at];
    rank->waits_for = at;
    hub->progress++;
    while (!passed(half) && !hub->broken) {
        look_for_deadlock(hub);
        if (!hub->broken) {
            pthread_cond_wait(&hub->changed, &hub->mutex);
        }
    }
    rank->waits_for = -1;
}

/* What was waited for; but a copy stays until it has arrived. */
static void forget(Rank *rank, int at) {
    if (at >= 0 && (rank->halves[at].matched || rank->hub->broken)) {
        rank->hub->progress++;
        free(rank->halves[at].copy);
        rank->halves[at] = (Half){0};
    } else if (at >= 0) {
        rank->halves[at].let_go = true;
    }
}

static void forget_copies(Rank *rank) {
    for (int i = 0; i < HALVES; i++) {
        if (rank->halves[i].let_go) {
            forget(rank, i);
        }
    }
}

/* ---- what group.h calls ---------------------------------------------------------- */

/* A ticket: two halves, each from -1 on. */
static int ticket_of(int sent, int received) {
    return (sent + 1) * (HALVES + 1) + received + 1;
}

static int sent_of(int ticket) {
    return ticket / (HALVES + 1) - 1;
}

static int received_of(int ticket) {
    return ticket % (HALVES + 1) - 1;
}

static int begin(Group *group, Message send, Message receive) {
    Rank *rank = group->data;
    pthread_mutex_lock(&rank->hub->mutex);
    forget_copies(rank);
    const int sent = say(rank, true, send), received = say(rank, false, receive);
    pthread_mutex_unlock(&rank->hub->mutex);
    return ticket_of(sent, received);
}

static void wait(Group *group, int ticket) {
    Rank *rank = group->data;
    pthread_mutex_lock(&rank->hub->mutex);
    wait_for(rank, received_of(ticket));
    wait_for(rank, sent_of(ticket));
    forget(rank, received_of(ticket));
    forget(rank, sent_of(ticket));
    pthread_mutex_unlock(&rank->hub->mutex);
}

static bool has_passed(const Rank *rank, int at) {
    return at < 0 || passed(&rank->halves[at]);
}

/* A group_test that didn't find what it asked for; the last of many looks around. */
static void ask_in_vain(Rank *rank, int at) {
    Hub *hub = rank->hub;
    if (rank->progress != hub->progress) {
        rank->progress = hub->progress;
        rank->polls = 0;
    }
    rank->asks_for = at;
    rank->polls++;
    if (rank->polls % POLLS_IN_VAIN == 0) {
        look_for_deadlock(hub);
    }
}

static bool test(Group *group, int ticket) {
    Rank *rank = group->data;
    const int sent = sent_of(ticket), received = received_of(ticket);
    pthread_mutex_lock(&rank->hub->mutex);
    if (!rank->hub->broken && !has_passed(rank, received)) {
        ask_in_vain(rank, received);
    } else if (!rank->hub->broken && !has_passed(rank, sent)) {
        ask_in_vain(rank, sent);
    }
    const bool done =
        rank->hub->broken || (has_passed(rank, sent) && has_passed(rank, received));
    if (done) {
        forget(rank, received);
        forget(rank, sent);
    }
    pthread_mutex_unlock(&rank->hub->mutex);
    return done;
}

static void send(Group *group, Message message) {
    wait(group, begin(group, message, (Message){0}));
}

static void receive(Group *group, Message message) {
    wait(group, begin(group, (Message){0}, message));
}

static const GroupKind threads_group = {send, receive, begin, test, wait, NULL};

/* ---- running --------------------------------------------------------------------- */

static void *run_rank(void *data) {
    Rank *rank = data;
    Hub *hub = rank->hub;
    hub->body(&rank->group, hub->data);
    pthread_mutex_lock(&hub->mutex);
    rank->ended = true;
    hub->progress++;
    look_for_deadlock(hub); /* others may wait for this one */
    pthread_mutex_unlock(&hub->mutex);
    return NULL;
}

/* Threads for all ranks; those that can't be started are as if they had ended. */
static void run_ranks(Hub *hub) {
    pthread_t threads[THREADS_GROUP_MAX];
    int started = 0;
    while (started < hub->size && pthread_create(&threads[started], NULL, run_rank,
                                                 &hub->ranks[started]) == 0) {
        started++;
    }
    if (started < hub->size) {
        pthread_mutex_lock(&hub->mutex);
        error_set(&hub->why, "no thread for rank %d of %d", started, hub->size);
        break_up(hub);
        pthread_mutex_unlock(&hub->mutex);
    }
    for (int r = 0; r < started; r++) {
        pthread_join(threads[r], NULL);
    }
}

bool threads_group_run(int size, GroupBody *body, void *data, Error *error) {
    Hub hub = {.size = size, .body = body, .data = data};
    if (size < 1 || size > THREADS_GROUP_MAX) {
        bug("threads_group_run: %d ranks; it can have 1 to %d", size,
            THREADS_GROUP_MAX);
    }
    hub.ranks = allocate((size_t)size * sizeof *hub.ranks, "ranks", error);
    if (!hub.ranks) {
        return false;
    }
    pthread_mutex_init(&hub.mutex, NULL);
    pthread_cond_init(&hub.changed, NULL);
    for (int r = 0; r < size; r++) {
        Rank *rank = &hub.ranks[r];
        rank->hub = &hub;
        rank->waits_for = -1;
        rank->group = (Group){.rank = r, .size = size, .kind = &threads_group};
        rank->group.data = rank;
    }
    run_ranks(&hub);
    for (int r = 0; r < size; r++) {
        for (int i = 0; i < HALVES; i++) {
            free(hub.ranks[r].halves[i].copy);
        }
    }
    pthread_cond_destroy(&hub.changed);
    pthread_mutex_destroy(&hub.mutex);
    free(hub.ranks);
    if (hub.broken) {
        *error = hub.why;
    }
    return !hub.broken;
}
