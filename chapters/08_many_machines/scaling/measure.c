/* measure.c: see measure.h. */
#include "chapters/08_many_machines/scaling/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/08_many_machines/collectives/sum_in_order.h"
#include "chapters/08_many_machines/training/buckets.h"
#include "common/lesson/stopwatch.h"
#include "common/lesson/threads.h"

enum { MAX_RANKS = 1024, MIN_RUNS = 5, MAX_RUNS = 25 };

/* The largest or the smallest of what the ranks say. */
static double extreme_s(Group *group, double own_s, bool largest) {
    real all[MAX_RANKS];
    if (group->size > MAX_RANKS) {
        bug("%d ranks, at most %d", group->size, MAX_RANKS);
    }
    all[group->rank] = (real)own_s;
    ring_all_gather(group, all, group->size);
    real best = all[0];
    for (int r = 1; r < group->size; r++) {
        best = (all[r] > best) == largest ? all[r] : best;
    }
    return (double)best;
}

double slowest_s(Group *group, double own_s) {
    return extreme_s(group, own_s, true);
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, ascending);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* The first run says how many there will be, but doesn't count: memory and connections
 * are new to it. */
double median_s(Group *group, void (*work)(void *context), void *context) {
    double runs[MAX_RUNS] = {0};
    int count = MAX_RUNS;
    for (int i = -1; i < count; i++) {
        slowest_s(group, 0);
        const double begin = stopwatch_ms();
        work(context);
        const double s = slowest_s(group, (stopwatch_ms() - begin) / 1e3);
        if (i < 0) {
            const double fit = s > 0 ? 1 / s : MAX_RUNS;
            count = fit < MIN_RUNS ? MIN_RUNS : fit < MAX_RUNS ? (int)fit : count;
        } else {
            runs[i] = s;
        }
    }
    return median(runs, count);
}

/* ---- messages -------------------------------------------------------------------- */

typedef struct {
    Group *group;
    AllReduce *way;
    long n;
    real *x, *room;
} Messages;

/* Several in a row, as in an all-reduce: ranks don't begin at the same moment. */
enum { EXCHANGES = 6 };

static void exchange(void *context) {
    const Messages *m = context;
    const int P = m->group->size, r = m->group->rank;
    for (int i = 0; i < EXCHANGES; i++) {
        group_exchange(m->group, (Message){(r + 1) % P, m->x, m->n, 0},
                       (Message){(r + P - 1) % P, m->room, m->n, 0});
    }
}

static void sum(void *context) {
    const Messages *m = context;
    m->way(m->group, m->x, m->n, m->room);
}

double measure_message_s(Group *group, long n, real *x, real *room) {
    Messages m = {.group = group, .n = n, .x = x, .room = room};
    return median_s(group, exchange, &m) / EXCHANGES;
}

/* Zeros stay zeros, however often they are added. */
double measure_sum_s(Group *group, AllReduce *way, long n, real *x, real *room) {
    Messages m = {.group = group, .way = way, .n = n, .x = x, .room = room};
    memset(x, 0, (size_t)n * sizeof(real));
    memset(room, 0, (size_t)n * sizeof(real));
    return median_s(group, sum, &m);
}

Network measure_network(Group *group, long n, real *x, real *room) {
    double bytes[16], seconds[16];
    int count = 0;
    for (long m = 1024 / (long)sizeof(real); m <= n && count < 16; m *= 4) {
        bytes[count] = (double)m * sizeof(real);
        seconds[count] = measure_message_s(group, m, x, room);
        printf("  %7.0f KB %9.3f ms\n", bytes[count] / 1024, 1e3 * seconds[count]);
        count++;
    }
    return cost_fit(bytes, seconds, count);
}

/* ---- steps ----------------------------------------------------------------------- */

typedef struct {
    Trainer trainer;
    Group *group;
    const Dataset *dataset;
    double wait_s[MAX_RUNS + 1]; /* of each step, at this rank */
    int count;
} Steps;

