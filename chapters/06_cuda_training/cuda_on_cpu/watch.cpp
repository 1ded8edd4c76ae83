/*
 * watch.cpp: sees every access that a kernel makes, counts it, and finds races.
 *
 * Compilers can call a function before each load and store: ThreadSanitizer works so.
 * Kernels that are compiled with -fsanitize=thread are linked not with ThreadSanitizer
 * but with the functions below. Their sources know nothing of it. Where kernels are
 * compiled without, nobody calls these functions.
 *
 * Counting (counts.h). A thread's accesses between two barriers are written down; at
 * the barrier the k-th execution of an instruction by each lane of a warp is put
 * together: that is the warp's request.
 *
 * Races. For each 4 bytes of global and shared memory: who wrote last, who read last,
 * and when. Two threads' accesses to one place, one of them a write, are a race unless
 * a barrier of their block lies between, or, in one warp, a meeting of its lanes
 * (__syncwarp, shuffle, vote), or the kernel's end. This doesn't depend on the order in
 * which the threads happened to run. Atomics are not watched. What can be missed: only
 * the last reader is known exactly, and a meeting of some lanes counts for all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "machine.h"

enum { MAX_THREADS = 1024, WARP = 32, MAX_SITES = 4096 };

static bool is_watched; /* some kernels call the functions below */

/* clang reports accesses for races only: of two that a race can't tell apart, one. So
 * there is nothing to count. */
#ifdef __clang__
static const bool reports_all = false;
#else
static const bool reports_all = true;
#endif

static void *must(void *memory) {
    if (!memory) {
        cuda_on_cpu_stop("no memory to write down what threads access");
    }
    return memory;
}

/* ---- what is counted for each kernel --------------------------------------------- */

enum { MAX_KERNELS = 256 };
static struct {
    const char *kernel;
    CudaOnCpuCounts counts;
} kernels[MAX_KERNELS];
static int kernel_count;
static CudaOnCpuCounts *counts; /* of the kernel that runs */

static const char *space_names[] = {"global loads", "global stores", "shared loads",
                                    "shared stores"};
enum { SPACES = 4 };

static CudaOnCpuAccesses *space(CudaOnCpuCounts *c, int which) {
    CudaOnCpuAccesses *all[SPACES] = {&c->global_load, &c->global_store,
                                      &c->shared_load, &c->shared_store};
    return all[which];
}

/* All that is counted is a uint64_t. */
bool cuda_on_cpu_counts(CudaOnCpuCounts *all) {
    uint64_t *sums = reinterpret_cast<uint64_t *>(all);
    *all = {};
    for (int i = 0; i < kernel_count; i++) {
        const uint64_t *of_kernel =
            reinterpret_cast<const uint64_t *>(&kernels[i].counts);
        for (size_t k = 0; k < sizeof *all / sizeof *sums; k++) {
            sums[k] += of_kernel[k];
        }
    }
    return is_watched && reports_all;
}

bool cuda_on_cpu_is_watched(void) {
    return is_watched;
}

bool cuda_on_cpu_counts_clear(void) {
    kernel_count = 0;
    counts = NULL;
    return is_watched && reports_all;
}

static void print_counts(void) {
    for (int i = 0; i < kernel_count; i++) {
        CudaOnCpuCounts *c = &kernels[i].counts;
        fprintf(stderr, "%s: %lu launches, %lu blocks, %lu threads, %lu barriers\n",
                kernels[i].kernel, c->launches, c->blocks, c->threads, c->barriers);
        for (int s = 0; s < SPACES; s++) {
            const CudaOnCpuAccesses *a = space(c, s);
            if (a->accesses > 0) {
                fprintf(stderr,
                        "    %-14s %12lu of threads, %10lu of warps, %.1f %s each\n",
                        space_names[s], a->accesses, a->requests,
                        (double)a->units / (double)a->requests,
                        s < 2 ? "sectors" : "passes");
            }
        }
    }
}

