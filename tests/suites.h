/*
 * suites.h: one suite per module. A new one is declared here, and listed in main.c.
 */
#pragma once

#include <check.h>

/* common/ */
Suite *tensor_suite(void);
Suite *error_suite(void);
Suite *arena_suite(void);
Suite *workspace_suite(void);
Suite *random_suite(void);
Suite *real_math_suite(void);
Suite *matmul_suite(void);
Suite *ladder_suite(void);
Suite *softmax_suite(void);
Suite *gelu_suite(void);
Suite *linear_suite(void);
Suite *parameters_suite(void);
Suite *gradcheck_suite(void);
Suite *report_suite(void);
Suite *dump_suite(void);
Suite *second_program_suite(void);
Suite *number_suite(void);
Suite *output_suite(void);
Suite *regular_file_suite(void);
Suite *json_suite(void);
Suite *safetensors_suite(void);
Suite *pictures_suite(void);
Suite *resize_suite(void);

/* chapter 2 */
Suite *attention_suite(void);
Suite *other_layers_suite(void);

/* chapter 3 */
Suite *multi_head_attention_suite(void);
Suite *positions_suite(void);

/* chapter 4 */
Suite *layer_norm_suite(void);
Suite *dropout_suite(void);
Suite *mlp_suite(void);
Suite *encoder_block_suite(void);

/* chapter 5 */
Suite *patch_embedding_suite(void);
Suite *vit_suite(void);
Suite *vit_weights_suite(void);
Suite *weights_suite(void);
Suite *npz_suite(void);
Suite *vit_variants_suite(void);
Suite *cross_entropy_suite(void);
Suite *adamw_suite(void);
Suite *sgd_suite(void);
Suite *schedule_suite(void);
Suite *dataset_suite(void);
Suite *own_data_suite(void);
Suite *augmentation_suite(void);
Suite *checkpoint_suite(void);
Suite *trainer_suite(void);
Suite *extremes_suite(void);
Suite *settings_suite(void);
Suite *options_suite(void);
Suite *inspect_suite(void);

/* chapter 7 */
Suite *interpolate_suite(void);
Suite *fine_tune_suite(void);
Suite *pretrained_suite(void);
Suite *rollout_suite(void);
Suite *recipe_suite(void);
Suite *overlay_suite(void);
Suite *seeing_suite(void);
Suite *score_suite(void);

/* chapter 8 */
Suite *all_reduce_suite(void);
Suite *rank_trainer_suite(void);
Suite *scaling_suite(void);
Suite *agreement_suite(void);

/* vectors made by PyTorch */
Suite *reference_suite(void);
