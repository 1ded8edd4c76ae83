/*
 * train.c: chapter 5's trainer, a turn at a time, on images that a page brings.
 *
 *     train.data         a file: training images, their labels, test images, their
 *                        labels, each as IDX (dataset_file.h), then the classes' names
 *                        as lines
 *     train.begin        a new run: with train.epochs, .batch, .seed and .lr
 *     train.turn         a step; or, after an epoch, a part of the test
 *     train.look         train.filters and train.similarity, of the weights as they are
 *     train.save         train.checkpoint: what ./chapter5 reads
 *     train.load         train.checkpoint, which ./chapter5 may have saved; the next
 *                        turns test it; a run of the same images goes on after that
 *
 * train.lr may change at any time: it is the peak of the schedule. Everything else is
 * as settings_default says, with one worker.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/looking_inside/inspect.h"
#include "chapters/05_vision_transformer/training/checkpoint.h"
#include "notes/book/engine/engine.h"

enum { TESTED_AT_ONCE = 50, MAX_PATCHES = 196, MAX_NAMES = 256 };

typedef struct {
    unsigned char *bytes;
    size_t count;
} Bytes;

static Bytes data_file, checkpoint_file;
static Dataset dataset;
static Trainer trainer;
static bool finishes; /* this run is of these images: it can go on */

/* What the page sets, and what it reads; all as doubles. NaN: not known yet. */
static double epochs = 12, batch = 64, seed = 1, lr = 3e-3;
static double step, total_steps, steps_per_epoch, loss, accuracy, rate, norm;
static double tested, tests, test_accuracy, test_loss, done;
static Evaluation evaluation; /* of the test that is going on */
static bool testing;

static real similarity_elements[MAX_PATCHES * MAX_PATCHES];
static Tensor filters, similarity;

/* ---- images --------------------------------------------------------------------- */

/* What is left of train.data. */
typedef struct {
    const unsigned char *at;
    size_t left;
} Reading;

static long big_endian(const unsigned char *b) {
    return (long)b[0] << 24 | (long)b[1] << 16 | (long)b[2] << 8 | (long)b[3];
}

/* The next IDX of bytes, with `dims` dimensions: its elements; NULL and an error. */
static const unsigned char *next_idx(Reading *r, int dims, int *shape, Error *error) {
    const size_t header = 4 + 4 * (size_t)dims;
    size_t bytes = 1;
    bool good = r->left >= header && big_endian(r->at) == 0x800 + dims;
    for (int d = 0; good && d < dims; d++) {
        const long size = big_endian(r->at + 4 + 4 * d);
        good = size > 0 && size <= (d == 0 ? 100000 : 256);
        shape[d] = good ? (int)size : 0;
        bytes *= (size_t)shape[d];
    }
    if (!good || r->left - header < bytes) {
        error_set(error, "train.data: damaged: no whole IDX of %d dimensions", dims);
        return NULL;
    }
    const unsigned char *elements = r->at + header;
    r->at += header + bytes;
    r->left -= header + bytes;
    return elements;
}

static bool next_set(Reading *r, ImageSet *set, Error *error) {
    int shape[3] = {0}, count = 0;
    const unsigned char *pixels = next_idx(r, 3, shape, error);
    const unsigned char *labels = pixels ? next_idx(r, 1, &count, error) : NULL;
    if (!labels) {
        return false;
    }
    if (count != shape[0]) {
        return error_set(error, "train.data: %d images, %d labels", shape[0], count);
    }
    *set = (ImageSet){
        .count = count, .channels = 1, .height = shape[1], .width = shape[2]};
    const size_t bytes = (size_t)count * (size_t)shape[1] * (size_t)shape[2];
    set->pixels = allocate(bytes, "images", error);
    set->labels = allocate((size_t)count * sizeof(int), "labels", error);
    if (!set->pixels || !set->labels) {
        return false;
    }
    memcpy(set->pixels, pixels, bytes);
    for (int i = 0; i < count; i++) {
        set->labels[i] = labels[i];
    }
    return true;
}

/* The rest: a name per line. */
static bool take_names(Reading *r, Dataset *d, Error *error) {
    char *text = allocate(r->left + 1, "names", error);
    const char *name[MAX_NAMES];
    int count = 0;
    if (!text) {
        return false;
    }
    memcpy(text, r->at, r->left);
    for (char *line = strtok(text, "\n"); line && count < MAX_NAMES;
         line = strtok(NULL, "\n")) {
        name[count++] = line;
    }
    bool ok = count > 0 || error_set(error, "train.data: it has no class names");
    for (int i = 0; ok && i < d->train.count + d->test.count; i++) {
        const int label = i < d->train.count ? d->train.labels[i]
                                             : d->test.labels[i - d->train.count];
        ok = label < count ||
             error_set(error, "train.data: label %d, %d classes", label, count);
    }
    ok = ok && dataset_name(d, count, name, error);
    free(text);
    return ok;
}

