/*
 * gpu_adamw.cu: see gpu_adamw.h.
 *
 * The norm reads 4 bytes per element; AdamW reads 16 and writes 12. Memory limits both:
 * the time is bytes / bandwidth.
 */
#include "chapters/06_cuda_training/kernels/gpu_adamw.h"

#include "chapters/06_cuda_training/kernels/gpu_kernel.h"

enum { THREADS = 256 };

/* ---- the norm -------------------------------------------------------------------- */

/* partial[block] = the sum of the squares of its own elements, in double. */
static __global__ void squares(const float *gradients, long count, double *partial) {
    __shared__ double shared[32];
    double sum = 0;
    const long stride = (long)gridDim.x * THREADS;
    for (long i = my_element(); i < count; i += stride) {
        const double g = (double)gradients[i];
        sum += g * g;
    }
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = sum;
    }
}

static __global__ void finish_norm(const double *partial, double max_norm,
                                   GpuStepResult *result) {
    if (threadIdx.x == 0) {
        double sum = 0;
        for (int part = 0; part < NORM_PARTS; part++) {
            sum += partial[part];
        }
        const double norm = sqrt(sum);
        result->gradient_norm = (float)norm;
        result->clip_scale =
            max_norm > 0 && norm > max_norm ? (float)(max_norm / norm) : 1.0f;
    }
}

void gpu_gradient_norm(GpuStream stream, const float *gradients, long count,
                       double max_norm, double *partial, GpuStepResult *result) {
    LAUNCH(squares, NORM_PARTS, THREADS, 0, stream, gradients, count, partial);
    LAUNCH(finish_norm, 1, 32, 0, stream, partial, max_norm, result);
}

/* ---- AdamW ----------------------------------------------------------------------- */

/* The constants of a step, computed on the host in double. */
struct Step {
    float beta1, one_minus_beta1, beta2, one_minus_beta2;
    float rate;      /* lr, corrected for the beginning of m */
    float root_of_v; /* the factor that corrects the root of v */
    float epsilon;
    double lr;
};

/* 1 - lr lambda of element i, which is in the first of the sorted runs that ends after
 * it. In double, as on the CPU, since 1 - 1e-4 in float keeps few digits of 1e-4. */
static DEVICE float kept_share(const GpuUpdate &u, long i, double lr) {
    int low = 0, high = u.run_count - 1;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (u.runs[middle].end > i) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return (float)(1.0 - lr * (double)u.runs[low].lambda);
}

static __global__ void adamw_kernel(Step s, GpuUpdate u, const GpuStepResult *result) {
    const float *gradients = u.gradients;
    float *weights = u.weights, *m = u.m, *v = u.v;
    /* exercise 6.6 */
    const long i = my_element();
    if (i >= u.count) {
        return;
    }
    const float g = gradients[i] * result->clip_scale;
    const float new_m = s.beta1 * m[i] + s.one_minus_beta1 * g;
    const float new_v = s.beta2 * v[i] + s.one_minus_beta2 * g * g;
    m[i] = new_m;
    v[i] = new_v;
    const float keep = kept_share(u, i, s.lr);
    weights[i] =
        keep * weights[i] - s.rate * new_m / (sqrtf(new_v) * s.root_of_v + s.epsilon);
    /* end of exercise 6.6 */
}

void gpu_adamw_step(GpuStream stream, const AdamW *adamw, double lr, long t,
                    const GpuUpdate *update, const GpuStepResult *result) {
    /* exercise 6.6 */
    const double b1 = adamw->beta1, b2 = adamw->beta2;
    const double rate = lr / (1 - pow(b1, (double)t));
    const double root_of_v = 1 / sqrt(1 - pow(b2, (double)t));
    const Step step = {(float)b1,
                       (float)(1 - b1),
                       (float)b2,
                       (float)(1 - b2),
                       (float)rate,
                       (float)root_of_v,
                       (float)adamw->epsilon,
                       lr};
    LAUNCH(adamw_kernel, pieces(update->count, THREADS), THREADS, 0, stream, step,
           *update, result);
    /* end of exercise 6.6 */
}
