/* exercises_8_shards.c: chapter 8's exercises 8.4, a deadlock, and 8.5, a sum in order.
 * See exercise.h. */
#include <math.h>

#include "chapters/08_many_machines/collectives/all_reduce.h"
#include "chapters/08_many_machines/collectives/sum_in_order.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_8.h"

enum { MAX_SHARDS = 16 };

typedef struct {
    int P, S;
    long n;
    Tensor shards[MAX_SHARDS], room[MAX_RANKS];
    real *mine[MAX_RANKS][MAX_SHARDS];
} Shards;

/* ---- what both are made of ------------------------------------------------------- */

static int first_of(const Shards *all, int rank) {
    return all->S * rank / all->P;
}

static bool is_mine(const Shards *all, int rank, int s) {
    return s >= first_of(all, rank) && s < first_of(all, rank + 1);
}

static long begin_of(const Shards *all, int c) {
    return all->n * c / all->P;
}

static long own_of(const Shards *all, int rank) {
    return begin_of(all, rank + 1) - begin_of(all, rank);
}

static void make(Shards *all, int P, int S, long n) {
    static const char *const names[MAX_SHARDS] = {
        "shard 0",  "shard 1",  "shard 2",  "shard 3", "shard 4",  "shard 5",
        "shard 6",  "shard 7",  "shard 8",  "shard 9", "shard 10", "shard 11",
        "shard 12", "shard 13", "shard 14", "shard 15"};
    *all = (Shards){.P = P, .S = S, .n = n};
    for (int s = 0; s < S; s++) {
        all->shards[s] = named(names[s], normal('A' + s, SHAPE((int)n)));
    }
    for (int r = 0; r < P; r++) {
        all->room[r] = unset(SHAPE((int)((S + 1) * ((n + P - 1) / P))));
        for (int s = first_of(all, r); s < first_of(all, r + 1); s++) {
            all->mine[r][s - first_of(all, r)] = all->shards[s].data;
        }
    }
}

/* In rank's room, the chunk of shard s. */
static Tensor place_of(const Shards *all, int rank, int s) {
    Tensor T = all->room[rank];
    T.data += s * ((all->n + all->P - 1) / all->P);
    T.shape[0] = T.ld = (int)own_of(all, rank);
    return T;
}

/* ---- 8.4 ------------------------------------------------------------------------- */

static void exchange(Group *group, void *data) {
    Shards *all = data;
    const int r = group->rank;
    exchange_shards(group, all->mine[r], all->S, all->n, all->room[r].data);
}

static bool same(Tensor T, const real *x) {
    for (int i = 0; i < T.shape[0]; i++) {
        if ((double)T.data[i] != (double)x[i]) {
            return false;
        }
    }
    return true;
}

/* Is shard s of this rank's room at s times the own chunk's length? */
static bool is_packed(const Shards *all, int rank, int s) {
    Tensor T = all->room[rank];
    T.data += s * own_of(all, rank);
    T.shape[0] = T.ld = (int)own_of(all, rank);
    return s > 0 && s < MAX_SHARDS &&
           own_of(all, rank) < (all->n + all->P - 1) / all->P &&
           same(T, all->shards[s].data + begin_of(all, rank));
}

static void expect_place(const Shards *all, int rank, int s) {
    const Tensor place = place_of(all, rank, s);
    const real *right = all->shards[s].data + begin_of(all, rank);
    double *want = doubles(place.shape[0]);
    for (int i = 0; i < place.shape[0]; i++) {
        want[i] = (double)right[i];
    }
    case_is("%d ranks, %d shards of %ld; rank %d, of shard %d", all->P, all->S, all->n,
            rank, s);
    expect("its chunk in room", place, want, 0);
    bool another = false, of_other = false;
    for (int t = 0; t < all->S; t++) {
        another = another ||
                  (t != s && same(place, all->shards[t].data + begin_of(all, rank)));
    }
    for (int c = 0; c < all->P; c++) {
        of_other = of_other || (c != rank && own_of(all, c) >= own_of(all, rank) &&
                                same(place, all->shards[s].data + begin_of(all, c)));
    }
    mistake_if("another shard's chunk: messages of one sender arrive in the order in "
               "which it sent them",
               another);
    mistake_if("a chunk that belongs to another rank: a receiver wants its own",
               of_other);
    mistake_if("a place that was written over in part: from one shard's place to the "
               "next it is shard_chunk(n, P), also where the own chunk is shorter",
               no_name_yet() && is_packed(all, rank, s));
    mistake_if("nan, which nobody has written over: this shard never arrived here, or "
               "was put elsewhere",
               isnan((double)place.data[0]));
}

