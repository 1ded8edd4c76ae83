/* gpu_parity.c: see gpu_parity.h. */
#include "chapters/06_cuda_training/measuring/gpu_parity.h"

#include <math.h>
#include <stdlib.h>

#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "chapters/06_cuda_training/kernels/gpu_adamw.h"
#include "chapters/06_cuda_training/kernels/gpu_loss.h"
#include "chapters/06_cuda_training/gpu_vit.h"
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
    float *weights, *gradients; /* host */
    Vit vit, d;
    VitActivations activations;
    float *gpu_weights, *gpu_gradients;
    Vit gpu_vit, gpu_d;
    GpuVitActivations gpu_activations;
    Gpu gpu;
    float *images, *gpu_images, *got; /* got: the device's gradients, on the host */
    unsigned char labels[IMAGES], *gpu_labels;
    float *scratch; /* device: 2 IMAGES */
    GpuStepResult *gpu_result;
} Pair;

static bool make_host(Pair *p, Error *error) {
    p->vit.config = p->d.config = p->gpu_vit.config = p->gpu_d.config = p->config;
    if (!parameters_list(&p->list, vit_parameters, &p->vit, error)) {
        return false;
    }
    const size_t bytes = (size_t)p->list.total * sizeof(float);
    return (p->weights = allocate(bytes, "weights", error)) &&
           (p->gradients = allocate(bytes, "gradients", error)) &&
           (p->got = allocate(bytes, "gradients", error)) &&
           (p->images = allocate(IMAGES * sizeof(float) * (size_t)p->config.channels *
                                     (size_t)p->config.height * (size_t)p->config.width,
                                 "images", error)) &&
           vit_activations_make(&p->activations, &p->config, IMAGES, error);
}

static bool make_device(Pair *p, Error *error) {
    const size_t bytes = (size_t)p->list.total * sizeof(float);
    const size_t image_bytes = IMAGES * sizeof(float) * (size_t)p->config.channels *
                               (size_t)p->config.height * (size_t)p->config.width;
    p->gpu = gpu_best(gpu_stream_make());
    return gpu_matmul_make_workspace(error) &&
           (p->gpu_weights = gpu_allocate(bytes, "weights", error)) &&
           (p->gpu_gradients = gpu_allocate(bytes, "gradients", error)) &&
           (p->gpu_images = gpu_allocate(image_bytes, "images", error)) &&
           (p->gpu_labels = gpu_allocate(IMAGES, "labels", error)) &&
           (p->scratch = gpu_allocate(2 * IMAGES * sizeof(float), "losses", error)) &&
           (p->gpu_result = gpu_allocate(sizeof(GpuStepResult), "a loss", error)) &&
           gpu_vit_activations_make(&p->gpu_activations, &p->config, ATTENTION_BEST,
                                    IMAGES, error);
}

static void free_pair(Pair *p) {
    parameters_list_free(&p->list);
    vit_activations_free(&p->activations);
    free(p->weights);
    free(p->gradients);
    free(p->got);
    free(p->images);
    gpu_free(p->gpu_weights);
    gpu_free(p->gpu_gradients);
    gpu_free(p->gpu_images);
    gpu_free(p->gpu_labels);
    gpu_free(p->scratch);
    gpu_free(p->gpu_result);
    gpu_vit_activations_free(&p->gpu_activations);
    if (p->gpu.stream) {
        gpu_matmul_free_workspace();
        gpu_stream_free(p->gpu.stream);
    }
}

static Tensor images_at(const Pair *p, float *data) {
    return tensor4(data, IMAGES, p->config.channels, p->config.height, p->config.width);
}