static CudaOnCpuCounts *counts_of(const char *kernel) {
    for (int i = 0; i < kernel_count; i++) {
        if (strcmp(kernels[i].kernel, kernel) == 0) {
            return &kernels[i].counts;
        }
    }
    if (kernel_count == MAX_KERNELS) {
        cuda_on_cpu_stop("more than %d kernels to count", MAX_KERNELS);
    }
    kernels[kernel_count] = {kernel, {}};
    return &kernels[kernel_count++].counts;
}

/* ---- one access, written down ---------------------------------------------------- */

struct Access {
    int site; /* which instruction */
    short bytes;
    short in; /* of SPACES */
    uintptr_t address;
};

struct Log {
    Access *accesses;
    int count, room;
};
static Log logs[MAX_THREADS];
static int thread_count;

/* Instructions are told apart by their address: numbered as they come. */
static uintptr_t sites[MAX_SITES];

static int site_of(uintptr_t instruction) {
    int i = (int)(instruction * 0x9e3779b97f4a7c15u >> 52) % MAX_SITES;
    for (int steps = 0; sites[i] != 0 && sites[i] != instruction; steps++) {
        i = (i + 1) % MAX_SITES;
        if (steps == MAX_SITES) {
            cuda_on_cpu_stop("more than %d instructions that access memory", MAX_SITES);
        }
    }
    sites[i] = instruction;
    return i;
}

static void write_down(int thread, Access access) {
    Log *log = &logs[thread];
    if (log->count == log->room) {
        log->room = 2 * log->room + 64;
        log->accesses = static_cast<Access *>(
            must(realloc(log->accesses, (size_t)log->room * sizeof *log->accesses)));
    }
    log->accesses[log->count++] = access;
}

/* ---- a warp's requests ----------------------------------------------------------- */

struct Request {
    int lanes;
    short bytes, in;
    uintptr_t addresses[WARP];
};

/* Adds x to a set; is it new? */
static bool add_new(uintptr_t *set, int *count, uintptr_t x) {
    for (int i = 0; i < *count; i++) {
        if (set[i] == x) {
            return false;
        }
    }
    set[(*count)++] = x;
    return true;
}

/* How many different sectors of 32 bytes. */
static int sectors(const Request *r) {
    uintptr_t seen[2 * WARP];
    int count = 0;
    for (int lane = 0; lane < r->lanes; lane++) {
        const uintptr_t last = (r->addresses[lane] + (uintptr_t)r->bytes - 1) / 32;
        for (uintptr_t s = r->addresses[lane] / 32; s <= last; s++) {
            add_new(seen, &count, s);
        }
    }
    return count;
}

/* Passes for lanes first to last: the largest count of different words of one bank. */
static int passes_of(const Request *r, int first, int last) {
    uintptr_t words[32][WARP];
    int count[32] = {}, max = 0;
    for (int lane = first; lane < last; lane++) {
        const uintptr_t end = r->addresses[lane] + (uintptr_t)r->bytes;
        for (uintptr_t word = r->addresses[lane] / 4; word * 4 < end; word++) {
            const int bank = (int)(word % 32);
            if (add_new(words[bank], &count[bank], word)) {
                max = count[bank] > max ? count[bank] : max;
            }
        }
    }
    return max;
}

/* 8 bytes a lane go by half warps, 16 by quarters. */
static int passes(const Request *r) {
    const int parts = r->bytes > 4 ? r->bytes / 4 : 1, lanes = WARP / parts;
    int sum = 0;
    for (int first = 0; first < r->lanes; first += lanes) {
        const int last = first + lanes;
        sum += passes_of(r, first, last < r->lanes ? last : r->lanes);
    }
    return sum;
}

/* Of each instruction, by number: how often the lane at hand executed it, and the
 * warp's requests, the k-th executions of all lanes together. */
static int executions[MAX_SITES], request_count[MAX_SITES];
static Request *requests[MAX_SITES];

