/*
 * test_all_reduce.c: chapter 8's messages between ranks (group.h, threads_group.h), the
 * three all-reduces and what they send (all_reduce.h), and their cost (cost.h).
 */
#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "chapters/08_many_machines/collectives/all_reduce.h"
#include "chapters/08_many_machines/collectives/cost.h"
#include "chapters/08_many_machines/collectives/threads_group.h"
#include "tests/check_helpers.h"
#include "tests/suites.h"

enum { MAX_RANKS = 9 }; /* ranks */

static AllReduce *const ways[] = {all_reduce_gather, all_reduce_ring,
                                  all_reduce_halving};
enum { WAYS = 3 };

/* What ranks work on: each its own row. */
typedef struct {
    AllReduce *way;
    long n;
    real *x[MAX_RANKS], *room[MAX_RANKS];
    long long sent[MAX_RANKS];
} Work;

static void make_work(Work *work, AllReduce *way, int P, long n) {
    *work = (Work){.way = way, .n = n};
    for (int r = 0; r < P; r++) {
        work->x[r] = test_reals(n);
        work->room[r] = test_reals(all_reduce_room(way, n, P) + 1);
        /* beyond its end: room that is too small would show */
        work->room[r][all_reduce_room(way, n, P)] = 12345;
        for (long i = 0; i < n; i++) {
            const Random random = {7, RANDOM_DEMO, (uint32_t)r};
            work->x[r][i] = (real)random_uniform(random, (uint64_t)i) - (real)0.3;
        }
    }
}

static void reduce(Group *group, void *data) {
    Work *work = data;
    const int r = group->rank;
    work->way(group, work->x[r], work->n, work->room[r]);
    work->sent[r] = group->sent_bytes;
}

static void run_ranks(int P, GroupBody *body, void *data) {
    Error error = {""};
    ck_assert_msg(threads_group_run(P, body, data, &error), "%s", error.text);
}

/* ---- sums ------------------------------------------------------------------------ */

START_TEST(every_rank_has_the_sum_in_the_same_bits) {
    const long sizes[] = {1, 2, 3, 7, 64, 1000, 5003};
    Work work;
    for (int P = 1; P <= MAX_RANKS; P++) {
        for (int s = 0; s < 7; s++) {
            const long n = sizes[s];
            double *want = test_doubles(n);
            make_work(&work, ways[_i], P, n);
            for (int r = 0; r < P; r++) {
                for (long i = 0; i < n; i++) {
                    want[i] += (double)work.x[r][i];
                }
            }
            run_ranks(P, reduce, &work);
            for (long i = 0; i < n; i++) {
                assert_number_close((double)work.x[0][i], want[i], TOLERANCE, "sum");
            }
            for (int r = 0; r < P; r++) {
                ck_assert_mem_eq(work.x[r], work.x[0], (size_t)n * sizeof(real));
                ck_assert_double_eq(
                    (double)work.room[r][all_reduce_room(ways[_i], n, P)], 12345);
            }
        }
    }
}
END_TEST

START_TEST(no_elements_are_no_messages) {
    Work work;
    make_work(&work, ways[_i], 4, 0);
    run_ranks(4, reduce, &work);
    ck_assert_int_eq((int)work.sent[0], 0);
}
END_TEST

static void scatter(Group *group, void *data) {
    Work *work = data;
    ring_reduce_scatter(group, work->x[group->rank], work->n, work->room[group->rank]);
    work->sent[group->rank] = group->sent_bytes;
}

START_TEST(reduce_scatter_leaves_each_rank_its_chunk) {
    enum { P = 5, N = 103 };
    Work work;
    make_work(&work, all_reduce_ring, P, N);
    for (int r = 0; r < P; r++) {
        for (int i = 0; i < N; i++) {
            work.x[r][i] = (real)((r + 1) * (i + 1)); /* whole numbers: exact */
        }
    }
    run_ranks(P, scatter, &work);
    for (int r = 0; r < P; r++) {
        const int c = r;
        for (long i = chunk_begin(N, P, c); i < chunk_begin(N, P, c + 1); i++) {
            ck_assert_double_eq((double)work.x[r][i], 15.0 * (double)(i + 1));
        }
    }
}
END_TEST

