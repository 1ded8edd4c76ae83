/* gpu_rank_trainer_gpu.c: see gpu_rank_trainer.h. */
#include "chapters/08_many_machines/gpus/gpu_rank_trainer.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/06_cuda_training/gpu_trainer.h"
#include "chapters/08_many_machines/training/buckets.h"

/* What ranks tell one another between two steps. */
typedef struct {
    Evaluation evaluation;
    int stop;
    uint64_t fingerprint; /* of what has to be the same everywhere */
} Share;

/* What a GpuShare's `own` is here. */
typedef struct {
    GpuRanksRun run;
    Trainer *trainer;
    Bucket buckets[MAX_BUCKETS];
    GpuEvent complete[MAX_BUCKETS]; /* in the compute stream: a bucket has its share */
    int bucket_count, begun;
    GpuEvent summed;    /* in the sums' stream: everything is the whole batch's */
    Share *shares;      /* of each rank, on the device */
    Share *host_shares; /* the same, pinned */
    int stop;           /* the largest signal that any rank has been sent */
    bool compared;      /* all ranks have the same settings, weights and data */
} RankRun;

static const GpuRanksRun *run_to_use;

void gpu_rank_trainer_use(const GpuRanksRun *run) {
    run_to_use = run;
}

static RankRun *own_of(const Trainer *t) {
    return gpu_trainer_share(t)->own;
}

/* ---- a step ---------------------------------------------------------------------- */

/* The sums' stream goes on when the compute stream has come to this place. */
static void wait_for_compute(const RankRun *r, GpuEvent event) {
    gpu_event_record(event, gpu_trainer_model(r->trainer)->stream);
    gpu_stream_wait(gpu_ranks_stream(r->run.ranks), event);
}

/* A GpuGradientsDone: what is complete leaves, but for the last bucket. */
static void some_done(void *listener, long from) {
    RankRun *r = listener;
    float *gradients = gpu_trainer_model(r->trainer)->gradients;
    while (r->begun < r->bucket_count - 1 && r->buckets[r->begun].from >= from) {
        const Bucket *b = &r->buckets[r->begun];
        wait_for_compute(r, r->complete[r->begun]);
        gpu_ranks_sum(r->run.ranks, gradients + b->from, b->to - b->from);
        r->begun++;
    }
}

/* The last bucket, with the step's loss and right answers; then the compute stream
 * waits for all sums. */
static void sum_rest(RankRun *r, GpuStepResult *result) {
    const GpuVit *model = gpu_trainer_model(r->trainer);
    const long to = r->buckets[r->begun].to;
    _Static_assert(offsetof(GpuStepResult, correct) == sizeof(float),
                   "loss and correct are two elements");
    wait_for_compute(r, r->complete[r->begun]);
    gpu_ranks_sum_two(r->run.ranks, model->gradients, to, &result->loss, 2);
    gpu_event_record(r->summed, gpu_ranks_stream(r->run.ranks));
    gpu_stream_wait(model->stream, r->summed);
}

static void queue_step(RankRun *r, const Dataset *dataset, int i) {
    Trainer *t = r->trainer;
    r->begun = 0;
    GpuStepResult *result = gpu_trainer_queue_gradients(t, dataset, i);
    sum_rest(r, result);
    gpu_trainer_queue_update(t, i);
}

/* ---- what ranks tell one another ------------------------------------------------- */

/* All ranks' shares are in host_shares, in the ranks' order. */
static void exchange(RankRun *r, const Share *mine) {
    const int rank = gpu_ranks_rank(r->run.ranks), P = gpu_ranks_size(r->run.ranks);
    const GpuStream stream = gpu_ranks_stream(r->run.ranks);
    r->host_shares[rank] = *mine;
    gpu_upload(stream, r->shares + rank, r->host_shares + rank, sizeof *mine);
    gpu_ranks_gather_bytes(r->run.ranks, r->shares, sizeof *mine);
    gpu_download(stream, r->host_shares, r->shares, (size_t)P * sizeof *mine);
    gpu_wait(stream);
}

