/* trainer.c: see trainer.h. */
#include "chapters/05_vision_transformer/training/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "common/random.h"
#include "chapters/05_vision_transformer/training/freeze.h"
#include "chapters/05_vision_transformer/training/sgd.h"
#include "common/lesson/threads.h"

/* ---- making and freeing ------------------------------------------------- */

/* A block of the parameters' layout, of zeros, where only what is trained is written.
 * Of a large one calloc has no memory before it is written to, page by page: what is
 * frozen takes none. */
static real *block_of_trained(const Trainer *t, const char *what, Error *error) {
    const size_t bytes = (size_t)t->list.total * sizeof(real);
    if (t->settings.freeze == 0) {
        return allocate(bytes, what, error);
    }
    real *block = calloc(1, bytes);
    if (!block) {
        error_set(error, "no memory for %s: %.1f MB asked for", what,
                  (double)bytes / 1e6);
    }
    return block;
}

static bool worker_make(Worker *worker, const Trainer *t, Error *error) {
    const VitConfig *c = &t->settings.model;
    worker->gradients = block_of_trained(t, "gradients", error);
    if (!worker->gradients) {
        return false;
    }
    worker->d.config = *c;
    parameters_view(&t->list, vit_parameters, &worker->d, worker->gradients);
    worker->images = tensor4(NULL, t->slice, c->channels, c->height, c->width);
    const size_t image_bytes = (size_t)tensor_count(worker->images) * sizeof(real);
    worker->images.data = allocate(image_bytes, "a slice of images", error);
    return worker->images.data &&
           vit_activations_make(&worker->activations, c, t->slice, error);
}

static void set_epsilon(Vit *vit, real epsilon) {
    vit->norm.epsilon = epsilon;
    for (int l = 0; l < vit->config.depth; l++) {
        vit->blocks[l].norm1.epsilon = vit->blocks[l].norm2.epsilon = epsilon;
    }
}

static bool make_blocks(Trainer *t, Error *error) {
    const size_t bytes = (size_t)t->list.total * sizeof(real);
    t->weights = allocate(bytes, "weights", error);
    t->m = t->weights ? block_of_trained(t, "AdamW's m", error) : NULL;
    t->v = t->m ? block_of_trained(t, "AdamW's v", error) : NULL;
    return t->v != NULL;
}

static bool make(Trainer *t, const Settings *settings, int images, int first,
                 int workers, int slice, Error *error) {
    *t = (Trainer){.settings = *settings,
                   .first_worker = first,
                   .worker_count = workers,
                   .slice = slice,
                   .order_epoch = -1,
                   .order_count = images};
    if (settings->batch > images) {
        bug("trainer_make: a batch of %d images is more than the %d there are",
            settings->batch, images);
    }
    t->vit.config = settings->model;
    bool ok = parameters_list(&t->list, vit_parameters, &t->vit, error) &&
              make_blocks(t, error);
    if (ok) {
        t->order = allocate((size_t)images * sizeof(int), "the images' order", error);
        t->workers = allocate((size_t)workers * sizeof(Worker), "workers", error);
        ok = t->order && t->workers;
    }
    for (int w = 0; ok && w < workers; w++) {
        ok = worker_make(&t->workers[w], t, error);
    }
    if (!ok) {
        trainer_free(t);
        return false;
    }
    t->trained = not_frozen(&t->list, settings->freeze);
    parameters_view(&t->list, vit_parameters, &t->vit, t->weights);
    set_epsilon(&t->vit, (real)settings->norm_epsilon);
    vit_initialise(&t->list, t->weights, settings->seed);
    return true;
}

bool trainer_make(Trainer *t, const Settings *settings, int images, Error *error) {
    return trainer_make_part(t, settings, images, 0, settings->threads, error);
}

