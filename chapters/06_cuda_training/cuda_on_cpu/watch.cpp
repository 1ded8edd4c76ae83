/*
 * watch.cpp: sees every access that a kernel makes, counts it, and finds races.
 *
 * Compilers can call a function before each load and store: ThreadSanitizer works this
 * way. Kernels that are compiled with -fsanitize=thread are linked not with it but with
 * the functions below. Their sources know nothing of it. If kernels are compiled
 * without this flag, nobody calls these functions.
 *
 * Counting (counts.h). Between two barriers, the k-th executions of an instruction by a
 * warp's lanes are written down together: that is the warp's request. At the barrier
 * the requests are counted.
 *
 * Races. For each 4 bytes of global and shared memory: who wrote last, who read last,
 * and when. Two threads' accesses to the same 4 bytes, one of them a write, are a race
 * unless between them comes a barrier of their block, a meeting of one warp's lanes
 * (__syncwarp, shuffle, vote), or the kernel's end. This doesn't depend on the order in
 * which the threads happened to run. Atomics are not watched. What can be missed: only
 * the last reader is known exactly, and a meeting of some lanes counts for all.
 */
#include <stdio.h>
#include <unistd.h>

#include <algorithm>

#include "machine.h"

static bool is_watched; /* some kernels call the functions below */

/* clang reports only what races need: of two accesses that a race can't tell apart,
 * one. So there is nothing to count. */
#ifdef __clang__
static const bool reports_all = false;
#else
static const bool reports_all = true;
#endif

template <class T> static T *must(T *memory) {
    if (!memory) {
        cuda_on_cpu_stop("no memory to write down what threads access");
    }
    return memory;
}

/* ---- what is counted for each kernel --------------------------------------------- */

struct KernelCounts {
    const char *kernel;
    CudaOnCpuCounts counts;
};
static CudaOnCpuList<KernelCounts> kernels;
static CudaOnCpuCounts nobodys, *counts = &nobodys; /* of the kernel that runs */

/* Who wants to know each request, and where the kernel that runs is. */
static void (*listener)(const CudaOnCpuRequest *request);
static int launch = -1, block, barriers, requests_of_block;

/* The kinds of access, at index 2 * (is it shared?) + (is it a store?). */
static const struct Space {
    const char *name, *units;
    CudaOnCpuAccesses CudaOnCpuCounts::*accesses;
} spaces[] = {{"global loads", "sectors", &CudaOnCpuCounts::global_load},
              {"global stores", "sectors", &CudaOnCpuCounts::global_store},
              {"shared loads", "passes", &CudaOnCpuCounts::shared_load},
              {"shared stores", "passes", &CudaOnCpuCounts::shared_store}};

/* All that is counted is a uint64_t. */
bool cuda_on_cpu_counts(CudaOnCpuCounts *all) {
    uint64_t *sums = reinterpret_cast<uint64_t *>(all);
    *all = {};
    for (const KernelCounts &k : kernels) {
        const uint64_t *of_kernel = reinterpret_cast<const uint64_t *>(&k.counts);
        for (size_t i = 0; i < sizeof *all / sizeof *sums; i++) {
            sums[i] += of_kernel[i];
        }
    }
    return is_watched && reports_all;
}

void cuda_on_cpu_listen(void (*to)(const CudaOnCpuRequest *request)) {
    listener = to;
}

bool cuda_on_cpu_is_watched(void) {
    return is_watched;
}

bool cuda_on_cpu_counts_clear(void) {
    kernels.count = 0;
    counts = &nobodys;
    launch = -1;
    return is_watched && reports_all;
}

static void print_counts(void) {
    for (const KernelCounts &k : kernels) {
        const CudaOnCpuCounts &c = k.counts;
        fprintf(stderr, "%s: %lu launches, %lu blocks, %lu threads, %lu barriers\n",
                k.kernel, c.launches, c.blocks, c.threads, c.barriers);
        for (const Space &s : spaces) {
            const CudaOnCpuAccesses &a = c.*s.accesses;
            if (a.accesses > 0) {
                fprintf(stderr,
                        "    %-14s %12lu of threads, %10lu of warps, %.1f %s each\n",
                        s.name, a.accesses, a.requests,
                        (double)a.units / (double)a.requests, s.units);
            }
        }
    }
}