static Request *request_of(const Access *a) {
    const int s = a->site, k = executions[s]++;
    if (k == request_count[s]) {
        if ((k & (k - 1)) == 0) { /* it has room for a power of two */
            const size_t bytes = (size_t)(k > 0 ? 2 * k : 1) * sizeof(Request);
            requests[s] = static_cast<Request *>(must(realloc(requests[s], bytes)));
        }
        requests[s][k].lanes = 0;
        request_count[s]++;
    }
    return &requests[s][k];
}

static void account(const Request *r) {
    CudaOnCpuAccesses *a = space(counts, r->in);
    a->accesses += (uint64_t)r->lanes;
    a->bytes += (uint64_t)r->lanes * (uint64_t)r->bytes;
    a->requests++;
    a->units += (uint64_t)(r->in < 2 ? sectors(r) : passes(r));
}

static void count_warp(Log *warp, int lanes) {
    for (int lane = 0; lane < lanes; lane++) {
        const Log *log = &warp[lane];
        for (int i = 0; i < log->count; i++) {
            const Access *a = &log->accesses[i];
            Request *r = request_of(a);
            r->bytes = a->bytes;
            r->in = a->in;
            r->addresses[r->lanes++] = a->address;
        }
        for (int i = 0; i < log->count; i++) {
            executions[log->accesses[i].site] = 0;
        }
    }
    for (int lane = 0; lane < lanes; lane++) {
        for (int i = 0; i < warp[lane].count; i++) {
            const int s = warp[lane].accesses[i].site;
            for (int k = 0; k < request_count[s]; k++) {
                account(&requests[s][k]);
            }
            request_count[s] = 0;
        }
        warp[lane].count = 0;
    }
}

static void count_block(void) {
    for (int first = 0; first < thread_count; first += WARP) {
        const int left = thread_count - first;
        count_warp(logs + first, left < WARP ? left : WARP);
    }
}

/* ---- races ----------------------------------------------------------------------- */

/* `interval`: a number for each stretch between two barriers of one block; never the
 * same again. `meeting`: how often this thread's warp had met. */
struct When {
    uint32_t interval, meeting;
    int thread;
    uint32_t instruction; /* from the program's start */
};
struct Shadow {
    When write, read;
    int readers; /* in read.interval: 1, or 2 for several of one warp, 3 of several */
};

static uint32_t interval, first_of_block, first_of_launch;
static uint32_t meetings[MAX_THREADS / WARP];

extern "C" char __executable_start[];
static const uintptr_t program = reinterpret_cast<uintptr_t>(__executable_start);

/* "file.cu:12", by addr2line where there is one. */
static const char *place_of(uint32_t instruction, char *text, size_t bytes) {
    char command[512], path[300];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    snprintf(command, sizeof command, "addr2line -s -e '%s' %#lx 2>/dev/null", path,
             (unsigned long)instruction - 1);
    FILE *pipe = popen(command, "r");
    snprintf(text, bytes, "%#x", instruction);
    if (pipe) {
        char line[200];
        if (fgets(line, sizeof line, pipe) && line[0] != '?') {
            line[strcspn(line, " \n")] = '\0';
            snprintf(text, bytes, "%s", line);
        }
        pclose(pipe);
    }
    return text;
}

static void stop_at_race(const char *does, When now, const char *did, When then,
                         uintptr_t address, bool shared) {
    char here[200], there[200], place[60] = "";
    const uint3 t = cuda_on_cpu_index_of(then.thread);
    const bool other_block = then.interval < first_of_block;
    const CudaOnCpuBlock *b =
        cuda_on_cpu_block_with(reinterpret_cast<const void *>(address));
    if (b) {
        snprintf(place, sizeof place, ", byte %zu of a block of %zu,",
                 (size_t)(address - reinterpret_cast<uintptr_t>(b->at)), b->bytes);
    }
    cuda_on_cpu_stop(
        "%s %s memory%s at %s, where %s thread (%u,%u,%u) %s at %s: a race%s", does,
        shared ? "shared" : "global", place,
        place_of(now.instruction, here, sizeof here),
        other_block ? "another block's" : "its block's", t.x, t.y, t.z, did,
        place_of(then.instruction, there, sizeof there),
        other_block ? "; blocks can't wait for each other within a kernel"
                    : "; no __syncthreads lies between");
}

