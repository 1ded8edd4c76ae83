/* gradient_checks.h: chapter 5's gradients against differences, in double. */
#ifndef CHAPTER5_GRADIENT_CHECKS_H
#define CHAPTER5_GRADIENT_CHECKS_H

#include "chapters/05_vision_transformer/model/vit.h"

/*
 * chapter5_gradient_checks: every parameter of a small ViT, with the positions and the
 * pooling of `chosen`. every_tensor 1: a line for each; 0: one line for all.
 */
void chapter5_gradient_checks(int every_tensor, const VitConfig *chosen);

#endif