static void compute(void *context) {
    Steps *steps = context;
    Trainer *t = &steps->trainer;
    trainer_gradients(t, steps->dataset);
    trainer_sum_workers(t, trainer_first_trained(t), t->list.total);
    slowest_s(steps->group, 0); /* one number of each, as the losses that go round */
    trainer_update(t, 0, 0);
}

static void step(void *context) {
    Steps *steps = context;
    StepResult result;
    const double before = rank_trainer_times(&steps->trainer).wait_s;
    engine_ranks.steps(&steps->trainer, steps->dataset, 1, &result);
    steps->wait_s[steps->count++] = rank_trainer_times(&steps->trainer).wait_s - before;
}

/* The rank that comes last waits for messages alone, the others for it, too. */
static double shortest_wait_s(Group *group, Steps *steps) {
    for (int i = 1; i < steps->count; i++) {
        steps->wait_s[i] = extreme_s(group, steps->wait_s[i], false);
    }
    return median(steps->wait_s + 1, steps->count - 1);
}

static void count_parts(const Ranks *ranks, const Trainer *t, MeasuredStep *result) {
    Bucket buckets[MAX_BUCKETS];
    result->parameters = t->list.total - trainer_first_trained(t);
    result->buckets =
        buckets_cut(&t->trained, ranks->bucket_bytes / (long)sizeof(real), buckets);
}

bool measure_compute(const Ranks *ranks, const Settings *settings,
                     const Dataset *dataset, MeasuredStep *result, Error *error) {
    const int P = ranks->group->size, r = ranks->group->rank;
    Steps steps = {.group = ranks->group, .dataset = dataset};
    Settings shared = *settings;
    shared.threads = P * ranks->threads;
    if (!trainer_make_part(&steps.trainer, &shared, dataset->train.count,
                           first_shard(shared.threads, P, r), ranks->threads, error)) {
        return false;
    }
    const int threads_before = threads_limit(ranks->threads);
    *result = (MeasuredStep){0};
    count_parts(ranks, &steps.trainer, result);
    result->step_s = median_s(ranks->group, compute, &steps);
    threads_limit(threads_before);
    trainer_free(&steps.trainer);
    return true;
}

bool measure_step(const Ranks *ranks, const Settings *settings, const Dataset *dataset,
                  MeasuredStep *result, Error *error) {
    Steps steps = {.dataset = dataset};
    Trainer *t = &steps.trainer;
    rank_trainer_use(ranks);
    if (!engine_ranks.can_train(settings, error) ||
        !engine_ranks.make(t, settings, dataset->train.count, error)) {
        return false;
    }
    engine_ranks.upload(t);
    *result = (MeasuredStep){0};
    count_parts(ranks, t, result);
    result->step_s = median_s(ranks->group, step, &steps);
    result->wait_s = shortest_wait_s(ranks->group, &steps);
    engine_ranks.free(t);
    return true;
}

bool made_up_dataset(const Settings *settings, Dataset *dataset, Error *error) {
    const VitConfig *c = &settings->model;
    const int count = settings->batch;
    const size_t pixels = (size_t)(c->channels * c->height * c->width) * (size_t)count;
    ImageSet set = {count, c->channels, c->height, c->width, NULL, NULL, NULL};
    *dataset = (Dataset){.mean = {0.5, 0.5, 0.5}, .deviation = {0.3, 0.3, 0.3}};
    set.pixels = allocate(pixels, "images", error);
    set.labels = allocate((size_t)count * sizeof(int), "labels", error);
    dataset->train = set;
    if (!set.pixels || !set.labels || !dataset_name(dataset, c->classes, NULL, error)) {
        dataset_free(dataset);
        return false;
    }
    for (size_t i = 0; i < pixels; i++) {
        set.pixels[i] = (unsigned char)(i * i / 7 % 256);
    }
    for (int i = 0; i < count; i++) {
        set.labels[i] = i % c->classes;
    }
    return true;
}
