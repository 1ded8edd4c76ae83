/* gpu_trainer.c: see gpu_trainer.h. */
#include "chapters/06_cuda_training/gpu_trainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/06_cuda_training/kernels/gpu_adamw.h"
#include "chapters/06_cuda_training/kernels/gpu_loss.h"

enum { BUFFERS = 2 };

/* Memory for a batch: while one is trained on, the other is filled. */
typedef struct {
    float *host_images; /* pinned (B, C, H, W) */
    int *host_labels;
    float *images; /* the same on the device */
    int *labels;
    GpuEvent uploaded; /* in `copies`: the device has it */
    GpuEvent consumed; /* in `compute`: nobody needs it any more */
} BatchBuffer;

typedef struct {
    GpuInfo info;
    GpuShare share;
    int most;     /* images of a batch that the share has at most */
    GpuVit model; /* its stream is `compute` */
    GpuStream copies;
    float *m, *v;
    BatchBuffer buffers[BUFFERS];
    float *losses;         /* (2, B) on the device: each image's loss; 1 if right */
    int *predictions;      /* (B) on the device */
    int *host_predictions; /* (B) pinned */
    DecayRun *runs;
    int run_count;
    double *norm_parts;
    GpuStepResult *results, *host_results; /* GPU_STEPS_MOST; the host's are pinned */
} GpuRun;

static GpuChoices choices = {MATMUL_BEST, ATTENTION_BEST};

void gpu_trainer_choose(GpuChoices chosen) {
    choices = chosen;
}

/* ---- memory ---------------------------------------------------------------- */

static size_t image_elements(const VitConfig *c) {
    return (size_t)c->channels * (size_t)c->height * (size_t)c->width;
}

double gpu_trainer_bytes(const Settings *s, long parameters, int B) {
    const double blocks = 4.0 * sizeof(float) * (double)parameters;
    const double batch =
        (double)BUFFERS * B *
        (double)(image_elements(&s->model) * sizeof(float) + sizeof(int));
    return (double)gpu_matmul_workspace_bytes() + blocks + batch +
           gpu_vit_activations_bytes(&s->model, choices.attention, B) +
           (double)B * (2 * sizeof(float) + sizeof(int));
}

/* Of a batch of B images, how many a share has at most. */
static int most_of(int B, int size) {
    return (B + size - 1) / size;
}

/* Does it fit, with a little left for the driver? The error names a batch that does. */
static bool fits(const GpuRun *r, const Settings *s, long parameters, Error *error) {
    const double free_mb = r->info.free_bytes / 1e6;
    const int size = r->share.size;
    int fitting = 0; /* of all shares */
    for (int step = 1 << 20; step > 0; step /= 2) {
        const int more = fitting + step;
        if (more <= s->batch && gpu_trainer_bytes(s, parameters, most_of(more, size)) <=
                                    0.97 * r->info.free_bytes) {
            fitting = more;
        }
    }
    if (fitting == 0) {
        return error_set(
            error, "this model needs %.0f MB for one image; %s has %.0f MB free",
            gpu_trainer_bytes(s, parameters, 1) / 1e6, r->info.name, free_mb);
    }
    return fitting == s->batch ||
           error_set(error,
                     "a batch of %d images needs %.0f MB, %s has %.0f MB free: the "
                     "largest that fits is --batch %d",
                     s->batch, gpu_trainer_bytes(s, parameters, r->most) / 1e6,
                     r->info.name, free_mb, fitting);
}

static bool make_buffer(BatchBuffer *b, const Settings *s, int most, Error *error) {
    const size_t B = (size_t)most;
    const size_t bytes = B * image_elements(&s->model) * sizeof(float);
    b->uploaded = gpu_event_make();
    b->consumed = gpu_event_make();
    b->host_images = gpu_allocate_pinned(bytes, "a batch", error);
    b->host_labels = gpu_allocate_pinned(B * sizeof(int), "labels", error);
    b->images = gpu_allocate(bytes, "a batch", error);
    b->labels = gpu_allocate(B * sizeof(int), "labels", error);
    return b->host_images && b->host_labels && b->images && b->labels;
}

static bool make_memory(GpuRun *r, long parameters, int batch, Error *error) {
    const size_t block = (size_t)parameters * sizeof(float), B = (size_t)batch;
    const size_t results = GPU_STEPS_MOST * sizeof(GpuStepResult);
    r->m = gpu_allocate(block, "AdamW's m", error);
    r->v = gpu_allocate(block, "AdamW's v", error);
    r->norm_parts = gpu_allocate(NORM_PARTS * sizeof(double), "a norm", error);
    r->losses = gpu_allocate(2 * B * sizeof(float), "losses", error);
    r->predictions = gpu_allocate(B * sizeof(int), "predictions", error);
    r->host_predictions = gpu_allocate_pinned(B * sizeof(int), "predictions", error);
    r->results = gpu_allocate(results, "results", error);
    r->host_results = gpu_allocate_pinned(results, "results", error);
    return r->m && r->v && r->norm_parts && r->losses && r->predictions &&
           r->host_predictions && r->results && r->host_results;
}