static void exchange_case(int P, int S, long n) {
    Shards all;
    Watched seen;
    Error error = {""};
    long sent = 0, needed = 0;
    case_is("%d ranks, %d shards of %ld elements", P, S, n);
    make(&all, P, S, n);
    expect_run(run_watched(P, exchange, &all, &seen, &error), &error, &seen);
    for (int r = 0; r < P; r++) {
        for (int s = 0; s < S; s++) {
            if (!is_mine(&all, r, s) && own_of(&all, r) > 0) {
                expect_place(&all, r, s);
                needed += own_of(&all, r);
            }
        }
        sent += seen.sent[r];
    }
    case_is("%d ranks, %d shards of %ld elements", P, S, n);
    expect_number("elements that all ranks send", (double)sent, (double)needed, 0);
    mistake_if(
        "more than anybody needs: of each shard a rank wants its own chunk, once",
        sent > needed);
}

/* One rank and no elements: only whether it is written. */
static void nothing(Group *group, void *data) {
    (void)data;
    real x[1] = {0}, room[2] = {0};
    real *mine[] = {x};
    exchange_shards(group, mine, 1, 0, room);
}

void exchange_grade(void) {
    Watched seen;
    Error error = {""};
    (void)run_watched(1, nothing, NULL, &seen, &error);
    hint("Short messages are copied and travel by themselves, so everything works. "
         "What must be true when none of them is copied?");
    exchange_case(2, 2, 8);
    exchange_case(4, 8, 32);
    exchange_case(3, 5, 10);
    exchange_case(2, 8, 24);
    hint(
        "Write each rank's first call below the other ranks' first calls. Who is ready "
        "for whom? Then the second calls.");
    exchange_case(2, 2, 4000);
    exchange_case(4, 4, 6000);
    hint("Three ranks, five shards: one, two and two. Do the messages that two "
         "ranks exchange come in pairs? And can ranks be paired at all, if they are "
         "three or five?");
    exchange_case(3, 5, 4001);
    exchange_case(5, 7, 6003);
    exchange_case(5, 5, 3);
    exchange_case(1, 2, 6);
    hint("Here no message is copied, however short: a system may do so. What is sent "
         "waits for its receiver.");
    without_copies(true);
    exchange_case(2, 2, 8);
    exchange_case(3, 5, 10);
    without_copies(false);
}

/* ---- 8.5 ------------------------------------------------------------------------- */

/* An order of additions, or a mistake. */
typedef enum {
    IN_ORDER,
    OWN_FIRST,
    BACKWARDS,
    OWN_LAST,
    OVERWRITTEN,
    FIRST_TWICE,
    LAST_LEFT_OUT,
    WITHOUT_OWN,
    OWN_ONLY,
    OWN_AT_0,
    MINE_0_ALONE,
    ORDERS
} Order;

static const char *const order_texts[ORDERS] = {
    [OWN_FIRST] =
        "the sum that begins with the rank's own shards: every rank's is then "
        "another one in the last bits",
    [BACKWARDS] = "the sum from the last shard to the first",
    [OWN_LAST] =
        "the sum of what arrived, and then of the rank's own: the order is the "
        "shards', not where they come from",
    [OVERWRITTEN] = "a sum that was written over one of its own terms: mine[0] is a "
                    "shard, too, and not always the first",
    [FIRST_TWICE] = "a sum that has the first shard twice",
    [LAST_LEFT_OUT] = "a sum without the last shard",
    [WITHOUT_OWN] = "a sum without the rank's own shards",
    [OWN_ONLY] = "a sum of the rank's own shards alone",
    [OWN_AT_0] = "the beginning of the rank's own shards: in mine they are whole, and "
                 "this rank's chunk begins at chunk_begin(n, P, r)",
    [MINE_0_ALONE] = "mine[0] in place of each of the rank's own shards",
};

/* The order's s-th term at this rank; -1: none. */
static int term(const Shards *all, int rank, Order order, int s) {
    const int first = first_of(all, rank), end = first_of(all, rank + 1);
    const int own = end - first;
    switch (order) {
    case OWN_FIRST: return s < own ? first + s : s - own < first ? s - own : s;
    case OWN_LAST:
        return s >= all->S - own ? first + s - (all->S - own) : s < first ? s : s + own;
    case BACKWARDS: return all->S - 1 - s;
    case LAST_LEFT_OUT: return s == all->S - 1 ? -1 : s;
    case WITHOUT_OWN: return is_mine(all, rank, s) ? -1 : s;
    case OWN_ONLY: return is_mine(all, rank, s) ? s : -1;
    default: return s;
    }
}

