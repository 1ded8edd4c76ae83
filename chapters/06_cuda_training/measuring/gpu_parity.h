/*
 * gpu_parity.h: does the model on the device compute what chapter 5's does?
 */
#ifndef GPU_PARITY_H
#define GPU_PARITY_H

/*
 * gpu_parity: a small ViT with random weights and images: logits, loss and every
 * gradient of the device beside the CPU's, pre- and post-norm, with dropout and
 * without. Prints a line for each; returns how many disagree.
 */
int gpu_parity(void);

#endif
