/*
 * device.h: the two machines that this chapter's kernels run on.
 *
 * Everything that touches a device (the .cu files, gpu_*.c, device.c) is compiled
 * by nvcc for a GPU, where there is nvcc; and by the C++ compiler for cuda_on_cpu,
 * always: once for speed, and once so that each access is watched. Each of these two
 * copies is joined into one object in which every name is hidden but its Device; so
 * one program holds them all, and chooses when it starts.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include "gpu_trainer.h"

typedef struct {
    const Engine *engine;
    bool (*open)(GpuInfo *info, Error *error);
    void (*choose)(GpuChoices choices);
    bool (*matmul_available)(MatmulVersion version);
    const char *const *matmul_names;    /* MATMUL_VERSIONS */
    const char *const *attention_names; /* ATTENTION_VERSIONS */
    bool (*can_train)(const VitConfig *model, Error *error);
    /* A small ViT's logits, loss and all gradients beside chapter 5's; how many of
     * them disagree. Prints a PASS or FAIL for each. */
    int (*check_against_cpu)(void);
    /* Chapter 5's dump, made by this device (dump_gpu.h). */
    bool (*dump)(const char *path, GpuChoices choices, Error *error);
    /* Every rung's time (ladder_times.h). */
    bool (*print_ladder_times)(const char *csv, bool small, Error *error);
    /* Every rung's accesses, where they are counted; how many rungs were. */
    int (*print_access_counts)(void);
} Device;

extern const Device device_cuda;        /* only in a program that nvcc had a part in */
extern const Device device_cuda_on_cpu; /* always */
extern const Device device_watched; /* cuda_on_cpu, which counts; many times slower */

#endif
