/* rank_trainer.c: see rank_trainer.h. */
#include "chapters/08_many_machines/training/rank_trainer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chapters/08_many_machines/collectives/all_reduce.h"
#include "chapters/08_many_machines/collectives/ring_in_flight.h"
#include "chapters/08_many_machines/collectives/sum_in_order.h"
#include "chapters/08_many_machines/training/buckets.h"
#include "chapters/08_many_machines/training/sharded_update.h"
#include "common/lesson/stopwatch.h"
#include "common/lesson/threads.h"

/* What a Trainer's engine_data is here. */
typedef struct {
    Ranks ranks;
    RankTimes times;
    long long counted; /* of the bytes that the group has sent */
    double own_bytes;  /* of the memory below, and this */
    int stop;          /* the largest signal that any rank has been sent */
    bool collected;    /* rank 0 still has all moments, for the checkpoint */
    Trainer *trainer;
    real *room;    /* owned: where messages arrive */
    real *shares;  /* owned: what each worker of each rank says of a step */
    real **blocks; /* owned: the workers' gradients */

    /* Gradients on their way, during a backward pass. */
    pthread_mutex_t mutex; /* of all below, and of the group */
    Bucket buckets[MAX_BUCKETS];
    RingInFlight rings[MAX_BUCKETS];
    int tickets[MAX_BUCKETS]; /* SUM_MPI's; -1: its sum is there */
    int bucket_count, begun;
    long *passed; /* owned: each worker's gradients are complete from here on */

    /* A thread that moves them meanwhile. */
    bool has_mover, computing, ending;
    pthread_t mover;
    pthread_cond_t changed;
} RankTrainer;

static _Thread_local const Ranks *ranks_to_use;

void rank_trainer_use(const Ranks *ranks) {
    ranks_to_use = ranks;
}

/* ---- gradients that leave early -------------------------------------------------- */

/* From where on the gradients of all workers of this rank are complete. */
static long all_passed(const RankTrainer *r) {
    long from = 0;
    for (int w = 0; w < r->trainer->worker_count; w++) {
        from = r->passed[w] > from ? r->passed[w] : from;
    }
    return from;
}

/* The sum of a bucket, by our ring or by MPI. */
static void begin_bucket(RankTrainer *r, int i, const Bucket *b) {
    real *x = r->trainer->workers[0].gradients + b->from;
    if (r->ranks.sum == SUM_MPI) {
        r->tickets[i] = group_begin_sum(r->ranks.group, x, b->to - b->from);
    } else {
        ring_begin(&r->rings[i], r->ranks.group, x, b->to - b->from, r->room + b->from,
                   i);
    }
}

static void move_buckets(RankTrainer *r) {
    for (int i = 0; i < r->begun; i++) {
        if (r->ranks.sum != SUM_MPI) {
            ring_move(&r->rings[i]);
        } else if (r->tickets[i] >= 0 && group_test(r->ranks.group, r->tickets[i])) {
            r->tickets[i] = -1;
        }
    }
}

/* A block's backward pass takes longer than a step of a ring. So between two blocks
 * this thread looks again and again, and sleeps in between: it must not take a core
 * from those that compute. While nothing is on its way it waits.
 *
 * Measured with 4 ranks at 500 Mbit/s: without it 22 ms are waited for in the end, more
 * than the 18 ms of one ring then; with it 8. With 2 ranks, of which each ring has two
 * steps, the calls between blocks are enough. The thread itself took 2.5% of the time
 * that the rank computed. */
static void *keep_moving(void *data) {
    RankTrainer *r = data;
    const struct timespec pause = {0, 500 * 1000}; /* 0.5 ms */
    pthread_mutex_lock(&r->mutex);
    while (!r->ending) {
        if (!r->computing || r->begun == 0) {
            pthread_cond_wait(&r->changed, &r->mutex);
            continue;
        }
        move_buckets(r);
        pthread_mutex_unlock(&r->mutex);
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&r->mutex);
    }
    pthread_mutex_unlock(&r->mutex);
    return NULL;
}

