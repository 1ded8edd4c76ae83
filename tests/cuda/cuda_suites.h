/*
 * cuda_suites.h: the suites of chapter 6, run by main.c in this folder.
 */
#pragma once

#include <check.h>

Suite *cuda_on_cpu_suite(void);
Suite *access_counts_suite(void);
Suite *gpu_gelu_suite(void);
Suite *gpu_trainer_suite(void);
Suite *gpu_rows_suite(void);
Suite *gpu_attention_suite(void);
Suite *gpu_matmul_suite(void);
Suite *gpu_patches_suite(void);
Suite *gpu_loss_suite(void);
Suite *gpu_adamw_suite(void);
Suite *gpu_extremes_suite(void);
Suite *gpu_warm_up_suite(void);

/* Chapter 8's, with cuda_on_cpu alone; NULL in the program for a GPU. */
Suite *meeting_ranks_suite(void) __attribute__((weak));
Suite *gpu_ranks_suite(void) __attribute__((weak));