static void waiting(const RankRun *r, bool begins) {
    if (r->run.waiting) {
        r->run.waiting(begins);
    }
}

/* FNV-1a, 64 bits: other bytes give, nearly always, another number. */
static uint64_t add_bytes(uint64_t sum, const void *at, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        sum = (sum ^ ((const unsigned char *)at)[i]) * UINT64_C(1099511628211);
    }
    return sum;
}

/* The number of threads is each machine's own matter. */
static uint64_t fingerprint_of(const Trainer *t, const Dataset *dataset) {
    const int threads = settings_index("threads");
    uint64_t sum = UINT64_C(14695981039346656037);
    for (int i = 0; i < settings_count(); i++) {
        char text[SETTINGS_TEXT] = "";
        if (i != threads) {
            settings_get(&t->settings, i, text);
            sum = add_bytes(sum, text, strlen(text) + 1);
        }
    }
    sum = add_bytes(sum, &t->step, sizeof t->step);
    sum = add_bytes(sum, &dataset->checksum, sizeof dataset->checksum);
    return add_bytes(sum, t->weights, (size_t)t->list.total * sizeof(float));
}

static void end(const RankRun *r, const char *why) {
    if (r->run.end) {
        r->run.end(why);
    }
    fflush(stdout);
    fprintf(stderr, "chapter8: %s\n", why);
    exit(1);
}

static void compare_ranks(RankRun *r, const Dataset *dataset) {
    const Share mine = {.fingerprint = fingerprint_of(r->trainer, dataset)};
    Error why;
    exchange(r, &mine);
    r->compared = true;
    if (r->host_shares[0].fingerprint != mine.fingerprint) {
        error_set(&why,
                  "rank %d has other settings, weights or training images than rank 0: "
                  "all ranks need the same words and files",
                  gpu_ranks_rank(r->run.ranks));
        end(r, why.text);
    }
}

static int train_steps(Trainer *t, const Dataset *dataset, int max_steps,
                       StepResult *results) {
    RankRun *r = own_of(t);
    waiting(r, true);
    if (!r->compared) {
        compare_ranks(r, dataset);
    }
    const int count = max_steps < GPU_STEPS_MOST ? max_steps : GPU_STEPS_MOST;
    for (int i = 0; i < count; i++) {
        queue_step(r, dataset, i);
    }
    gpu_trainer_results(t, count, results);
    const Share mine = {.stop = r->run.stop_asked ? r->run.stop_asked() : 0};
    exchange(r, &mine);
    for (int q = 0; q < gpu_ranks_size(r->run.ranks); q++) {
        const int stop = r->host_shares[q].stop;
        r->stop = stop > r->stop ? stop : r->stop;
    }
    waiting(r, false);
    return count;
}

static int stop_asked_of_all(const Trainer *t) {
    return own_of(t)->stop;
}

/* ---- evaluation ------------------------------------------------------------------ */

/* Each rank has the predictions of its own images. The sum over the ranks of vectors
 * that are 0 elsewhere is all of them. The gradients' memory is free between
 * two steps. */
static void exchange_predictions(RankRun *r, int count, int *predictions) {
    const GpuShare *share = gpu_trainer_share(r->trainer);
    const GpuStream stream = gpu_ranks_stream(r->run.ranks);
    const long from = (long)count * share->rank / share->size;
    const long to = (long)count * (share->rank + 1) / share->size;
    const long n = r->trainer->list.total;
    void *memory = gpu_trainer_model(r->trainer)->gradients;
    int *x = memory;
    _Static_assert(sizeof(int) == sizeof(float), "the gradients' memory takes ints");
    memset(predictions, 0, (size_t)from * sizeof(int));
    memset(predictions + to, 0, (size_t)(count - to) * sizeof(int));
    for (long at = 0; at < count; at += n) {
        const long here = count - at < n ? count - at : n;
        gpu_upload(stream, x, predictions + at, (size_t)here * sizeof(int));
        gpu_ranks_sum_ints(r->run.ranks, x, here);
        gpu_download(stream, predictions + at, x, (size_t)here * sizeof(int));
        gpu_wait(stream);
    }
}