static CudaOnCpuCounts *counts_of(const char *kernel) {
    for (KernelCounts &k : kernels) {
        if (strcmp(k.kernel, kernel) == 0) {
            return &k.counts;
        }
    }
    return &must(kernels.add({kernel, {}}))->counts;
}

extern "C" char __executable_start[];
static const uintptr_t program = reinterpret_cast<uintptr_t>(__executable_start);

/* ---- a warp's requests ----------------------------------------------------------- */

/* The k-th executions of an instruction by a warp's lanes. */
struct Request {
    int bytes, in, number;     /* in: which of spaces */
    uintptr_t addresses[WARP]; /* of each lane; 0: it took no part */
};

/* An instruction that accesses memory, and what it did since the last barrier. */
struct Site {
    uintptr_t instruction;
    bool is_active;
    int executions[MAX_THREADS]; /* by each thread */
    CudaOnCpuList<Request> of_warp[MAX_THREADS / WARP];
};
enum { MAX_SITES = 4096 };
static Site sites[MAX_SITES];
static CudaOnCpuList<Site *> active_sites;

/* Found by a hash of the instruction's address. */
static Site *site_of(uintptr_t instruction) {
    int i = (int)(instruction * 0x9e3779b97f4a7c15u >> 52) % MAX_SITES;
    for (int steps = 0; sites[i].instruction != instruction; steps++) {
        if (sites[i].instruction == 0) {
            sites[i].instruction = instruction;
        } else if (steps == MAX_SITES) {
            cuda_on_cpu_stop("more than %d instructions that access memory", MAX_SITES);
        } else {
            i = (i + 1) % MAX_SITES;
        }
    }
    return &sites[i];
}

static void write_down(int thread, Site *site, uintptr_t address, int bytes, int in) {
    CudaOnCpuList<Request> *requests = &site->of_warp[thread / WARP];
    const int k = site->executions[thread]++;
    if (!site->is_active) {
        site->is_active = true;
        must(active_sites.add(site));
    }
    if (k == requests->count) {
        must(requests->add({bytes, in, requests_of_block++, {}}));
    }
    requests->at[k].addresses[thread % WARP] = address;
}

/* Memory is in units of SIZE bytes, dealt out to BANKS in turn. How many different
 * units do these lanes want from one bank, at most? */
template <uintptr_t SIZE, int BANKS>
static int most_of_a_bank(const uintptr_t *addresses, int lanes, int bytes) {
    uintptr_t units[BANKS][2 * WARP];
    int count[BANKS] = {}, max = 0;
    for (int lane = 0; lane < lanes; lane++) {
        const uintptr_t first = addresses[lane];
        for (uintptr_t u = first / SIZE;
             first && u <= (first + (uintptr_t)bytes - 1) / SIZE; u++) {
            const int bank = (int)(u % BANKS);
            uintptr_t *end = units[bank] + count[bank];
            if (std::find(units[bank], end, u) == end) {
                *end = u;
                max = std::max(max, ++count[bank]);
            }
        }
    }
    return max;
}

/* Does each lane want what its neighbour wants, whose index differs in this bit? */
static bool in_pairs(const uintptr_t *at, int bit) {
    int lane = 0;
    while (lane < WARP &&
           (at[lane] == at[lane ^ bit] || !at[lane] || !at[lane ^ bit])) {
        lane++;
    }
    return lane == WARP;
}

/* Shared memory answers 128 bytes a pass: 8 bytes per lane go by half warps, 16 by
 * quarters; and by twice as many lanes where a load's lanes want the same in pairs. */
static int passes(const Request *r, bool load) {
    int sum = 0, at_once = r->bytes > 4 ? 4 * WARP / r->bytes : WARP;
    if (load && (in_pairs(r->addresses, 1) || in_pairs(r->addresses, 2))) {
        at_once = 2 * at_once < WARP ? 2 * at_once : WARP;
    }
    for (int first = 0; first < WARP; first += at_once) {
        sum += most_of_a_bank<4, 32>(r->addresses + first, at_once, r->bytes);
    }
    return sum;
}

