/* exercises_6.h: the device of chapter 6's exercises (exercises_6_device.c). */
#pragma once

#include <stddef.h>

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

/* expect_loads: all threads made at most `most` loads of global memory; else this is
 * `instead`. */
void expect_loads(double most, const char *instead);

/* adamw_grade: 6.6 (exercises_6_adamw.c). */
void adamw_grade(void);
