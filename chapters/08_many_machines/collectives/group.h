/*
 * group.h: ranks, and the messages that they send one another.
 *
 * A rank is one of `size` programs that run the same code on different data, perhaps on
 * different machines. Ranks share no memory: what one of them knows, another learns
 * from a message and in no other way. The functions are MPI's, with fewer arguments:
 *
 *     group_exchange              MPI_Sendrecv
 *     group_send, group_receive   MPI_Send, MPI_Recv
 *     group_begin, group_test,    MPI_Isend and MPI_Irecv, MPI_Testall,
 *     group_wait                  MPI_Waitall
 *
 * Two kinds of ranks speak them: the processes that mpirun starts (mpi_group.h), and
 * the threads of one program (threads_group.h), for tests, exercises and the lesson.
 * Messages from one rank to another arrive in the order in which they were sent, if
 * they have the same tag.
 */
#pragma once

#include <stdbool.h>

#include "common/tensor.h"

/* `count` elements that go to rank `rank`, or come from it. A count of 0: no
 * message. */
typedef struct {
    int rank;
    real *data; /* one that is sent is only read */
    long count;
    int tag; /* 0, 1, ...: only messages of the same tag meet */
} Message;

typedef struct GroupKind GroupKind;

typedef struct {
    int rank, size;       /* this rank: 0 to size - 1 */
    long long sent_bytes; /* by this rank so far, for the student to count */
    const GroupKind *kind;
    void *data; /* the kind's own */
} Group;

/* group_send: returns when `message.data` may be written over. A short message is
 * copied and travels by itself. A long one waits until the receiver is ready: if that
 * rank is sending, too, and waits for its own receiver, nobody ever returns. */
void group_send(Group *group, Message message);
void group_receive(Group *group, Message message);

/* group_exchange: sends one message and receives another at the same time; returns when
 * both have been done. The two must not overlap in memory. */
void group_exchange(Group *group, Message send, Message receive);

/*
 * group_begin: begins what group_exchange does, and returns at once with a ticket for
 * it. Until group_test says true, or group_wait has returned, `send.data` must not be
 * written, nor `receive.data` touched. Then the ticket is used up.
 *
 * Messages move while some function of this header runs, and perhaps at no other time:
 * who computes for a while calls group_test now and then.
 */
int group_begin(Group *group, Message send, Message receive);
bool group_test(Group *group, int ticket);
void group_wait(Group *group, int ticket);

/* group_begin_sum: begins a sum of x (n) over all ranks, in place, that the kind has of
 * its own: MPI_Iallreduce. A ticket, as group_begin's; -1: this kind has none. */
int group_begin_sum(Group *group, real *x, long n);

/* What a kind of ranks has to be able to do; begin_sum may be NULL. */
struct GroupKind {
    void (*send)(Group *group, Message message);
    void (*receive)(Group *group, Message message);
    int (*begin)(Group *group, Message send, Message receive);
    bool (*test)(Group *group, int ticket);
    void (*wait)(Group *group, int ticket);
    int (*begin_sum)(Group *group, real *x, long n);
};
