/*
 * crash.c: the line of the student's code at which an exercise was ended by a signal.
 * See exercise.h. The C library finds the addresses (glibc's does, and macOS's; with
 * musl's no line is known), binutils' addr2line their lines.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

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

bool crash_is_of_stack(const void *address) {
    struct rlimit limit;
    const double depth = (double)(stack_base - (const char *)address);
    return getrlimit(RLIMIT_STACK, &limit) == 0 &&
           depth > 0.8 * (double)limit.rlim_cur && depth < 1.2 * (double)limit.rlim_cur;
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

/* The command that prints "FILE:LINE" for each frame, the innermost first. A frame's
 * address is where its call returns to, behind the call: 1 is taken away. Frame 2 is
 * where the signal came (before it are the handler and the kernel's way back): that
 * address is exact, and is asked for too, because some instructions have no line. */
static void ask_for_lines(const char *frames, char *command, size_t size) {
    int used = snprintf(command, size, "addr2line -i -e /proc/%ld/exe", (long)getpid());
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
    if (!frames) {
        return NULL;
    }
    ask_for_lines(frames + strlen(mark), command, sizeof command);
    *frames = '\0'; /* nobody else needs them */
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
