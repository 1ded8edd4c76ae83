/* made_up_run.c: see measuring.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chapters/05_vision_transformer/program/describe.h"
#include "chapters/06_cuda_training/measuring/measuring.h"
#include "common/random.h"
#include "common/lesson/stopwatch.h"

bool made_up_model(const char *name, const Settings *settings, VitConfig *model,
                   Error *error) {
    Settings of_28 = *settings;
    if (strcmp(name, "S/4") == 0) { /* ViT-S with patches of 4 */
        *model = (VitConfig){.height = 32, .width = 32, .channels = 3, .patch = 4};
        model->depth = 12;
        model->block = (BlockConfig){.D = 384, .heads = 6, .M = 1536};
        model->classes = 10;
        return true;
    }
    of_28.model.height = of_28.model.width = 28;
    return describe_config(name, &of_28, model, error);
}

static int usual_batch(const VitConfig *model) {
    const double flops = vit_forward_flops(model);
    return flops < 1e8 ? 512 : flops < 5e9 ? 256 : 64;
}

enum { MAX_IMAGES = 2048 };

static bool make_up(Dataset *d, const VitConfig *model, int batch, Error *error) {
    const Random random = {.seed = 6, .use = RANDOM_DEMO, .sequence = 4};
    const int count = batch > MAX_IMAGES ? batch : MAX_IMAGES / batch * batch;
    const size_t pixels =
        (size_t)model->channels * (size_t)model->height * (size_t)model->width;
    *d = (Dataset){.mean = {0.5, 0.5, 0.5}, .deviation = {0.25, 0.25, 0.25}};
    d->train = (ImageSet){.count = count,
                          .channels = model->channels,
                          .height = model->height,
                          .width = model->width};
    d->train.pixels = allocate((size_t)count * pixels, "made-up images", error);
    d->train.labels = allocate((size_t)count * sizeof(int), "labels", error);
    if (!d->train.pixels || !d->train.labels) {
        dataset_free(d);
        return false;
    }
    /* One random block is repeated: an image begins anywhere in it. */
    unsigned char block[4099];
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] = (unsigned char)random_below(random, i, 256);
    }
    for (size_t i = 0; i < (size_t)count * pixels; i++) {
        d->train.pixels[i] = block[i % sizeof block];
    }
    for (int i = 0; i < count; i++) {
        d->train.labels[i] = i * 7 % (model->classes < 10 ? model->classes : 10);
    }
    return true;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double measuring_median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, ascending);
    return values[count / 2];
}

/* Images per second in one round of `steps` steps. */
static double one_round(Trainer *t, const Dataset *d, long steps) {
    enum { AT_ONCE = 16 };
    StepResult results[AT_ONCE];
    const double begin = stopwatch_ms();
    for (long done = 0; done < steps;) {
        const long left = steps - done;
        done += gpu_engine.steps(t, d, left < AT_ONCE ? (int)left : AT_ONCE, results);
    }
    return 1e3 * (double)steps * t->settings.batch / (stopwatch_ms() - begin);
}

static bool add_line(const MadeUpRun *run, const Trainer *t, const double *sorted,
                     Error *error) {
    struct stat there = {0};
    const bool was_there = stat(run->csv, &there) == 0;
    FILE *file = fopen(run->csv, "a");
    if (!file) {
        return error_set(error, "%s: can't be written: %s", run->csv, strerror(errno));
    }
    fprintf(file, "%s,%d,%d,%ld,%.2f,%.2f,%.2f\n", run->model,
            vit_tokens(&t->vit.config), t->settings.batch, t->list.total,
            sorted[MADE_UP_ROUNDS / 2], sorted[0], sorted[MADE_UP_ROUNDS - 1]);
    const bool written = fflush(file) == 0 && !ferror(file);
    const int why = errno;
    (void)fclose(file);
    if (written) {
        return true;
    }
    if (was_there) { /* keep the lines of other runs, and no half line */
        (void)!truncate(run->csv, there.st_size);
    } else {
        remove(run->csv);
    }
    return error_set(error, "%s: can't be written: %s", run->csv, strerror(why));
}

static bool time_rounds(const MadeUpRun *run, Trainer *t, const Dataset *d,
                        Error *error) {
    const double flops = 3 * vit_forward_flops(&t->settings.model);
    const long steps = run->steps > 0 ? run->steps : 16;
    double speed[MADE_UP_ROUNDS];
    one_round(t, d, steps); /* warm up */
    for (int i = 0; i < MADE_UP_ROUNDS; i++) {
        speed[i] = one_round(t, d, steps);
    }
    const double median = measuring_median(speed, MADE_UP_ROUNDS);
    printf(
        "training: %.1f images/s, %.2f ms a step, %.1f GFLOP/s (median of %d rounds of "
        "%ld steps; %.1f to %.1f images/s)\n",
        median, 1e3 * t->settings.batch / median, 1e-9 * flops * median, MADE_UP_ROUNDS,
        steps, speed[0], speed[MADE_UP_ROUNDS - 1]);
    return !run->csv || add_line(run, t, speed, error);
}

bool made_up_run(const Settings *settings, const MadeUpRun *run, Error *error) {
    static Trainer trainer;
    Dataset dataset;
    Settings s = *settings;
    if (!made_up_model(run->model, settings, &s.model, error)) {
        return false;
    }
    s.batch = run->batch > 0 ? run->batch : usual_batch(&s.model);
    s.shift = s.flip = 0;
    s.epochs = 1000; /* never the end of a schedule */
    printf("model %s on %dx%dx%d: patch %d, %d tokens, D %d, depth %d: %ld parameters, "
           "%.2f GFLOP an image\nbatches of %d images, ",
           run->model, s.model.height, s.model.width, s.model.channels, s.model.patch,
           vit_tokens(&s.model), s.model.block.D, s.model.depth,
           vit_parameter_formula(&s.model), 1e-9 * vit_forward_flops(&s.model),
           s.batch);
    fflush(stdout);
    if (!make_up(&dataset, &s.model, s.batch, error)) {
        return false;
    }
    bool ok = gpu_engine.make(&trainer, &s, dataset.train.count, error);
    if (ok) {
        gpu_engine.describe(&trainer);
        fflush(stdout);
        gpu_engine.upload(&trainer);
        ok = time_rounds(run, &trainer, &dataset, error);
        gpu_engine.free(&trainer);
    } else {
        printf("\n");
    }
    dataset_free(&dataset);
    return ok;
}
