/* exercises_8_ring.c: chapter 8's exercise 8.1, the ring. See exercise.h. */
#include <math.h>

#include "chapters/08_many_machines/collectives/all_reduce.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_8.h"

#define TOLERANCE 1e-12

typedef struct {
    int P;
    long n;
    Tensor x[MAX_RANKS], room[MAX_RANKS];
    double *before[MAX_RANKS], *sum;
} Ring;

static void reduce_scatter(Group *group, void *data) {
    Ring *ring = data;
    const int r = group->rank;
    ring_reduce_scatter(group, ring->x[r].data, ring->n, ring->room[r].data);
}

static void all_gather(Group *group, void *data) {
    Ring *ring = data;
    ring_all_gather(group, ring->x[group->rank].data, ring->n);
}

static long begin_of(const Ring *ring, int c) {
    return ring->n * c / ring->P;
}

static Tensor chunk_of(const Ring *ring, int rank, int c) {
    Tensor T = ring->x[rank];
    T.data += begin_of(ring, c);
    T.shape[0] = T.ld = (int)(begin_of(ring, c + 1) - begin_of(ring, c));
    return T;
}

static void make(Ring *ring, int P, long n) {
    *ring = (Ring){.P = P, .n = n, .sum = doubles(n)};
    for (int r = 0; r < P; r++) {
        ring->x[r] = writable(normal('a' + r, SHAPE((int)n)));
        ring->room[r] = unset(SHAPE((int)((n + P - 1) / P)));
        ring->before[r] = doubles_of(ring->x[r]);
        for (long i = 0; i < n; i++) {
            ring->sum[i] += ring->before[r][i];
        }
    }
}

static bool near(double a, double b) {
    return fabs(a - b) <= 1e-9;
}

/* How many times each rank's numbers are in chunk c at this rank: so many[0] of rank 0,
 * and so on, each up to 2; false: it isn't such a sum. */
static bool made_of(const Ring *ring, int rank, int c, int many[MAX_RANKS]) {
    const long begin = begin_of(ring, c), end = begin_of(ring, c + 1);
    int ways = 1;
    for (int r = 0; r < ring->P; r++) {
        ways *= 3;
    }
    for (int way = 0; way < ways; way++) {
        bool fits = true;
        for (long i = begin; i < end && fits; i++) {
            double sum = 0;
            for (int r = 0, rest = way; r < ring->P; r++, rest /= 3) {
                many[r] = rest % 3;
                sum += many[r] * ring->before[r][i];
            }
            fits = near((double)ring->x[rank].data[i], sum);
        }
        if (fits) {
            return true;
        }
    }
    return false;
}

/* Is the rank's own chunk a sum of one element of each rank, or none, but of any
 * chunks? Chunks of one length only, and up to four ranks. */
static bool is_mixed(const Ring *ring, int rank) {
    const int P = ring->P;
    const long length = ring->n / P, begin = begin_of(ring, rank);
    int ways = 1;
    for (int r = 0; r < P; r++) {
        ways *= P + 1;
    }
    for (int way = 0; way < ways && P <= 4 && ring->n % P == 0; way++) {
        bool fits = true;
        for (long i = 0; i < length && fits; i++) {
            double sum = 0;
            for (int r = 0, rest = way; r < P; r++, rest /= P + 1) {
                const int c = rest % (P + 1) - 1;
                sum += c >= 0 ? ring->before[r][c * length + i] : 0;
            }
            fits = near((double)ring->x[rank].data[begin + i], sum);
        }
        if (fits) {
            return true;
        }
    }
    return false;
}

static bool is_complete(const Ring *ring, int rank, int c) {
    for (long i = begin_of(ring, c); i < begin_of(ring, c + 1); i++) {
        if (!near((double)ring->x[rank].data[i], ring->sum[i])) {
            return false;
        }
    }
    return begin_of(ring, c) < begin_of(ring, c + 1);
}

/* The rank's own chunk is wrong: which numbers are in it? */
static void name_chunk(const Ring *ring, int rank) {
    int many[MAX_RANKS] = {0}, complete = -1, missing = 0, twice = 0;
    bool known = false;
    if (no_name_yet()) {
        known = made_of(ring, rank, rank, many);
        for (int c = 0; c < ring->P; c++) {
            complete = is_complete(ring, rank, c) ? c : complete;
        }
    }
    for (int r = 0; r < ring->P && known; r++) {
        missing += many[r] == 0;
        twice += many[r] == 2;
    }
    if (known && missing + twice > 0 && missing < ring->P) {
        printf("It is the sum of");
        for (int r = 0; r < ring->P; r++) {
            if (many[r] > 0) {
                printf(" rank %d's%s", r, many[r] == 2 ? " (twice)" : "");
            }
        }
        printf(".\n");
    }
    mistake_if(
        "a finished sum, but not of this rank's own chunk: count back from where "
        "a chunk has to end to where it has to begin",
        complete >= 0 && complete != rank);
    mistake_if("another rank's numbers alone: what arrives is to be added to what is "
               "there",
               known && missing == ring->P - 1 && many[rank] == 0);
    mistake_if("this rank's own numbers: nothing was added to them",
               known && missing == ring->P - 1 && many[rank] > 0);
    mistake_if("a sum that has some rank twice: is a chunk sent round once more, or "
               "added both here and there?",
               known && twice > 0);
    mistake_if(
        "a sum that lacks a rank: are there enough steps, and does each step send "
        "on what the one before has made?",
        known && missing > 0);
    mistake_if("nan, which is in room before anything has arrived there",
               no_name_yet() && isnan((double)chunk_of(ring, rank, rank).data[0]));
    mistake_if(
        "numbers of different chunks, added up: a rank must take for chunk c what "
        "its neighbour sends as chunk c in that step",
        no_name_yet() && is_mixed(ring, rank));
}