static void fill(Pair *p) {
    const Random random = {.seed = 6, .use = RANDOM_DEMO, .sequence = 1};
    const Random other = {.seed = 6, .use = RANDOM_DEMO, .sequence = 2};
    parameters_view(&p->list, vit_parameters, &p->vit, p->weights);
    parameters_view(&p->list, vit_parameters, &p->d, p->gradients);
    parameters_view(&p->list, vit_parameters, &p->gpu_vit, p->gpu_weights);
    parameters_view(&p->list, vit_parameters, &p->gpu_d, p->gpu_gradients);
    vit_initialise(&p->list, p->weights, 6);
    /* Biases, class token and head begin as zeros: here nothing may hide in a zero. */
    for (long i = 0; i < p->list.total; i++) {
        p->weights[i] += 0.1f * (float)random_normal(random, (uint64_t)i);
    }
    random_fill_normal(other, images_at(p, p->images), 1);
    for (int i = 0; i < IMAGES; i++) {
        p->labels[i] = (unsigned char)(i * 3 % p->config.classes);
    }
}

static double on_cpu(Pair *p, const Dropout *dropout, float *logits) {
    Tensor out =
        vit_forward(&p->vit, images_at(p, p->images), &p->activations, dropout);
    for (long i = 0; i < tensor_count(out); i++) {
        logits[i] = out.data[i];
    }
    const double loss = cross_entropy(out, p->labels, 0.1, 1.0 / IMAGES, out);
    vit_backward(&p->vit, &p->d, &p->activations, dropout, out);
    return loss;
}

static double on_device(Pair *p, const Dropout *dropout, float *logits) {
    const GpuStream stream = p->gpu.stream;
    const size_t bytes = (size_t)p->list.total * sizeof(float);
    GpuStepResult result;
    Tensor images = images_at(p, p->images);
    gpu_upload(stream, p->gpu_weights, p->weights, bytes);
    gpu_upload(stream, p->gpu_images, p->images,
               (size_t)tensor_count(images) * sizeof(float));
    gpu_upload(stream, p->gpu_labels, p->labels, IMAGES);
    gpu_zero(stream, p->gpu_gradients, bytes);
    Tensor out = gpu_vit_forward(&p->gpu, &p->gpu_vit, images_at(p, p->gpu_images),
                                 &p->gpu_activations, dropout);
    gpu_download(stream, logits, out.data, (size_t)tensor_count(out) * sizeof(float));
    const GpuLoss loss = {p->gpu_labels,
                          0.1f,
                          1.0f / IMAGES,
                          tensor1(p->scratch, IMAGES),
                          tensor1(p->scratch + IMAGES, IMAGES),
                          NULL,
                          p->gpu_result};
    gpu_cross_entropy(stream, &loss, out, out);
    gpu_vit_backward(&p->gpu, &p->gpu_vit, &p->gpu_d, &p->gpu_activations, dropout,
                     out);
    gpu_download(stream, p->got, p->gpu_gradients, bytes);
    gpu_download(stream, &result, p->gpu_result, sizeof result);
    gpu_wait(stream);
    return (double)result.loss;
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
    double most = 0;
    for (int i = 0; i < p->list.count; i++) {
        const Parameter *one = &p->list.items[i];
        const double error = worst(p->got + one->offset, p->gradients + one->offset,
                                   tensor_count(one->shape));
        if (!(error <= most)) {
            most = error;
            *name = one->name;
        }
    }
    return most;
}

static int compare(Pair *p, const char *what, double dropout_rate) {
    enum { MAX_LOGITS = IMAGES * 16 };
    const Dropout dropout = {.rate = dropout_rate, .seed = 6, .step = 3};
    float want[MAX_LOGITS] = {0}, got[MAX_LOGITS] = {0};
    const char *name = "";
    for (long i = 0; i < p->list.total; i++) {
        p->gradients[i] = 0;
    }
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
    int failures = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static Pair pair;
        Error error;
        pair = (Pair){.config = {.height = 12,
                                 .width = 8,
                                 .channels = 2,
                                 .patch = 2,
                                 .depth = 3,
                                 .block = {.D = 24,
                                           .heads = 3,
                                           .M = 40,
                                           .norm = cases[i].norm,
                                           .activation = cases[i].activation},
                                 .classes = 10}};
        if (make_host(&pair, &error) && make_device(&pair, &error)) {
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
