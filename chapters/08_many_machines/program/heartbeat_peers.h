/*
 * heartbeat_peers.h: the connections of heartbeat.h: what ranks say to one another over
 * them, and how they find each other. What it means is heartbeat.c's business.
 *
 * Rank 0 is connected to all others, and they to rank 0 alone, by TCP. The addresses go
 * over the group, before. Afterwards nothing here ever waits.
 */
#pragma once

#include <stdint.h>

#include "chapters/08_many_machines/program/heartbeat.h"

typedef enum { BEAT, FAILED, BYE, END, END_IN_ORDER } Word;

/* Everything that goes over a connection. */
typedef struct {
    uint64_t token; /* a stranger doesn't know it */
    int32_t rank, word, place, waits;
    int64_t step;
    int32_t status;
    char text[sizeof((Error *)0)->text];
} Beat;

/* What a rank knows of another: rank 0 of all, the others of rank 0. */
typedef struct {
    int fd; /* -1: none */
    char host[HEARTBEAT_HOST];
    Beat beat;    /* its last; */
    size_t bytes; /* and how much of the next has come */
    Beat next;
    double silent_s;         /* since it said something, */
    double here_s;           /* since its step or place changed, */
    double still_s;          /* since one of them changed, or it waited */
    bool gone, failed, left; /* closed; FAILED; BYE */
} Peer;

typedef struct {
    int rank, size; /* this rank's, and how many there are */
    int count;      /* of `all`: size at rank 0, 1 elsewhere */
    Peer *all;      /* its first is rank 0; never freed */
    uint64_t token;
    double patience_s; /* rank 0's, once they are open */
    char own_host[HEARTBEAT_HOST];
} Peers;

/* peers_open: called by all; patience_s is this rank's. False at all, with an error
 * that counts at rank 0, if one can't connect. With HEARTBEAT_NO_PATIENCE, at rank 0,
 * there are no connections. */
bool peers_open(Peers *peers, Group *group, double patience_s, Error *error);

/* peers_say: a beat to one of `all`. Never waits: a receiver that takes nothing gets
 * nothing. */
void peers_say(const Peers *peers, int to, Beat beat);

/* peers_hear: what has come from it; true for each whole beat, which is in all[from]'s
 * `next`. Sets `gone`. */
bool peers_hear(Peers *peers, int from);