static uint32_t crc32_add(uint32_t crc, unsigned char byte) {
    crc ^= byte;
    for (int i = 0; i < 8; i++) {
        crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return crc;
}

/* Mean, deviation and checksum, as own_data/measure.c has them. It needs zlib, which a
 * page doesn't have; these are the same sums of integers, so the results are equal. */
static void measure(Dataset *d) {
    const ImageSet *set = &d->train;
    const size_t pixels = (size_t)set->count * (size_t)set->height * (size_t)set->width;
    uint64_t sum = 0, squares = 0;
    uint32_t crc = UINT32_MAX;
    for (int i = 0; i < set->count; i++) {
        crc = crc32_add(crc, (unsigned char)set->labels[i]);
    }
    for (size_t i = 0; i < pixels; i++) {
        sum += set->pixels[i];
        squares += (uint64_t)set->pixels[i] * set->pixels[i];
        crc = crc32_add(crc, set->pixels[i]);
    }
    const double mean = (double)sum / (double)pixels;
    const double variance = (double)squares / (double)pixels - mean * mean;
    d->mean[0] = mean / 255;
    d->deviation[0] = variance > 0 ? sqrt(variance) / 255 : 1;
    d->checksum = ~crc;
}

static bool take_images(Error *error) {
    Reading r = {data_file.bytes, data_file.count};
    if (dataset.class_name) {
        return true;
    }
    if (!r.at) {
        return error_set(error, "put the file train.data first");
    }
    const bool ok = next_set(&r, &dataset.train, error) &&
                    next_set(&r, &dataset.test, error) &&
                    take_names(&r, &dataset, error);
    if (!ok) {
        dataset_free(&dataset);
        return false;
    }
    measure(&dataset);
    return true;
}

/* ---- a run ---------------------------------------------------------------------- */

static void show_progress(void) {
    const long total = trainer_total_steps(&trainer);
    step = (double)trainer.step;
    total_steps = (double)total;
    steps_per_epoch = (double)trainer_steps_per_epoch(&trainer);
    done = (!finishes || trainer.step >= total) && !testing ? 1 : 0;
}

static void begin_test(void) {
    testing = true;
    tested = 0;
    evaluation = (Evaluation){0};
}

static void take_trainer(Trainer fresh) {
    trainer_free(&trainer);
    trainer = fresh;
    loss = accuracy = rate = norm = test_accuracy = test_loss = (double)NAN;
    testing = false;
    tests = 0;
}

static bool begin(Error *error) {
    Settings s = settings_default();
    Trainer fresh;
    if (!take_images(error)) {
        return false;
    }
    s.model.height = dataset.train.height;
    s.model.width = dataset.train.width;
    s.model.classes = dataset.classes;
    s.epochs = (int)epochs;
    s.batch = (int)batch;
    s.seed = (uint64_t)seed;
    s.lr = lr;
    if (s.batch > dataset.train.count) {
        return error_set(error, "a batch of %d images: there are only %d", s.batch,
                         dataset.train.count);
    }
    if (!settings_check(&s, error) ||
        !trainer_make(&fresh, &s, dataset.train.count, error)) {
        return false;
    }
    take_trainer(fresh);
    finishes = true;
    show_progress();
    return true;
}

static bool train_step(Error *error) {
    trainer.settings.lr = lr;
    const StepResult result = trainer_step(&trainer, &dataset);
    trainer.last_loss = loss = result.loss;
    accuracy = result.accuracy;
    rate = result.lr;
    norm = result.gradient_norm;
    if (!isfinite(loss) || !isfinite(norm)) {
        finishes = false;
        return error_set(error,
                         "step %ld: the loss is %g, its gradient's norm %g: the run "
                         "has diverged; begin again with a lower learning rate",
                         result.step, fabs(loss), fabs(norm));
    }
    if (trainer.step % trainer_steps_per_epoch(&trainer) == 0 ||
        trainer.step == trainer_total_steps(&trainer)) {
        begin_test();
    }
    return true;
}

/* Fifty test images at a time, so that a page that wants to pause needn't wait long. */
static bool test_some(Error *error) {
    const ImageSet *all = &dataset.test;
    ImageSet some = *all;
    Evaluation e;
    const int from = (int)tested, left = all->count - from;
    some.count = left < TESTED_AT_ONCE ? left : TESTED_AT_ONCE;
    some.pixels += (size_t)from * (size_t)all->height * (size_t)all->width;
    some.labels += from;
    trainer_evaluate(&trainer, &dataset, &some, NULL, &e);
    e.loss *= some.count; /* the mean as a sum */
    evaluation_sum(&evaluation, &e);
    tested += some.count;
    if (some.count < left) {
        return true;
    }
    testing = false;
    tests++;
    evaluation.loss /= all->count;
    test_loss = evaluation.loss;
    test_accuracy = (double)evaluation.correct / all->count;
    return evaluation_check(&evaluation, error);
}

static bool turn(Error *error) {
    if (!trainer.weights) {
        return error_set(error, "there is no run yet: train.begin comes first");
    }
    const bool ok = testing     ? test_some(error)
                    : done == 1 ? error_set(error, "this run is at its end")
                                : train_step(error);
    show_progress();
    return ok;
}

/* ---- what was learned ----------------------------------------------------------- */

static bool look(Error *error) {
    static double S[MAX_PATCHES * MAX_PATCHES];
    const VitConfig *c = &trainer.settings.model;
    const int N = vit_patches(c);
    if (!trainer.weights) {
        return error_set(error, "there is no run yet: train.begin comes first");
    }
    filters = tensor_matrix(trainer.vit.embedding.E);
    filters = tensor2(filters.data, c->block.D, c->patch * c->patch * c->channels);
    similarity = tensor2(NULL, N, N);
    if (N <= MAX_PATCHES && c->positions == POSITIONS_1D && c->pool == POOL_CLASS) {
        inspect_positions(trainer.vit.embedding.pos_embed, S);
        similarity.data = similarity_elements;
        for (int i = 0; i < N * N; i++) {
            similarity_elements[i] = (real)S[i];
        }
    }
    return true;
}

static bool save(Error *error) {
    SafetensorsBuffer buffer = {0};
    if (!trainer.weights) {
        return error_set(error, "there is no run yet: train.begin comes first");
    }
    if (!checkpoint_encode(&trainer, &dataset, "the checkpoint",
                           safetensors_into(&buffer), error)) {
        free(buffer.bytes);
        return false;
    }
    free(checkpoint_file.bytes);
    checkpoint_file = (Bytes){buffer.bytes, buffer.count};
    return true;
}

/* Does the checkpoint's model read these images? */
static bool fits(const VitConfig *c, Error *error) {
    const ImageSet *set = &dataset.test;
    return (c->height == set->height && c->width == set->width && c->channels == 1 &&
            c->classes == dataset.classes) ||
           error_set(error,
                     "this model is for images of %d x %d x %d and %d classes; these "
                     "are %d x %d x 1, %d classes",
                     c->height, c->width, c->channels, c->classes, set->height,
                     set->width, dataset.classes);
}

static bool take_checkpoint(const Safetensors *file, Error *error) {
    CheckpointInfo info;
    Trainer fresh;
    if (!take_images(error) || !checkpoint_read_info(file, &info, error) ||
        !fits(&info.settings.model, error)) {
        return false;
    }
    const bool same = info.train_images == dataset.train.count &&
                      info.checksum == (double)dataset.checksum;
    if (!same) { /* a run of other images: tested here, not continued */
        info.settings.batch = 1;
    }
    if (!trainer_make(&fresh, &info.settings, dataset.train.count, error)) {
        return false;
    }
    if (!checkpoint_read(file, &fresh, error)) {
        trainer_free(&fresh);
        return false;
    }
    take_trainer(fresh);
    finishes = same;
    lr = info.settings.lr;
    batch = info.settings.batch;
    return true;
}

static bool load(Error *error) {
    Safetensors file;
    if (!checkpoint_file.bytes) {
        return error_set(error, "put the file train.checkpoint first");
    }
    if (!safetensors_decode(
            &file, safetensors_from(checkpoint_file.bytes, checkpoint_file.count),
            "this is no checkpoint", error)) {
        return false;
    }
    file.name = "this file";
    const bool ok = take_checkpoint(&file, error);
    safetensors_close(&file);
    if (ok) {
        begin_test();
        show_progress();
    }
    return ok;
}

static const EngineFunction functions[] = {{"begin", begin}, {"turn", turn},
                                           {"look", look},   {"save", save},
                                           {"load", load},   {NULL, NULL}};
static const EngineNumber numbers[] = {
    {"epochs", &epochs, 1, 1000, true},
    {"batch", &batch, 1, 2000, true},
    {"seed", &seed, 0, 9007199254740991, true},
    {"lr", &lr, 0, 1, false},
    {"step", &step, 0, 0, true},
    {"total_steps", &total_steps, 0, 0, true},
    {"steps_per_epoch", &steps_per_epoch, 0, 0, true},
    {"loss", &loss, 0, 0, false},
    {"accuracy", &accuracy, 0, 0, false},
    {"rate", &rate, 0, 0, false},
    {"gradient_norm", &norm, 0, 0, false},
    {"tested", &tested, 0, 0, true},
    {"tests", &tests, 0, 0, true},
    {"test_accuracy", &test_accuracy, 0, 0, false},
    {"test_loss", &test_loss, 0, 0, false},
    {"done", &done, 0, 0, true},
    {NULL, NULL, 0, 0, false}};
static const EngineTensor tensors[] = {
    {"filters", &filters}, {"similarity", &similarity}, {NULL, NULL}};
static const EngineFile files[] = {
    {"data", &data_file.bytes, &data_file.count},
    {"checkpoint", &checkpoint_file.bytes, &checkpoint_file.count},
    {NULL, NULL, NULL}};

const EngineSubject train_subject = {"train", functions, numbers, tensors, files};