/* Is what happened `then` over for certain before what this thread does now? */
static bool is_over(When then, When now) {
    if (then.interval < first_of_launch) {
        return true;
    }
    if (then.interval < first_of_block) {
        return false; /* another block of this launch */
    }
    return then.interval < now.interval || then.thread == now.thread ||
           (then.thread / WARP == now.thread / WARP && then.meeting < now.meeting);
}

static void look_at(Shadow *s, When now, bool writes, uintptr_t address, bool shared) {
    /* What a block leaves in shared memory is no other block's. */
    const bool wrote = s->write.interval >= (shared ? first_of_block : first_of_launch);
    const bool was_read =
        s->read.interval >= (shared ? first_of_block : first_of_launch);
    if (wrote && !is_over(s->write, now)) {
        stop_at_race(writes ? "writes" : "reads", now, "wrote", s->write, address,
                     shared);
    }
    if (writes) {
        const bool same_interval = was_read && s->read.interval == now.interval;
        const bool others =
            same_interval &&
            (s->readers == 3 || (s->readers == 2 && s->read.meeting == now.meeting));
        if (was_read && (others || !is_over(s->read, now))) {
            stop_at_race("writes", now, "read", s->read, address, shared);
        }
        s->write = now;
        return;
    }
    if (!was_read || s->read.interval != now.interval) {
        s->readers = 1;
    } else if (s->read.thread / WARP != now.thread / WARP) {
        s->readers = 3;
    } else if (s->readers < 3 && s->read.meeting != now.meeting) {
        s->readers = 1; /* what its lanes read before they met is over */
    } else if (s->readers < 3 && s->read.thread != now.thread) {
        s->readers = 2;
    }
    s->read = now;
}

/* ---- memory's shadow ------------------------------------------------------------- */

static CudaOnCpuRange fixed; /* static shared memory */
struct Shadows {             /* of shared memory, one of them static, one dynamic */
    Shadow *at;
    size_t bytes;
};
static Shadows of_static, of_dynamic;

static Shadow *make_shadow(size_t bytes) {
    return static_cast<Shadow *>(must(calloc(bytes / 4 + 1, sizeof(Shadow))));
}

/* NULL where the address is not in this range. */
static Shadow *shadow_in(Shadows *s, CudaOnCpuRange range, const char *at) {
    if (at < range.at || at >= range.at + range.bytes) {
        return NULL;
    }
    if (range.bytes > s->bytes) {
        free(s->at);
        *s = {make_shadow(range.bytes), range.bytes};
    }
    return s->at + (at - range.at) / 4;
}

static Shadow *shadow_of_global(const char *at) {
    CudaOnCpuBlock *b = cuda_on_cpu_block_with(at);
    if (!b) {
        return NULL; /* a kernel's arguments, constants */
    }
    if (!b->shadow) {
        b->shadow = make_shadow(b->bytes);
    }
    return static_cast<Shadow *>(b->shadow) + (at - b->at) / 4;
}

