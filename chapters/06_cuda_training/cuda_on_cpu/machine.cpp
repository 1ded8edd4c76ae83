/*
 * machine.cpp: runs a kernel: block after block, a block's threads as fibers.
 *
 * A fiber is a stack and a saved stack pointer. The scheduler (the host's own stack)
 * lets one thread after another run until it has to wait; a thread waits by
 * switching back. When every thread of a block waits at the same barrier, all go on.
 *
 *     for each block:
 *         make all threads NEW
 *         while some thread is not DONE:
 *             let each thread that doesn't wait run
 *             if all wait at one barrier: open it
 *             else if none could run: say which wait for which, and stop
 */
#include "machine.h"

#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

enum State { NEW, READY, AT_BARRIER, AT_WARP, DONE };

struct Thread {
    void *stack_pointer; /* where it waits */
    char *stack;         /* STACK_BYTES, from mmap */
    void *sanitizer;     /* AddressSanitizer's, while this thread waits */
    State state;
    uint3 index;
    const char *what, *file; /* what it waits at, and where */
    int line;
    unsigned mask;          /* AT_WARP: which lanes take part */
    uint64_t value, result; /* what it brought, and what it takes away */
    int source;             /* whose value it wants */
};

enum { MAX_THREADS = 1024, STACK_BYTES = 128 * 1024 };

static Thread threads[MAX_THREADS];
static unsigned lanes_waiting[MAX_THREADS / 32]; /* of each warp: who is AT_WARP */
static int thread_count;
static Thread *current;
static void *scheduler_stack_pointer;
static const void *scheduler_stack; /* for AddressSanitizer: where it lies */
static size_t scheduler_stack_bytes;
static void (*kernel_body)(void *);
static void *kernel_arguments;

CudaOnCpuLaunch cuda_on_cpu_now;

/* ---- stopping with a message ------------------------------------------------ */

/* "kernel K, block (0,0,0), thread (5,0,0): ", written into text. */
static const char *where_it_runs(char *text, size_t bytes) {
    char thread[60] = "";
    if (!cuda_on_cpu_now.kernel) {
        return "outside of a kernel: ";
    }
    if (current) {
        snprintf(thread, sizeof thread, ", thread (%u,%u,%u)", threadIdx.x, threadIdx.y,
                 threadIdx.z);
    }
    snprintf(text, bytes, "kernel %s, block (%u,%u,%u)%s: ", cuda_on_cpu_now.kernel,
             blockIdx.x, blockIdx.y, blockIdx.z, thread);
    return text;
}

void cuda_on_cpu_stop(const char *format, ...) {
    char where[160];
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "cuda_on_cpu: %s", where_it_runs(where, sizeof where));
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    abort();
}

/* No kernel's mistake, but the world's fault. */
[[noreturn]] static void no_memory_for(const char *what) {
    fflush(stdout);
    fprintf(stderr, "cuda_on_cpu: no memory for %s\n", what);
    exit(1);
}

#ifdef __SANITIZE_ADDRESS__
/* AddressSanitizer calls this before it reports an access out of bounds. */
extern "C" void __asan_on_error(void);
extern "C" void __asan_on_error(void) {
    char where[160];
    if (cuda_on_cpu_now.kernel) {
        fprintf(stderr, "cuda_on_cpu: %san access out of bounds\n",
                where_it_runs(where, sizeof where));
    }
}
#endif

int cuda_on_cpu_thread(void) {
    return current ? (int)(current - threads) : -1;
}

uint3 cuda_on_cpu_index_of(int thread) {
    return threads[thread].index;
}

bool cuda_on_cpu_is_local(const void *at) {
    const char *address = static_cast<const char *>(at);
    return address >= current->stack && address < current->stack + STACK_BYTES;
}

/* ---- fibers ------------------------------------------------------------------ */

/* switch_stacks(save, to): keep this stack's pointer in *save and go on on the other
 * one. The registers that a function must leave as it found them lie on the stacks. */
extern "C" void cuda_on_cpu_switch_stacks(void **save, void *to);
#if defined(__x86_64__)
enum { SAVED_WORDS = 6 };
__asm__(".text\n.globl cuda_on_cpu_switch_stacks\n"
        ".type cuda_on_cpu_switch_stacks, @function\n"
        "cuda_on_cpu_switch_stacks:\n"
        "    push %rbp\n    push %rbx\n    push %r12\n"
        "    push %r13\n    push %r14\n    push %r15\n"
        "    mov %rsp, (%rdi)\n    mov %rsi, %rsp\n"
        "    pop %r15\n    pop %r14\n    pop %r13\n"
        "    pop %r12\n    pop %rbx\n    pop %rbp\n"
        "    ret\n"
        ".size cuda_on_cpu_switch_stacks, . - cuda_on_cpu_switch_stacks\n");
