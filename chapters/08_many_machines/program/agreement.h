/*
 * agreement.h: before ranks train together, each says what it is going to do, and with
 * what: if one differs, or can't, none begins. Training would go on with wrong sums, or
 * wait for ever.
 *
 * What a rank says is a text, line by line "name: value", so that one can say what
 * differs:
 *
 *     chapter8: rank 1 (node7) differs from rank 0 (node3): its lr is 0.01, not 0.003
 */
#pragma once

#include "chapters/08_many_machines/collectives/group.h"
#include "common/error.h"

enum { AGREEMENT_BYTES = 6144 };

typedef struct {
    int status;                 /* 0, or the exit status of what went wrong: */
    char error[512];            /* and what that was */
    char host[64];              /* the machine's name */
    char said[AGREEMENT_BYTES]; /* lines, each with a newline */
} Statement;

/* statement_add: one more line (printf's format for the value). Too many are a bug. */
void statement_add(Statement *statement, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* agreement: called by all. 0 if nobody has failed, and all say the same. Else an exit
 * status, the same at all ranks, and at rank 0 the line that says which rank, and why;
 * what all ranks say alike is in it once, without a rank. */
int agreement(Group *group, const Statement *mine, Error *why);
