/*
 * gpu_loss.cu: see gpu_loss.h.
 *
 * One warp per image. Its lanes go through the K classes in strides of 32, and shuffles
 * combine their maxima, sums and indices of the largest logit. K is 10 or 1000, so
 * these are tiny kernels, limited by how long a launch takes. A second kernel of a
 * single block sums over the images, in a fixed order.
 */
#include "chapters/06_cuda_training/kernels/gpu_loss.h"

#include "chapters/06_cuda_training/kernels/gpu_kernel.h"

enum { WARPS = 4 };

/* The first index of the largest of all lanes' values. */
static DEVICE int warp_argmax(float value, int at) {
#pragma unroll
    for (int bit = 16; bit > 0; bit /= 2) {
        const float other = __shfl_xor_sync(FULL_WARP, value, bit);
        const int other_at = __shfl_xor_sync(FULL_WARP, at, bit);
        if (other > value || (other == value && other_at < at)) {
            value = other;
            at = other_at;
        }
    }
    return at;
}

static __global__ void cross_entropy(GpuLoss o, Tensor logits, float *dlogits) {
    const int b = my_row<32>(), lane = threadIdx.x % 32, K = logits.shape[1];
    if (b >= logits.shape[0]) {
        return; /* the whole warp; no barrier follows */
    }
    const float *row = row_of(logits, b), smoothing = o.smoothing;
    const int label = o.labels[b];
    const bool is_class = label >= 0 && label < K;
    float max = -INFINITY;
    int at = K;
    for (int k = lane; k < K; k += 32) {
        if (row[k] > max) {
            max = row[k];
            at = k;
        }
    }
    at = warp_argmax(max, at);
    max = warp_max(max);
    float sum = 0, logits_sum = 0;
    for (int k = lane; k < K; k += 32) {
        sum += expf(row[k] - max);
        logits_sum += row[k] - max;
    }
    /* A label that is no class makes every result NaN, so that it can't be missed. */
    sum = is_class ? warp_sum(sum) : NAN;
    logits_sum = warp_sum(logits_sum);
    /* log softmax_k = logit_k - max - log sum; q sums to 1   [AIAYN 5.4] */
    const float log_sum = logf(sum), of_label = is_class ? row[label] - max : NAN;
    __syncwarp(); /* dlogits may be logits: all have read before one writes */
    const float rest = smoothing / (float)K;
    /* With a NaN among the logits, or infinity as the largest, sum is NaN. */
    at = sum > 0 ? at : -1;
    if (dlogits) {
        for (int k = lane; k < K; k += 32) {
            const float q = rest + (k == label ? 1.0f - smoothing : 0.0f);
            const float p = expf(row[k] - max) / sum;
            dlogits[(long)b * logits.ld + k] = o.scale * (p - q);
        }
    }
    if (lane == 0) {
        const float of_all = rest > 0 ? rest * logits_sum : 0.0f; /* not 0 * inf */
        o.losses.data[b] = log_sum - (1.0f - smoothing) * of_label - of_all;
        o.right.data[b] = is_class && at == label ? 1.0f : 0.0f;
        if (o.predictions) {
            o.predictions[b] = at;
        }
    }
}

static __global__ void sum_images(GpuLoss o, int B) {
    __shared__ float shared[32];
    float loss = 0, correct = 0;
    for (int b = threadIdx.x; b < B; b += (int)blockDim.x) {
        loss += o.losses.data[b];
        correct += o.right.data[b];
    }
    loss = block_sum(loss, shared);
    correct = block_sum(correct, shared);
    if (threadIdx.x == 0) {
        o.result->loss = loss;
        o.result->correct = correct;
    }
}

void gpu_cross_entropy(GpuStream stream, const GpuLoss *loss, Tensor logits,
                       Tensor dlogits) {
    const int B = logits.shape[0];
    expect_shape(loss->losses, "One loss for each image.", B);
    expect_shape(loss->right, "One number for each image.", B);
    if (dlogits.data) {
        expect_same_shape(dlogits, logits);
        expect_contiguous(dlogits);
    }
    expect_contiguous(logits);
    LAUNCH(cross_entropy, pieces(B, WARPS), WARPS * 32, 0, stream, *loss, logits,
           dlogits.data);
    LAUNCH(sum_images, 1, 256, 0, stream, *loss, B);
}
