/*
 * one_pass.c: one forward and backward pass on the device: compared with the CPU's
 * (gpu_parity), or written to a file (dump_gpu). See measuring.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/looking_inside/dump_vit.h"
#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "chapters/06_cuda_training/kernels/gpu_loss.h"
#include "chapters/06_cuda_training/measuring/measuring.h"
#include "common/lesson/report.h"
#include "common/random.h"

/* A model, and a batch's images, labels and results on the device. */
typedef struct {
    GpuVit model;
    int B;
    long parameters;
    Tensor images;
    float *losses;
    int *labels;
    GpuStepResult *result;
} OnePass;

static size_t bytes_of(Tensor T) {
    return (size_t)tensor_count(T) * sizeof(float);
}

/* Room on the device for B images; *p is to be freed in any case. */
static bool one_pass_make(OnePass *p, const ParameterList *list,
                          const VitConfig *config, GpuChoices choices, int B,
                          Error *error) {
    const size_t images = (size_t)B;
    *p = (OnePass){.B = B, .parameters = list->total};
    if (!gpu_vit_make(&p->model, list, config, choices, B, error)) {
        return false;
    }
    p->images = tensor4(NULL, B, config->channels, config->height, config->width);
    p->images.data = gpu_allocate(bytes_of(p->images), "images", error);
    p->labels = gpu_allocate(images * sizeof(int), "labels", error);
    p->losses = gpu_allocate(2 * images * sizeof(float), "losses", error);
    p->result = gpu_allocate(sizeof *p->result, "a loss", error);
    return p->images.data && p->labels && p->losses && p->result;
}

static void one_pass_free(OnePass *p) {
    gpu_free(p->result);
    gpu_free(p->losses);
    gpu_free(p->labels);
    gpu_free(p->images.data);
    gpu_vit_free(&p->model);
}

/* Forward with the host's weights, images and labels; logits on the device. */
static Tensor one_pass_forward(OnePass *p, const float *weights, const float *images,
                               const int *labels, const Dropout *dropout) {
    const GpuStream stream = p->model.stream;
    const size_t bytes = (size_t)p->parameters * sizeof(float);
    gpu_upload(stream, p->model.weights, weights, bytes);
    gpu_upload(stream, p->images.data, images, bytes_of(p->images));
    gpu_upload(stream, p->labels, labels, (size_t)p->B * sizeof(int));
    gpu_zero(stream, p->model.gradients, bytes);
    return gpu_vit_forward(&p->model, p->images, dropout);
}

/* The model's gradients of the mean loss, and dlogits in the logits' memory; returns
 * the sum of the losses. */
static double one_pass_backward(OnePass *p, double smoothing, const Dropout *dropout) {
    const GpuStream stream = p->model.stream;
    const Tensor logits = p->model.a.logits;
    const GpuLoss loss = {.labels = p->labels,
                          .smoothing = (float)smoothing,
                          .scale = 1.0f / (float)p->B,
                          .losses = tensor1(p->losses, p->B),
                          .right = tensor1(p->losses + p->B, p->B),
                          .result = p->result};
    GpuStepResult result;
    gpu_cross_entropy(stream, &loss, logits, logits);
    gpu_vit_backward(&p->model, logits, dropout);
    gpu_download(stream, &result, p->result, sizeof result);
    gpu_wait(stream);
    return (double)result.loss;
}

/* ---- to a file ------------------------------------------------------------------- */

static void fetch(const OnePass *v, Tensor host, Tensor device) {
    expect_same_shape(device, host);
    gpu_download(v->model.stream, host.data, device.data, bytes_of(host));
}

static void fetch_block(const OnePass *v, EncoderBlockActivations *host,
                        const GpuBlockActivations *device) {
    fetch(v, host->x1, device->x1);
    fetch(v, host->attn.qkv, device->qkv);
    if (device->kept.A.ndim > 0) {
        fetch(v, host->attn.A, device->kept.A);
    } else {
        host->attn.A.data = NULL; /* left out */
    }
    fetch(v, host->attn.concat, device->concat);
    fetch(v, host->z_prime, device->z_prime);
    fetch(v, host->x2, device->x2);
    fetch(v, host->mlp.pre, device->pre);
    fetch(v, host->mlp.hidden, device->hidden);
    fetch(v, host->y, device->y);
}

