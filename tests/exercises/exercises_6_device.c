/* exercises_6_device.c: see exercises_6.h. */
#include "tests/exercises/exercises_6.h"

#include <math.h>
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

/* Each tensor's NaN has other bits: one that was computed from another's is seen. It
 * is a signalling one: whatever is computed from it has other bits too. */
static float next_nan(void) {
    static uint32_t bits = 0x7f800000u; /* infinity; the last 22 bits are free */
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
    bool unwritten = false;
    for (long i = 0; i < tensor_count(T); i++) {
        unwritten = unwritten || T.data[i] != T.data[i];
    }
    /* With a check of the column missing, some threads store beside. */
    const bool each_stored_one =
        counted().global_store.accesses % (uint64_t)tensor_count(T) == 0;
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
        unwritten || each_stored_one);
    mistake_if("a missing check of the column: threads past a row's end write nothing",
               true);
    expect_true(beyond<0, "something was written behind the last of %d %s", D.ndim> 1
                    ? rows
                    : cols,
                D.ndim > 1 ? "rows" : "elements");
    mistake_if(
        "an index that is too large: elements of the result are not written, and "
        "others behind it are",
        unwritten);
    mistake_if(
        "a check that is missing, or lets too many through: threads are more than "
        "elements, and those past the end write nothing",
        true);
    return T;
}

bool is_unset(Tensor T) {
    const float unset_is = (float)NAN;
    for (long i = 0; i < tensor_count(T); i++) {
        const int cols = tensor_cols(T);
        if (same_bits(tensor_row(T, (int)(i / cols))[i % cols], unset_is)) {
            return true;
        }
    }
    return false;
}

void mistake_added(Tensor got, long stores) {
    const CudaOnCpuCounts c = counted();
    mistake_if("what was there before, and something added: nobody has written it yet, "
               "so = is wanted, not +=",
               is_unset(got) && (long)(c.global_store.accesses + c.atomics) >= stores);
}

void begin_device(void) {
    GpuInfo info;
    Error error;
    if (!gpu_open(&info, &error)) {
        bug("%s", error.text);
    }
    cuda_on_cpu_counts_clear();
}

CudaOnCpuCounts counted(void) {
    CudaOnCpuCounts counts;
    gpu_wait(NULL);
    if (!cuda_on_cpu_counts(&counts)) {
        bug("these kernels are not counted");
    }
    return counts;
}

static double per_request(const CudaOnCpuAccesses *a, uint64_t all) {
    return a->requests > 0 ? (double)all / (double)a->requests : 0;
}

static void expect_neighbours(const CudaOnCpuAccesses *a, const char *what, Cost most) {
    const double sectors = per_request(a, a->units);
    const double words =
        a->accesses > 0 ? (double)a->bytes / 4 / (double)a->accesses : 1;
    const double enough = (most.sectors > 0 ? most.sectors : 5) * words;
    expect_true(sectors <= enough,
                "%.1f sectors a request of %s; at most %.0f are needed", sectors, what,
                enough);
    mistake_if(
        most.apart
            ? most.apart
            : "an order in which lanes are far apart, as when each thread has a chunk "
              "of its own: let neighbours have neighbours",
        true);
}

void expect_cost(Cost most) {
    const CudaOnCpuCounts c = counted();
    const double loads = (double)c.global_load.accesses,
                 stores = (double)c.global_store.accesses,
                 barriers = (double)c.barriers,
                 lanes = per_request(&c.global_load, c.global_load.accesses);
    expect_true(c.atomics == 0, "%.0f atomic additions; none is needed",
                (double)c.atomics);
    mistake_if("atomics: they are done one after the other, in another order each time",
               true);
    expect_true(lanes >= most.lanes, "a load's request is of %.1f lanes, of 32", lanes);
    mistake_if("work for a few lanes, while the others of their warp wait", true);
    expect_true(loads <= most.loads,
                "%.0f loads from global memory; at most %.0f are needed", loads,
                most.loads);
    mistake_if("the work of one thread, done by many: each is to do its own part",
               loads >= (most.many > 0 ? most.many : 16) * most.loads);
    if (most.reload) {
        mistake_if(most.reload, loads >= 1.3 * most.loads);
    }
    const double without = (double)c.threads - most.stores;
    mistake_if("a load by threads that have no element: the check comes before it",
               without > 0 && fmod(loads - most.loads, without) < 0.5);
    mistake_if("an element that is loaded more than once: keep it in a register", true);
    expect_true(stores <= most.stores,
                "%.0f stores to global memory; at most %.0f are needed", stores,
                most.stores);
    if (most.restore) {
        mistake_if(most.restore, true);
    }
    mistake_if("an element that is stored more than once: keep it in a register until "
               "it is ready",
               true);
    expect_neighbours(&c.global_load, "loads", most);
    most.apart = most.written_apart ? most.written_apart : most.apart;
    expect_neighbours(&c.global_store, "stores", most);
    expect_true(barriers <= most.barriers,
                "%.0f barriers in %.0f blocks; %.0f are enough", barriers,
                (double)c.blocks, most.barriers);
    mistake_if("a barrier too many: it is needed between a write and another thread's "
               "read, or a read and the next write, and nowhere else",
               true);
}

bool has_nan(Tensor T) {
    bool any = false;
    for (long i = 0; i < tensor_count(T); i++) {
        any = any || isnan(T.data[i]);
    }
    return any;
}
