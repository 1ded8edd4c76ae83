/* exercises_6_device.c: see exercises_6.h. */
#include "tests/exercises/exercises_6.h"

#include <stdint.h>
#include <string.h>

#include "common/error.h"
#include "tests/exercises/exercise.h"
#include "chapters/06_cuda_training/gpu.h"
#include "chapters/06_cuda_training/cuda_on_cpu/counts.h"

void *device_bytes(const void *host, size_t bytes) {
    Error error;
    void *at = gpu_allocate(bytes, "an exercise", &error);
    if (!at) {
        bug("%s", error.text);
    }
    gpu_upload(NULL, at, host, bytes);
    gpu_wait(NULL);
    return at;
}

enum { GUARD = 40 }; /* so many rows of NaN lie behind each tensor */

/* Each tensor's NaN has other bits: one that was computed from another's is seen. */
static float next_nan(void) {
    static uint32_t bits = 0x7fc00000u; /* a quiet NaN; the last 22 bits are free */
    float x;
    bits++;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static bool same_bits(float a, float b) {
    return memcmp(&a, &b, sizeof a) == 0;
}

/* Inputs on the device, and what they must stay. */
enum { MAX_INPUTS = 64 };
static struct {
    const char *name;
    Tensor all, device;
} inputs[MAX_INPUTS];
static int input_count;

static size_t bytes_of(Tensor T) {
    return (size_t)tensor_count(T) * sizeof(float);
}

static const char *changed_on_device(void) {
    for (int i = 0; i < input_count; i++) {
        Tensor now_there = unset(inputs[i].all);
        gpu_download(NULL, now_there.data, inputs[i].device.data,
                     bytes_of(inputs[i].all));
        gpu_wait(NULL);
        if (memcmp(now_there.data, inputs[i].all.data, bytes_of(now_there)) != 0) {
            return inputs[i].name;
        }
    }
    return NULL;
}

Tensor on_device(Tensor T, int gap) {
    const int rows = tensor_rows(T), cols = tensor_cols(T);
    Tensor all = unset(SHAPE(rows + GUARD, cols + gap)), D = T;
    tensor_fill(all, next_nan());
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            tensor_row(all, i)[j] = tensor_row(T, i)[j];
        }
    }
    D.ld = cols + gap;
    D.data = device_bytes(all.data, bytes_of(all));
    if (input_name(T) && input_count < MAX_INPUTS) {
        inputs[input_count].name = strdup(input_name(T));
        inputs[input_count].all = all;
        inputs[input_count].device = D;
        input_count++;
    }
    return D;
}

Tensor from_device(Tensor D) {
    const int rows = tensor_rows(D), cols = tensor_cols(D);
    int beyond = -1; /* the first row that was written beyond its end */
    Tensor all = unset(SHAPE(rows + GUARD, D.ld)), T = unset(D);
    gpu_wait(NULL);
    gpu_download(NULL, all.data, D.data, bytes_of(all));
    gpu_wait(NULL);
    const float untouched = tensor_row(all, rows + GUARD - 1)[D.ld - 1];
    for (int i = 0; i < rows + GUARD; i++) {
        const float *row = tensor_row(all, i);
        for (int j = 0; j < D.ld; j++) {
            if (i < rows && j < cols) {
                tensor_row(T, i)[j] = row[j];
            } else if (beyond < 0 && !same_bits(row[j], untouched)) {
                beyond = i;
            }
        }
    }
    const char *changed = changed_on_device();
    expect_true(!changed, "%s on the device was changed.", changed ? changed : "");
    mistake_if("a change of an input: a kernel writes its result, nothing else", true);
    expect_true(
        beyond < 0 || beyond >= rows,
        "row %d was written beyond its end: rows lie `ld` apart, and have `cols` "
        "numbers",
        beyond);
    mistake_if(
        "an index that isn't row * ld + column, with the ld of the tensor that is "
        "written",
        true);
    expect_true(beyond < 0, "something was written behind the last of %d rows", rows);
    mistake_if(
        "a missing check: threads are more than elements, and those past the end "
        "write nothing",
        true);
    return T;
}

void begin_device(void) {
    GpuInfo info;
    Error error;
    if (!gpu_open(&info, &error)) {
        bug("%s", error.text);
    }
    cuda_on_cpu_counts_clear();
}

void expect_loads(double most, const char *instead) {
    CudaOnCpuCounts counts;
    gpu_wait(NULL);
    if (!cuda_on_cpu_counts(&counts)) {
        bug("these kernels are not counted");
    }
    const double loads = (double)counts.global_load.accesses;
    expect_true(loads <= most, "%.0f loads from global memory; at most %.0f are needed",
                loads, most);
    mistake_if(instead, true);
}