/* Neighbouring parameters that are treated alike are one run. */
static bool make_decay_runs(GpuRun *r, const ParameterList *list, double lambda,
                            Error *error) {
    DecayRun *runs =
        allocate((size_t)list->count * sizeof(DecayRun), "decay runs", error);
    if (!runs) {
        return false;
    }
    for (int i = 0; i < list->count; i++) {
        const Parameter *p = &list->items[i];
        if (i == 0 || p->decay != list->items[i - 1].decay) {
            runs[r->run_count++].lambda = p->decay == DECAY ? (float)lambda : 0.0f;
        }
        runs[r->run_count - 1].end = p->offset + tensor_count(p->shape);
    }
    const size_t bytes = (size_t)r->run_count * sizeof(DecayRun);
    r->runs = gpu_allocate(bytes, "decay runs", error);
    if (r->runs) {
        gpu_upload(r->model.stream, r->runs, runs, bytes);
        gpu_wait(r->model.stream);
    }
    free(runs);
    return r->runs != NULL;
}

static void gpu_run_free(GpuRun *r) {
    for (int i = 0; i < BUFFERS; i++) {
        BatchBuffer *b = &r->buffers[i];
        gpu_free_pinned(b->host_images);
        gpu_free_pinned(b->host_labels);
        gpu_free(b->images);
        gpu_free(b->labels);
        if (b->uploaded) {
            gpu_event_free(b->uploaded);
            gpu_event_free(b->consumed);
        }
    }
    void *device[] = {r->m,    r->v,          r->losses, r->predictions,
                      r->runs, r->norm_parts, r->results};
    for (size_t i = 0; i < sizeof device / sizeof device[0]; i++) {
        gpu_free(device[i]);
    }
    gpu_free_pinned(r->host_predictions);
    gpu_free_pinned(r->host_results);
    gpu_vit_free(&r->model);
    if (r->copies) {
        gpu_stream_free(r->copies);
    }
    free(r);
}

static bool gpu_run_make(GpuRun *r, Trainer *t, GpuShare share, Error *error) {
    const Settings *s = &t->settings;
    r->share = share;
    r->most = most_of(s->batch, share.size);
    if (!gpu_open(&r->info, error) || !fits(r, s, t->list.total, error)) {
        return false;
    }
    r->copies = gpu_stream_make();
    bool ok = gpu_vit_make(&r->model, &t->list, &s->model, choices, r->most, error) &&
              make_memory(r, t->list.total, r->most, error) &&
              make_decay_runs(r, &t->list, s->adamw.weight_decay, error);
    for (int i = 0; ok && i < BUFFERS; i++) {
        ok = make_buffer(&r->buffers[i], s, r->most, error);
    }
    return ok;
}

static void trainer_free_gpu(Trainer *t) {
    if (t->engine_data) {
        gpu_run_free(t->engine_data);
    }
    trainer_free(t);
}

bool gpu_trainer_make_share(Trainer *t, const Settings *settings, int images,
                            GpuShare share, Error *error) {
    if (settings->norm_epsilon != LAYER_NORM_EPSILON) {
        return error_set(error,
                         "a model whose norms have epsilon %g: chapter 6's have %g, "
                         "chapters 5 and 7 can have both",
                         settings->norm_epsilon, LAYER_NORM_EPSILON);
    }
    if (!gpu_vit_can(&settings->model, error) ||
        !trainer_make_small(t, settings, images, error)) {
        return false;
    }
    t->engine_data = allocate(sizeof(GpuRun), "the run's bookkeeping", error);
    if (!t->engine_data || !gpu_run_make(t->engine_data, t, share, error)) {
        trainer_free_gpu(t);
        return false;
    }
    return true;
}

static bool trainer_make_gpu(Trainer *t, const Settings *settings, int images,
                             Error *error) {
    const GpuShare alone = {0, 1, NULL};
    return gpu_trainer_make_share(t, settings, images, alone, error);
}

const GpuShare *gpu_trainer_share(const Trainer *t) {
    return &((const GpuRun *)t->engine_data)->share;
}

GpuVit *gpu_trainer_model(const Trainer *t) {
    return &((GpuRun *)t->engine_data)->model;
}

/* ---- weights, to and from the device -------------------------------------------- */