static void watch(const void *address, int bytes, bool writes,
                  const void *instruction) {
    const int thread = cuda_on_cpu_thread();
    if (thread < 0 || !counts || cuda_on_cpu_is_local(address)) {
        return; /* the host's, or a thread's own variables */
    }
    const char *at = static_cast<const char *>(address);
    const CudaOnCpuRange dynamic = {cuda_on_cpu_now.dynamic_shared,
                                    cuda_on_cpu_now.dynamic_shared_bytes};
    Shadow *s = shadow_in(&of_static, fixed, at);
    s = s ? s : shadow_in(&of_dynamic, dynamic, at);
    const bool shared = s != NULL;
    s = s ? s : shadow_of_global(at);
    if (!s) {
        return;
    }
    const uintptr_t where = reinterpret_cast<uintptr_t>(at);
    const uintptr_t who = reinterpret_cast<uintptr_t>(instruction);
    const When now = {interval, meetings[thread / WARP], thread,
                      (uint32_t)(who - program)};
    write_down(thread,
               {site_of(who), (short)bytes, (short)(2 * shared + writes), where});
    if (bytes < 4) {
        return; /* threads may have neighbouring bytes of a word */
    }
    for (int word = 0; word * 4 < bytes; word++) {
        look_at(s + word, now, writes, where, shared);
    }
}

/* ---- what the machine tells ------------------------------------------------------ */

void cuda_on_cpu_watch_launch(void) {
    static bool prints;
    if (!is_watched) {
        return;
    }
    fixed = cuda_on_cpu_static_shared();
    if (!prints && cuda_on_cpu_is_on("CUDA_ON_CPU_COUNTS")) {
        prints = atexit(print_counts) == 0;
    }
    counts = counts_of(cuda_on_cpu_now.kernel);
    counts->launches++;
    first_of_launch = interval + 1;
}

void cuda_on_cpu_watch_block(int threads) {
    if (is_watched) {
        interval++;
        first_of_block = interval;
        thread_count = threads;
        counts->blocks++;
        counts->threads += (uint64_t)threads;
        memset(meetings, 0, sizeof meetings);
    }
}

void cuda_on_cpu_watch_barrier(void) {
    if (is_watched) {
        count_block();
        interval++;
        counts->barriers++;
    }
}

void cuda_on_cpu_watch_warp(int warp) {
    if (is_watched) {
        meetings[warp]++;
        counts->meetings++;
    }
}

void cuda_on_cpu_watch_block_end(void) {
    if (is_watched) {
        count_block();
    }
}

void cuda_on_cpu_watch_free(void *shadow) {
    free(shadow);
}

void cuda_on_cpu_atomic(void) {
    if (counts) {
        counts->atomics++;
    }
}

/* ---- what the compiler calls ----------------------------------------------------- */

#define WATCH(name, bytes, writes)                                                     \
    extern "C" void name(void *at);                                                    \
    extern "C" void name(void *at) {                                                   \
        watch(at, bytes, writes, __builtin_return_address(0));                         \
    }
#define WATCH_RANGE(name, writes)                                                      \
    extern "C" void name(void *at, long bytes);                                        \
    extern "C" void name(void *at, long bytes) {                                       \
        for (long done = 0; done < bytes; done += 4) {                                 \
            watch((char *)at + done, 4, writes, __builtin_return_address(0));          \
        }                                                                              \
    }
#define NOTHING(name)                                                                  \
    extern "C" void name(void);                                                        \
    extern "C" void name(void) {                                                       \
    }
#define WATCH_SIZE(bytes)                                                              \
    WATCH(__tsan_read##bytes, bytes, false)                                            \
    WATCH(__tsan_write##bytes, bytes, true)
#define WATCH_UNALIGNED(bytes)                                                         \
    WATCH(__tsan_unaligned_read##bytes, bytes, false)                                  \
    WATCH(__tsan_unaligned_write##bytes, bytes, true)
WATCH_SIZE(1)
WATCH_SIZE(2)
WATCH_SIZE(4)
WATCH_SIZE(8)
WATCH_SIZE(16)
WATCH_UNALIGNED(2)
WATCH_UNALIGNED(4)
WATCH_UNALIGNED(8)
WATCH_UNALIGNED(16)
WATCH_RANGE(__tsan_read_range, false)
WATCH_RANGE(__tsan_write_range, true)
NOTHING(__tsan_func_entry)
NOTHING(__tsan_func_exit)

extern "C" void __tsan_init(void);
extern "C" void __tsan_init(void) {
    is_watched = true;
}
