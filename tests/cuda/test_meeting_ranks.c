/*
 * test_meeting_ranks.c: how chapter 8's processes find one another (rendezvous.h), and
 * look after one another (watch.h): with processes, on this machine.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chapters/08_many_machines/gpus/gpu_ranks.h"
#include "chapters/08_many_machines/gpus/ranks_on_cpu.h"
#include "chapters/08_many_machines/gpus/rendezvous.h"
#include "chapters/08_many_machines/gpus/watch.h"
#include "common/lesson/stopwatch.h"
#include "tests/cuda/cuda_suites.h"
#include "tests/scratch.h"

enum { MAX_RANKS = 5, LONG = 20 };

/* A rank that is started, and what became of it. In memory that processes share. */
typedef struct {
    Place place;
    const char *program;
    double patience_s;
    void (*then)(int rank, Rendezvous *others); /* if all have met; or NULL */
    bool met;
    char word[8];
    Error error;
    Lookout seen; /* for `then` */
    double seconds;
    int status; /* of its process */
} Started;

static Started *ranks;

static void pause_ms(int ms) {
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

static int listen_anywhere(int *port) {
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof at;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, bytes), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &bytes), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void be_rank(int i) {
    Started *me = &ranks[i];
    Rendezvous others;
    const double begin = stopwatch_ms();
    me->met = rendezvous_meet(&others, &me->place, me->program, me->word,
                              sizeof me->word, me->patience_s, &me->error);
    me->seconds = (stopwatch_ms() - begin) / 1e3;
    if (me->met && me->then) {
        me->then(i, &others);
    }
    if (me->met) {
        rendezvous_end(&others, NULL);
    }
}

/* `count` ranks that should meet; a test changes what it wants. */
static void plan(int count) {
    int port;
    ranks = mmap(NULL, MAX_RANKS * sizeof *ranks, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    close(listen_anywhere(&port));
    for (int i = 0; i < count; i++) {
        ranks[i] = (Started){.place = {i, count, i, "127.0.0.1", port},
                             .program = "test-1",
                             .patience_s = LONG,
                             .status = -1};
        snprintf(ranks[i].word, sizeof ranks[i].word, i == 0 ? "hello" : "nothing");
    }
}

/* Starts those from `from` on, each a little later than the one before. */
static void start(int from, int count) {
    pid_t children[MAX_RANKS];
    for (int i = from; i < count; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            be_rank(i);
            _exit(0);
        }
        pause_ms(30);
    }
    for (int i = from; i < count; i++) {
        waitpid(children[i], &ranks[i].status, 0);
    }
}

static void assert_refused(int i, const char *words) {
    ck_assert_msg(!ranks[i].met, "rank %d was let in", i);
    assert_error_line(ranks[i].error, words);
}

/* ---- meeting --------------------------------------------------------------------- */

START_TEST(all_get_rank_0s_word) {
    plan(MAX_RANKS);
    start(0, MAX_RANKS);
    for (int i = 0; i < MAX_RANKS; i++) {
        ck_assert_msg(ranks[i].met, "%s", ranks[i].error.text);
        ck_assert_str_eq(ranks[i].word, "hello");
    }
}
END_TEST

START_TEST(one_rank_needs_nobody) {
    plan(1);
    start(0, 1);
    ck_assert(ranks[0].met);
    ck_assert(ranks[0].seconds < 1);
}
END_TEST

START_TEST(rank_0_may_be_the_last) {
    plan(2);
    const Started first = ranks[0];
    ranks[0] = ranks[1]; /* started first */
    ranks[1] = first;
    start(0, 2);
    ck_assert_msg(ranks[0].met && ranks[1].met, "%s", ranks[0].error.text);
    ck_assert_str_eq(ranks[0].word, "hello");
}
END_TEST

START_TEST(nobody_listens) {
    plan(2);
    ranks[1].patience_s = 1;
    start(1, 2);
    assert_refused(1, "rank 1: nobody listens at 127.0.0.1 port|after 1 s|refused|"
                      "MASTER_ADDR, MASTER_PORT");
    ck_assert(ranks[1].seconds < 5);
}
END_TEST

START_TEST(a_rank_that_does_not_come_is_named) {
    plan(4);
    ranks[0].patience_s = 1;
    start(0, 3);
    assert_refused(0, "rank 0: 2 of 3 other ranks came within 1 s|missing: 3");
    assert_refused(1, "rank 1: rank 0 has ended: rank 0: 2 of 3|missing: 3");
    assert_refused(2, "rank 2: rank 0 has ended|missing: 3");
}
END_TEST

