/*
 * machine.h: what the two halves of cuda_on_cpu know of each other: machine.cpp runs
 * kernels, runtime.cpp is the runtime's functions (memory, streams, errors).
 */
#ifndef CUDA_ON_CPU_MACHINE_H
#define CUDA_ON_CPU_MACHINE_H

#include <stdarg.h>

#include "cuda_runtime.h"

/* What runs now. */
struct CudaOnCpuLaunch {
    const char *kernel; /* its name; NULL: no kernel runs */
};
extern CudaOnCpuLaunch cuda_on_cpu_now;

/* cuda_on_cpu_where: "kernel K, block (0,0,0), thread (5,0,0): " into text. */
const char *cuda_on_cpu_where(char *text, size_t bytes);

/* cuda_on_cpu_stop: a mistake in a kernel: one line that begins with where, abort(). */
void cuda_on_cpu_stop(const char *format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

/* cuda_on_cpu_launch_is_possible: within the device's limits? If not, the last error
 * is set, as by CUDA. */
bool cuda_on_cpu_launch_is_possible(dim3 grid, dim3 block, size_t shared_bytes);

#endif