static double *folded(const Shards *all, int rank, Order order) {
    const long own = own_of(all, rank), begin = begin_of(all, rank);
    double *sum = doubles(own);
    for (long i = 0; i < own; i++) {
        if (order == FIRST_TWICE) {
            sum[i] = (double)all->shards[0].data[begin + i];
        }
        for (int s = 0; s < all->S; s++) {
            const int t = term(all, rank, order, s);
            const bool over = order == OVERWRITTEN && t == first_of(all, rank) && t > 0;
            const bool own_term = t >= 0 && is_mine(all, rank, t);
            const int from =
                order == MINE_0_ALONE && own_term ? first_of(all, rank) : t;
            const long at = order == OWN_AT_0 && own_term ? i : begin + i;
            if (t >= 0) {
                sum[i] += over ? sum[i] : (double)all->shards[from].data[at];
            }
        }
    }
    return sum;
}

static void stray_call(Group *group, Message message) {
    (void)group, (void)message;
    bug("fold_shards sends or receives a message: all that it needs is there already");
}

static int stray_begin(Group *group, Message send, Message receive) {
    (void)receive;
    stray_call(group, send);
    return 0;
}

static const GroupKind nobody = {stray_call, stray_call, stray_begin, NULL, NULL};

static void fold_case(int P, int S, long n, int rank) {
    Shards all;
    const Group group = {.rank = rank, .size = P, .kind = &nobody};
    const int first = first_of(&(Shards){.P = P, .S = S}, rank);
    case_is("%d ranks, %d shards of %ld elements; rank %d", P, S, n, rank);
    make(&all, P, S, n);
    const long begin = begin_of(&all, rank), own = own_of(&all, rank);
    for (int s = 0; s < S; s++) {
        for (long i = 0; i < own && !is_mine(&all, rank, s); i++) {
            place_of(&all, rank, s).data[i] = all.shards[s].data[begin + i];
        }
    }
    double *wrong[ORDERS], *rest = doubles_of(all.shards[first]);
    for (int order = IN_ORDER; order < ORDERS; order++) {
        wrong[order] = folded(&all, rank, (Order)order);
    }
    for (long i = 0; i < own; i++) {
        rest[begin + i] = wrong[IN_ORDER][i];
    }
    Tensor x = writable(all.shards[first]), chunk = x;
    fold_shards(&group, all.mine[rank], S, n, all.room[rank].data);
    chunk.data += begin;
    chunk.shape[0] = chunk.ld = (int)own;
    expect("the own chunk of mine[0]", chunk, wrong[IN_ORDER], 0);
    for (int order = OWN_FIRST; order < ORDERS; order++) {
        mistake(order_texts[order], wrong[order]);
    }
    mistake_if("what was there before: the sum is put elsewhere",
               no_name_yet() &&
                   (double)chunk.data[0] ==
                       (double)normal('A' + first, SHAPE((int)n)).data[begin]);
    mistake_if("nan, which room has where no other rank's chunk is: the rank's own "
               "shards aren't in room, and shard s is at s shard_chunk(n, P)",
               no_name_yet() && isnan((double)chunk.data[0]));
    expect("all of mine[0]", x, rest, 0);
    mistake_if(
        "a change of elements that other ranks sum up: of mine[0] this rank's own "
        "chunk alone is its business",
        no_name_yet());
}

void fold_grade(void) {
    fold_case(1, 3, 7, 0);
    for (int rank = 0; rank < 2; rank++) {
        fold_case(2, 4, 40, rank);
    }
    hint("Which shards does this rank have in `mine`, which in `room`, and which comes "
         "third in the sum?");
    for (int rank = 0; rank < 3; rank++) {
        fold_case(3, 8, 100, rank);
        fold_case(3, 8, 101, rank);
    }
    for (int rank = 0; rank < 5; rank++) {
        fold_case(5, 13, 203, rank);
    }
    hint("When there are as many shards as ranks, each has one: at which moment is it "
         "added, and what is in its place by then?");
    for (int rank = 0; rank < 4; rank++) {
        fold_case(4, 4, 64, rank);
    }
}
