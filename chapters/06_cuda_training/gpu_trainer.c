/* gpu_trainer.c: see gpu_trainer.h. */
#include "chapters/06_cuda_training/gpu_trainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/06_cuda_training/kernels/gpu_adamw.h"
#include "chapters/06_cuda_training/kernels/gpu_loss.h"

enum { BUFFERS = 2, MAX_STEPS = 64 };

/* A batch on its way: while one is trained on, the other is filled. */
typedef struct {
    float *host_images; /* pinned (B, C, H, W) */
    unsigned char *host_labels;
    float *images; /* the same on the device */
    unsigned char *labels;
    GpuEvent uploaded; /* in `copies`: the device has it */
    GpuEvent consumed; /* in `compute`: nobody needs it any more */
} BatchBuffer;

typedef struct {
    GpuInfo info;
    Gpu gpu;
    GpuStream copies;
    double bytes; /* device memory, all of it */
    float *weights, *gradients, *m, *v;
    Vit vit, d; /* laid over weights and gradients */
    GpuVitActivations activations;
    BatchBuffer buffers[BUFFERS];
    float *losses, *right; /* (B) on the device */
    int *predictions;      /* (B) on the device */
    int *host_predictions; /* (B) pinned */
    DecayRun *runs;
    int run_count;
    double *norm_parts;
    GpuStepResult *results, *host_results; /* MAX_STEPS, device and pinned */
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
        (double)BUFFERS * B * (double)(image_elements(&s->model) * sizeof(float) + 1);
    return (double)gpu_matmul_workspace_bytes() + blocks + batch +
           gpu_vit_activations_bytes(&s->model, choices.attention, B) +
           (double)B * (2 * sizeof(float) + sizeof(int));
}

/* Does it fit, with a little left for the driver? If not: the batch that does. */
static bool fits(const GpuRun *r, const Settings *s, long parameters, Error *error) {
    const double free_bytes = 0.97 * r->info.free_bytes;
    if (gpu_trainer_bytes(s, parameters, s->batch) <= free_bytes) {
        return true;
    }
    int fitting = 0;
    for (int step = 1 << 20; step > 0; step /= 2) {
        if (fitting + step < s->batch &&
            gpu_trainer_bytes(s, parameters, fitting + step) <= free_bytes) {
            fitting += step;
        }
    }
    if (fitting == 0) {
        return error_set(error,
                         "this model needs %.0f MB for one image; %s has %.0f MB free",
                         gpu_trainer_bytes(s, parameters, 1) / 1e6, r->info.name,
                         r->info.free_bytes / 1e6);
    }
    return error_set(error,
                     "a batch of %d images needs %.0f MB, %s has %.0f MB free: the "
                     "largest that fits is --batch %d",
                     s->batch, gpu_trainer_bytes(s, parameters, s->batch) / 1e6,
                     r->info.name, r->info.free_bytes / 1e6, fitting);
}

static bool make_buffer(BatchBuffer *b, const Settings *s, Error *error) {
    const size_t B = (size_t)s->batch;
    const size_t bytes = B * image_elements(&s->model) * sizeof(float);
    b->uploaded = gpu_event_make();
    b->consumed = gpu_event_make();
    return (b->host_images = gpu_allocate_pinned(bytes, "a batch", error)) &&
           (b->host_labels = gpu_allocate_pinned(B, "labels", error)) &&
           (b->images = gpu_allocate(bytes, "a batch", error)) &&
           (b->labels = gpu_allocate(B, "labels", error));
}

static bool make_blocks(GpuRun *r, long count, Error *error) {
    const size_t bytes = (size_t)count * sizeof(float);
    return (r->weights = gpu_allocate(bytes, "weights", error)) &&
           (r->gradients = gpu_allocate(bytes, "gradients", error)) &&
           (r->m = gpu_allocate(bytes, "AdamW's m", error)) &&
           (r->v = gpu_allocate(bytes, "AdamW's v", error));
}

static bool make_results(GpuRun *r, int batch, Error *error) {
    const size_t B = (size_t)batch, bytes = MAX_STEPS * sizeof(GpuStepResult);
    return (r->losses = gpu_allocate(B * sizeof(float), "losses", error)) &&
           (r->right = gpu_allocate(B * sizeof(float), "results", error)) &&
           (r->predictions = gpu_allocate(B * sizeof(int), "predictions", error)) &&
           (r->host_predictions =
                gpu_allocate_pinned(B * sizeof(int), "predictions", error)) &&
           (r->norm_parts =
                gpu_allocate(NORM_PARTS * sizeof(double), "a norm", error)) &&
           (r->results = gpu_allocate(bytes, "results", error)) &&
           (r->host_results = gpu_allocate_pinned(bytes, "results", error));
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
        gpu_upload(r->gpu.stream, r->runs, runs, bytes);
        gpu_wait(r->gpu.stream);
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
    void *device[] = {r->weights, r->gradients,   r->m,    r->v,          r->losses,
                      r->right,   r->predictions, r->runs, r->norm_parts, r->results};
    for (size_t i = 0; i < sizeof device / sizeof device[0]; i++) {
        gpu_free(device[i]);
    }
    gpu_free_pinned(r->host_predictions);
    gpu_free_pinned(r->host_results);
    gpu_vit_activations_free(&r->activations);
    gpu_matmul_free_workspace();
    if (r->gpu.stream) {
        gpu_stream_free(r->gpu.stream);
        gpu_stream_free(r->copies);
    }
    free(r);
}