/* All ranks together send (P - 1) n elements, each to its neighbour. */
static void expect_traffic(const Ring *ring, const Watched *seen) {
    long sent = 0;
    for (int r = 0; r < ring->P; r++) {
        sent += seen->sent[r];
    }
    expect_true(seen->across_from < 0 || ring->P < 4,
                "Rank %d sends to rank %d, which isn't beside it in the ring",
                seen->across_from, seen->across_to);
    mistake_if(
        "a way that needs a wire between any two ranks: in a ring a rank sends to "
        "one neighbour only",
        seen->across_from >= 0);
    expect_number("elements that all ranks send", (double)sent,
                  (double)((ring->P - 1) * ring->n), 0);
    static const char too_much[] =
        "a step too many, or more than a chunk in a step: each sends a chunk, P - 1 "
        "times";
    mistake_number(too_much, (double)(ring->P * ring->n));
    mistake_number(too_much, (double)(ring->P * (ring->P - 1) * ring->n));
}

static void reduce_case(int P, long n) {
    Ring ring;
    Watched seen;
    Error error = {""};
    case_is("reduce-scatter: %d ranks, %ld elements", P, n);
    make(&ring, P, n);
    expect_run(run_watched(P, reduce_scatter, &ring, &seen, &error), &error, &seen);
    for (int r = 0; r < P; r++) {
        if (begin_of(&ring, r) < begin_of(&ring, r + 1)) {
            case_is("reduce-scatter: %d ranks, %ld elements; rank %d's own chunk", P, n,
                    r);
            expect("chunk", chunk_of(&ring, r, r), ring.sum + begin_of(&ring, r),
                   TOLERANCE);
            name_chunk(&ring, r);
        }
    }
    case_is("reduce-scatter: %d ranks, %ld elements", P, n);
    expect_traffic(&ring, &seen);
}

/* Chunk c at this rank is what another chunk should be. */
static bool is_another(const Ring *ring, int rank, int c) {
    const Tensor T = chunk_of(ring, rank, c);
    for (int other = 0; other < ring->P; other++) {
        bool same = other != c &&
                    begin_of(ring, other + 1) - begin_of(ring, other) >= T.shape[0];
        for (int i = 0; i < T.shape[0] && same; i++) {
            same = near((double)T.data[i], ring->sum[begin_of(ring, other) + i]);
        }
        if (same) {
            return true;
        }
    }
    return false;
}

static void gather_case(int P, long n) {
    Ring ring;
    Watched seen;
    Error error = {""};
    case_is("all-gather: %d ranks, %ld elements", P, n);
    make(&ring, P, n);
    for (int r = 0; r < P; r++) {
        for (long i = 0; i < n; i++) {
            const bool own = i >= begin_of(&ring, r) && i < begin_of(&ring, r + 1);
            ring.x[r].data[i] = own ? (real)ring.sum[i] : (real)NAN;
        }
    }
    expect_run(run_watched(P, all_gather, &ring, &seen, &error), &error, &seen);
    for (int r = 0; r < P; r++) {
        for (int c = 0; c < P; c++) {
            if (begin_of(&ring, c) < begin_of(&ring, c + 1)) {
                case_is("all-gather: %d ranks, %ld elements; rank %d", P, n, r);
                char name[32];
                snprintf(name, sizeof name, "chunk %d", c);
                expect(name, chunk_of(&ring, r, c), ring.sum + begin_of(&ring, c), 0);
                mistake_if("another chunk, put here: a chunk has the same place in "
                           "every rank's vector",
                           no_name_yet() && is_another(&ring, r, c));
                mistake_if("nan, which a rank has in the chunks that it doesn't own: "
                           "which one is finished at first, and in the next step?",
                           no_name_yet() &&
                               isnan((double)chunk_of(&ring, r, c).data[0]));
            }
        }
    }
    case_is("all-gather: %d ranks, %ld elements", P, n);
    expect_traffic(&ring, &seen);
}

/* One rank and no elements: only whether they are written. */
static void nothing(Group *group, void *data) {
    (void)data;
    real x[1] = {0}, room[1] = {0};
    ring_reduce_scatter(group, x, 0, room);
    ring_all_gather(group, x, 0);
}

void ring_grade(void) {
    Watched seen;
    Error error = {""};
    (void)run_watched(1, nothing, NULL, &seen, &error);
    hint(
        "Draw the ranks in a circle, and one chunk's way. At which rank must it arrive "
        "last, so where must it set out, and what does a rank send in the next step?");
    reduce_case(2, 4);
    reduce_case(3, 6);
    reduce_case(4, 8);
    reduce_case(4, 11);
    reduce_case(5, 23);
    reduce_case(5, 3);
    reduce_case(12, 40);
    hint("What does a rank do while its own message waits for its receiver?");
    reduce_case(3, 5000);
    reduce_case(4, 4 * 1500);
    hint("Each rank begins with one finished chunk. Which one can it send on after the "
         "first step?");
    gather_case(2, 4);
    gather_case(3, 6);
    gather_case(4, 11);
    gather_case(5, 23);
    gather_case(5, 3);
    gather_case(12, 40);
    hint("What does a rank do while its own message waits for its receiver?");
    gather_case(4, 4 * 1500);
    hint("With whom does a rank talk that is alone?");
    reduce_case(1, 3);
    gather_case(1, 3);
    hint("Here no message is copied, however short: a system may do so. What is sent "
         "waits for its receiver.");
    without_copies(true);
    reduce_case(3, 6);
    gather_case(3, 6);
    without_copies(false);
}
