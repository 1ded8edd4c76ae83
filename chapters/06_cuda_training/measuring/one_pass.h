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

/* one_pass_forward: with these weights, images and labels of the host; logits on the
 * device. */
Tensor one_pass_forward(OnePass *pass, const float *weights, const float *images,
                        const unsigned char *labels, const Dropout *dropout);

/* one_pass_backward: pass->gradients of the mean loss, and dlogits in the logits'
 * memory; returns the sum of the losses. */
double one_pass_backward(OnePass *pass, double smoothing, const Dropout *dropout);

#endif
