/* ours.c: see ours.h. */
#include "tests/bench/ours.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/answers.h"
#include "tests/bench/made_up.h"
#include "tests/bench/memory.h"
#include "tests/bench/models.h"
#include "tests/bench/one_image.h"
#include "common/lesson/stopwatch.h"
#include "common/lesson/threads.h"
#include "chapters/05_vision_transformer/training/trainer.h"

enum { IMAGES = 1024, INFER_IMAGES = 16, IMAGE_BYTES = 1 << 24 };

typedef struct Job Job;
struct Job {
    int train, size, channels, patch, dim, depth, heads, mlp, classes, batch, threads;
    VitConfig config;
    const Team *team;     /* NULL: alone */
    const Engine *engine; /* the team's, or the CPU's */
    Dataset dataset;
    Trainer trainer; /* training, and inference of batches */

    /* Inference of one image. */
    OneImage one;
    Arena arena;
    Tensor images; /* (INFER_IMAGES, C, H, W) */
    int next;

    double (*step)(Job *job); /* returns a number that must be finite */
    double step_seconds;      /* of the last burst */
    double check[3];          /* results on the first batch; pytorch_peer.py's too */
};

/* ---- the arguments ------------------------------------------------------- */

static bool parse(Job *job, const char *word, Error *error) {
    static const struct {
        const char *name;
        size_t at;
    } numbers[] = {
#define AT(field) {#field, offsetof(Job, field)}
        AT(size),  AT(channels), AT(patch),   AT(dim),   AT(depth),
        AT(heads), AT(mlp),      AT(classes), AT(batch), AT(threads),
#undef AT
    };
    if (strcmp(word, "--phase=train") == 0 || strcmp(word, "--phase=infer") == 0) {
        job->train = strcmp(word, "--phase=train") == 0;
        return true;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const size_t length = strlen(numbers[i].name);
        if (strncmp(word, "--", 2) == 0 &&
            strncmp(word + 2, numbers[i].name, length) == 0 &&
            word[2 + length] == '=') {
            *(int *)((char *)job + numbers[i].at) = atoi(word + 3 + length);
            return true;
        }
    }
    return error_set(error, "--serve doesn't know %s", word);
}

static bool parse_all(Job *job, int argc, char **argv, Error *error) {
    for (int i = 0; i < argc; i++) {
        if (!parse(job, argv[i], error)) {
            return false;
        }
    }
    job->config = (VitConfig){
        .height = job->size,
        .width = job->size,
        .channels = job->channels,
        .patch = job->patch,
        .depth = job->depth,
        .block = {.D = job->dim, .heads = job->heads, .M = job->mlp},
        .classes = job->classes,
    };
    if (job->batch < 1 || job->threads < 1) {
        return error_set(error, "--serve needs --batch and --threads");
    }
    return vit_config_check(&job->config, error);
}

/* ---- the data ------------------------------------------------------------ */

/* Made-up pixels and labels: `count` images. */
static bool make_images(Job *job, int count, Error *error) {
    const VitConfig *c = &job->config;
    const long bytes = (long)count * c->channels * c->height * c->width;
    ImageSet *set = &job->dataset.train;
    *set = (ImageSet){.count = count,
                      .channels = c->channels,
                      .height = c->height,
                      .width = c->width,
                      .pixels = allocate((size_t)bytes, "images", error),
                      .labels = allocate((size_t)count * sizeof(int), "labels", error)};
    if (!set->pixels || !set->labels) {
        return false;
    }
    for (long i = 0; i < bytes; i++) {
        set->pixels[i] = (unsigned char)(made_up("images", i) >> 24);
    }
    for (int i = 0; i < count; i++) {
        set->labels[i] = (int)(made_up("labels", i) % 10);
    }
    for (int i = 0; i < DATASET_MAX_CHANNELS; i++) {
        job->dataset.mean[i] = 0.5;
        job->dataset.deviation[i] = sqrt(1.0 / 12); /* of uniform numbers in 0..1 */
    }
    return true;
}