#elif defined(__aarch64__)
enum { SAVED_WORDS = 20 };
__asm__(".text\n.globl cuda_on_cpu_switch_stacks\n"
        "cuda_on_cpu_switch_stacks:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp, #0]\n    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n    stp d8, d9, [sp, #80]\n"
        "    stp d10, d11, [sp, #96]\n    stp d12, d13, [sp, #112]\n"
        "    stp d14, d15, [sp, #128]\n    stp x29, x30, [sp, #144]\n"
        "    mov x9, sp\n    str x9, [x0]\n    mov sp, x1\n"
        "    ldp x19, x20, [sp, #0]\n    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n    ldp d8, d9, [sp, #80]\n"
        "    ldp d10, d11, [sp, #96]\n    ldp d12, d13, [sp, #112]\n"
        "    ldp d14, d15, [sp, #128]\n    ldp x29, x30, [sp, #144]\n"
        "    add sp, sp, #160\n    ret\n");
#else
#error "cuda_on_cpu: switching stacks is written for x86-64 and AArch64 only"
#endif

/* AddressSanitizer wants to know when another stack is gone to, and come to. */
#ifdef __SANITIZE_ADDRESS__
static void leave(void **keep, const void *stack, size_t bytes) {
    __sanitizer_start_switch_fiber(keep, stack, bytes);
}
static void arrive(void *kept, const void **left_stack, size_t *left_bytes) {
    __sanitizer_finish_switch_fiber(kept, left_stack, left_bytes);
}
#else
static void leave(void **, const void *, size_t) {
}
static void arrive(void *, const void **, size_t *) {
}
#endif

static void thread_begins(void) {
    arrive(NULL, &scheduler_stack, &scheduler_stack_bytes);
    kernel_body(kernel_arguments);
    current->state = DONE;
    leave(NULL, scheduler_stack, scheduler_stack_bytes);
    cuda_on_cpu_switch_stacks(&current->stack_pointer, scheduler_stack_pointer);
    abort(); /* a thread that is DONE is never resumed */
}

/* A stack that looks as if thread_begins had just called switch_stacks. */
static void prepare_stack(Thread *t) {
    if (!t->stack) {
        void *at = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED) {
            no_memory_for("the stacks of a block's threads");
        }
        t->stack = static_cast<char *>(at);
        /* A thread that needs more ends here, before it writes into another's. */
        mprotect(t->stack, (size_t)sysconf(_SC_PAGESIZE), PROT_NONE);
    }
    void **top = reinterpret_cast<void **>(t->stack + STACK_BYTES) - 2;
#if defined(__x86_64__)
    *--top = NULL; /* thread_begins returns nowhere; and the ABI's alignment */
    *--top = reinterpret_cast<void *>(thread_begins);
    top -= SAVED_WORDS;
    memset(top, 0, SAVED_WORDS * sizeof *top);
#else
    top -= SAVED_WORDS;
    memset(top, 0, SAVED_WORDS * sizeof *top);
    top[19] = reinterpret_cast<void *>(thread_begins);
#endif
    t->stack_pointer = top;
}

static void resume(Thread *t) {
    current = t;
    threadIdx = t->index;
    void *kept = NULL;
    leave(&kept, t->stack, STACK_BYTES);
    cuda_on_cpu_switch_stacks(&scheduler_stack_pointer, t->stack_pointer);
    arrive(kept, NULL, NULL);
    current = NULL;
}

/* Wait: the scheduler goes on. Returns when this thread may. */
static void wait_as(State state, const char *what, const char *file, int line) {
    Thread *t = current;
    t->state = state;
    t->what = what;
    t->file = file;
    t->line = line;
    leave(&t->sanitizer, scheduler_stack, scheduler_stack_bytes);
    cuda_on_cpu_switch_stacks(&t->stack_pointer, scheduler_stack_pointer);
    arrive(t->sanitizer, NULL, NULL);
}

/* ---- waiting for each other ----------------------------------------------------- */

void cuda_on_cpu_barrier(const char *file, int line) {
    wait_as(AT_BARRIER, "__syncthreads", file, line);
}

int cuda_on_cpu_lane(void) {
    return (int)(current - threads) % 32;
}

static Thread *warp_of(Thread *t) {
    return threads + (t - threads) / 32 * 32;
}

static unsigned *waiting_with(const Thread *t) {
    return &lanes_waiting[(t - threads) / 32];
}