static void tell(const Request *r, int warp, uintptr_t instruction, int units) {
    CudaOnCpuRequest told = {cuda_on_cpu_now.kernel,
                             launch,
                             block,
                             barriers,
                             r->number,
                             warp,
                             r->bytes,
                             units,
                             r->in >= 2,
                             r->in % 2 == 1,
                             instruction - program - 1,
                             {}};
    memcpy(told.addresses, r->addresses, sizeof told.addresses);
    listener(&told);
}

static void account(const Request *r, int warp, uintptr_t instruction) {
    CudaOnCpuAccesses *a = &(counts->*spaces[r->in].accesses);
    const uint64_t lanes =
        WARP - (uint64_t)std::count(r->addresses, r->addresses + WARP, 0u);
    a->accesses += lanes;
    a->bytes += lanes * (uint64_t)r->bytes;
    a->requests++;
    const int units = r->in < 2 /* sectors: one bank has them all */
                          ? most_of_a_bank<32, 1>(r->addresses, WARP, r->bytes)
                          : passes(r, r->in == 2);
    a->units += (uint64_t)units;
    if (listener) {
        tell(r, warp, instruction, units);
    }
}

void cuda_on_cpu_watch_block_end(void) {
    for (Site *site : active_sites) {
        for (int warp = 0; warp < MAX_THREADS / WARP; warp++) {
            for (const Request &r : site->of_warp[warp]) {
                account(&r, warp, site->instruction);
            }
            site->of_warp[warp].count = 0;
        }
        memset(site->executions, 0, sizeof site->executions);
        site->is_active = false;
    }
    active_sites.count = 0;
}

/* ---- races ----------------------------------------------------------------------- */

/* `interval`: counts the stretches between two barriers of one block, through all
 * launches. `meeting`: how often this thread's warp had met. */
struct When {
    uint32_t interval, meeting;
    int thread;
    uint32_t instruction; /* from the program's start */
};
struct Shadow {
    When write, read, other; /* other: who read before that, and must be waited for */
    int readers; /* in read.interval: 1; 2: several of one warp; 3: of several warps */
};

static uint32_t interval, first_of_block, first_of_launch;
static uint32_t meetings[MAX_THREADS / WARP];

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
                         uintptr_t address) {
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
        b ? "global" : "shared", place, place_of(now.instruction, here, sizeof here),
        other_block ? "another block's" : "its block's", t.x, t.y, t.z, did,
        place_of(then.instruction, there, sizeof there),
        other_block ? "; blocks can't wait for each other within a kernel"
                    : "; no __syncthreads lies between");
}

/* Is what happened `then` certainly over before what this thread does now? What one
 * block leaves in shared memory doesn't concern another. */
static bool is_over(When then, When now, bool shared) {
    if (then.interval < (shared ? first_of_block : first_of_launch)) {
        return true;
    }
    if (then.interval < first_of_block) {
        return false; /* another block of this launch */
    }
    return then.interval < now.interval || then.thread == now.thread ||
           (then.thread / WARP == now.thread / WARP && then.meeting < now.meeting);
}

static void look_at(Shadow *s, When now, bool writes, uintptr_t address, bool shared) {
    const bool read_now = s->read.interval == now.interval;
    if (!is_over(s->write, now, shared)) {
        stop_at_race(writes ? "writes" : "reads", now, "wrote", s->write, address);
    }
    if (writes) {
        const bool others =
            read_now &&
            (s->readers == 3 || (s->readers == 2 && s->read.meeting == now.meeting));
        if (others || !is_over(s->read, now, shared)) {
            const bool own = read_now && s->read.thread == now.thread;
            stop_at_race("writes", now, "read", own ? s->other : s->read, address);
        }
        s->write = now;
        return;
    }
    if (!read_now) {
        s->readers = 1;
    } else if (s->read.thread / WARP != now.thread / WARP) {
        s->readers = 3;
    } else if (s->readers < 3 && s->read.meeting != now.meeting) {
        s->readers = 1; /* what its lanes read before they met is over */
    } else if (s->readers < 3 && s->read.thread != now.thread) {
        s->readers = 2;
    }
    s->other = read_now && !is_over(s->read, now, shared) ? s->read : s->other;
    s->read = now;
}

/* ---- memory's shadow ------------------------------------------------------------- */