/* As many as fit into IMAGE_BYTES, up to IMAGES; but a batch at least. */
static int training_images(const Job *job) {
    const VitConfig *c = &job->config;
    const int fit = IMAGE_BYTES / (c->channels * c->height * c->width);
    const int count = fit < IMAGES ? fit : IMAGES;
    return count > job->batch ? count : job->batch;
}

/* ---- the steps ----------------------------------------------------------- */

static double train_step(Job *job) {
    StepResult result;
    job->engine->steps(&job->trainer, &job->dataset, 1, &result);
    return result.loss;
}

static double infer_batch(Job *job) {
    Evaluation result;
    trainer_evaluate(&job->trainer, &job->dataset, &job->dataset.train, NULL, &result);
    return result.loss;
}

static double infer_one(Job *job) {
    Tensor image = tensor_slice(job->images, job->next);
    job->next = (job->next + 1) % INFER_IMAGES;
    return (double)one_image_logits(&job->one, image)[0];
}

static Settings settings_of(const Job *job) {
    Settings s = settings_default();
    s.model = job->config;
    s.batch = job->batch;
    s.threads = job->threads;
    s.epochs = 1000000; /* the schedule never ends */
    s.lr = 2e-3;
    s.adamw.beta2 = 0.999;
    s.clip = 1;
    s.label_smoothing = 0.1;
    s.dropout = 0;
    s.shift = s.flip = 0;
    return s;
}

/* What the others must get too: a step on the first batch (loss, gradient norm), and
 * the loss after it. The rate of that step is 1e-3. */
static bool check_training(Job *job, Error *error) {
    Settings s = settings_of(job);
    Trainer *t = &job->trainer;
    StepResult first, second;
    s.warmup = 2;
    if (!job->engine->make(t, &s, job->batch, error)) {
        return false;
    }
    made_up_weights(&t->list, t->weights);
    job->engine->steps(t, &job->dataset, 1, &first);
    job->engine->steps(t, &job->dataset, 1, &second);
    job->check[0] = first.loss;
    job->check[1] = first.gradient_norm;
    job->check[2] = second.loss;
    job->engine->free(t);
    return true;
}

static bool make_trainer(Job *job, Error *error) {
    const Settings s = settings_of(job);
    const int images = job->train ? training_images(job) : job->batch;
    job->step = job->train ? train_step : infer_batch;
    if (!settings_check(&s, error) || !make_images(job, images, error) ||
        (job->train && !check_training(job, error)) ||
        !job->engine->make(&job->trainer, &s, images, error)) {
        return false;
    }
    made_up_weights(&job->trainer.list, job->trainer.weights);
    if (!job->train) {
        job->check[0] = infer_batch(job);
    }
    return true;
}

static void lay_out_images(Arena *arena, void *of_job) {
    Job *job = of_job;
    const VitConfig *c = &job->config;
    job->images = arena_tensor4(arena, INFER_IMAGES, c->channels, c->height, c->width);
}

/* Images as the model wants them: elements of mean 0 and variance 1. */
static bool normalise_images(Job *job, Error *error) {
    const Augmentation none = {0};
    if (!make_images(job, INFER_IMAGES, error) ||
        !arena_make(&job->arena, lay_out_images, job, "images", error)) {
        return false;
    }
    for (int i = 0; i < INFER_IMAGES; i++) {
        dataset_image(&job->dataset, &job->dataset.train, i, &none,
                      tensor_slice(job->images, i));
    }
    return true;
}

static bool make_one(Job *job, Error *error) {
    job->step = infer_one;
    if (!normalise_images(job, error) ||
        !one_image_make(&job->one, &job->config, error)) {
        return false;
    }
    job->check[0] = infer_one(job);
    job->next = 0;
    return true;
}

/* ---- serving ------------------------------------------------------------- */

static void tell(const Job *job, long steps) {
    if (job->team) {
        job->team->steps(steps);
    }
}

/* How many steps before the clock is read again. A team that was told after each step
 * would send more than its gradients. */
