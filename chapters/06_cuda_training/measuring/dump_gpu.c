/* dump_gpu.c: see measuring.h. */
#include "chapters/05_vision_transformer/looking_inside/dump_vit.h"
#include "chapters/06_cuda_training/measuring/measuring.h"
#include "chapters/06_cuda_training/measuring/one_pass.h"

static void fetch(const OnePass *v, Tensor host, Tensor device) {
    expect_same_shape(device, host);
    gpu_download(v->gpu.stream, host.data, device.data,
                 (size_t)tensor_count(host) * sizeof(float));
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
    fetch(v, h->patches, v->a.patches);
    fetch(v, h->embedded, v->a.embedded);
    fetch(v, h->a.z_0, v->a.z_0);
    for (int l = 0; l < v->vit.config.depth; l++) {
        fetch_block(v, &h->a.blocks[l], &v->a.blocks[l]);
    }
    fetch(v, h->a.y, v->a.y);
    fetch(v, h->a.logits, v->a.logits);
    h->loss.data[0] = (real)(one_pass_backward(v, h->smoothing, &none) / v->B);
    fetch(v, h->dlogits, v->a.logits);
    fetch(v, h->gradients, tensor1(v->gradients, (int)h->list.total));
    gpu_wait(v->gpu.stream);
}

bool dump_gpu(const char *path, GpuChoices choices, Error *error) {
    static DumpVit host;
    static OnePass device;
    bool ok = dump_vit_make(&host, error) &&
              one_pass_make(&device, &host.vit.config, &host.list, DUMP_VIT_IMAGES,
                            choices, error);
    if (ok) {
        run_pass(&device, &host);
        ok = dump_vit_write(&host, path, error);
    }
    one_pass_free(&device);
    dump_vit_free(&host);
    return ok;
}
