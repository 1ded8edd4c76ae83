/*
 * gpu_adamw.h: clipping by the global norm and AdamW on the device (adamw.h has the
 * equations), each over the whole block of parameters at once.
 */
#pragma once

#include "chapters/05_vision_transformer/training/adamw.h"
#include "chapters/06_cuda_training/gpu.h"
#include "chapters/06_cuda_training/kernels/gpu_loss.h"

/*
 * gpu_gradient_norm: result->gradient_norm = sqrt(sum of squares) and
 * result->clip_scale = max_norm / norm where the norm exceeds max_norm > 0, else 1. The
 * host needs neither: the next kernel reads the scale on the device.
 *   partial (NORM_PARTS) doubles   scratch on the device; summed in order
 */
enum { NORM_PARTS = 256 };
FOR_C void gpu_gradient_norm(GpuStream stream, const float *gradients, long count,
                             double max_norm, double *partial, GpuStepResult *result);

/* Where decay begins and ends: parameters in order, on the device. */
typedef struct {
    long end;     /* the first element after this run of parameters */
    float lambda; /* their weight decay */
} DecayRun;

/* What a step reads and changes, all of it on the device. */
typedef struct {
    long count;
    float *weights, *m, *v; /* (count) each */
    const float *gradients; /* (count) */
    const DecayRun *runs;   /* sorted */
    int run_count;
} GpuUpdate;

/* gpu_adamw_step: step t of adamw.h, on clipped gradients: see `result` above. */
FOR_C void gpu_adamw_step(GpuStream stream, const AdamW *adamw, double lr, long t,
                          const GpuUpdate *update, const GpuStepResult *result);