bool trainer_make_part(Trainer *t, const Settings *settings, int images, int first,
                       int count, Error *error) {
    const int share = (settings->batch + settings->threads - 1) / settings->threads;
    const int slice = share < SLICE_IMAGES ? share : SLICE_IMAGES;
    return make(t, settings, images, first, count, slice, error);
}

bool trainer_make_small(Trainer *t, const Settings *settings, int images,
                        Error *error) {
    return make(t, settings, images, 0, 1, 1, error);
}

void trainer_free(Trainer *t) {
    for (int w = 0; t->workers && w < t->worker_count; w++) {
        free(t->workers[w].gradients);
        free(t->workers[w].images.data);
        vit_activations_free(&t->workers[w].activations);
    }
    free(t->workers);
    free(t->order);
    free(t->weights);
    free(t->m);
    free(t->v);
    parameters_list_free(&t->list);
    *t = (Trainer){0};
}

double trainer_bytes(const Trainer *t) {
    const Worker *worker = &t->workers[0]; /* all have as much */
    const double all = (double)t->list.total;
    const double trained = all - (double)trainer_first_trained(t);
    const double each = trained + (double)tensor_count(worker->images) +
                        (double)worker->activations.arena.capacity;
    return (all + 2 * trained + t->worker_count * each) * sizeof(real) +
           (double)t->order_count * sizeof(int);
}

/* ---- steps and epochs --------------------------------------------------- */

long trainer_steps_per_epoch(const Trainer *t) {
    return t->order_count / t->settings.batch; /* what doesn't fill a batch waits */
}

long trainer_total_steps(const Trainer *t) {
    const long total = t->settings.total_steps;
    return total > 0 ? total : trainer_steps_per_epoch(t) * t->settings.epochs;
}

int trainer_epochs(const Trainer *t) {
    const long steps = trainer_steps_per_epoch(t);
    return (int)((trainer_total_steps(t) + steps - 1) / steps);
}

long trainer_warmup(const Trainer *t) {
    const long tenth = trainer_total_steps(t) / 10;
    return t->settings.warmup >= 0 ? t->settings.warmup : tenth < 1000 ? tenth : 1000;
}

const int *trainer_batch(Trainer *t) {
    const long steps = trainer_steps_per_epoch(t), epoch = t->step / steps;
    if (t->order_epoch != epoch) {
        Random random = {t->settings.seed, RANDOM_SHUFFLE, (uint32_t)epoch};
        random_permutation(random, t->order, t->order_count);
        t->order_epoch = epoch;
    }
    return t->order + t->step % steps * t->settings.batch;
}

double trainer_rate(const Trainer *t, long step) {
    const Schedule schedule = {.kind = t->settings.schedule,
                               .peak = t->settings.lr,
                               .warmup = trainer_warmup(t),
                               .total_steps = trainer_total_steps(t),
                               .D = t->settings.model.block.D};
    return schedule_rate(&schedule, step);
}

Augmentation trainer_augmentation(const Trainer *t, const Dataset *dataset) {
    const Settings *s = &t->settings;
    return (Augmentation){.shift = s->shift,
                          .flip = s->flip < 0 ? dataset->has_class_names : s->flip > 0,
                          .seed = s->seed,
                          .epoch = (uint32_t)(t->step / trainer_steps_per_epoch(t))};
}

/* ---- a step -------------------------------------------------------------- */

typedef struct {
    const Dataset *dataset;
    const ImageSet *set;
    const int *indices; /* NULL: 0, 1, ... */
    int count;
    Augmentation augmentation;
    Dropout dropout;
} Batch;

/* A slice of a batch, on its way through the model. */
typedef struct {
    int count;
    int labels[SLICE_IMAGES];
    Dropout dropout;
    Tensor logits;
} Slice;

/* The share of this trainer's worker i begins here, and ends where i + 1's begins. */
static int share_begin(const Trainer *t, const Batch *batch, int i) {
    return (int)((long)batch->count * (t->first_worker + i) / t->settings.threads);
}

