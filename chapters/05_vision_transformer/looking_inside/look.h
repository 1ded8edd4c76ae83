/*
 * look.h: a trained model's figures, as data for gnuplot: ./chapter5 --look FILE writes
 * plots/NAME.dat for each picture that plots/make_plots.sh then draws.
 *
 *   patch_filters         [ViT fig.7] left      inspect.h
 *   position_similarity   [ViT fig.7] centre
 *   attention_distance    [ViT fig.7] right
 *   attention_rollout     [ViT fig.6]
 *   attention_weights     [AIAYN fig.3] to [AIAYN fig.5], of one image
 *   confusion_matrix      the whole test set, by class
 *   learning_rates        [AIAYN eq.3], and this run's schedule
 */
#pragma once

#include "chapters/05_vision_transformer/training/trainer.h"

/* look: makes all; false if there is no memory. A missing plots/ is reported, and
 * is no error (plot_file.h). What a model doesn't have (a class token, a learned vector
 * for each position) has no picture: a line says that too. `predictions`: of the
 * test set (trainer_evaluate). */
bool look(Trainer *trainer, const Dataset *dataset, const int *predictions,
          Error *error);
