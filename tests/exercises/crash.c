/*
 * crash.c: the line of the student's code at which an exercise was ended by a signal.
 * See exercise.h. The kernel says where it was (on Linux, x86-64 and ARM), the C
 * library who called it (glibc's does, and macOS's; musl's doesn't), binutils'
 * addr2line the lines. A loop that ran wild may have destroyed what the C library needs
 * for that: so where it was is kept first.
 */
#define _GNU_SOURCE 1 /* REG_RIP */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <ucontext.h>
#endif

#if __has_include(<execinfo.h>)
#include <execinfo.h>
#else
static int backtrace(void **frames, int count) {
    return (void)frames, (void)count, 0;
}
static void backtrace_symbols_fd(void *const *frames, int count, int file) {
    (void)frames, (void)count, (void)file;
}
#endif

#include "tests/exercises/exercise.h"
#include "tests/exercises/grading.h"

/* Where the linker says that the program begins; NULL: it says nothing. */
#ifdef __ELF__
extern const char __executable_start[] __attribute__((weak));
#else
static const char *const __executable_start = NULL;
#endif

static const char mark[] = "\nframes:\n";
enum { FRAMES = 32, PATH = 512 };

static const char *stack_base;

/* A handler needs a stack of its own, where the other may be full. */
void crash_prepare(void) {
    static char bytes[1 << 16];
    const stack_t stack = {.ss_sp = bytes, .ss_size = sizeof bytes};
    void *frame[1];
    stack_base = (const char *)frame;
    sigaltstack(&stack, NULL);
    (void)backtrace(frame, 1); /* the first call loads what it needs */
}

static bool is_of_stack(const void *address) {
    struct rlimit limit;
    const double depth = (double)(stack_base - (const char *)address);
    return getrlimit(RLIMIT_STACK, &limit) == 0 &&
           depth > 0.8 * (double)limit.rlim_cur && depth < 1.2 * (double)limit.rlim_cur;
}

/* The address of the instruction at which the signal came; 0: not known. */
static uintptr_t instruction_of(void *context) {
#if defined __linux__ && defined __x86_64__
    return (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined __linux__ && defined __aarch64__
    return (uintptr_t)((ucontext_t *)context)->uc_mcontext.pc;
#else
    return (void)context, 0;
#endif
}

void crash_keep(int signal_number, siginfo_t *info, void *context) {
    now.told->signal_number = signal_number;
    now.told->at = instruction_of(context);
    now.told->stack_full = signal_number == SIGSEGV && is_of_stack(info->si_addr);
}

void crash_print_frames(void) {
    void *frames[FRAMES];
    const int count = backtrace(frames, FRAMES);
    (void)!write(STDOUT_FILENO, mark, strlen(mark));
    backtrace_symbols_fd(frames, count, STDOUT_FILENO);
}

/* The offset in "PROGRAM(+0x1234) [0x...]" of a frame; 0: it isn't this program's. */
static unsigned long offset_of(const char *frame) {
    const char *at = strstr(frame, "/grade(+0x"), *end = strchr(frame, '\n');
    if (!at || (end && at > end)) {
        return 0;
    }
    return strtoul(at + strlen("/grade(+"), NULL, 16);
}

/* The same of an address in this program, or in a child of it. A program that isn't
 * position-independent (its header says 2, not 3) knows its addresses themselves. */
static unsigned long offset_in_program(uintptr_t at) {
    enum { ELF_TYPE = 16, POSITION_INDEPENDENT = 3 };
    const uintptr_t begin = (uintptr_t)__executable_start;
    if (begin == 0 || at < begin) {
        return 0;
    }
    return __executable_start[ELF_TYPE] == POSITION_INDEPENDENT ? at - begin : at;
}

/* The command that prints "FILE:LINE" for where the signal came, then for each frame,
 * the innermost first. A frame's address is where its call returns to, behind the call:
 * 1 is taken away. Frame 2 is where the signal came (before it are the handler and the
 * kernel's way back): that address is exact, and is asked for too, because some
 * instructions have no line. */
static void ask_for_lines(const char *frames, char *command, size_t size) {
    int used = snprintf(command, size, "addr2line -i -e /proc/%ld/exe", (long)getpid());
    const unsigned long exact = offset_in_program(now.told->at);
    if (exact) {
        used += snprintf(command + used, size - (size_t)used, " %#lx", exact);
    }
    for (int number = 0; *frames && number < FRAMES; number++) {
        const unsigned long offset = offset_of(frames);
        for (int back = number == 2 ? 0 : 1; offset && back <= 1; back++) {
            used += snprintf(command + used, size - (size_t)used, " %#lx",
                             offset - (unsigned long)back);
        }
        frames += strcspn(frames, "\n");
        frames += *frames == '\n';
    }
    snprintf(command + used, size - (size_t)used, " 2>/dev/null");
}

const char *crash_line(char *text, const char *folder) {
    static char found[PATH];
    char *frames = strstr(text, mark), command[FRAMES * 64], line[PATH];
    found[0] = '\0';
    if (!frames && !now.told->at) {
        return NULL;
    }
    ask_for_lines(frames ? frames + strlen(mark) : "", command, sizeof command);
    if (frames) {
        *frames = '\0'; /* nobody else needs them */
    }
    fflush(stdout);
    FILE *lines = popen(command, "r");
    while (lines && fgets(line, sizeof line, lines)) {
        const char *at = strstr(line, folder);
        if (at && !strstr(at, ":?") && !found[0]) {
            snprintf(found, sizeof found, "%.*s", (int)strcspn(at, " \n"), at);
        }
    }
    if (lines) {
        (void)pclose(lines);
    }
    return found[0] ? found : NULL;
}
