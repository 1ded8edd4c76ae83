/* schedule.c: see schedule.h. */
#include "chapters/05_vision_transformer/training/schedule.h"

#include <math.h>

static double cosine(const Schedule *s, long t) {
    /* exercise 5.6 */
    const double pi = 3.14159265358979323846;
    if (t < s->warmup) {
        return s->peak * (double)t / (double)s->warmup;
    }
    if (t >= s->total_steps) {
        return 0;
    }
    double done = (double)(t - s->warmup) / (double)(s->total_steps - s->warmup);
    return s->peak * 0.5 * (1.0 + cos(pi * done));
    /* end of exercise 5.6 */
}

double schedule_rate(const Schedule *s, long t) {
    if (s->kind == SCHEDULE_COSINE) {
        return cosine(s, t);
    }
    /* [AIAYN eq.3]   lrate = d_model^-0.5 min(step^-0.5, step warmup^-1.5) */
    const double step = (double)t, warmup = (double)(s->warmup > 0 ? s->warmup : 1);
    return s->peak * pow(s->D, -0.5) * fmin(pow(step, -0.5), step * pow(warmup, -1.5));
}