/* Are all lanes of this thread's mask at the same place? */
static bool group_is_complete(const Thread *t, const Thread *warp) {
    if ((*waiting_with(t) & t->mask) != t->mask && t - threads + 32 <= thread_count) {
        return false; /* the usual case: some have yet to come */
    }
    for (int lane = 0; lane < 32; lane++) {
        const Thread *other = warp + lane;
        if (!(t->mask >> lane & 1)) {
            continue;
        }
        if (other >= threads + thread_count) {
            cuda_on_cpu_stop("%s at %s:%d: mask %08x names lane %d, but the block ends "
                             "before it",
                             t->what, t->file, t->line, t->mask, lane);
        }
        if (other->state != AT_WARP || other->mask != t->mask ||
            strcmp(other->what, t->what) != 0) {
            return false;
        }
    }
    return true;
}

uint64_t cuda_on_cpu_warp(const char *what, const char *file, int line, unsigned mask,
                          uint64_t value, int source) {
    Thread *t = current, *warp = warp_of(t);
    const int lane = cuda_on_cpu_lane();
    t->what = what;
    t->file = file;
    t->line = line;
    if (!(mask >> lane & 1)) {
        cuda_on_cpu_stop("%s at %s:%d: mask %08x leaves out the calling lane %d", what,
                         file, line, mask, lane);
    }
    if (source != CUDA_ON_CPU_VOTE && !(mask >> source & 1)) {
        cuda_on_cpu_stop("%s at %s:%d: reads lane %d, which mask %08x leaves out", what,
                         file, line, source, mask);
    }
    t->mask = mask;
    t->value = value;
    t->source = source;
    t->state = AT_WARP;
    *waiting_with(t) |= 1u << lane;
    if (!group_is_complete(t, warp)) {
        wait_as(AT_WARP, what, file, line);
        return t->result;
    }
    cuda_on_cpu_watch_warp((int)(t - threads) / 32);
    uint64_t votes = 0;
    for (int l = 0; l < 32; l++) {
        votes |= (mask >> l & 1 && warp[l].value) ? UINT64_C(1) << l : 0;
    }
    for (int l = 0; l < 32; l++) {
        if (mask >> l & 1) {
            *waiting_with(t) &= ~(1u << l);
            Thread *other = warp + l;
            const int from = other->source;
            other->result = from == CUDA_ON_CPU_VOTE ? votes : warp[from].value;
            other->state = READY;
        }
    }
    return t->result;
}

/* ---- the scheduler --------------------------------------------------------------- */

#ifdef __SANITIZE_ADDRESS__
CudaOnCpuRange cuda_on_cpu_static_shared(void) {
    return {NULL, 0}; /* not in one place: between red zones */
}
#else
/* Every thread of the host has its own copy of static shared memory, more than 1 MB.
 * Its stack has to make room for it: `ulimit -s 1024` or OMP_STACKSIZE=64k would leave
 * none. What stands in .preinit_array runs before OpenMP reads the environment. */
static void ask_for_large_stacks(int, char **, char **environment) {
    char **kept = environment;
    for (char **e = environment; *e; e++) {
        if (strncmp(*e, "OMP_STACKSIZE=", 14) && strncmp(*e, "GOMP_STACKSIZE=", 15)) {
            *kept++ = *e;
        }
    }
    *kept = NULL;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 8 << 20);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
}
typedef void BeforeAll(int, char **, char **);
__attribute__((section(".preinit_array"), used)) static BeforeAll *const before_all =
    ask_for_large_stacks;

static int note_own_variables(struct dl_phdr_info *program, size_t size, void *range) {
    (void)size;
    for (int i = 0; i < program->dlpi_phnum; i++) {
        if (program->dlpi_phdr[i].p_type == PT_TLS && program->dlpi_tls_data) {
            *static_cast<CudaOnCpuRange *>(range) = {
                static_cast<char *>(program->dlpi_tls_data),
                program->dlpi_phdr[i].p_memsz};
        }
    }
    return 1; /* the first is the program itself: no library's are asked for */
}

CudaOnCpuRange cuda_on_cpu_static_shared(void) {
    CudaOnCpuRange range = {NULL, 0};
    dl_iterate_phdr(note_own_variables, &range);
    return range;
}
#endif

static const Thread *first_in(State state) {
    for (int i = 0; i < thread_count; i++) {
        if (threads[i].state == state) {
            return &threads[i];
        }
    }
    return NULL;
}