/* The pass, every tensor of it back to the host. */
static void run_pass(OnePass *v, DumpVit *h) {
    const Dropout none = {.rate = 0};
    one_pass_forward(v, h->weights.data, h->images.data, h->labels, &none);
    fetch(v, h->patches, v->model.a.patches);
    fetch(v, h->embedded, v->model.a.embedded);
    fetch(v, h->a.z_0, v->model.a.z_0);
    for (int l = 0; l < v->model.vit.config.depth; l++) {
        fetch_block(v, &h->a.blocks[l], &v->model.a.blocks[l]);
    }
    fetch(v, h->a.y, v->model.a.y);
    fetch(v, h->a.logits, v->model.a.logits);
    h->loss.data[0] = (real)(one_pass_backward(v, h->smoothing, &none) / v->B);
    fetch(v, h->dlogits, v->model.a.logits);
    fetch(v, h->gradients, tensor1(v->model.gradients, (int)h->list.total));
    gpu_wait(v->model.stream);
}

bool dump_gpu(const char *path, GpuChoices choices, Error *error) {
    static DumpVit host;
    static OnePass device;
    bool ok = dump_vit_make(&host, error) &&
              one_pass_make(&device, &host.list, &host.vit.config, choices,
                            DUMP_VIT_IMAGES, error);
    if (ok) {
        run_pass(&device, &host);
        ok = dump_vit_write(&host, path, error);
    }
    one_pass_free(&device);
    dump_vit_free(&host);
    return ok;
}

/* ---- compared with the CPU ------------------------------------------------------- */

/*
 * Both sides are fp32 and add in different orders, so they differ by a few roundings of
 * 6e-8 per sum, and some fifty sums follow each other. A gradient's error is relative
 * to the largest element of its tensor.
 */
#define PARITY_TOLERANCE 2e-5

enum { IMAGES = 3 };

/* The same model twice. */
typedef struct {
    VitConfig config;
    ParameterList list;
    float *weights, *gradients; /* on the host */
    float *got;                 /* the device's gradients, on the host */
    Tensor images;
    Vit vit, d;
    VitActivations activations;
    OnePass device;
    int labels[IMAGES];
} Pair;

static bool make(Pair *p, Error *error) {
    const VitConfig *c = &p->config;
    p->vit.config = p->d.config = *c;
    if (!parameters_list(&p->list, vit_parameters, &p->vit, error)) {
        return false;
    }
    const size_t bytes = (size_t)p->list.total * sizeof(float);
    p->weights = allocate(bytes, "weights", error);
    p->gradients = allocate(bytes, "gradients", error);
    p->got = allocate(bytes, "gradients", error);
    p->images = tensor4(NULL, IMAGES, c->channels, c->height, c->width);
    p->images.data = allocate(bytes_of(p->images), "images", error);
    return p->weights && p->gradients && p->got && p->images.data &&
           vit_activations_make(&p->activations, c, IMAGES, error) &&
           one_pass_make(&p->device, &p->list, c, gpu_choices_default(), IMAGES, error);
}

static void free_pair(Pair *p) {
    one_pass_free(&p->device);
    parameters_list_free(&p->list);
    vit_activations_free(&p->activations);
    free(p->weights);
    free(p->gradients);
    free(p->got);
    free(p->images.data);
}

static void fill(Pair *p) {
    const Random random = {.seed = 6, .use = RANDOM_DEMO, .sequence = 1};
    const Random other = {.seed = 6, .use = RANDOM_DEMO, .sequence = 2};
    parameters_view(&p->list, vit_parameters, &p->vit, p->weights);
    parameters_view(&p->list, vit_parameters, &p->d, p->gradients);
    vit_initialise(&p->list, p->weights, 6);
    /* Biases, class token and W_head begin as zeros: nothing may hide in a zero. */
    for (long i = 0; i < p->list.total; i++) {
        p->weights[i] += 0.1f * (float)random_normal(random, (uint64_t)i);
    }
    random_fill_normal(other, p->images, 1);
    for (int i = 0; i < IMAGES; i++) {
        p->labels[i] = i * 3 % p->config.classes;
    }
}

