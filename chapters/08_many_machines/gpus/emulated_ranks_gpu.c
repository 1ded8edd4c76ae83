/* emulated_ranks_gpu.c: see emulated_ranks.h. */
#include "chapters/08_many_machines/gpus/emulated_ranks.h"

#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/program/stop.h"
#include "chapters/06_cuda_training/gpu_trainer.h"
#include "chapters/08_many_machines/gpus/gpu_rank_trainer.h"
#include "chapters/08_many_machines/gpus/ranks_on_cpu.h"

/* One run at a time. */
static struct {
    int size;
    long bucket_bytes;
    GpuRanksId id;
    GpuRanks *ranks[MAX_RANKS_ON_CPU];
    GpuRanksRun runs[MAX_RANKS_ON_CPU];
    Trainer trainers[MAX_RANKS_ON_CPU]; /* but for rank 0's, which is run.c's */
} all;

void emulated_ranks_use(int size, long bucket_bytes) {
    all.size = size;
    all.bucket_bytes = bucket_bytes;
}

/* What all ranks are to do: a call of the engine. */
typedef struct {
    Trainer *trainer; /* rank 0's */
    const Settings *settings;
    int images;
    const Dataset *dataset;
    const ImageSet *set;
    int max_steps, done;
    StepResult *results;
    int *predictions;
    Evaluation *evaluation;
    bool ok[MAX_RANKS_ON_CPU];
    Error errors[MAX_RANKS_ON_CPU];
} Call;

static Trainer *trainer_of(const Call *call, int rank) {
    return rank == 0 ? call->trainer : &all.trainers[rank];
}

static void by_all(void (*body)(int rank, void *call), Call *call) {
    Error error;
    if (!ranks_on_cpu(all.size, body, call, &error)) {
        bug("%s", error.text);
    }
}

/* ---- making ---------------------------------------------------------------------- */

static void open_one(int rank, void *data) {
    Call *call = data;
    all.ranks[rank] = gpu_ranks_open(&all.id, rank, all.size, &call->errors[rank]);
    call->ok[rank] = all.ranks[rank] != NULL;
}

static void make_one(int rank, void *data) {
    Call *call = data;
    all.runs[rank] = (GpuRanksRun){.ranks = all.ranks[rank],
                                   .bucket_bytes = all.bucket_bytes,
                                   .stop_asked = stop_asked};
    gpu_rank_trainer_use(&all.runs[rank]);
    call->ok[rank] = gpu_rank_engine.make(trainer_of(call, rank), call->settings,
                                          call->images, &call->errors[rank]);
}

static void free_one(int rank, void *data) {
    Call *call = data;
    if (call->ok[rank]) {
        gpu_rank_engine.free(trainer_of(call, rank));
    }
    gpu_ranks_close(all.ranks[rank]);
    all.ranks[rank] = NULL;
}

static const Error *first_error(const Call *call) {
    for (int rank = 0; rank < all.size; rank++) {
        if (!call->ok[rank]) {
            return &call->errors[rank];
        }
    }
    return NULL;
}

static bool make(Trainer *t, const Settings *settings, int images, Error *error) {
    Call call = {.trainer = t, .settings = settings, .images = images};
    if (!gpu_ranks_id(&all.id, error)) {
        return false;
    }
    by_all(open_one, &call);
    if (!first_error(&call)) {
        by_all(make_one, &call);
    }
    if (first_error(&call)) {
        *error = *first_error(&call);
        by_all(free_one, &call);
        return false;
    }
    return true;
}

static void free_all(Trainer *t) {
    Call call = {.trainer = t};
    for (int rank = 0; rank < all.size; rank++) {
        call.ok[rank] = true;
    }
    by_all(free_one, &call);
}

static bool can_train(const Settings *settings, Error *error) {
    if (all.size > settings->batch) {
        return error_set(error,
                         "a batch of %d images can't be shared among %d ranks: give a "
                         "larger --batch",
                         settings->batch, all.size);
    }
    return gpu_trainer_can(settings, error);
}

/* ---- weights --------------------------------------------------------------------- */

/* Real ranks read the checkpoint themselves. */
static void upload_one(int rank, void *data) {
    const Call *call = data;
    Trainer *t = trainer_of(call, rank);
    const Trainer *first = call->trainer;
    const size_t bytes = (size_t)t->list.total * sizeof(float);
    if (rank > 0) {
        memcpy(t->weights, first->weights, bytes);
        memcpy(t->m, first->m, bytes);
        memcpy(t->v, first->v, bytes);
        t->step = first->step;
    }
    gpu_rank_engine.upload(t);
}

static void upload(Trainer *t) {
    Call call = {.trainer = t};
    by_all(upload_one, &call);
}

static void download(Trainer *t) {
    gpu_rank_engine.download(t);
}

/* ---- training -------------------------------------------------------------------- */

static void steps_one(int rank, void *data) {
    Call *call = data;
    StepResult *others = NULL;
    Error error;
    if (rank > 0) {
        others = allocate((size_t)call->max_steps * sizeof *others, "results", &error);
        if (!others) {
            bug("%s", error.text);
        }
    }
    const int done =
        gpu_rank_engine.steps(trainer_of(call, rank), call->dataset, call->max_steps,
                              rank == 0 ? call->results : others);
    call->done = rank == 0 ? done : call->done;
    free(others);
}

static int steps(Trainer *t, const Dataset *dataset, int max_steps,
                 StepResult *results) {
    Call call = {
        .trainer = t, .dataset = dataset, .max_steps = max_steps, .results = results};
    by_all(steps_one, &call);
    return call.done;
}

static void evaluate_one(int rank, void *data) {
    const Call *call = data;
    Evaluation other;
    Error error;
    const size_t bytes = (size_t)call->set->count * sizeof(int);
    int *predictions = call->predictions;
    if (rank > 0 && predictions) {
        predictions = allocate(bytes, "predictions", &error);
        if (!predictions) {
            bug("%s", error.text);
        }
    }
    gpu_rank_engine.evaluate(trainer_of(call, rank), call->dataset, call->set,
                             predictions, rank == 0 ? call->evaluation : &other);
    if (rank > 0) {
        free(predictions);
    }
}

static void evaluate(Trainer *t, const Dataset *dataset, const ImageSet *set,
                     int *predictions, Evaluation *result) {
    Call call = {.trainer = t,
                 .dataset = dataset,
                 .set = set,
                 .predictions = predictions,
                 .evaluation = result};
    by_all(evaluate_one, &call);
}

static void describe(const Trainer *t) {
    gpu_rank_engine.describe(t);
}

static int stop_asked_of_all(const Trainer *t) {
    return gpu_rank_engine.stop_asked(t);
}

const Engine emulated_ranks_engine = {
    .can_train = can_train,
    .make = make,
    .free = free_all,
    .steps = steps,
    .evaluate = evaluate,
    .upload = upload,
    .download = download,
    .describe = describe,
    .stop_asked = stop_asked_of_all,
};