START_TEST(chunks_cover_the_vector_and_differ_by_one) {
    const long sizes[] = {0, 1, 5, 6, 139018, 86567656};
    for (int s = 0; s < 6; s++) {
        const long n = sizes[s];
        for (int P = 1; P <= 1000; P = P * 3 + 1) {
            ck_assert_int_eq((int)chunk_begin(n, P, 0), 0);
            ck_assert(chunk_begin(n, P, P) == n);
            for (int c = 0; c < P; c++) {
                const long length = chunk_begin(n, P, c + 1) - chunk_begin(n, P, c);
                ck_assert(length == n / P || length == n / P + 1);
                ck_assert(length <= all_reduce_room(all_reduce_ring, n, P));
            }
        }
    }
}
END_TEST

/* ---- bytes ----------------------------------------------------------------------- */

static long long all_sent(const Work *work, int P) {
    long long sum = 0;
    for (int r = 0; r < P; r++) {
        sum += work->sent[r];
    }
    return sum;
}

START_TEST(all_three_send_the_same_bytes_and_the_ring_shares_them) {
    const long n = 1003, element = sizeof(real);
    Work work;
    for (int P = 2; P <= 8; P++) {
        for (int w = 0; w < WAYS; w++) {
            const bool power = (P & (P - 1)) == 0;
            if (ways[w] == all_reduce_halving && !power) {
                continue; /* partners send whole vectors */
            }
            make_work(&work, ways[w], P, n);
            run_ranks(P, reduce, &work);
            ck_assert_int_eq((int)all_sent(&work, P), (int)(2 * (P - 1) * n * element));
        }
        make_work(&work, all_reduce_ring, P, n);
        run_ranks(P, reduce, &work);
        const double share = 2.0 * (P - 1) / P * (double)(n * element);
        for (int r = 0; r < P; r++) {
            const double chunk = (double)((n / P + 1) * element);
            ck_assert(fabs((double)work.sent[r] - share) <= chunk);
        }
        make_work(&work, all_reduce_gather, P, n);
        run_ranks(P, reduce, &work); /* rank 0 sends as much as all others together */
        ck_assert_int_eq((int)work.sent[0], (int)((P - 1) * n * element));
    }
}
END_TEST

/* ---- messages that don't fit ----------------------------------------------------- */

static void send_then_receive(Group *group, void *data) {
    const long n = *(const long *)data;
    real *x = test_reals(n);
    const int P = group->size, r = group->rank;
    group_send(group, (Message){(r + 1) % P, x, n, 0});
    group_receive(group, (Message){(r + P - 1) % P, x, n, 0});
}

START_TEST(short_messages_hide_a_deadlock_that_long_ones_show) {
    long n = THREADS_GROUP_SHORT;
    Error error = {""};
    run_ranks(3, send_then_receive, &n);
    n++;
    ck_assert(!threads_group_run(3, send_then_receive, &n, &error));
    ck_assert_str_eq(error.text, "deadlock: rank 0 sends to rank 1, rank 1 sends to "
                                 "rank 2, rank 2 sends to rank 0, and none of them "
                                 "goes on");
}
END_TEST

static void wait_for_one_that_has_ended(Group *group, void *data) {
    real x = 0;
    (void)data;
    if (group->rank > 0) {
        group_receive(group, (Message){0, &x, 1, 0});
    }
}

START_TEST(a_rank_that_has_ended_sends_nothing) {
    Error error = {""};
    ck_assert(!threads_group_run(2, wait_for_one_that_has_ended, NULL, &error));
    ck_assert_str_eq(error.text,
                     "deadlock: rank 1 receives from rank 0, and none of them goes on");
}
END_TEST

static void disagree(Group *group, void *data) {
    real x[6] = {0};
    (void)data;
    if (group->rank == 0) {
        group_send(group, (Message){1, x, 5, 0});
    } else {
        group_receive(group, (Message){0, x, 6, 0});
    }
}

START_TEST(lengths_that_differ_are_told) {
    Error error = {""};
    ck_assert(!threads_group_run(2, disagree, NULL, &error));
    ck_assert_str_eq(error.text,
                     "rank 0 sends 5 elements to rank 1, which wants 6 from it");
}
END_TEST

/* ---- who asks again and again ---------------------------------------------- */

static void ask_until_it_is_there(Group *group, int ticket) {
    while (!group_test(group, ticket)) {
    }
}

/* Rank 0 asks for a message of rank 1, which waits for one of rank 0; rank 2 has
 * ended. */
static void poll_for_nothing(Group *group, void *data) {
    const bool all_poll = *(const bool *)data;
    const int r = group->rank;
    real x = 0;
    if (r == 2) {
        return;
    }
    const int ticket =
        group_begin(group, (Message){.count = 0}, (Message){1 - r, &x, 1, r});
    if (r == 0 || all_poll) {
        ask_until_it_is_there(group, ticket);
    } else {
        group_wait(group, ticket);
    }
}