START_TEST(another_size) {
    plan(3);
    ranks[2].place.size = 4;
    start(0, 3);
    const char *words =
        "rank 2 was told that there are 4 ranks, rank 0 that there are 3";
    for (int i = 0; i < 3; i++) {
        assert_refused(i, words);
    }
}
END_TEST

START_TEST(two_with_the_same_rank) {
    plan(3);
    ranks[2].place.rank = 1;
    start(0, 3);
    for (int i = 0; i < 3; i++) {
        assert_refused(i, "two processes say that they are rank 1");
    }
}
END_TEST

START_TEST(two_with_rank_0) {
    plan(3);
    ranks[1].place.rank = 0;
    ranks[0].patience_s = 1;
    start(0, 2);
    assert_refused(1, "rank 0 can't listen at port|MASTER_PORT|in use");
}
END_TEST

START_TEST(another_program) {
    plan(2);
    ranks[1].program = "test-2";
    start(0, 2);
    assert_refused(0, "rank 1 is another program: \"test-2\", rank 0 is \"test-1\"");
    assert_refused(1, "another program");
}
END_TEST

/* Something else listens there, and says what it says. */
START_TEST(what_is_not_rank_0) {
    int port;
    plan(2);
    const int fd = listen_anywhere(&port);
    const pid_t other = fork();
    if (other == 0) {
        char page[700];
        memset(page, 'x', sizeof page);
        const int client = accept(fd, NULL, NULL);
        _exit(send(client, page, sizeof page, MSG_NOSIGNAL) <= 0);
    }
    ranks[1].place.port = port;
    start(1, 2);
    waitpid(other, NULL, 0);
    close(fd);
    assert_refused(1, "rank 1: what listens at 127.0.0.1|is not rank 0");
}
END_TEST

static void knock(int port) {
    const struct sockaddr_in at = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char page[300];
    int fd;
    memset(page, 'x', sizeof page);
    for (int tries = 0; tries < 100; tries++) {
        fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0) {
            (void)!send(fd, page, sizeof page, MSG_NOSIGNAL);
            close(fd);
            _exit(0);
        }
        close(fd);
        pause_ms(20);
    }
    _exit(1);
}

START_TEST(a_stranger_is_not_let_in_and_does_no_harm) {
    int status;
    plan(2);
    const pid_t first = fork();
    if (first == 0) {
        be_rank(0);
        _exit(0);
    }
    const pid_t stranger = fork();
    if (stranger == 0) {
        knock(ranks[0].place.port);
    }
    waitpid(stranger, &status, 0);
    ck_assert_int_eq(status, 0);
    start(1, 2);
    waitpid(first, &status, 0);
    ck_assert_msg(ranks[0].met && ranks[1].met, "%s", ranks[0].error.text);
}
END_TEST

/* ---- looking --------------------------------------------------------------------- */

/* Rank 2 is killed; rank 0 sees it, and tells rank 1. */
static void see_a_death(int rank, Rendezvous *others) {
    if (rank == 2) {
        pause_ms(100);
        kill(getpid(), SIGKILL);
    }
    for (int waited = 0; waited < 5000 && ranks[rank].seen == ALL_WELL; waited += 10) {
        ranks[rank].seen = rendezvous_look(others, &ranks[rank].error);
        pause_ms(10);
    }
    if (rank == 0) {
        rendezvous_end(others, "a death");
    }
}

START_TEST(a_killed_rank_is_seen_and_the_others_are_told) {
    plan(3);
    for (int i = 0; i < 3; i++) {
        ranks[i].then = see_a_death;
    }
    start(0, 3);
    ck_assert_int_eq(ranks[0].seen, RANK_LOST);
    assert_error_line(ranks[0].error, "rank 2 has gone");
    ck_assert_int_eq(ranks[1].seen, RANK_ENDED);
}
END_TEST

static void end_well(int rank, Rendezvous *others) {
    for (int waited = 0; waited < 100 * rank; waited += 10) {
        ranks[rank].seen = rendezvous_look(others, &ranks[rank].error);
        ck_assert_int_eq(ranks[rank].seen, ALL_WELL);
        pause_ms(10);
    }
}