static long steps_next(const Job *job, double seconds_left) {
    const bool known = job->team && job->step_seconds > 0;
    return known ? 1 + (long)(seconds_left / job->step_seconds) : 1;
}

/* At least one step, and for about `seconds`: images, and the time that they took;
 * false if a result isn't finite. */
static bool burst(Job *job, double seconds, long *images, double *taken) {
    double result = 0;
    long steps = 0;
    tell(job, 0);
    if (job->step_seconds < 0.1) {
        tell(job, 1);
        job->step(job); /* not timed: threads wake, caches fill */
    }
    const double start_ms = stopwatch_ms();
    for (*taken = 0; steps == 0 || *taken < seconds;) {
        const long more = steps_next(job, seconds - *taken);
        tell(job, more);
        for (long i = 0; i < more; i++) {
            result = job->step(job);
        }
        steps += more;
        *taken = (stopwatch_ms() - start_ms) / 1e3;
        job->step_seconds = *taken / (double)steps;
    }
    *images = steps * job->batch;
    return isfinite(result);
}

static bool answer_go(Job *job, FILE *to, double seconds) {
    double taken;
    long images;
    const bool finite = burst(job, seconds, &images, &taken);
    if (job->team && !job->team->rest()) {
        return answer(to, "failed another rank's threads don't come to rest");
    }
    return finite ? answer(to, "%ld %.9f", images, taken)
                  : answer(to, "failed its results are not finite");
}

static int serve(Job *job, FILE *to, double base_mb) {
    char line[80];
    double seconds;
    bool ok = answer(to, "ready");
    while (ok && fgets(line, sizeof line, stdin)) {
        if (strcmp(line, "quit\n") == 0) {
            return answer(to, "%.3f %.3f", peak_mb(), base_mb) ? 0 : 1;
        }
        if (strcmp(line, "check\n") == 0) {
            ok = answer(to, "%.9g %.9g %.9g", job->check[0], job->check[1],
                        job->check[2]);
        } else if (sscanf(line, "go %lf", &seconds) == 1) {
            ok = answer_go(job, to, seconds);
        } else {
            ok = answer(to, "failed it doesn't know %.40s", strtok(line, "\n"));
        }
    }
    return ok ? 0 : 1;
}

static void follow(Job *job) {
    long steps;
    while ((steps = job->team->hear()) >= 0) {
        for (long i = 0; i < steps; i++) {
            job->step(job);
        }
    }
}

static bool job_make(Job *job, int argc, char **argv, Error *error) {
    job->engine = job->team ? job->team->engine : &engine_cpu;
    if (!parse_all(job, argc, argv, error)) {
        return false;
    }
    if (job->team && !job->train) {
        return error_set(error, "a team trains");
    }
    threads_limit(job->threads);
    return job->train || job->batch > 1 ? make_trainer(job, error)
                                        : make_one(job, error);
}

static void job_free(Job *job) {
    dataset_free(&job->dataset);
    job->engine->free(&job->trainer);
    one_image_free(&job->one);
    arena_free(&job->arena);
}

int ours_serve(int argc, char **argv, const Team *team) {
    static Job job;
    Error error;
    job.team = team;
    const double base_mb = peak_mb();
    FILE *to = answers_on_stdout();
    if (!to) {
        return 1;
    }
    const bool made = job_make(&job, argc, argv, &error);
    if (!made) {
        answer(to, "failed %s", error.text);
    }
    const int status = made ? serve(&job, to, base_mb) : 1;
    if (made) {
        tell(&job, -1);
    }
    job_free(&job);
    fclose(to);
    return status;
}

int ours_follow(int argc, char **argv, const Team *team) {
    static Job job;
    Error error;
    job.team = team;
    const bool made = job_make(&job, argc, argv, &error);
    if (made) {
        follow(&job);
    } else {
        fprintf(stderr, "bench: %s\n", error.text);
    }
    job_free(&job);
    return made ? 0 : 1;
}