static CudaOnCpuBlock fixed; /* static shared memory */
static CudaOnCpuBlock *const all_shared[] = {&fixed, &cuda_on_cpu_now.shared};

static Shadow *shadow_of(CudaOnCpuBlock *b, const char *at) {
    if (!b->shadow) {
        b->shadow = must(calloc(b->bytes / 4 + 1, sizeof(Shadow)));
    }
    return static_cast<Shadow *>(b->shadow) + (at - b->at) / 4;
}

static CudaOnCpuBlock *shared_block_with(const char *at) {
    for (CudaOnCpuBlock *b : all_shared) {
        if (at >= b->at && at < b->at + b->bytes) {
            return b;
        }
    }
    return NULL;
}

static void watch(const void *address, int bytes, bool writes,
                  const void *instruction) {
    const int thread = cuda_on_cpu_thread();
    if (thread < 0 || cuda_on_cpu_is_local(address)) {
        return; /* the host's, or a thread's own variables */
    }
    const char *at = static_cast<const char *>(address);
    CudaOnCpuBlock *b = shared_block_with(at);
    const bool shared = b != NULL;
    b = shared ? b : cuda_on_cpu_block_with(at);
    if (!b) {
        return; /* a kernel's arguments, constants */
    }
    const uintptr_t where = reinterpret_cast<uintptr_t>(at);
    const uintptr_t who = reinterpret_cast<uintptr_t>(instruction);
    const When now = {interval, meetings[thread / WARP], thread,
                      (uint32_t)(who - program)};
    write_down(thread, site_of(who), where, bytes, 2 * shared + writes);
    if (bytes < 4) {
        return; /* threads may have neighbouring bytes of a word */
    }
    Shadow *s = shadow_of(b, at);
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
    const CudaOnCpuBlock now = cuda_on_cpu_static_shared();
    fixed = {now.at, now.bytes, fixed.shadow, 0};
    if (!prints && cuda_on_cpu_is_on("CUDA_ON_CPU_COUNTS")) {
        prints = atexit(print_counts) == 0;
    }
    counts = counts_of(cuda_on_cpu_now.kernel);
    counts->launches++;
    launch++;
    block = -1;
    first_of_launch = interval + 1;
}

void cuda_on_cpu_watch_block(int threads) {
    if (is_watched) {
        cuda_on_cpu_forget_shared_memory();
    }
    interval++;
    first_of_block = interval;
    block++;
    barriers = requests_of_block = 0;
    counts->blocks++;
    counts->threads += (uint64_t)threads;
    memset(meetings, 0, sizeof meetings);
}

void cuda_on_cpu_watch_barrier(void) {
    cuda_on_cpu_watch_block_end();
    interval++;
    barriers++;
    counts->barriers++;
}

void cuda_on_cpu_watch_warp(int warp) {
    meetings[warp]++;
    counts->meetings++;
}

void cuda_on_cpu_atomic(void) {
    counts->atomics++;
}

/* ---- what the compiler calls ----------------------------------------------------- */

#define WATCH(name, bytes, writes)                                                     \
    void name(void *at) {                                                              \
        watch(at, bytes, writes, __builtin_return_address(0));                         \
    }
#define WATCH_SIZE(bytes)                                                              \
    WATCH(__tsan_read##bytes, bytes, false)                                            \
    WATCH(__tsan_write##bytes, bytes, true)                                            \
    WATCH(__tsan_unaligned_read##bytes, bytes, false)                                  \
    WATCH(__tsan_unaligned_write##bytes, bytes, true)
#define WATCH_RANGE(name, writes)                                                      \
    void name(void *at, long bytes) {                                                  \
        for (long done = 0; done < bytes; done += 4) {                                 \
            watch((char *)at + done, 4, writes, __builtin_return_address(0));          \
        }                                                                              \
    }
extern "C" {
WATCH_SIZE(1)
WATCH_SIZE(2)
WATCH_SIZE(4)
WATCH_SIZE(8)
WATCH_SIZE(16)
WATCH_RANGE(__tsan_read_range, false)
WATCH_RANGE(__tsan_write_range, true)
void __tsan_func_entry(void) {
}
void __tsan_func_exit(void) {
}
void __tsan_init(void) {
    is_watched = true;
}
}