static void set_computing(RankTrainer *r, bool computing) {
    pthread_mutex_lock(&r->mutex);
    r->computing = computing;
    pthread_mutex_unlock(&r->mutex);
}

/* A GradientsDone: what is complete leaves, and what is on its way moves. */
static void some_done(void *listener, int worker, long from) {
    RankTrainer *r = listener;
    pthread_mutex_lock(&r->mutex);
    r->passed[worker] = from;
    while (r->begun < r->bucket_count && r->buckets[r->begun].from >= all_passed(r)) {
        const Bucket *b = &r->buckets[r->begun];
        trainer_sum_workers(r->trainer, b->from, b->to);
        begin_bucket(r, r->begun, b);
        r->begun++;
        pthread_cond_signal(&r->changed);
    }
    move_buckets(r);
    pthread_mutex_unlock(&r->mutex);
}

/* ---- one step -------------------------------------------------------------------- */

static void sum_at_once(RankTrainer *r, AllReduce *way) {
    Trainer *t = r->trainer;
    const long from = trainer_first_trained(t), n = t->list.total - from;
    trainer_sum_workers(t, from, t->list.total);
    way(r->ranks.group, t->workers[0].gradients + from, n, r->room);
}

/* An AllReduce: the group's own. */
static void all_reduce_own(Group *group, real *x, long n, real *room) {
    const int ticket = group_begin_sum(group, x, n);
    (void)room;
    if (ticket >= 0) {
        group_wait(group, ticket);
    }
}

static void sum_shards(RankTrainer *r) {
    Trainer *t = r->trainer;
    const long from = trainer_first_trained(t), n = t->list.total - from;
    for (int w = 0; w < t->worker_count; w++) {
        r->blocks[w] = t->workers[w].gradients + from;
    }
    sum_in_order(r->ranks.group, r->blocks, t->settings.threads, n, r->room);
}

/* One ring after the other, but after each step the others move, too: else each would
 * pay the latency of all its steps alone. */
static void finish_rings(RankTrainer *r) {
    for (int i = 0; i < r->bucket_count; i++) {
        while (!ring_move(&r->rings[i])) {
            ring_wait(&r->rings[i]);
            move_buckets(r);
        }
    }
}

static void finish_sums(RankTrainer *r) {
    for (int i = 0; i < r->bucket_count; i++) {
        if (r->tickets[i] >= 0) {
            group_wait(r->ranks.group, r->tickets[i]);
        }
    }
}

/* After the backward pass: workers[0]'s gradients become the whole batch's. */
static void sum_gradients(RankTrainer *r) {
    switch (r->ranks.sum) {
    case SUM_RING: finish_rings(r); break;
    case SUM_MPI: finish_sums(r); break;
    case SUM_MPI_AT_END: sum_at_once(r, all_reduce_own); break;
    case SUM_AT_END: sum_at_once(r, all_reduce_ring); break;
    case SUM_GATHER: sum_at_once(r, all_reduce_gather); break;
    case SUM_HALVING: sum_at_once(r, all_reduce_halving); break;
    case SUM_IN_ORDER: sum_shards(r); break;
    case SUM_SHARDED: sharded_sum(r->trainer, r->ranks.group, r->room); break;
    }
}

/* What a worker says of its images, as elements of messages. */
typedef struct {
    Evaluation evaluation;
    double loss;
    long correct;
    int stop; /* the signal that its rank was sent, or 0 */
} Share;
enum { SHARE_ELEMENTS = (sizeof(Share) + sizeof(real) - 1) / sizeof(real) };

/* How many workers a rank has at most. */
static int largest_share(const Trainer *t, int P) {
    return (t->settings.threads + P - 1) / P;
}

/* Every worker's share is known to every rank: worker i of rank q is at
 * (q largest_share + i) SHARE_ELEMENTS. */
static void exchange_shares(RankTrainer *r) {
    const Trainer *t = r->trainer;
    const int P = r->ranks.group->size, places = largest_share(t, P);
    real *mine = r->shares + (long)r->ranks.group->rank * places * SHARE_ELEMENTS;
    for (int w = 0; w < t->worker_count; w++) {
        const Worker *worker = &t->workers[w];
        const int stop = r->ranks.stop_asked ? r->ranks.stop_asked() : 0;
        const Share share = {worker->evaluation, worker->loss, worker->correct, stop};
        memcpy(mine + (long)w * SHARE_ELEMENTS, &share, sizeof share);
    }
    ring_all_gather(r->ranks.group, r->shares, (long)P * places * SHARE_ELEMENTS);
}