static bool gpu_run_make(GpuRun *r, Trainer *t, Error *error) {
    const Settings *s = &t->settings;
    if (!gpu_open(&r->info, error) || !fits(r, s, t->list.total, error)) {
        return false;
    }
    r->gpu = gpu_make(choices.matmul);
    r->copies = gpu_stream_make();
    r->bytes = gpu_trainer_bytes(s, t->list.total, s->batch);
    bool ok = make_blocks(r, t->list.total, error) &&
              make_results(r, s->batch, error) &&
              gpu_vit_activations_make(&r->activations, &s->model, choices.attention,
                                       s->batch, error) &&
              gpu_matmul_make_workspace(error) &&
              make_decay_runs(r, &t->list, s->adamw.weight_decay, error);
    for (int i = 0; ok && i < BUFFERS; i++) {
        ok = make_buffer(&r->buffers[i], s, error);
    }
    if (ok) {
        r->vit.config = r->d.config = s->model;
        parameters_view(&t->list, vit_parameters, &r->vit, r->weights);
        parameters_view(&t->list, vit_parameters, &r->d, r->gradients);
    }
    return ok;
}

static void trainer_free_gpu(Trainer *t) {
    if (t->engine_data) {
        gpu_run_free(t->engine_data);
    }
    trainer_free(t);
}

static bool trainer_make_gpu(Trainer *t, const Settings *settings, int images,
                             Error *error) {
    if (!gpu_vit_can(&settings->model, error) ||
        !trainer_make_small(t, settings, images, error)) {
        return false;
    }
    t->engine_data = allocate(sizeof(GpuRun), "the run's bookkeeping", error);
    if (!t->engine_data || !gpu_run_make(t->engine_data, t, error)) {
        trainer_free_gpu(t);
        return false;
    }
    return true;
}

/* ---- weights, to and from the device -------------------------------------------- */

static void upload_weights(Trainer *t) {
    GpuRun *r = t->engine_data;
    float *const device[] = {r->weights, r->m, r->v};
    const float *const host[] = {t->weights, t->m, t->v};
    for (int i = 0; i < 3; i++) {
        gpu_upload(r->gpu.stream, device[i], host[i],
                   (size_t)t->list.total * sizeof(float));
    }
    gpu_wait(r->gpu.stream);
}

static void download_weights(Trainer *t) {
    GpuRun *r = t->engine_data;
    const float *const device[] = {r->weights, r->m, r->v};
    float *const host[] = {t->weights, t->m, t->v};
    for (int i = 0; i < 3; i++) {
        gpu_download(r->gpu.stream, host[i], device[i],
                     (size_t)t->list.total * sizeof(float));
    }
    gpu_wait(r->gpu.stream);
}

/* ---- batches --------------------------------------------------------------------- */

static Tensor images_in(const VitConfig *c, float *data, int count) {
    return tensor4(data, count, c->channels, c->height, c->width);
}

/* `count` images of the set: those of the indices; NULL: from `first` on. */
typedef struct {
    const ImageSet *set;
    const int *indices;
    int first, count;
    Augmentation augmentation;
} Batch;

/* Images into pinned memory, and on their way. */
static void send_batch(GpuRun *r, const VitConfig *c, const Dataset *dataset,
                       const Batch *batch, BatchBuffer *b) {
    const int count = batch->count;
    gpu_event_wait(b->uploaded); /* the last batch has left this memory */
    Tensor images = images_in(c, b->host_images, count);
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
    gpu_upload(r->copies, b->labels, b->host_labels, (size_t)count);
    gpu_event_record(b->uploaded, r->copies);
    gpu_stream_wait(r->gpu.stream, b->uploaded);
}

/* The loss of the first `count` images of a buffer; its results go to `result`. */
static GpuLoss loss_of(const GpuRun *r, const BatchBuffer *b, int count,
                       GpuStepResult *result) {
    return (GpuLoss){.labels = b->labels,
                     .scale = 1.0f / (float)count,
                     .losses = tensor1(r->losses, count),
                     .right = tensor1(r->right, count),
                     .predictions = r->predictions,
                     .result = result};
}

/* ---- a step ---------------------------------------------------------------------- */

