/* exercises_5.h: the exercises of training, 5.5 and 5.6 (exercises_5_training.c). */
#pragma once

void loss_grade(void);
void optimiser_grade(void);