static Share share_of(const RankTrainer *r, int worker) {
    const int P = r->ranks.group->size, S = r->trainer->settings.threads;
    const int places = largest_share(r->trainer, P);
    int rank = 0;
    while (worker >= first_shard(S, P, rank + 1)) {
        rank++;
    }
    const long at = (long)rank * places + worker - first_shard(S, P, rank);
    Share share;
    memcpy(&share, r->shares + at * SHARE_ELEMENTS, sizeof share);
    return share;
}

/* Mean loss and accuracy of the batch, summed in the workers' order: one process would
 * have the same bits. */
static void batch_result(RankTrainer *r, double *loss, double *accuracy) {
    const int batch = r->trainer->settings.batch;
    exchange_shares(r);
    *loss = *accuracy = 0;
    for (int w = 0; w < r->trainer->settings.threads; w++) {
        const Share share = share_of(r, w);
        *loss += share.loss / batch;
        *accuracy += (double)share.correct / batch;
        r->stop = share.stop > r->stop ? share.stop : r->stop;
    }
}

static void compute_gradients(RankTrainer *r, const Dataset *dataset) {
    Trainer *t = r->trainer;
    const bool early = r->ranks.sum == SUM_RING || r->ranks.sum == SUM_MPI;
    t->gradients_done = early ? some_done : NULL;
    t->listener = r;
    r->begun = 0;
    for (int w = 0; w < t->worker_count; w++) {
        r->passed[w] = t->list.total;
    }
    set_computing(r, true);
    trainer_gradients(t, dataset);
    set_computing(r, false); /* from here on the rings are this thread's alone */
}

/* What was collected has been saved: its memory goes back. */
static void forget_collected(RankTrainer *r) {
    if (r->collected) {
        r->times.saved_bytes = sharded_forget(r->trainer, r->ranks.group);
        r->collected = false;
    }
}

/* Bytes that this rank has sent since it was asked last. */
static long long sent_since(RankTrainer *r) {
    const long long before = r->counted;
    r->counted = r->ranks.group->sent_bytes;
    return r->counted - before;
}

/* With the whole batch's gradients, or this rank's chunk of them. */
static StepResult update(RankTrainer *r, double loss, double accuracy) {
    Group *group = r->ranks.group;
    if (r->ranks.sum != SUM_SHARDED) {
        r->times.other_bytes += sent_since(r);
        return trainer_update(r->trainer, loss, accuracy);
    }
    const StepResult result =
        sharded_update(r->trainer, group, r->shares, loss, accuracy);
    r->times.other_bytes += sent_since(r);
    sharded_gather(r->trainer, group);
    r->times.weight_bytes += sent_since(r);
    return result;
}

static int one_step(Trainer *t, const Dataset *dataset, int max_steps,
                    StepResult *results) {
    RankTrainer *r = t->engine_data;
    const int threads_before = threads_limit(r->ranks.threads);
    const double begin = stopwatch_ms();
    double loss, accuracy;
    (void)max_steps;
    (void)sent_since(r);
    forget_collected(r);
    compute_gradients(r, dataset);
    const double computed = stopwatch_ms();
    sum_gradients(r);
    const double summed = stopwatch_ms();
    r->times.gradient_bytes += sent_since(r);
    batch_result(r, &loss, &accuracy);
    results[0] = update(r, loss, accuracy);
    r->times.steps++;
    r->times.compute_s += (computed - begin) / 1e3;
    r->times.wait_s += (summed - computed) / 1e3;
    r->times.update_s += (stopwatch_ms() - summed) / 1e3;
    threads_limit(threads_before);
    return 1;
}

/* ---- evaluation ------------------------------------------------------------------ */

/* Each rank has the predictions of its own images. The sum over the ranks of vectors
 * that are 0 elsewhere is all of them, exactly: a class is a whole number. The
 * gradients' memory is free between two steps. */
