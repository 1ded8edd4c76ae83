/* exercises_6.h: the device of chapter 6's exercises (exercises_6_device.c). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "chapters/06_cuda_training/cuda_on_cpu/counts.h"
#include "common/tensor.h"

/* begin_device: opens cuda_on_cpu; its counts begin at 0. */
void begin_device(void);

/* device_bytes: a copy of `bytes` bytes on the device. */
void *device_bytes(const void *host, size_t bytes);

/* on_device: T's numbers on the device, in rows `gap` further apart; between them and
 * behind the last lies NaN. */
Tensor on_device(Tensor T, int gap);

/* from_device: what is there now; what lies between rows and behind them must still be
 * that NaN. */
Tensor from_device(Tensor D);

/* is_unset: is some element of T what unset() made it? mistake_added: it is so though
 * kernels made `stores` stores, as many as T has elements. */
bool is_unset(Tensor T);
void mistake_added(Tensor got, long stores);

/* has_nan: is some element of T no number? */
bool has_nan(Tensor T);

/* counted: what the kernels did since begin_device, or cuda_on_cpu_counts_clear. */
CudaOnCpuCounts counted(void);

/* expect_cost: all threads together did no more than this, and warps did it by
 * neighbours, without atomics. */
typedef struct {
    double loads, stores; /* of global memory, at most */
    double sectors;       /* per request, at most; 0: 5 */
    double lanes;         /* per load's request, at least */
    double barriers;      /* of all blocks, at most */
    const char *reload;   /* what too many loads are; NULL: see expect_cost */
    const char *restore;  /* what too many stores are; NULL: see expect_cost */
    double many;          /* so many times too many: work of one, done by all; 0: 16 */
    const char *apart;    /* what too many sectors are */
    const char *written_apart; /* of stores; NULL: apart */
} Cost;
void expect_cost(Cost most);

/* 6.a to 6.f (exercises_6_warm_up.c). */
void warm_up_square_grade(void);
void warm_up_add_grade(void);
void warm_up_add_scaled_grade(void);
void warm_up_scale_rows_grade(void);
void warm_up_reverse_grade(void);
void warm_up_sums_grade(void);

/* 6.4 and 6.5 (exercises_6_matmul.c, exercises_6_attention.c). */
void matmul_grade(void);
void attention_grade(void);

/* adamw_grade: 6.6 (exercises_6_adamw.c). */
void adamw_grade(void);
