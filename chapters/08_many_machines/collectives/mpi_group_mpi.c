/* mpi_group_mpi.c: see mpi_group.h. */
#include "chapters/08_many_machines/collectives/mpi_group.h"

#include <limits.h>
#include <mpi.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef REAL_IS_DOUBLE
#define MPI_REAL_TYPE MPI_DOUBLE
#else
#define MPI_REAL_TYPE MPI_FLOAT
#endif

/* What a ticket is for; its number is the place here. */
typedef struct {
    bool used;
    MPI_Request requests[2]; /* send, receive */
} Flight;
enum { FLIGHTS = 256 };

static Flight flights[FLIGHTS];
static bool started, by_mpirun;
static atomic_ulong waited_turns;
static void (*tell)(const char *what); /* of an error, if anybody listens */

/* ---- errors ---------------------------------------------------------------------- */

/* MPI's own text in one line, and the end of all ranks. */
static void check(const Group *group, int result, const char *what) {
    char text[MPI_MAX_ERROR_STRING] = "";
    int length;
    if (result == MPI_SUCCESS) {
        return;
    }
    MPI_Error_string(result, text, &length);
    if (tell) {
        char line[MPI_MAX_ERROR_STRING + 40];
        snprintf(line, sizeof line, "%s: %s", what, text);
        tell(line);
    }
    fprintf(stderr, "chapter8: rank %d: %s: %s\n", group->rank, what, text);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static int count_of(const Group *group, Message message) {
    if (message.count > INT_MAX) {
        fprintf(stderr,
                "chapter8: rank %d: %ld elements in one message, MPI takes %d\n",
                group->rank, message.count, INT_MAX);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    return (int)message.count;
}

/* ---- messages -------------------------------------------------------------------- */

static int free_flight(const Group *group) {
    int ticket = 0;
    while (ticket < FLIGHTS && flights[ticket].used) {
        ticket++;
    }
    if (ticket == FLIGHTS) {
        bug("rank %d has begun %d messages and waited for none", group->rank, FLIGHTS);
    }
    flights[ticket] = (Flight){true, {MPI_REQUEST_NULL, MPI_REQUEST_NULL}};
    return ticket;
}

static int begin(Group *group, Message send, Message receive) {
    const int ticket = free_flight(group);
    Flight *flight = &flights[ticket];
    if (receive.count > 0) { /* first: what comes early needs no copy then */
        check(group,
              MPI_Irecv(receive.data, count_of(group, receive), MPI_REAL_TYPE,
                        receive.rank, receive.tag, MPI_COMM_WORLD,
                        &flight->requests[1]),
              "MPI_Irecv");
    }
    if (send.count > 0) {
        check(group,
              MPI_Isend(send.data, count_of(group, send), MPI_REAL_TYPE, send.rank,
                        send.tag, MPI_COMM_WORLD, &flight->requests[0]),
              "MPI_Isend");
    }
    return ticket;
}

static bool test(Group *group, int ticket) {
    Flight *flight = &flights[ticket];
    MPI_Status statuses[2]; /* gcc takes MPICH's MPI_STATUSES_IGNORE for an array */
    int done = 0;
    int result = MPI_Testall(2, flight->requests, &done, statuses);
    for (int i = 0; i < 2 && result == MPI_ERR_IN_STATUS; i++) {
        const int one = statuses[i].MPI_ERROR;
        result = one != MPI_SUCCESS && one != MPI_ERR_PENDING ? one : result;
    }
    check(group, result, "MPI_Testall");
    flight->used = !done;
    return done;
}

/* MPI_Waitall would do; but a rank that only waits should leave its core to those that
 * have something to do, where there are more ranks than cores. */
static void wait(Group *group, int ticket) {
    enum { AT_ONCE = 1000 };
    for (int tries = 0; !test(group, ticket); tries++) {
        waited_turns++;
        if (tries > AT_ONCE) {
            sched_yield();
        }
    }
}

/* MPI_Send and MPI_Recv, as what they are made of, so that there is one way to wait. */
static void send(Group *group, Message message) {
    wait(group, begin(group, message, (Message){.count = 0}));
}

static void receive(Group *group, Message message) {
    wait(group, begin(group, (Message){.count = 0}, message));
}

static int begin_sum(Group *group, real *x, long n) {
    const int ticket = free_flight(group);
    const Message all = {.count = n};
    check(group,
          MPI_Iallreduce(MPI_IN_PLACE, x, count_of(group, all), MPI_REAL_TYPE, MPI_SUM,
                         MPI_COMM_WORLD, &flights[ticket].requests[0]),
          "MPI_Iallreduce");
    return ticket;
}

static const GroupKind mpi_group = {send, receive, begin, test, wait, begin_sum};

/* ---- beginning and end ----------------------------------------------------------- */

/* Was it started by something that says who the others are? */
static bool launched(void) {
    static const char *const words[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK",
                                        "PMI_RANK"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (getenv(words[i])) {
            return true;
        }
    }
    return false;
}

bool mpi_group_open(Group *group, Error *error) {
    int given;
    *group = (Group){.rank = 0, .size = 1, .kind = &mpi_group};
    if (!launched()) {
        return true;
    }
    by_mpirun = getenv("OMPI_COMM_WORLD_SIZE") != NULL; /* MPI_Init may set it, too */
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &given) != MPI_SUCCESS) {
        return error_set(error, "MPI can't be started");
    }
    started = true;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &group->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &group->size);
    return given >= MPI_THREAD_SERIALIZED ||
           error_set(error, "this MPI can't be called from several threads in turn");
}

unsigned long mpi_group_turns(void) {
    return waited_turns;
}

void mpi_group_tell(void (*listener)(const char *what)) {
    tell = listener;
}

void mpi_group_close(Group *group) {
    (void)group;
    if (started) {
        MPI_Finalize();
    }
}

/* Open MPI's mpirun ends all when one ends with another status than 0, and says so in
 * fewer words than after MPI_Abort. srun may let the others wait. */
void mpi_group_abort(int status) {
    if (started && !by_mpirun) {
        MPI_Abort(MPI_COMM_WORLD, status);
    }
    _exit(status);
}