/* The batch's images from `from` on, before `to`: as many as a slice has. */
static Slice forward_slice(const Trainer *t, Worker *worker, const Batch *batch,
                           int from, int to) {
    Slice slice = {.count = to - from < t->slice ? to - from : t->slice,
                   .dropout = batch->dropout};
    Tensor images = tensor_first(worker->images, slice.count);
    for (int i = 0; i < slice.count; i++) {
        const int index = batch->indices ? batch->indices[from + i] : from + i;
        dataset_image(batch->dataset, batch->set, index, &batch->augmentation,
                      tensor_slice(images, i));
        slice.labels[i] = batch->set->labels[index];
    }
    slice.dropout.image = from;
    slice.logits = vit_forward(&t->vit, images, &worker->activations, &slice.dropout);
    return slice;
}

long trainer_first_trained(const Trainer *t) {
    return t->trained.items[0].offset;
}

/* The backward pass of a slice; of the last one, the listener hears how far it is. */
static void backward_slice(Trainer *t, int w, const Slice *slice, Tensor dlogits,
                           bool last) {
    Worker *worker = &t->workers[w];
    const Passed listener = {t->gradients_done, t->listener, w, worker->gradients};
    backward_down_to(&t->vit, &worker->d, &worker->activations, &slice->dropout,
                     dlogits, t->settings.freeze, last ? &listener : NULL);
}

/* Forward and backward of a worker's images, a slice at a time. */
static void train_share(Trainer *t, int w, const Batch *batch) {
    Worker *worker = &t->workers[w];
    const int from = share_begin(t, batch, w), to = share_begin(t, batch, w + 1);
    const double scale = 1.0 / t->settings.batch;
    worker->loss = 0;
    worker->correct = 0;
    const long begin = trainer_first_trained(t);
    memset(worker->gradients + begin, 0,
           (size_t)(t->list.total - begin) * sizeof(real));
    for (int at = from; at < to; at += t->slice) {
        const Slice slice = forward_slice(t, worker, batch, at, to);
        for (int i = 0; i < slice.count; i++) {
            worker->correct += argmax_row(slice.logits, i) == slice.labels[i];
        }
        Tensor dlogits = slice.logits; /* written over: they are not needed any more */
        worker->loss += cross_entropy(slice.logits, slice.labels,
                                      t->settings.label_smoothing, scale, dlogits);
        backward_slice(t, w, &slice, dlogits, at + t->slice >= to);
    }
    if (from == to && t->gradients_done) { /* fewer images than workers */
        t->gradients_done(t->listener, w, begin);
    }
}

void trainer_sum_workers(Trainer *t, long from, long to) {
    real *sum = t->workers[0].gradients;
    for (int w = 1; w < t->worker_count; w++) {
        const real *other = t->workers[w].gradients;
#pragma omp parallel for simd schedule(static) if (to - from > 100000)
        for (long i = from; i < to; i++) {
            sum[i] += other[i];
        }
    }
}

void trainer_optimise(Trainer *t, const ParameterList *list, double lr) {
    const Settings *s = &t->settings;
    const real *gradients = t->workers[0].gradients;
    if (s->optimiser == OPTIMISER_SGD) {
        const SgdStep step = {s->momentum, lr, t->weights, gradients, t->m};
        sgd_step(&step, list);
    } else {
        const AdamWStep step = {&s->adamw, lr,   t->step, t->weights,
                                gradients, t->m, t->v};
        adamw_step(&step, list);
    }
}

void trainer_gradients(Trainer *t, const Dataset *dataset) {
    const Settings *s = &t->settings;
    const Batch batch = {
        .dataset = dataset,
        .set = &dataset->train,
        .indices = trainer_batch(t),
        .count = s->batch,
        .augmentation = trainer_augmentation(t, dataset),
        .dropout = {.rate = s->dropout, .seed = s->seed, .step = (uint32_t)t->step},
    };
#pragma omp parallel for schedule(static, 1)
    for (int w = 0; w < t->worker_count; w++) {
        train_share(t, w, &batch);
    }
}