static void exchange_predictions(const RankTrainer *r, int count, int *predictions) {
    const Trainer *t = r->trainer;
    const long S = t->settings.threads, n = t->list.total;
    const long from = (long)count * t->first_worker / S;
    const long to = (long)count * (t->first_worker + t->worker_count) / S;
    real *x = t->workers[0].gradients;
    for (long at = 0; at < count; at += n) {
        const long here = count - at < n ? count - at : n;
        for (long i = 0; i < here; i++) {
            const bool mine = at + i >= from && at + i < to;
            x[i] = mine ? (real)predictions[at + i] : 0;
        }
        all_reduce_ring(r->ranks.group, x, here, r->room);
        for (long i = 0; i < here; i++) {
            predictions[at + i] = (int)x[i];
        }
    }
}

static void evaluate(Trainer *t, const Dataset *dataset, const ImageSet *set,
                     int *predictions, Evaluation *result) {
    RankTrainer *r = t->engine_data;
    const int threads_before = threads_limit(r->ranks.threads);
    trainer_evaluate_workers(t, dataset, set, predictions);
    threads_limit(threads_before);
    exchange_shares(r);
    *result = (Evaluation){0};
    for (int w = 0; w < t->settings.threads; w++) {
        const Share share = share_of(r, w);
        evaluation_sum(result, &share.evaluation);
    }
    result->loss /= (double)set->count;
    if (predictions) {
        exchange_predictions(r, set->count, predictions);
    }
}

/* ---- making ---------------------------------------------------------------------- */

/* Elements that the way of summing needs for what arrives. */
static long room_for(const Ranks *ranks, const Trainer *t) {
    const int P = ranks->group->size, S = t->settings.threads;
    const long n = t->list.total;
    return ranks->sum == SUM_IN_ORDER ? sum_in_order_room(n, S, P) : n + P;
}

static void end_mover(RankTrainer *r) {
    if (r->has_mover) {
        pthread_mutex_lock(&r->mutex);
        r->ending = true;
        pthread_cond_signal(&r->changed);
        pthread_mutex_unlock(&r->mutex);
        pthread_join(r->mover, NULL);
    }
}

static bool begin_mover(RankTrainer *r, Error *error) {
    if ((r->ranks.sum != SUM_RING && r->ranks.sum != SUM_MPI) ||
        r->ranks.group->size == 1) {
        return true;
    }
    r->has_mover = pthread_create(&r->mover, NULL, keep_moving, r) == 0;
    return r->has_mover || error_set(error, "no thread for the messages");
}

static void rank_trainer_free(Trainer *t) {
    RankTrainer *r = t->engine_data;
    if (r) {
        end_mover(r);
        pthread_cond_destroy(&r->changed);
        pthread_mutex_destroy(&r->mutex);
        free(r->room);
        free(r->shares);
        free(r->blocks);
        free(r->passed);
        free(r);
    }
    trainer_free(t);
}

/* Zeros, whose bytes are counted. */
static void *own_memory(RankTrainer *r, size_t bytes, const char *what, Error *error) {
    r->own_bytes += (double)bytes;
    return allocate(bytes, what, error);
}

static bool make_memory(RankTrainer *r, Trainer *t, Error *error) {
    const int P = r->ranks.group->size;
    const size_t count = (size_t)t->worker_count;
    const size_t room = (size_t)room_for(&r->ranks, t);
    const size_t shares = (size_t)largest_share(t, P) * (size_t)P * SHARE_ELEMENTS;
    r->own_bytes = sizeof *r;
    r->room = own_memory(r, room * sizeof(real), "what other ranks send", error);
    r->shares = own_memory(r, shares * sizeof(real), "the workers' shares", error);
    r->blocks = own_memory(r, count * sizeof *r->blocks, "the workers", error);
    r->passed = own_memory(r, count * sizeof *r->passed, "the workers", error);
    return r->room && r->shares && r->blocks && r->passed;
}

/* Workers of all ranks. */
static int workers_in_all(const Ranks *ranks) {
    return ranks->sum == SUM_IN_ORDER ? ranks->shards
                                      : ranks->group->size * ranks->threads;
}

