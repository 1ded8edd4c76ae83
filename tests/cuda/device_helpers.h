/*
 * device_helpers.h: tensors that go to the device and come back. Everything made here
 * is freed when the test ends. Each tensor has an allocation of its own, so that
 * an access beyond it is seen (AddressSanitizer, compute-sanitizer).
 */
#pragma once

#include "tests/check_helpers.h"
#include "chapters/06_cuda_training/gpu.h"

/* device_case: a test case of this suite, for tests that use the device. */
TCase *device_case(Suite *suite, const char *name);

/* on_device: a copy of T (host) on the device; contiguous. */
Tensor on_device(Tensor T);
/* on_device_wide: the same, its rows further apart than they are long, with CANARY
 * between them. */
Tensor on_device_wide(Tensor T);
/* device_unset: on the device, NaN everywhere. */
Tensor device_unset(Tensor shape);
Tensor device_unset_wide(Tensor shape);
/* device_bytes: any other memory on the device, a copy of `host` or NaN (NULL). */
void *device_bytes(size_t bytes, const void *host);

/* from_device: what is there now, on the host, contiguous. */
Tensor from_device(Tensor T);
void bytes_from_device(void *host, const void *device, size_t bytes);
/* device_canaries_live: nothing was written between the rows of a wide tensor. */
bool device_canaries_live(Tensor T);