START_TEST(a_deadlock_is_found_where_a_rank_asks_again_and_again) {
    Error error = {""};
    bool all_poll = false;
    ck_assert(!threads_group_run(3, poll_for_nothing, &all_poll, &error));
    ck_assert_str_eq(error.text,
                     "deadlock: rank 0 receives from rank 1 (group_test), rank 1 "
                     "receives from rank 0, and none of them goes on");
    all_poll = true;
    ck_assert(!threads_group_run(3, poll_for_nothing, &all_poll, &error));
    ck_assert_str_eq(error.text,
                     "deadlock: rank 0 receives from rank 1 (group_test), rank 1 "
                     "receives from rank 0 (group_test), and none of them goes on");
}
END_TEST

/* Rank 0 asks for a message that rank 1 sends when it has computed for so long that
 * rank 0 has asked more than enough. Rank 2 waits for both. Then rank 1 computes, and
 * asks meanwhile, while the two others wait for it. */
static atomic_bool asked_enough;

static void poll_for_a_slow_one(Group *group, void *data) {
    real *got = data, x = 0, y = 0;
    const int r = group->rank;
    const Message none = {.count = 0};
    const int last = r == 1 ? group_begin(group, none, (Message){2, &y, 1, 1}) : -1;
    if (r == 0) {
        const int ticket = group_begin(group, none, (Message){1, &x, 1, 0});
        for (long polls = 0; !group_test(group, ticket); polls++) {
            asked_enough = polls > 3L << 20;
        }
        group_send(group, (Message){2, &x, 1, 0});
        group_receive(group, (Message){1, &got[0], 1, 1});
        return;
    }
    if (r == 2) {
        group_receive(group, (Message){0, &x, 1, 0});
        group_receive(group, (Message){1, &got[2], 1, 1});
        group_send(group, (Message){1, &got[2], 1, 1});
        return;
    }
    while (!asked_enough) {
    }
    x = 5;
    group_send(group, (Message){0, &x, 1, 0});
    for (int i = 0; i < 1000; i++) { /* a computation, and what it asks meanwhile */
        nanosleep(&(struct timespec){0, 100 * 1000}, NULL);
        (void)group_test(group, last);
    }
    group_send(group, (Message){0, &x, 1, 1});
    group_send(group, (Message){2, &x, 1, 1});
    ask_until_it_is_there(group, last);
    got[1] = y;
}

START_TEST(a_slow_rank_is_not_accused) {
    real got[3] = {0};
    asked_enough = false;
    run_ranks(3, poll_for_a_slow_one, got);
    for (int r = 0; r < 3; r++) {
        ck_assert_double_eq((double)got[r], 5);
    }
}
END_TEST

/* Two messages in flight between the same ranks arrive in their order; a ticket that is
 * waited for late is there at once. */
static void two_in_flight(Group *group, void *data) {
    real *got = data;
    const int r = group->rank, other = 1 - r;
    static real x[2][2][2000]; /* [rank][message] */
    real room[2][2000] = {{0}};
    int tickets[2];
    for (int m = 0; m < 2; m++) {
        for (int i = 0; i < 2000; i++) {
            x[r][m][i] = (real)(10 * r + m);
        }
        tickets[m] = group_begin(group, (Message){other, x[r][m], 2000, 0},
                                 (Message){other, room[m], 2000, 0});
    }
    group_wait(group, tickets[1]);
    while (!group_test(group, tickets[0])) {
    }
    got[2 * r] = room[0][1999];
    got[2 * r + 1] = room[1][1999];
}

START_TEST(messages_in_flight_keep_their_order) {
    real got[4];
    run_ranks(2, two_in_flight, got);
    ck_assert_double_eq((double)got[0], 10);
    ck_assert_double_eq((double)got[1], 11);
    ck_assert_double_eq((double)got[2], 0);
    ck_assert_double_eq((double)got[3], 1);
}
END_TEST

static void to_oneself(void) {
    real x = 0;
    Group group = {.rank = 1, .size = 2};
    group_send(&group, (Message){1, &x, 1, 0});
}

static void to_nobody(void) {
    real x = 0;
    Group group = {.rank = 1, .size = 2};
    group_exchange(&group, (Message){2, &x, 1, 0}, (Message){0, &x, 1, 0});
}