static bool one_for_each_rank(const Ranks *ranks, Error *error) {
    const int P = ranks->group->size, workers = workers_in_all(ranks);
    if (workers < P) {
        return error_set(error,
                         "%d ranks, but the batch has %d shards: give as many "
                         "--shards as ranks, or more",
                         P, workers);
    }
    return true;
}

/* A trainer with this rank's workers, of all ranks'. */
static bool make(Trainer *t, const Settings *settings, int images, Error *error) {
    const Ranks *ranks = ranks_to_use;
    const int P = ranks->group->size, rank = ranks->group->rank;
    Settings shared = *settings;
    if (!one_for_each_rank(ranks, error)) { /* of a run that only tests, too */
        return false;
    }
    shared.threads = workers_in_all(ranks);
    const int first = first_shard(shared.threads, P, rank);
    const int count = first_shard(shared.threads, P, rank + 1) - first;
    RankTrainer *r = allocate(sizeof *r, "a rank's trainer", error);
    if (!r || !trainer_make_part(t, &shared, images, first, count, error)) {
        free(r);
        return false;
    }
    *r = (RankTrainer){.ranks = *ranks, .trainer = t};
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->changed, NULL);
    t->engine_data = r;
    r->bucket_count =
        buckets_cut(&t->trained, ranks->bucket_bytes / (long)sizeof(real), r->buckets);
    if (!make_memory(r, t, error) || !begin_mover(r, error)) {
        rank_trainer_free(t);
        return false;
    }
    return true;
}

static bool can_train(const Settings *settings, Error *error) {
    const Ranks *ranks = ranks_to_use;
    const int P = ranks->group->size, workers = workers_in_all(ranks);
    if (!one_for_each_rank(ranks, error)) {
        return false;
    }
    if (workers > MAX_THREADS) {
        return error_set(error, "%d workers: at most %d", workers, MAX_THREADS);
    }
    if (workers > settings->batch) {
        return error_set(error,
                         "a batch of %d images can't be shared among %d workers "
                         "(%d ranks): give a larger --batch",
                         settings->batch, workers, P);
    }
    return true;
}

static void upload(Trainer *t) {
    RankTrainer *r = t->engine_data;
    if (r->ranks.sum == SUM_SHARDED) {
        r->times.saved_bytes = sharded_forget(t, r->ranks.group);
    }
}

static void download(Trainer *t) {
    RankTrainer *r = t->engine_data;
    if (r->ranks.sum == SUM_SHARDED) {
        sharded_collect(t, r->ranks.group);
        r->collected = r->ranks.group->rank == 0;
    }
}

double rank_trainer_bytes(const Trainer *t) {
    const RankTrainer *r = t->engine_data;
    return trainer_bytes(t) + r->own_bytes - (r->collected ? 0 : r->times.saved_bytes);
}

/* Not all ranks have as many workers: the bytes of the one that has most. */
static double largest_bytes(const Trainer *t) {
    const RankTrainer *r = t->engine_data;
    Trainer other = *t;
    other.worker_count = largest_share(t, r->ranks.group->size);
    return rank_trainer_bytes(&other);
}

static void describe(const Trainer *t) {
    const RankTrainer *r = t->engine_data;
    const int P = r->ranks.group->size;
    const double mb = largest_bytes(t) / 1e6;
    printf("on %d rank%s of %d thread%s, %.*f MB each\n", P, P == 1 ? "" : "s",
           r->ranks.threads, r->ranks.threads == 1 ? "" : "s", mb < 10, mb);
}

static int stop_asked_of_all(const Trainer *t) {
    return ((const RankTrainer *)t->engine_data)->stop;
}

RankTimes rank_trainer_times(const Trainer *t) {
    return ((const RankTrainer *)t->engine_data)->times;
}

const Engine engine_ranks = {
    .can_train = can_train,
    .make = make,
    .free = rank_trainer_free,
    .steps = one_step,
    .evaluate = evaluate,
    .upload = upload,
    .download = download,
    .describe = describe,
    .stop_asked = stop_asked_of_all,
};