static void evaluate(Trainer *t, const Dataset *dataset, const ImageSet *set,
                     int *predictions, Evaluation *result) {
    RankRun *r = own_of(t);
    Share mine = {.stop = 0};
    waiting(r, true);
    gpu_trainer_evaluate_share(t, dataset, set, predictions, &mine.evaluation);
    exchange(r, &mine);
    *result = (Evaluation){0};
    for (int q = 0; q < gpu_ranks_size(r->run.ranks); q++) {
        evaluation_sum(result, &r->host_shares[q].evaluation);
    }
    result->loss /= (double)set->count;
    if (predictions) {
        exchange_predictions(r, set->count, predictions);
    }
    waiting(r, false);
}

/* ---- making ---------------------------------------------------------------------- */

static void free_run(RankRun *r) {
    for (int i = 0; i < MAX_BUCKETS && r->complete[i]; i++) {
        gpu_event_free(r->complete[i]);
    }
    if (r->summed) {
        gpu_event_free(r->summed);
    }
    gpu_free(r->shares);
    gpu_free_pinned(r->host_shares);
    free(r);
}

static void free_trainer(Trainer *t) {
    RankRun *r = t->engine_data ? own_of(t) : NULL;
    gpu_engine.free(t);
    if (r) {
        free_run(r);
    }
}

static bool make_run(RankRun *r, Trainer *t, Error *error) {
    const size_t bytes = (size_t)gpu_ranks_size(r->run.ranks) * sizeof(Share);
    const long least = r->run.sum == GPU_SUM_AT_END
                           ? t->list.total
                           : r->run.bucket_bytes / (long)sizeof(float);
    r->trainer = t;
    r->bucket_count = buckets_cut(&t->trained, least, r->buckets);
    for (int i = 0; i < r->bucket_count; i++) {
        r->complete[i] = gpu_event_make();
    }
    r->summed = gpu_event_make();
    r->shares = gpu_allocate(bytes, "what ranks tell one another", error);
    r->host_shares = gpu_allocate_pinned(bytes, "what ranks tell one another", error);
    GpuVit *model = gpu_trainer_model(t);
    model->gradients_done = some_done;
    model->listener = r;
    return r->shares && r->host_shares;
}

static bool make(Trainer *t, const Settings *settings, int images, Error *error) {
    RankRun *r = allocate(sizeof *r, "a rank's trainer", error);
    if (!r) {
        return false;
    }
    r->run = *run_to_use;
    const GpuShare share = {gpu_ranks_rank(r->run.ranks), gpu_ranks_size(r->run.ranks),
                            r};
    if (!gpu_trainer_make_share(t, settings, images, share, error)) {
        free(r);
        return false;
    }
    if (!make_run(r, t, error)) {
        free_trainer(t);
        return false;
    }
    return true;
}

static bool can_train(const Settings *settings, Error *error) {
    const int P = gpu_ranks_size(run_to_use->ranks);
    if (P > settings->batch) {
        return error_set(error,
                         "a batch of %d images can't be shared among %d ranks: give a "
                         "larger --batch",
                         settings->batch, P);
    }
    return gpu_engine.can_train(settings, error);
}

static void upload(Trainer *t) {
    gpu_engine.upload(t);
}

static void download(Trainer *t) {
    gpu_engine.download(t);
}

static void describe(const Trainer *t) {
    const int P = gpu_ranks_size(own_of(t)->run.ranks);
    printf("by %d rank%s, each ", P, P == 1 ? "" : "s");
    gpu_engine.describe(t);
}

const Engine gpu_rank_engine = {
    .can_train = can_train,
    .make = make,
    .free = free_trainer,
    .steps = train_steps,
    .evaluate = evaluate,
    .upload = upload,
    .download = download,
    .describe = describe,
    .stop_asked = stop_asked_of_all,
};