START_TEST(who_has_done_its_work_is_not_missed) {
    plan(3);
    for (int i = 0; i < 3; i++) {
        ranks[i].then = end_well;
    }
    start(0, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(ranks[i].status, 0);
        ck_assert_int_eq(ranks[i].seen, ALL_WELL);
    }
}
END_TEST

/* ---- watching -------------------------------------------------------------------- */

static const char *said(void) {
    static char text[600];
    Bytes bytes = read_bytes_of(in_scratch("stderr"));
    const size_t count = bytes.count < sizeof text - 1 ? bytes.count : sizeof text - 1;
    memcpy(text, bytes.bytes, count);
    text[count] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static bool nothing_failed(void *work, Error *why) {
    (void)work;
    (void)why;
    return false;
}

/* What a watch's process says on stderr goes to a file. */
static pid_t fork_talking(void) {
    const pid_t child = fork();
    if (child == 0 && !freopen(in_scratch("stderr"), "w", stderr)) {
        _exit(9);
    }
    return child;
}

static void watched_death(int rank, Rendezvous *others) {
    Error error;
    if (rank == 1) {
        kill(getpid(), SIGKILL);
    }
    ck_assert(freopen(in_scratch("stderr"), "w", stderr) != NULL);
    const Watch watch = {"chapter8_gpu", rank, others, LONG, nothing_failed, NULL};
    ck_assert(watch_begin(&watch, &error));
    pause_ms(5000);
}

START_TEST(the_watch_ends_a_program_whose_rank_has_gone) {
    const double begin = stopwatch_ms();
    plan(2);
    ranks[0].then = ranks[1].then = watched_death;
    start(0, 2);
    ck_assert(WIFEXITED(ranks[0].status) && WEXITSTATUS(ranks[0].status) == 1);
    ck_assert(stopwatch_ms() - begin < 4000);
    ck_assert_str_eq(said(), "chapter8_gpu: rank 0: rank 1 has gone: killed, or its "
                             "machine or network is; training goes on from the last "
                             "checkpoint with --resume");
}
END_TEST

START_TEST(the_watch_has_patience_only_while_the_rank_waits) {
    int status;
    const pid_t child = fork_talking();
    if (child == 0) {
        Error error;
        const Watch watch = {"chapter8_gpu", 3, NULL, 1, nothing_failed, NULL};
        ck_assert(watch_begin(&watch, &error));
        pause_ms(1500); /* it works */
        watch_waiting(true);
        watch_waiting(false);
        pause_ms(1500);
        watch_waiting(true);
        pause_ms(5000);
        _exit(0);
    }
    const double begin = stopwatch_ms();
    waitpid(child, &status, 0);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    ck_assert(stopwatch_ms() - begin > 3900);
    ck_assert_ptr_nonnull(
        strstr(said(), "rank 3: waited 1 s for the other ranks (--patience)"));
}
END_TEST

/* Rank 1 doesn't do what rank 0 does: rank 0's kernel would wait for ever. */
static bool failed(void *work, Error *why) {
    return gpu_ranks_failed(work, why);
}
static void aborts(void *work) {
    gpu_ranks_abort(work);
    fprintf(stderr, "aborted\n");
    fflush(stderr);
}
static GpuRanksId id;
static void only_rank_0_sums(int rank, void *data) {
    Error error;
    (void)data;
    GpuRanks *r = gpu_ranks_open(&id, rank, 2, &error);
    float *x = gpu_allocate(4 * sizeof(float), "a sum", &error);
    if (rank == 0) {
        const Watch watch = {"chapter8_gpu", 0, NULL, 1, failed, aborts};
        if (!watch_begin(&watch, &error)) {
            _exit(3);
        }
        watch_work(r);
        watch_waiting(true);
        gpu_ranks_sum(r, x, 4);
        gpu_wait(gpu_ranks_stream(r));
        pause_ms(3000);
    }
}

START_TEST(a_sum_that_nobody_joins_is_aborted_after_patience) {
    int status;
    const pid_t child = fork_talking();
    if (child == 0) {
        Error error;
        ck_assert(gpu_ranks_id(&id, &error));
        (void)ranks_on_cpu(2, only_rank_0_sums, NULL, &error);
        _exit(7);
    }
    waitpid(child, &status, 0);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    Bytes bytes = read_bytes_of(in_scratch("stderr"));
    char text[600] = "";
    memcpy(text, bytes.bytes, bytes.count < 599 ? bytes.count : 599);
    ck_assert_msg(strstr(text, "waited 1 s") && strstr(text, "\naborted\n"), "%s",
                  text);
}
END_TEST

/* ---- the environment ------------------------------------------------------------- */

static void set_place(const char *rank, const char *size, const char *port) {
    const char *const names[] = {"RANK", "WORLD_SIZE", "MASTER_PORT"};
    const char *const values[] = {rank, size, port};
    for (int i = 0; i < 3; i++) {
        if (values[i]) {
            setenv(names[i], values[i], 1);
        } else {
            unsetenv(names[i]);
        }
    }
}

START_TEST(a_place_is_read_from_the_environment) {
    Place place;
    Error error;
    unsetenv("TORCHELASTIC_USE_AGENT_STORE");
    set_place(NULL, NULL, NULL);
    ck_assert(place_read(&place, &error));
    ck_assert_int_eq(place.size, 1);
    set_place("3", "8", "29500");
    setenv("LOCAL_RANK", "1", 1);
    setenv("MASTER_ADDR", "node-0", 1);
    ck_assert_msg(place_read(&place, &error), "%s", error.text);
    ck_assert_int_eq(place.rank, 3);
    ck_assert_int_eq(place.size, 8);
    ck_assert_int_eq(place.local_rank, 1);
    ck_assert_int_eq(place.port, 29500);
    ck_assert_str_eq(place.address, "node-0");
    setenv("TORCHELASTIC_USE_AGENT_STORE", "True", 1); /* that port is torchrun's */
    ck_assert(place_read(&place, &error));
    ck_assert_int_eq(place.port, 29501);
}
END_TEST

START_TEST(a_wrong_place_says_what_is_wrong) {
    Place place;
    Error error;
    setenv("MASTER_ADDR", "node-0", 1);
    set_place("8", "8", "29500");
    ck_assert(!place_read(&place, &error));
    assert_error_line(error, "RANK is \"8\": want a whole number from 0 to 7");
    set_place("1", "two", "29500");
    ck_assert(!place_read(&place, &error));
    assert_error_line(error, "WORLD_SIZE is \"two\"");
    set_place(NULL, "2", "29500");
    ck_assert(!place_read(&place, &error));
    assert_error_line(error, "RANK isn't set|torchrun|MASTER_PORT");
    set_place("1", "2", NULL);
    ck_assert(!place_read(&place, &error));
    assert_error_line(error, "MASTER_PORT isn't set");
    set_place("1", "2", "29500");
    unsetenv("MASTER_ADDR");
    ck_assert(!place_read(&place, &error));
    assert_error_line(error, "MASTER_ADDR isn't set");
}
END_TEST

Suite *meeting_ranks_suite(void) {
    Suite *suite = suite_create("meeting_ranks");
    TCase *meeting = add_case(suite, "meeting");
    tcase_add_test(meeting, all_get_rank_0s_word);
    tcase_add_test(meeting, one_rank_needs_nobody);
    tcase_add_test(meeting, rank_0_may_be_the_last);
    tcase_add_test(meeting, nobody_listens);
    tcase_add_test(meeting, a_rank_that_does_not_come_is_named);
    tcase_add_test(meeting, another_size);
    tcase_add_test(meeting, two_with_the_same_rank);
    tcase_add_test(meeting, two_with_rank_0);
    tcase_add_test(meeting, another_program);
    tcase_add_test(meeting, what_is_not_rank_0);
    tcase_add_test(meeting, a_stranger_is_not_let_in_and_does_no_harm);
    TCase *looking = add_case(suite, "looking");
    tcase_add_test(looking, a_killed_rank_is_seen_and_the_others_are_told);
    tcase_add_test(looking, who_has_done_its_work_is_not_missed);
    TCase *watching = add_scratch_case(suite, "watching");
    tcase_add_test(watching, the_watch_ends_a_program_whose_rank_has_gone);
    tcase_add_test(watching, the_watch_has_patience_only_while_the_rank_waits);
    tcase_add_test(watching, a_sum_that_nobody_joins_is_aborted_after_patience);
    TCase *places = add_case(suite, "places");
    tcase_add_test(places, a_place_is_read_from_the_environment);
    tcase_add_test(places, a_wrong_place_says_what_is_wrong);
    return suite;
}
