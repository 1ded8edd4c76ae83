/*
 * rendezvous.h: how processes that know nothing of each other find one another: what
 * they are told by whoever starts them (torchrun, a Kubernetes Job, sbatch), one socket
 * each to rank 0, and a word that rank 0 tells all (for NCCL: the ncclUniqueId).
 *
 *     RANK, WORLD_SIZE           this process, of how many
 *     LOCAL_RANK                 which of this machine's: its card
 *     MASTER_ADDR, MASTER_PORT   where rank 0 listens
 *
 * The sockets stay open. If a process dies, however it does, the system closes its
 * socket, and rank 0 knows within milliseconds; NCCL alone may wait for ever. Rank 0
 * tells the others.
 */
#pragma once

#include <stddef.h>

#include "common/error.h"

enum { MAX_PLACES = 4096 };

typedef struct {
    int rank, size, local_rank;
    char address[256];
    int port;
} Place;

/* place_read: from the environment. Without RANK and WORLD_SIZE: rank 0 of 1. False,
 * and what is missing or wrong. */
bool place_read(Place *place, Error *error);

typedef struct {
    int rank, size;
    int *sockets; /* rank 0: of rank i; another: [0] is rank 0's; -1: none. Owned */
} Rendezvous;

/*
 * rendezvous_meet: returns when all ranks have come; then `word` is rank 0's
 * everywhere. False, and one line that names the place and the cause, if that takes
 * longer than patience_s seconds, or if someone can't be right: another size, a rank
 * that there is twice, another program. What knows nothing of this (a port scanner) is
 * not let in.
 *   program   what all have to be, with a version; at most 60 characters without blanks
 */
bool rendezvous_meet(Rendezvous *rendezvous, const Place *place, const char *program,
                     void *word, size_t bytes, double patience_s, Error *error);

/* rendezvous_look: has a rank gone without rendezvous_end? Takes no time. */
typedef enum {
    ALL_WELL,
    RANK_LOST, /* `why` says which; nobody has said so yet */
    RANK_ENDED /* one that has said why, itself; all are to end */
} Lookout;
Lookout rendezvous_look(Rendezvous *rendezvous, Error *why);

/* rendezvous_end: closes the sockets, after a word to the others: NULL, all is well; or
 * that this rank ends because of an error, which it prints itself. */
void rendezvous_end(Rendezvous *rendezvous, const char *why);
