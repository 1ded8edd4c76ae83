/* device_helpers.c: see device_helpers.h. */
#include "tests/cuda/device_helpers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BLOCKS = 256, GAP = 8 };

static void *blocks[MAX_BLOCKS];
static int block_count;

static void open_device(void) {
    static bool is_open;
    GpuInfo info;
    Error error;
    if (!is_open && !gpu_open(&info, &error)) {
        ck_abort_msg("%s", error.text);
    }
    is_open = true;
}

static void free_blocks(void) {
    for (int i = 0; i < block_count; i++) {
        gpu_free(blocks[i]);
    }
    block_count = 0;
}

TCase *device_case(Suite *suite, const char *name) {
    TCase *tcase = add_case(suite, name);
    tcase_add_checked_fixture(tcase, open_device, free_blocks);
    return tcase;
}

void *device_bytes(size_t bytes, const void *host) {
    Error error;
    ck_assert_msg(block_count < MAX_BLOCKS, "device_bytes: too many blocks");
    void *at = gpu_allocate(bytes, "a test", &error);
    ck_assert_msg(at != NULL, "%s", error.text);
    blocks[block_count++] = at;
    if (host) {
        gpu_upload(NULL, at, host, bytes);
    } else {
        char *nan_bytes = malloc(bytes);
        memset(nan_bytes, 0xff, bytes);
        gpu_upload(NULL, at, nan_bytes, bytes);
        gpu_wait(NULL);
        free(nan_bytes);
    }
    gpu_wait(NULL);
    return at;
}

void bytes_from_device(void *host, const void *device, size_t bytes) {
    gpu_wait(NULL);
    gpu_download(NULL, host, device, bytes);
    gpu_wait(NULL);
}

/* T with rows `ld` apart and CANARY between them; nothing follows the last row. */
static Tensor put(Tensor T, int ld) {
    const int rows = tensor_rows(T), cols = tensor_cols(T);
    const size_t count = (size_t)(rows - 1) * (size_t)ld + (size_t)cols;
    float *host = malloc(count * sizeof *host);
    for (size_t i = 0; i < count; i++) {
        host[i] = CANARY;
    }
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            host[(size_t)i * (size_t)ld + (size_t)j] =
                T.data ? (float)tensor_row(T, i)[j] : NAN;
        }
    }
    Tensor on = T;
    on.data = device_bytes(count * sizeof *host, host);
    on.ld = ld;
    free(host);
    return on;
}

Tensor on_device(Tensor T) {
    return put(T, tensor_cols(T));
}

Tensor on_device_wide(Tensor T) {
    return put(T, tensor_cols(T) + GAP);
}

Tensor device_unset(Tensor shape) {
    shape.data = NULL;
    return put(shape, tensor_cols(shape));
}

Tensor device_unset_wide(Tensor shape) {
    shape.data = NULL;
    return put(shape, tensor_cols(shape) + GAP);
}

static float *fetch(Tensor T) {
    const size_t count =
        (size_t)(tensor_rows(T) - 1) * (size_t)T.ld + (size_t)tensor_cols(T);
    float *host = malloc(count * sizeof *host);
    bytes_from_device(host, T.data, count * sizeof *host);
    return host;
}

Tensor from_device(Tensor T) {
    Tensor shape = T;
    shape.data = NULL;
    shape.ld = tensor_cols(T);
    Tensor back = unset_tensor(shape);
    float *host = fetch(T);
    for (int i = 0; i < tensor_rows(T); i++) {
        for (int j = 0; j < tensor_cols(T); j++) {
            tensor_row(back, i)[j] = host[(size_t)i * (size_t)T.ld + (size_t)j];
        }
    }
    free(host);
    return back;
}

bool device_canaries_live(Tensor T) {
    float *host = fetch(T);
    bool live = true;
    for (int i = 0; i < tensor_rows(T) - 1; i++) {
        for (int j = tensor_cols(T); j < T.ld; j++) {
            const float canary = host[(size_t)i * (size_t)T.ld + (size_t)j];
            live = live && fabsf(canary - CANARY) <= 0;
        }
    }
    free(host);
    return live;
}