START_TEST(a_rank_that_isnt_there_stops_the_program) {
    assert_stops("a message goes to another rank", to_oneself());
    assert_stops("rank 1 of 2 and rank 2", to_nobody());
}
END_TEST

/* ---- cost ------------------------------------------------------------------------ */

START_TEST(costs_by_hand) {
    const Network network = {.alpha = 1e-4, .beta = 1e-8}; /* 100 us, 100 MB/s */
    assert_number_close(cost_gather(network, 4, 1e6), 6 * (1e-4 + 1e-2), 1e-12,
                        "gather");
    assert_number_close(cost_ring(network, 4, 1e6), 6 * (1e-4 + 2.5e-3), 1e-12, "ring");
    assert_number_close(cost_halving(network, 4, 1e6), 4e-4 + 1.5e-2, 1e-12, "halving");
    assert_number_close(cost_halving(network, 5, 1e6),
                        4e-4 + 1.5e-2 + 2 * (1e-4 + 1e-2), 1e-12, "halving, 5 ranks");
    ck_assert(cost_ring(network, 1, 1e6) == 0 && cost_halving(network, 1, 1e6) == 0);
    for (int P = 3; P <= 20; P++) { /* at the crossover both cost the same */
        const double m = cost_crossover(network, P);
        if ((P & (P - 1)) == 0) {
            ck_assert(isinf(m) && m > 0);
            continue;
        }
        ck_assert(P == 3 ? m == 0 : m > 0);
        assert_number_close(cost_ring(network, P, m), cost_halving(network, P, m),
                            1e-12, "crossover");
        ck_assert(cost_ring(network, P, m + 100) < cost_halving(network, P, m + 100));
    }
}
END_TEST

START_TEST(the_fit_finds_the_line_that_is_there) {
    double bytes[5], seconds[5];
    for (int i = 0; i < 5; i++) {
        bytes[i] = 100 * pow(10, i);
        seconds[i] = 3e-5 + bytes[i] * 2e-9;
    }
    const Network fitted = cost_fit(bytes, seconds, 5);
    assert_number_close(fitted.alpha, 3e-5, 1e-9, "alpha");
    assert_number_close(fitted.beta, 2e-9, 1e-9, "beta");
}
END_TEST

/* Relative errors: of 1 ms and 2 ms the best is 1.2, as (1/1 + 1/2) / (1/1 + 1/4). */
START_TEST(one_size_of_message_fits_alpha_alone) {
    const double bytes[3] = {1e6, 1e6, 1e6}, seconds[3] = {1e-3, 2e-3, 1.2e-3};
    for (int count = 1; count <= 3; count++) {
        const Network fitted = cost_fit(bytes, seconds, count);
        assert_number_close(fitted.alpha, count == 1 ? 1e-3 : 1.2e-3, 1e-12, "alpha");
        ck_assert(fitted.beta == 0);
    }
}
END_TEST

Suite *all_reduce_suite(void) {
    Suite *suite = suite_create("all_reduce");
    TCase *sums = add_case(suite, "sums");
    tcase_add_loop_test(sums, every_rank_has_the_sum_in_the_same_bits, 0, WAYS);
    tcase_add_loop_test(sums, no_elements_are_no_messages, 0, WAYS);
    tcase_add_test(sums, reduce_scatter_leaves_each_rank_its_chunk);
    tcase_add_test(sums, chunks_cover_the_vector_and_differ_by_one);
    TCase *bytes = add_case(suite, "bytes");
    tcase_add_test(bytes, all_three_send_the_same_bytes_and_the_ring_shares_them);
    TCase *messages = add_case(suite, "messages");
    tcase_add_test(messages, short_messages_hide_a_deadlock_that_long_ones_show);
    tcase_add_test(messages, a_rank_that_has_ended_sends_nothing);
    tcase_add_test(messages, lengths_that_differ_are_told);
    tcase_add_test(messages, a_deadlock_is_found_where_a_rank_asks_again_and_again);
    tcase_add_test(messages, a_slow_rank_is_not_accused);
    tcase_add_test(messages, messages_in_flight_keep_their_order);
    tcase_add_test(messages, a_rank_that_isnt_there_stops_the_program);
    TCase *cost = add_case(suite, "cost");
    tcase_add_test(cost, costs_by_hand);
    tcase_add_test(cost, the_fit_finds_the_line_that_is_there);
    tcase_add_test(cost, one_size_of_message_fits_alpha_alone);
    return suite;
}
