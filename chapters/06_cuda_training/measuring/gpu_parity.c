/* gpu_parity.c: see measuring.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "chapters/06_cuda_training/measuring/measuring.h"
#include "chapters/06_cuda_training/measuring/one_pass.h"
#include "common/random.h"
#include "common/lesson/report.h"

/*
 * Both sides are fp32, and add in different orders: differences of a few roundings of
 * 6e-8 a sum, and there are some fifty sums in a row. The error of a gradient is taken
 * relative to the largest of its tensor.
 */
#define PARITY_TOLERANCE 2e-5

enum { IMAGES = 3 };

/* The same model twice. */
typedef struct {
    VitConfig config;
    ParameterList list;
    float *weights, *gradients, *images; /* on the host */
    float *got;                          /* the device's gradients, on the host */
    Vit vit, d;
    VitActivations activations;
    OnePass device;
    unsigned char labels[IMAGES];
} Pair;

static bool make(Pair *p, Error *error) {
    const VitConfig *c = &p->config;
    const size_t pixels =
        (size_t)c->channels * (size_t)c->height * (size_t)c->width * IMAGES;
    p->vit.config = p->d.config = *c;
    if (!parameters_list(&p->list, vit_parameters, &p->vit, error)) {
        return false;
    }
    const size_t bytes = (size_t)p->list.total * sizeof(float);
    p->weights = allocate(bytes, "weights", error);
    p->gradients = allocate(bytes, "gradients", error);
    p->got = allocate(bytes, "gradients", error);
    p->images = allocate(pixels * sizeof(float), "images", error);
    return p->weights && p->gradients && p->got && p->images &&
           vit_activations_make(&p->activations, c, IMAGES, error) &&
           one_pass_make(&p->device, c, &p->list, IMAGES, gpu_choices_default(), error);
}

static void free_pair(Pair *p) {
    one_pass_free(&p->device);
    parameters_list_free(&p->list);
    vit_activations_free(&p->activations);
    free(p->weights);
    free(p->gradients);
    free(p->got);
    free(p->images);
}

static Tensor images_of(const Pair *p) {
    return tensor4(p->images, IMAGES, p->config.channels, p->config.height,
                   p->config.width);
}

static void fill(Pair *p) {
    const Random random = {.seed = 6, .use = RANDOM_DEMO, .sequence = 1};
    const Random other = {.seed = 6, .use = RANDOM_DEMO, .sequence = 2};
    parameters_view(&p->list, vit_parameters, &p->vit, p->weights);
    parameters_view(&p->list, vit_parameters, &p->d, p->gradients);
    vit_initialise(&p->list, p->weights, 6);
    /* Biases, class token and head begin as zeros: here nothing may hide in a zero. */
    for (long i = 0; i < p->list.total; i++) {
        p->weights[i] += 0.1f * (float)random_normal(random, (uint64_t)i);
    }
    random_fill_normal(other, images_of(p), 1);
    for (int i = 0; i < IMAGES; i++) {
        p->labels[i] = (unsigned char)(i * 3 % p->config.classes);
    }
}

static double on_cpu(Pair *p, const Dropout *dropout, float *logits) {
    Tensor out = vit_forward(&p->vit, images_of(p), &p->activations, dropout);
    memcpy(logits, out.data, (size_t)tensor_count(out) * sizeof(float));
    const double loss = cross_entropy(out, p->labels, 0.1, 1.0 / IMAGES, out);
    vit_backward(&p->vit, &p->d, &p->activations, dropout, out);
    return loss;
}

static double on_device(Pair *p, const Dropout *dropout, float *logits) {
    const GpuStream stream = p->device.gpu.stream;
    Tensor out =
        one_pass_forward(&p->device, p->weights, p->images, p->labels, dropout);
    gpu_download(stream, logits, out.data, (size_t)tensor_count(out) * sizeof(float));
    const double loss = one_pass_backward(&p->device, 0.1, dropout);
    gpu_download(stream, p->got, p->device.gradients,
                 (size_t)p->list.total * sizeof(float));
    gpu_wait(stream);
    return loss;
}

/* The largest |got - want|, over the largest |want|; infinite if one is no number. */
static double worst(const float *got, const float *want, long count) {
    double difference = 0, size = 0;
    for (long i = 0; i < count; i++) {
        const double d = fabs((double)got[i] - (double)want[i]);
        if (!(d <= HUGE_VAL)) {
            return HUGE_VAL;
        }
        difference = d > difference ? d : difference;
        size = fabs((double)want[i]) > size ? fabs((double)want[i]) : size;
    }
    return difference / (size > 0 ? size : 1);
}

/* The key part of the qkv bias has a gradient of exactly 0 (softmax doesn't see what
 * is added to a whole row), of which both sides compute rounding: compared as one
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
