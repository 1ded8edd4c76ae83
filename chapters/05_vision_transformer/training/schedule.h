/*
 * schedule.h: the learning rate as a function of the step.
 *
 *   cosine   linear warm-up to `peak`, then half a cosine down to 0 at the last
 *            step [ViT T.3]
 *   noam     peak * D^-0.5 * min(t^-0.5, t * warmup^-1.5)       [AIAYN eq.3]
 *            (named after its author, Noam Shazeer; peak = 1 is the paper's)
 */
#pragma once

typedef enum { SCHEDULE_COSINE, SCHEDULE_NOAM } ScheduleKind;

typedef struct {
    ScheduleKind kind;
    double peak;      /* cosine: the highest rate; noam: a factor */
    long warmup;      /* steps */
    long total_steps; /* cosine: where it reaches 0 */
    int D;            /* noam: d_model */
} Schedule;

/* schedule_rate: the rate of step t = 1, 2, ..., total_steps. */
double schedule_rate(const Schedule *schedule, long t);