/* Nobody can go on: say why. */
static void report_deadlock(void) {
    const Thread *waits = first_in(AT_WARP);
    const Thread *other = waits ? NULL : first_in(DONE);
    if (!waits) {
        waits = first_in(AT_BARRIER);
    }
    int waiting = 0;
    for (int i = 0; i < thread_count; i++) {
        waiting += threads[i].state == waits->state && threads[i].line == waits->line;
    }
    for (int i = 0; !other && i < thread_count; i++) {
        const Thread *t = &threads[i];
        if (t->state != waits->state || t->line != waits->line) {
            other = t;
        }
    }
    if (!other) {
        other = waits;
    }
    char place[300];
    snprintf(place, sizeof place, "waits in %s at %s:%d",
             other->what ? other->what : "", other->file ? other->file : "",
             other->line);
    cuda_on_cpu_stop("%s at %s:%d is not reached by all threads: %d of %d wait there, "
                     "the first is (%u,%u,%u); thread (%u,%u,%u) %s",
                     waits->what, waits->file, waits->line, waiting, thread_count,
                     waits->index.x, waits->index.y, waits->index.z, other->index.x,
                     other->index.y, other->index.z,
                     other->state == DONE ? "has returned" : place);
}

/* Every thread waits at the same barrier: then all may go on. */
static bool open_barrier(void) {
    const Thread *first = &threads[0];
    for (int i = 0; i < thread_count; i++) {
        const Thread *t = &threads[i];
        if (t->state != AT_BARRIER || t->line != first->line ||
            t->file != first->file) {
            return false;
        }
    }
    for (int i = 0; i < thread_count; i++) {
        threads[i].state = READY;
    }
    cuda_on_cpu_watch_barrier();
    return true;
}

static void run_block(const int *order) {
    memset(lanes_waiting, 0, sizeof lanes_waiting);
    for (int i = 0; i < thread_count; i++) {
        threads[i].state = NEW;
        threads[i].what = NULL;
        prepare_stack(&threads[i]);
    }
    cuda_on_cpu_watch_block(thread_count);
    for (int left = thread_count; left > 0;) {
        bool moved = false;
        for (int i = 0; i < thread_count; i++) {
            Thread *t = &threads[order[i]];
            if (t->state == NEW || t->state == READY) {
                resume(t);
                moved = true;
                left -= t->state == DONE;
            }
        }
        if (!moved && !open_barrier()) {
            report_deadlock();
        }
    }
    cuda_on_cpu_watch_block_end();
}

void *cuda_on_cpu_dynamic_shared(void) {
    return cuda_on_cpu_now.dynamic_shared;
}

static void place_threads(dim3 block) {
    thread_count = (int)(block.x * block.y * block.z);
    for (int i = 0; i < thread_count; i++) {
        const unsigned n = (unsigned)i;
        threads[i].index = {n % block.x, n / block.x % block.y,
                            n / (block.x * block.y)};
    }
}

/* The i-th of `count` in this order. Shuffled: steps of a prime that doesn't divide
 * count visit everyone once. */
static uint64_t in_order(CudaOnCpuOrder order, uint64_t i, uint64_t count) {
    const uint64_t prime = count % 7919 != 0 ? 7919 : 7907;
    switch (order) {
    case ORDER_BACKWARD: return count - 1 - i;
    case ORDER_SHUFFLED: return (i * prime + count / 2) % count;
    default: return i;
    }
}

void cuda_on_cpu_run_grid(CudaOnCpuOrder order) {
    static int threads_in_order[MAX_THREADS];
    for (int i = 0; i < thread_count; i++) {
        threads_in_order[i] = (int)in_order(order, (uint64_t)i, (uint64_t)thread_count);
    }
    const uint64_t count = (uint64_t)gridDim.x * gridDim.y * gridDim.z;
    cuda_on_cpu_watch_launch();
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t b = in_order(order, i, count);
        blockIdx = {(unsigned)(b % gridDim.x), (unsigned)(b / gridDim.x % gridDim.y),
                    (unsigned)(b / gridDim.x / gridDim.y)};
        run_block(threads_in_order);
    }
}

void cuda_on_cpu_run(const char *kernel, dim3 grid, dim3 block, size_t shared_bytes,
                     void (*body)(void *), void *arguments) {
    if (!cuda_on_cpu_launch_is_possible(grid, block, shared_bytes)) {
        return;
    }
    const bool all_orders = cuda_on_cpu_is_on("CUDA_ON_CPU_ORDERS");
    char *shared = static_cast<char *>(malloc(shared_bytes ? shared_bytes : 1));
    cuda_on_cpu_now = {kernel, shared, shared_bytes};
    kernel_body = body;
    kernel_arguments = arguments;
    gridDim = grid;
    blockDim = block;
    place_threads(block);
    if (!shared) {
        no_memory_for("a block's shared memory");
    }
    if (all_orders) {
        cuda_on_cpu_run_in_all_orders();
    } else {
        cuda_on_cpu_run_grid(ORDER_FORWARD);
    }
    free(shared);
    cuda_on_cpu_now = {};
}
