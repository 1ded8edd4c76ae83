/*
 * exercises_5.h: what exercises_5.c doesn't have itself: 5.4 (exercises_5_model.c), and
 * the exercises of training, 5.5 and 5.6 (exercises_5_training.c).
 */
#pragma once

void model_grade(void);
void loss_grade(void);
void optimiser_grade(void);
