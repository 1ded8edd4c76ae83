/*
 * ours.h: our side: this program, started again as a child that trains or infers
 * when it is told to (peer.h).
 */
#pragma once

#include "chapters/05_vision_transformer/training/engine.h"

/* Processes that train together: one speaks the protocol, the others do as many steps
 * as it does. */
typedef struct {
    const Engine *engine; /* whose trainers they have */

    /* The first: the others do `steps`, too; 0: they are there when it returns; -1:
     * they end. */
    void (*steps)(long steps);

    /* The first: false if their threads don't come to rest (answers.h). */
    bool (*rest)(void);

    /* The others: how many steps are next; -1: the end. */
    long (*hear)(void);
} Team;

/*
 * ours_serve: speaks the protocol on stdin and stdout; returns the exit status.
 * Its arguments are those of pytorch_peer.py: --phase=train --size=28 ...
 *   team   NULL: this process is alone
 */
int ours_serve(int argc, char **argv, const Team *team);

/* ours_follow: what the others of a team do. */
int ours_follow(int argc, char **argv, const Team *team);