/* Everything that step t->step is, put into the queue. */
static void queue_step(GpuRun *r, Trainer *t, const Dataset *dataset,
                       GpuStepResult *result) {
    const Settings *s = &t->settings;
    const Dropout dropout = {
        .rate = s->dropout, .seed = s->seed, .step = (uint32_t)t->step};
    const int B = s->batch;
    BatchBuffer *b = &r->buffers[t->step % BUFFERS];
    const Batch batch = {&dataset->train, trainer_batch(t), 0, B,
                         trainer_augmentation(t, dataset)};
    send_batch(r, &s->model, dataset, &batch, b);

    const GpuStream stream = r->gpu.stream;
    gpu_zero(stream, r->gradients, (size_t)t->list.total * sizeof(float));
    Tensor logits =
        gpu_vit_forward(&r->gpu, &r->vit, images_in(&s->model, b->images, B),
                        &r->activations, &dropout);
    Tensor dlogits = logits; /* written over: logits are not needed any more */
    GpuLoss loss = loss_of(r, b, B, result);
    loss.smoothing = (float)s->label_smoothing;
    gpu_cross_entropy(stream, &loss, logits, dlogits);
    gpu_event_record(b->consumed, stream);
    gpu_vit_backward(&r->gpu, &r->vit, &r->d, &r->activations, &dropout, dlogits);
    gpu_gradient_norm(stream, r->gradients, t->list.total, s->clip, r->norm_parts,
                      result);
    t->step++;
    const GpuUpdate update = {t->list.total, r->weights, r->m,        r->v,
                              r->gradients,  r->runs,    r->run_count};
    gpu_adamw_step(stream, &s->adamw, trainer_rate(t, t->step), t->step, &update,
                   result);
}

static int train_steps(Trainer *t, const Dataset *dataset, int max_steps,
                       StepResult *results) {
    GpuRun *r = t->engine_data;
    const int count = max_steps < MAX_STEPS ? max_steps : MAX_STEPS,
              B = t->settings.batch;
    const long first = t->step + 1;
    for (int i = 0; i < count; i++) {
        queue_step(r, t, dataset, &r->results[i]);
    }
    gpu_download(r->gpu.stream, r->host_results, r->results,
                 (size_t)count * sizeof(GpuStepResult));
    gpu_wait(r->gpu.stream);
    for (int i = 0; i < count; i++) {
        const GpuStepResult *got = &r->host_results[i];
        results[i] = (StepResult){.step = first + i,
                                  .loss = (double)got->loss / B,
                                  .accuracy = (double)got->correct / B,
                                  .gradient_norm = (double)got->gradient_norm,
                                  .lr = trainer_rate(t, first + i)};
    }
    return count;
}

/* ---- evaluation ------------------------------------------------------------------ */

static void evaluate(Trainer *t, const Dataset *dataset, const ImageSet *set,
                     Evaluation *result) {
    GpuRun *r = t->engine_data;
    const Dropout off = {0};
    const Tensor not_wanted = {.data = NULL};
    const GpuStream stream = r->gpu.stream;
    *result = (Evaluation){0};
    for (int at = 0; at < set->count; at += t->settings.batch) {
        const int left = set->count - at;
        const int count = left < t->settings.batch ? left : t->settings.batch;
        BatchBuffer *b = &r->buffers[at / t->settings.batch % BUFFERS];
        const Batch batch = {.set = set, .first = at, .count = count};
        send_batch(r, &t->settings.model, dataset, &batch, b);
        Tensor logits = gpu_vit_forward(&r->gpu, &r->vit,
                                        images_in(&t->settings.model, b->images, count),
                                        &r->activations, &off);
        const GpuLoss loss = loss_of(r, b, count, &r->results[0]);
        gpu_cross_entropy(stream, &loss, logits, not_wanted);
        gpu_event_record(b->consumed, stream);
        gpu_download(stream, r->host_predictions, r->predictions,
                     (size_t)count * sizeof(int));
        gpu_download(stream, r->host_results, r->results, sizeof(GpuStepResult));
        gpu_wait(stream);
        for (int i = 0; i < count; i++) {
            evaluation_add(result, set->labels[at + i], r->host_predictions[i]);
        }
        result->loss += (double)r->host_results[0].loss;
    }
    result->loss /= (double)set->count;
}

/* ---- the engine ------------------------------------------------------------------ */

static void describe(const Trainer *t) {
    const GpuRun *r = t->engine_data;
    if (r->info.emulated) {
        printf("on cuda_on_cpu, %.0f MB of its memory", r->bytes / 1e6);
    } else {
        printf("on %s (compute capability %d.%d), %.0f MB of %.0f MB device memory",
               r->info.name, r->info.major, r->info.minor, r->bytes / 1e6,
               r->info.total_bytes / 1e6);
    }
    printf(", matmul %s, attention %s\n", gpu_matmul_names[choices.matmul],
           gpu_attention_names[choices.attention]);
}

const Engine gpu_engine = {
    .make = trainer_make_gpu,
    .free = trainer_free_gpu,
    .steps = train_steps,
    .evaluate = evaluate,
    .upload = upload_weights,
    .download = download_weights,
    .describe = describe,
};