static void move_weights(Trainer *t, bool up) {
    GpuRun *r = t->engine_data;
    float *const device[] = {r->model.weights, r->m, r->v};
    float *const host[] = {t->weights, t->m, t->v};
    const size_t bytes = (size_t)t->list.total * sizeof(float);
    for (int i = 0; i < 3; i++) {
        if (up) {
            gpu_upload(r->model.stream, device[i], host[i], bytes);
        } else {
            gpu_download(r->model.stream, host[i], device[i], bytes);
        }
    }
    gpu_wait(r->model.stream);
}

static void upload_weights(Trainer *t) {
    move_weights(t, true);
}

static void download_weights(Trainer *t) {
    move_weights(t, false);
}

/* ---- batches --------------------------------------------------------------------- */

/* Where share `rank` of n images begins; it ends where the next one begins. */
static int share_begin(const GpuRun *r, int n, int rank) {
    return (int)((long)n * rank / r->share.size);
}

/* `count` images of the set: those of the indices, or if NULL those from `first` on. */
typedef struct {
    const ImageSet *set;
    const int *indices;
    int first, count;
    Augmentation augmentation;
} Batch;

/* Writes images to pinned memory and queues their copy; returns them on the device. */
static Tensor send_batch(GpuRun *r, const VitConfig *c, const Dataset *dataset,
                         const Batch *batch, BatchBuffer *b) {
    const int count = batch->count;
    gpu_event_wait(b->uploaded); /* the last batch has left this memory */
    Tensor images = tensor4(b->host_images, count, c->channels, c->height, c->width);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < count; i++) {
        const int index = batch->indices ? batch->indices[i] : batch->first + i;
        dataset_image(dataset, batch->set, index, &batch->augmentation,
                      tensor_slice(images, i));
        b->host_labels[i] = batch->set->labels[index];
    }
    gpu_stream_wait(r->copies, b->consumed); /* and nobody reads the device's copy */
    gpu_upload(r->copies, b->images, b->host_images,
               (size_t)tensor_count(images) * sizeof(float));
    gpu_upload(r->copies, b->labels, b->host_labels, (size_t)count * sizeof(int));
    gpu_event_record(b->uploaded, r->copies);
    gpu_stream_wait(r->model.stream, b->uploaded);
    images.data = b->images;
    return images;
}

/* The loss of the first `count` images of a buffer; its results go to `result`. */
static GpuLoss loss_of(const GpuRun *r, const BatchBuffer *b, int count,
                       GpuStepResult *result) {
    return (GpuLoss){.labels = b->labels,
                     .losses = tensor1(r->losses, count),
                     .right = tensor1(r->losses + count, count),
                     .predictions = r->predictions,
                     .result = result};
}

/* ---- a step ---------------------------------------------------------------------- */

GpuStepResult *gpu_trainer_queue_gradients(Trainer *t, const Dataset *dataset, int i) {
    GpuRun *r = t->engine_data;
    GpuStepResult *result = &r->results[i];
    const Settings *s = &t->settings;
    const int B = s->batch, from = share_begin(r, B, r->share.rank);
    const int count = share_begin(r, B, r->share.rank + 1) - from;
    const Dropout dropout = {
        .rate = s->dropout, .seed = s->seed, .step = (uint32_t)t->step, .image = from};
    BatchBuffer *b = &r->buffers[t->step % BUFFERS];
    const Batch batch = {&dataset->train, trainer_batch(t) + from, 0, count,
                         trainer_augmentation(t, dataset)};
    const Tensor images = send_batch(r, &s->model, dataset, &batch, b);

    const GpuStream stream = r->model.stream;
    gpu_zero(stream, r->model.gradients, (size_t)t->list.total * sizeof(float));
    Tensor logits = gpu_vit_forward(&r->model, images, &dropout);
    Tensor dlogits = logits; /* written over: logits are not needed any more */
    GpuLoss loss = loss_of(r, b, count, result);
    loss.scale = 1.0f / (float)B;
    loss.smoothing = (float)s->label_smoothing;
    gpu_cross_entropy(stream, &loss, logits, dlogits);
    gpu_event_record(b->consumed, stream);
    gpu_vit_backward(&r->model, dlogits, &dropout);
    return result;
}

void gpu_trainer_queue_update(Trainer *t, int i) {
    GpuRun *r = t->engine_data;
    GpuStepResult *result = &r->results[i];
    const Settings *s = &t->settings;
    const GpuStream stream = r->model.stream;
    gpu_gradient_norm(stream, r->model.gradients, t->list.total, s->clip, r->norm_parts,
                      result);
    t->step++;
    const GpuUpdate update = {t->list.total,      r->model.weights, r->m,        r->v,
                              r->model.gradients, r->runs,          r->run_count};
    gpu_adamw_step(stream, &s->adamw, trainer_rate(t, t->step), t->step, &update,
                   result);
}

