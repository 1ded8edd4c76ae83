/* one_pass.c: see one_pass.h. */
#include "chapters/06_cuda_training/measuring/one_pass.h"

static size_t image_bytes(const OnePass *p) {
    const VitConfig *c = &p->vit.config;
    return (size_t)p->B * (size_t)c->channels * (size_t)c->height * (size_t)c->width *
           sizeof(float);
}

bool one_pass_make(OnePass *p, const VitConfig *config, const ParameterList *list,
                   int B, GpuChoices choices, Error *error) {
    const size_t bytes = (size_t)list->total * sizeof(float), images = (size_t)B;
    *p = (OnePass){.B = B, .parameters = list->total};
    p->gpu = gpu_make(choices.matmul);
    p->vit.config = p->d.config = *config;
    p->weights = gpu_allocate(bytes, "weights", error);
    p->gradients = gpu_allocate(bytes, "gradients", error);
    p->images = gpu_allocate(image_bytes(p), "images", error);
    p->labels = gpu_allocate(images, "labels", error);
    p->losses = gpu_allocate(2 * images * sizeof(float), "losses", error);
    p->result = gpu_allocate(sizeof *p->result, "a loss", error);
    if (!gpu_matmul_make_workspace(error) || !p->weights || !p->gradients ||
        !p->images || !p->labels || !p->losses || !p->result) {
        return false;
    }
    parameters_view(list, vit_parameters, &p->vit, p->weights);
    parameters_view(list, vit_parameters, &p->d, p->gradients);
    return gpu_vit_activations_make(&p->a, config, choices.attention, B, error);
}

void one_pass_free(OnePass *p) {
    gpu_vit_activations_free(&p->a);
    gpu_free(p->result);
    gpu_free(p->losses);
    gpu_free(p->labels);
    gpu_free(p->images);
    gpu_free(p->gradients);
    gpu_free(p->weights);
    if (p->gpu.stream) {
        gpu_matmul_free_workspace();
        gpu_stream_free(p->gpu.stream);
    }
}

Tensor one_pass_forward(OnePass *p, const float *weights, const float *images,
                        const unsigned char *labels, const Dropout *dropout) {
    const GpuStream stream = p->gpu.stream;
    const VitConfig *c = &p->vit.config;
    const size_t bytes = (size_t)p->parameters * sizeof(float);
    gpu_upload(stream, p->weights, weights, bytes);
    gpu_upload(stream, p->images, images, image_bytes(p));
    gpu_upload(stream, p->labels, labels, (size_t)p->B);
    gpu_zero(stream, p->gradients, bytes);
    return gpu_vit_forward(&p->gpu, &p->vit,
                           tensor4(p->images, p->B, c->channels, c->height, c->width),
                           &p->a, dropout);
}

double one_pass_backward(OnePass *p, double smoothing, const Dropout *dropout) {
    const Tensor logits = p->a.logits;
    const GpuLoss loss = {.labels = p->labels,
                          .smoothing = (float)smoothing,
                          .scale = 1.0f / (float)p->B,
                          .losses = tensor1(p->losses, p->B),
                          .right = tensor1(p->losses + p->B, p->B),
                          .result = p->result};
    GpuStepResult result;
    gpu_cross_entropy(p->gpu.stream, &loss, logits, logits);
    gpu_vit_backward(&p->gpu, &p->vit, &p->d, &p->a, dropout, logits);
    gpu_download(p->gpu.stream, &result, p->result, sizeof result);
    gpu_wait(p->gpu.stream);
    return (double)result.loss;
}