static double on_cpu(Pair *p, const Dropout *dropout, float *logits) {
    Tensor out = vit_forward(&p->vit, p->images, &p->activations, dropout);
    memcpy(logits, out.data, bytes_of(out));
    const double loss = cross_entropy(out, p->labels, 0.1, 1.0 / IMAGES, out);
    vit_backward(&p->vit, &p->d, &p->activations, dropout, out);
    return loss;
}

static double on_device(Pair *p, const Dropout *dropout, float *logits) {
    const GpuStream stream = p->device.model.stream;
    Tensor out =
        one_pass_forward(&p->device, p->weights, p->images.data, p->labels, dropout);
    gpu_download(stream, logits, out.data, bytes_of(out));
    const double loss = one_pass_backward(&p->device, 0.1, dropout);
    gpu_download(stream, p->got, p->device.model.gradients,
                 (size_t)p->list.total * sizeof(float));
    gpu_wait(stream);
    return loss;
}

/* The largest |got - want|, over the largest |want|; infinite if one is NaN. */
static double worst(const float *got, const float *want, long count) {
    double difference = 0, size = 0;
    for (long i = 0; i < count; i++) {
        const double d = fabs((double)got[i] - (double)want[i]);
        if (!(d <= HUGE_VAL)) {
            return HUGE_VAL;
        }
        difference = fmax(difference, d);
        size = fmax(size, fabs((double)want[i]));
    }
    return difference / (size > 0 ? size : 1);
}

/* The key part of the qkv bias has a gradient of exactly 0 (softmax doesn't see what is
 * added to a whole row), so both sides compute only rounding: it is compared as one
 * tensor with the query's and the value's. */
static double worst_gradient(const Pair *p, const char **name) {
    double max = 0;
    for (int i = 0; i < p->list.count; i++) {
        const Parameter *one = &p->list.items[i];
        const double error = worst(p->got + one->offset, p->gradients + one->offset,
                                   tensor_count(one->shape));
        if (!(error <= max)) {
            max = error;
            *name = one->name;
        }
    }
    return max;
}

static int compare(Pair *p, const char *what, double dropout_rate) {
    enum { MAX_LOGITS = IMAGES * 16 };
    const Dropout dropout = {.rate = dropout_rate, .seed = 6, .step = 3};
    float want[MAX_LOGITS] = {0}, got[MAX_LOGITS] = {0};
    const char *name = "";
    memset(p->gradients, 0, (size_t)p->list.total * sizeof(float));
    const double loss = on_cpu(p, &dropout, want),
                 gpu_loss = on_device(p, &dropout, got);
    const double logits = worst(got, want, (long)IMAGES * p->config.classes);
    const double gradients = worst_gradient(p, &name);
    const bool ok = logits <= PARITY_TOLERANCE && gradients <= PARITY_TOLERANCE &&
                    fabs(loss - gpu_loss) <= PARITY_TOLERANCE * fabs(loss);
    report_check(ok,
                 "%s: loss %.6f, on the CPU %.6f; logits differ by %.1e, gradients by "
                 "%.1e (%s)",
                 what, gpu_loss, loss, logits, gradients, name);
    return !ok;
}

int gpu_parity(void) {
    static const struct {
        const char *what;
        NormPlace norm;
        Activation activation;
        double dropout;
    } cases[] = {{"pre-norm, GELU", PRE_NORM, ACTIVATION_GELU, 0},
                 {"pre-norm, GELU, dropout 0.1", PRE_NORM, ACTIVATION_GELU, 0.1},
                 {"post-norm, ReLU, dropout 0.1", POST_NORM, ACTIVATION_RELU, 0.1}};
    VitConfig small = {
        .height = 12, .width = 8, .channels = 2, .patch = 2, .depth = 3, .classes = 10};
    small.block = (BlockConfig){.D = 24, .heads = 3, .M = 40};
    int failures = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static Pair pair;
        Error error;
        small.block.norm = cases[i].norm;
        small.block.activation = cases[i].activation;
        pair = (Pair){.config = small};
        if (make(&pair, &error)) {
            fill(&pair);
            failures += compare(&pair, cases[i].what, cases[i].dropout);
        } else {
            report_check(false, "%s: %s", cases[i].what, error.text);
            failures++;
        }
        free_pair(&pair);
    }
    return failures;
}
