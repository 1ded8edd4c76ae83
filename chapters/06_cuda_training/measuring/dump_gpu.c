/* dump_gpu.c: see dump_gpu.h. */
#include "chapters/06_cuda_training/measuring/dump_gpu.h"

#include "chapters/05_vision_transformer/looking_inside/dump_vit.h"
#include "chapters/06_cuda_training/kernels/gpu_loss.h"
#include "chapters/06_cuda_training/gpu_vit.h"

enum { B = DUMP_VIT_IMAGES };

/* The instance on the host, and its copy on the device. */
typedef struct {
    DumpVit host;
    Gpu gpu;
    float *weights, *gradients, *images, *losses;
    unsigned char *labels;
    GpuStepResult *result;
    Vit vit, d; /* over weights and gradients */
    GpuVitActivations a;
} Device;

static size_t bytes_of(Tensor T) {
    return (size_t)tensor_count(T) * sizeof(float);
}

static void lay_over(Device *v) {
    const ParameterList *list = &v->host.list;
    v->vit.config = v->d.config = v->host.vit.config;
    parameters_view(list, vit_parameters, &v->vit, v->weights);
    parameters_view(list, vit_parameters, &v->d, v->gradients);
}

static bool make(Device *v, GpuChoices choices, Error *error) {
    if (!dump_vit_make(&v->host, error)) {
        return false;
    }
    const DumpVit *h = &v->host;
    v->gpu = gpu_best(gpu_stream_make());
    v->gpu.matmul = choices.matmul;
    if (!gpu_matmul_make_workspace(error) ||
        !(v->weights = gpu_allocate(bytes_of(h->weights), "weights", error)) ||
        !(v->gradients = gpu_allocate(bytes_of(h->gradients), "gradients", error)) ||
        !(v->images = gpu_allocate(bytes_of(h->images), "images", error)) ||
        !(v->labels = gpu_allocate(B, "labels", error)) ||
        !(v->losses = gpu_allocate(2 * B * sizeof(float), "losses", error)) ||
        !(v->result = gpu_allocate(sizeof *v->result, "a loss", error))) {
        return false;
    }
    lay_over(v);
    return gpu_vit_activations_make(&v->a, &v->vit.config, choices.attention, B, error);
}

static void unmake(Device *v) {
    gpu_vit_activations_free(&v->a);
    gpu_free(v->result);
    gpu_free(v->losses);
    gpu_free(v->labels);
    gpu_free(v->images);
    gpu_free(v->gradients);
    gpu_free(v->weights);
    if (v->gpu.stream) {
        gpu_matmul_free_workspace();
        gpu_stream_free(v->gpu.stream);
    }
    dump_vit_free(&v->host);
}

/* ---- the pass, and back to the host -------------------------------------- */

static void fetch(const Device *v, Tensor host, Tensor device) {
    expect_same_shape(device, host);
    gpu_download(v->gpu.stream, host.data, device.data, bytes_of(host));
}

static void fetch_block(const Device *v, EncoderBlockActivations *host,
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

static void forward(Device *v) {
    const Dropout none = {.rate = 0};
    const VitConfig *c = &v->vit.config;
    DumpVit *h = &v->host;
    Tensor images = tensor4(v->images, B, c->channels, c->height, c->width);
    gpu_vit_forward(&v->gpu, &v->vit, images, &v->a, &none);
    fetch(v, h->patches, v->a.patches);
    fetch(v, h->embedded, v->a.embedded);
    fetch(v, h->a.z_0, v->a.z_0);
    for (int l = 0; l < c->depth; l++) {
        fetch_block(v, &h->a.blocks[l], &v->a.blocks[l]);
    }
    fetch(v, h->a.y, v->a.y);
    fetch(v, h->a.logits, v->a.logits);
}

static void loss_and_backward(Device *v) {
    const Dropout none = {.rate = 0};
    const GpuStream stream = v->gpu.stream;
    DumpVit *h = &v->host;
    GpuStepResult result;
    Tensor logits = v->a.logits;
    const GpuLoss loss = {v->labels,
                          (float)h->smoothing,
                          1.0f / B,
                          tensor1(v->losses, B),
                          tensor1(v->losses + B, B),
                          NULL,
                          v->result};
    gpu_cross_entropy(stream, &loss, logits, logits);
    fetch(v, h->dlogits, logits);
    gpu_vit_backward(&v->gpu, &v->vit, &v->d, &v->a, &none, logits);
    fetch(v, h->gradients, tensor1(v->gradients, (int)h->list.total));
    gpu_download(stream, &result, v->result, sizeof result);
    gpu_wait(stream);
    h->loss.data[0] = result.loss / B;
}

bool dump_gpu(const char *path, GpuChoices choices, Error *error) {
    static Device device;
    Device *v = &device;
    *v = (Device){.weights = NULL};
    bool ok = make(v, choices, error);
    if (ok) {
        const GpuStream stream = v->gpu.stream;
        gpu_upload(stream, v->weights, v->host.weights.data, bytes_of(v->host.weights));
        gpu_upload(stream, v->images, v->host.images.data, bytes_of(v->host.images));
        gpu_upload(stream, v->labels, v->host.labels, B);
        gpu_zero(stream, v->gradients, bytes_of(v->host.gradients));
        forward(v);
        loss_and_backward(v);
        ok = dump_vit_write(&v->host, path, error);
    }
    unmake(v);
    return ok;
}
