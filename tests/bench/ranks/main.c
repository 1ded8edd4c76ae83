/*
 * run_ranks: the benchmark's own ranks: chapter 8's training, as ./chapter8 does it, in
 * turns that `run` asks for (peer.h).
 *
 *     mpirun -n 2 run_ranks --phase=train ... --ranks=2 [--network]
 *
 * A program of its own, as it needs MPI. Rank 0 speaks with `run`, and tells the others
 * how many steps to do. While others are timed a rank mustn't wait as MPI does, which
 * looks for messages without a pause: it sleeps, and looks now and then.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chapters/08_many_machines/collectives/mpi_group.h"
#include "chapters/08_many_machines/program/heartbeat.h"
#include "chapters/08_many_machines/program/rank_options.h"
#include "chapters/08_many_machines/training/rank_trainer.h"
#include "tests/bench/answers.h"
#include "tests/bench/ours.h"

/* What rank 0 tells: so many steps, or one of these. */
enum { THE_END = -1, REST = -2 };
enum { TAG = 1000 }; /* the rings' tags are their buckets' numbers */

static Group group;
static bool resting = true; /* the others look for messages now and then */

/* ---- messages -------------------------------------------------------------------- */

static Message one(int rank, real *number) {
    return (Message){rank, number, 1, TAG};
}

static void send_number(int rank, real number) {
    group_send(&group, one(rank, &number));
}

static real receive_number(int rank) {
    real number;
    group_receive(&group, one(rank, &number));
    return number;
}

static real receive_sleeping(int rank) {
    const struct timespec pause = {.tv_nsec = 5000000};
    real number;
    const int ticket = group_begin(&group, (Message){.count = 0}, one(rank, &number));
    while (!group_test(&group, ticket)) {
        nanosleep(&pause, NULL);
    }
    return number;
}

/* ---- rank 0 ---------------------------------------------------------------------- */

static void tell_all(long number) {
    for (int r = 1; r < group.size; r++) {
        send_number(r, (real)number);
    }
}

/* Those that sleep say when they have heard it. */
static void tell_steps(long steps) {
    tell_all(steps);
    for (int r = 1; r < group.size && resting; r++) {
        (void)receive_number(r);
    }
    resting = false;
}

static bool let_rest(void) {
    bool rest = true;
    tell_all(REST);
    for (int r = 1; r < group.size; r++) {
        rest = receive_sleeping(r) > 0 && rest;
    }
    resting = true;
    return rest;
}

/* ---- the others ------------------------------------------------------------------ */

static long hear(void) {
    for (;;) {
        const real number = resting ? receive_sleeping(0) : receive_number(0);
        if (resting) {
            send_number(0, 0);
        }
        resting = number == REST;
        if (!resting) {
            return (long)number;
        }
        send_number(0, threads_rest() ? 1 : 0);
    }
}

/* ---- the program ----------------------------------------------------------------- */

/* Open MPI and MPICH are asked for TCP, on the machine's own network. */
static void choose_network(void) {
    setenv("OMPI_MCA_pml", "ob1", 1);
    setenv("OMPI_MCA_btl", "self,tcp", 1);
    setenv("OMPI_MCA_btl_tcp_if_include", "lo", 1);
    setenv("MPIR_CVAR_NOLOCAL", "1", 1);
}

/* Takes this program's words out of argv; false if one is missing or wrong. */
static bool take_words(int *argc, char **argv, int *ranks, int *threads) {
    int count = 0;
    *ranks = *threads = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "--network") == 0) {
            choose_network();
        } else if (strncmp(argv[i], "--ranks=", 8) == 0) {
            *ranks = atoi(argv[i] + 8);
        } else {
            if (strncmp(argv[i], "--threads=", 10) == 0) {
                *threads = atoi(argv[i] + 10);
            }
            argv[count++] = argv[i];
        }
    }
    *argc = count;
    return *ranks > 0 && *threads > 0;
}

static int serve(int argc, char **argv, int threads) {
    static const Team team = {&engine_ranks, tell_steps, let_rest, hear};
    static RankOptions own;
    static Ranks ranks;
    char *nothing[] = {"chapter8", NULL}, *rest[2];
    int count;
    Error error;
    if (!rank_options_take(&own, 1, nothing, &count, rest, &error)) {
        fprintf(stderr, "bench: %s\n", error.text);
        return 1;
    }
    ranks = (Ranks){.group = &group,
                    .sum = own.sum,
                    .threads = threads,
                    .shards = own.shards,
                    .bucket_bytes = own.bucket_bytes};
    rank_trainer_use(&ranks);
    const HeartbeatPlan plan = {"bench", &group, own.patience_s, mpi_group_turns,
                                mpi_group_abort};
    if (!heartbeat_open(&plan, &error)) {
        fprintf(stderr, "bench: %s\n", error.text);
        return 1;
    }
    return group.rank == 0 ? ours_serve(argc, argv, &team)
                           : ours_follow(argc, argv, &team);
}

int main(int argc, char **argv) {
    Error error;
    int ranks, threads;
    argc--;
    argv++;
    if (!take_words(&argc, argv, &ranks, &threads)) {
        printf("failed run_ranks needs --ranks and --threads\n");
        return 1;
    }
    if (!mpi_group_open(&group, &error)) {
        printf("failed %s\n", error.text);
        return 1;
    }
    if (group.size != ranks) {
        printf("failed it is one of %d rank%s, not of %d: is this mpirun another MPI's "
               "than mpicc?\n",
               group.size, group.size == 1 ? "" : "s", ranks);
        return 1;
    }
    const int status = serve(argc, argv, threads);
    heartbeat_close();
    mpi_group_close(&group);
    return status;
}
