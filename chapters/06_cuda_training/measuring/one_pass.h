/*
 * one_pass.h: one forward and backward pass on the device, for those who compare it
 * with the CPU's (gpu_parity.c) or write it to a file (dump_gpu.c).
 */
#ifndef ONE_PASS_H
#define ONE_PASS_H

#include "chapters/06_cuda_training/gpu_trainer.h"
#include "chapters/06_cuda_training/kernels/gpu_loss.h"

/* A model and a batch; `vit` and `d` are laid over weights and gradients. */
typedef struct {
    Gpu gpu;
    Vit vit, d;
    GpuVitActivations a;
    int B;
    long parameters;
    float *weights, *gradients, *images, *losses;
    unsigned char *labels;
    GpuStepResult *result;
} OnePass;

/* one_pass_make: room on the device for B images; *pass is to be freed in any case. */
bool one_pass_make(OnePass *pass, const VitConfig *config, const ParameterList *list,
                   int B, GpuChoices choices, Error *error);
void one_pass_free(OnePass *pass);

/* one_pass_forward: weights, images and labels from the host; logits on the device. */
typedef struct {
    const float *weights, *images;
    const unsigned char *labels;
} OnePassInput;
Tensor one_pass_forward(OnePass *pass, const OnePassInput *host,
                        const Dropout *dropout);

/* one_pass_loss: dlogits of the mean loss, in the logits' memory. */
void one_pass_loss(OnePass *pass, double smoothing);
/* one_pass_backward: from them pass->gradients; returns the sum of the losses. */
double one_pass_backward(OnePass *pass, const Dropout *dropout);

#endif
