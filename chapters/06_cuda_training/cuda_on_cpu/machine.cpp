/*
 * machine.cpp: runs a kernel: block after block, a block's threads as fibers.
 *
 * A fiber is a stack and a saved stack pointer. The scheduler (the host's own stack)
 * lets one thread after another run until it has to wait; a thread waits by
 * switching back. When every thread of a block waits at the same barrier, all go on.
 *
 *     for each block:
 *         make all threads READY
 *         while some thread is not DONE:
 *             let each thread that doesn't wait run
 *             if all wait at one barrier: open it
 *             else if none could run: say which wait for which, and stop
 */
#include "machine.h"

#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* AddressSanitizer must be told before and after a switch to another stack. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#else
static void __sanitizer_start_switch_fiber(void **, const void *, size_t) {
}
static void __sanitizer_finish_switch_fiber(void *, const void **, size_t *) {
}
#endif

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

enum State { READY, AT_BARRIER, AT_WARP, DONE };

struct Thread {
    void *stack_pointer; /* while it waits */
    char *stack;         /* STACK_BYTES, from mmap */
    void *sanitizer;     /* AddressSanitizer's, while this thread waits */
    State state;
    uint3 index;
    CudaOnCpuPlace place;   /* where it waits */
    unsigned mask;          /* AT_WARP: which lanes take part */
    uint64_t value, result; /* what it brought, and what it takes away */
    int source;             /* whose value it wants */
};

enum { STACK_BYTES = 128 * 1024 };

static Thread threads[MAX_THREADS];
static unsigned lanes_waiting[MAX_THREADS / WARP]; /* of each warp: who is AT_WARP */
static int thread_count;
static Thread *current;
static void *scheduler_stack_pointer;
static const void *scheduler_stack; /* for AddressSanitizer: where it is */
static size_t scheduler_stack_bytes;

CudaOnCpuLaunch cuda_on_cpu_now;

/* ---- stopping with a message ------------------------------------------------ */

/* "cuda_on_cpu: kernel K, block (0,0,0), thread (5,0,0): ", on stderr. */
static void say_where(void) {
    const uint3 b = blockIdx, t = threadIdx;
    if (!cuda_on_cpu_now.kernel) {
        fprintf(stderr, "cuda_on_cpu: outside of a kernel: ");
        return;
    }
    fprintf(stderr, "cuda_on_cpu: kernel %s, block (%u,%u,%u)", cuda_on_cpu_now.kernel,
            b.x, b.y, b.z);
    if (current) {
        fprintf(stderr, ", thread (%u,%u,%u)", t.x, t.y, t.z);
    }
    fprintf(stderr, ": ");
}

void cuda_on_cpu_stop(const char *format, ...) {
    va_list arguments;
    fflush(stdout);
    say_where();
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    abort();
}

/* Not a kernel's mistake, but the world's. */
[[noreturn]] static void no_memory_for(const char *what) {
    fflush(stdout);
    fprintf(stderr, "cuda_on_cpu: no memory for %s\n", what);
    exit(1);
}