StepResult trainer_update(Trainer *t, double loss, double accuracy) {
    StepResult result = {.loss = loss, .accuracy = accuracy};
    result.step = ++t->step;
    result.lr = trainer_rate(t, t->step);
    /* Clipping and the optimiser, of what isn't frozen. */
    const long begin = trainer_first_trained(t);
    result.gradient_norm = gradient_clip(t->workers[0].gradients + begin,
                                         t->list.total - begin, t->settings.clip);
    trainer_optimise(t, &t->trained, result.lr);
    return result;
}

StepResult trainer_step(Trainer *t, const Dataset *dataset) {
    const int batch = t->settings.batch;
    const int threads_before = threads_limit(t->settings.threads);
    double loss = 0, accuracy = 0;
    trainer_gradients(t, dataset);
    trainer_sum_workers(t, trainer_first_trained(t), t->list.total);
    for (int w = 0; w < t->worker_count; w++) {
        loss += t->workers[w].loss / batch;
        accuracy += (double)t->workers[w].correct / batch;
    }
    const StepResult result = trainer_update(t, loss, accuracy);
    threads_limit(threads_before);
    return result;
}

/* ---- evaluation ---------------------------------------------------------- */

void evaluation_add(Evaluation *e, int label, int prediction) {
    e->count++;
    e->correct += prediction == label;
    e->undecided += prediction < 0;
}

bool evaluation_check(const Evaluation *e, Error *error) {
    if (e->undecided > 0) {
        return error_set(error,
                         "%ld of %ld test images have no finite logits: the weights "
                         "are too large, train with a lower --lr",
                         e->undecided, e->count);
    }
    if (!isfinite(e->loss)) {
        return error_set(error,
                         "the mean loss of %ld test images is %g: the weights are too "
                         "large, train with a lower --lr",
                         e->count, fabs(e->loss)); /* a NaN without its sign */
    }
    return true;
}

static void evaluate_share(Trainer *t, int w, const Batch *batch, int *predictions) {
    const int from = share_begin(t, batch, w), to = share_begin(t, batch, w + 1);
    Evaluation *sums = &t->workers[w].evaluation;
    *sums = (Evaluation){0};
    for (int at = from; at < to; at += t->slice) {
        const Slice slice = forward_slice(t, &t->workers[w], batch, at, to);
        for (int i = 0; i < slice.count; i++) {
            const int prediction = argmax_row(slice.logits, i);
            evaluation_add(sums, slice.labels[i], prediction);
            if (predictions) {
                predictions[at + i] = prediction;
            }
        }
        const Tensor not_wanted = {.data = NULL};
        sums->loss += cross_entropy(slice.logits, slice.labels, 0, 1, not_wanted);
    }
}

void trainer_evaluate_workers(Trainer *t, const Dataset *dataset, const ImageSet *set,
                              int *predictions) {
    const Batch batch = {.dataset = dataset, .set = set, .count = set->count};
#pragma omp parallel for schedule(static, 1)
    for (int w = 0; w < t->worker_count; w++) {
        evaluate_share(t, w, &batch, predictions);
    }
}

void evaluation_sum(Evaluation *sum, const Evaluation *part) {
    sum->count += part->count;
    sum->correct += part->correct;
    sum->undecided += part->undecided;
    sum->loss += part->loss;
}

void trainer_evaluate(Trainer *t, const Dataset *dataset, const ImageSet *set,
                      int *predictions, Evaluation *result) {
    const int threads_before = threads_limit(t->settings.threads);
    trainer_evaluate_workers(t, dataset, set, predictions);
    threads_limit(threads_before);
    *result = (Evaluation){0};
    for (int w = 0; w < t->worker_count; w++) {
        evaluation_sum(result, &t->workers[w].evaluation);
    }
    result->loss /= (double)set->count;
}