void gpu_trainer_results(const Trainer *t, int count, StepResult *results) {
    const GpuRun *r = t->engine_data;
    const int B = t->settings.batch;
    const long first = t->step - count + 1;
    gpu_download(r->model.stream, r->host_results, r->results,
                 (size_t)count * sizeof(GpuStepResult));
    gpu_wait(r->model.stream);
    for (int i = 0; i < count; i++) {
        const GpuStepResult *got = &r->host_results[i];
        results[i] = (StepResult){.step = first + i,
                                  .loss = (double)got->loss / B,
                                  .accuracy = (double)got->correct / B,
                                  .gradient_norm = (double)got->gradient_norm,
                                  .lr = trainer_rate(t, first + i)};
    }
}

static int train_steps(Trainer *t, const Dataset *dataset, int max_steps,
                       StepResult *results) {
    const int count = max_steps < GPU_STEPS_MOST ? max_steps : GPU_STEPS_MOST;
    for (int i = 0; i < count; i++) {
        gpu_trainer_queue_gradients(t, dataset, i);
        gpu_trainer_queue_update(t, i);
    }
    gpu_trainer_results(t, count, results);
    return count;
}

/* ---- evaluation ------------------------------------------------------------------ */

void gpu_trainer_evaluate_share(Trainer *t, const Dataset *dataset, const ImageSet *set,
                                int *predictions, Evaluation *result) {
    GpuRun *r = t->engine_data;
    const Dropout off = {0};
    const Tensor not_wanted = {.data = NULL};
    const GpuStream stream = r->model.stream;
    const int from = share_begin(r, set->count, r->share.rank);
    const int to = share_begin(r, set->count, r->share.rank + 1);
    *result = (Evaluation){0};
    for (int at = from; at < to; at += r->most) {
        const int count = to - at < r->most ? to - at : r->most;
        BatchBuffer *b = &r->buffers[(at - from) / r->most % BUFFERS];
        const Batch batch = {.set = set, .first = at, .count = count};
        const Tensor images = send_batch(r, &t->settings.model, dataset, &batch, b);
        Tensor logits = gpu_vit_forward(&r->model, images, &off);
        const GpuLoss loss = loss_of(r, b, count, &r->results[0]);
        gpu_cross_entropy(stream, &loss, logits, not_wanted);
        gpu_event_record(b->consumed, stream);
        gpu_download(stream, r->host_predictions, r->predictions,
                     (size_t)count * sizeof(int));
        gpu_download(stream, r->host_results, r->results, sizeof(GpuStepResult));
        gpu_wait(stream);
        for (int i = 0; i < count; i++) {
            evaluation_add(result, set->labels[at + i], r->host_predictions[i]);
            if (predictions) {
                predictions[at + i] = r->host_predictions[i];
            }
        }
        result->loss += (double)r->host_results[0].loss;
    }
}

static void evaluate(Trainer *t, const Dataset *dataset, const ImageSet *set,
                     int *predictions, Evaluation *result) {
    gpu_trainer_evaluate_share(t, dataset, set, predictions, result);
    result->loss /= (double)set->count;
}

/* ---- the engine ------------------------------------------------------------------ */

static void describe(const Trainer *t) {
    const GpuRun *r = t->engine_data;
    const double mb = gpu_trainer_bytes(&t->settings, t->list.total, r->most) / 1e6;
    if (r->info.emulated) {
        printf("on cuda_on_cpu, %.0f MB of its memory", mb);
    } else {
        printf("on %s (compute capability %d.%d), %.0f MB of %.0f MB device memory",
               r->info.name, r->info.major, r->info.minor, mb,
               r->info.total_bytes / 1e6);
    }
    printf(", matmul %s, attention %s\n", gpu_matmul_names[choices.matmul],
           gpu_attention_names[choices.attention]);
}

bool gpu_trainer_can(const Settings *s, Error *error) {
    return (s->optimiser == OPTIMISER_ADAMW && s->freeze == 0) ||
           error_set(error,
                     "%s: chapter 6 has no kernel for it: chapters 5 and 7 train so",
                     s->optimiser == OPTIMISER_SGD ? "--optimiser sgd" : "--freeze");
}

const Engine gpu_engine = {
    .can_train = gpu_trainer_can,
    .make = trainer_make_gpu,
    .free = trainer_free_gpu,
    .steps = train_steps,
    .evaluate = evaluate,
    .upload = upload_weights,
    .download = download_weights,
    .describe = describe,
};