#ifdef __SANITIZE_ADDRESS__
/* AddressSanitizer calls this before it reports an access out of bounds. */
extern "C" void __asan_on_error(void) {
    if (cuda_on_cpu_now.kernel) {
        say_where();
        fprintf(stderr, "an access out of bounds\n");
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

/* switch_stacks(save, to): keeps this stack's pointer in *save and continues on the
 * other one. The registers that a function must preserve are saved on the stacks. */
extern "C" void cuda_on_cpu_switch_stacks(void **save, void *to);
#if defined(__x86_64__)
/* What thread_begins would return to is word 7: NULL. */
enum { SAVED_WORDS = 8, RETURN_WORD = 6 };
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
enum { SAVED_WORDS = 20, RETURN_WORD = 19 };
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

static void thread_begins(void) {
    __sanitizer_finish_switch_fiber(NULL, &scheduler_stack, &scheduler_stack_bytes);
    cuda_on_cpu_now.body(cuda_on_cpu_now.arguments);
    current->state = DONE;
    __sanitizer_start_switch_fiber(NULL, scheduler_stack, scheduler_stack_bytes);
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
    void **top = reinterpret_cast<void **>(t->stack + STACK_BYTES) - 2 - SAVED_WORDS;
    memset(top, 0, SAVED_WORDS * sizeof *top);
    top[RETURN_WORD] = reinterpret_cast<void *>(thread_begins);
    t->stack_pointer = top;
}

static void resume(Thread *t) {
    current = t;
    threadIdx = t->index;
    void *kept = NULL;
    __sanitizer_start_switch_fiber(&kept, t->stack, STACK_BYTES);
    cuda_on_cpu_switch_stacks(&scheduler_stack_pointer, t->stack_pointer);
    __sanitizer_finish_switch_fiber(kept, NULL, NULL);
    current = NULL;
}

/* Lets the scheduler go on; returns when this thread may. */
static void wait_for_others(void) {
    Thread *t = current;
    __sanitizer_start_switch_fiber(&t->sanitizer, scheduler_stack,
                                   scheduler_stack_bytes);
    cuda_on_cpu_switch_stacks(&t->stack_pointer, scheduler_stack_pointer);
    __sanitizer_finish_switch_fiber(t->sanitizer, NULL, NULL);
}

/* ---- waiting for each other ----------------------------------------------------- */

void cuda_on_cpu_barrier(CudaOnCpuPlace place) {
    current->state = AT_BARRIER;
    current->place = place;
    wait_for_others();
}

int cuda_on_cpu_lane(void) {
    return cuda_on_cpu_thread() % WARP;
}

/* Are all lanes of `mask`, which threads[first] and on are, in this function? */
static bool group_is_complete(CudaOnCpuPlace here, unsigned mask, int first) {
    if ((lanes_waiting[first / WARP] & mask) != mask && first + WARP <= thread_count) {
        return false; /* the usual case: some have yet to come */
    }
    for (int lane = 0; lane < WARP; lane++) {
        const Thread *t = &threads[first + lane];
        if (!(mask >> lane & 1)) {
            continue;
        }
        if (first + lane >= thread_count) {
            cuda_on_cpu_stop("%s at %s:%d: mask %08x names lane %d, but the block ends "
                             "before it",
                             here.what, here.file, here.line, mask, lane);
        }
        if (t->state != AT_WARP || t->mask != mask ||
            strcmp(t->place.what, here.what) != 0) {
            return false;
        }
    }
    return true;
}

uint64_t cuda_on_cpu_warp(CudaOnCpuPlace place, unsigned mask, uint64_t value,
                          int source) {
    Thread *t = current;
    const int lane = cuda_on_cpu_lane(), first = cuda_on_cpu_thread() - lane;
    unsigned *waiting = &lanes_waiting[first / WARP];
    if (!(mask >> lane & 1)) {
        cuda_on_cpu_stop("%s at %s:%d: mask %08x leaves out the calling lane %d",
                         place.what, place.file, place.line, mask, lane);
    }
    if (source != CUDA_ON_CPU_VOTE && !(mask >> source & 1)) {
        cuda_on_cpu_stop("%s at %s:%d: reads lane %d, which mask %08x leaves out",
                         place.what, place.file, place.line, source, mask);
    }
    t->mask = mask;
    t->value = value;
    t->source = source;
    t->place = place;
    t->state = AT_WARP;
    *waiting |= 1u << lane;
    if (!group_is_complete(place, mask, first)) {
        wait_for_others();
        return t->result;
    }
    cuda_on_cpu_watch_warp(first / WARP);
    uint64_t votes = 0;
    for (int l = 0; l < WARP; l++) {
        votes |= (mask >> l & 1 && threads[first + l].value) ? UINT64_C(1) << l : 0;
    }
    for (int l = 0; l < WARP; l++) {
        Thread *other = &threads[first + l];
        if (mask >> l & 1) {
            other->result = other->source == CUDA_ON_CPU_VOTE
                                ? votes
                                : threads[first + other->source].value;
            other->state = READY;
        }
    }
    *waiting &= ~mask;
    return t->result;
}

/* ---- the scheduler --------------------------------------------------------------- */

#ifdef __SANITIZE_ADDRESS__
CudaOnCpuBlock cuda_on_cpu_static_shared(void) {
    return {}; /* spread out between red zones */
}
#else
/* Every thread of the host has its own copy of static shared memory, more than 1 MB.
 * Its stack has to make room for it: `ulimit -s 1024` or OMP_STACKSIZE=64k would leave
 * none. What is in .preinit_array runs before OpenMP reads the environment. */
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

static int note_own_variables(struct dl_phdr_info *program, size_t, void *block) {
    for (int i = 0; i < program->dlpi_phnum; i++) {
        const ElfW(Phdr) &part = program->dlpi_phdr[i];
        if (part.p_type == PT_TLS && program->dlpi_tls_data) {
            *static_cast<CudaOnCpuBlock *>(block) = {
                static_cast<char *>(program->dlpi_tls_data), part.p_memsz, NULL, 0};
        }
    }
    return 1; /* the first is the program itself: no library's are asked for */
}

CudaOnCpuBlock cuda_on_cpu_static_shared(void) {
    CudaOnCpuBlock block = {};
    dl_iterate_phdr(note_own_variables, &block);
    return block;
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

static bool waits_with(const Thread *t, const Thread *other) {
    return t->state == other->state && t->place.line == other->place.line &&
           t->place.file == other->place.file;
}

/* Nobody can go on: say why. */
static void report_deadlock(void) {
    const Thread *waits = first_in(AT_WARP), *other = NULL;
    int waiting = 0;
    if (!waits) {
        waits = first_in(AT_BARRIER);
        other = first_in(DONE);
    }
    for (int i = 0; i < thread_count; i++) {
        const bool with_it = waits_with(&threads[i], waits);
        waiting += with_it;
        other = other || with_it ? other : &threads[i];
    }
    other = other ? other : waits;
    char does[300] = "has returned";
    if (other->state != DONE) {
        snprintf(does, sizeof does, "waits in %s at %s:%d", other->place.what,
                 other->place.file, other->place.line);
    }
    cuda_on_cpu_stop("%s at %s:%d is not reached by all threads: %d of %d wait there, "
                     "the first is (%u,%u,%u); thread (%u,%u,%u) %s",
                     waits->place.what, waits->place.file, waits->place.line, waiting,
                     thread_count, waits->index.x, waits->index.y, waits->index.z,
                     other->index.x, other->index.y, other->index.z, does);
}

/* Every thread waits at the same barrier: then all may go on. */
static bool open_barrier(void) {
    for (int i = 0; i < thread_count; i++) {
        if (threads[i].state != AT_BARRIER || !waits_with(&threads[i], &threads[0])) {
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
        threads[i].state = READY;
        prepare_stack(&threads[i]);
    }
    cuda_on_cpu_watch_block(thread_count);
    for (int left = thread_count; left > 0;) {
        bool moved = false;
        for (int i = 0; i < thread_count; i++) {
            Thread *t = &threads[order[i]];
            if (t->state == READY) {
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
    return cuda_on_cpu_now.shared.at;
}

/* The coordinates of thread i of a block, or block i of a grid: x counts fastest. */
static uint3 coordinates(uint64_t i, dim3 of) {
    return {(unsigned)(i % of.x), (unsigned)(i / of.x % of.y),
            (unsigned)(i / of.x / of.y)};
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
        blockIdx = coordinates(in_order(order, i, count), gridDim);
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
    cuda_on_cpu_now = {kernel, body, arguments, {shared, shared_bytes, NULL, 0}};
    gridDim = grid;
    blockDim = block;
    thread_count = (int)(block.x * block.y * block.z);
    for (int i = 0; i < thread_count; i++) {
        threads[i].index = coordinates((uint64_t)i, block);
    }
    if (!shared) {
        no_memory_for("a block's shared memory");
    }
    if (all_orders) {
        cuda_on_cpu_run_in_all_orders();
    } else {
        cuda_on_cpu_run_grid(ORDER_FORWARD);
    }
    free(cuda_on_cpu_now.shared.shadow);
    free(shared);
    cuda_on_cpu_now = {};
}
