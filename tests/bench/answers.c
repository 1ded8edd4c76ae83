/* answers.c: see answers.h. */
#include "answers.h"

#include <stdarg.h>
#include <time.h>
#include <unistd.h>

/* Processor time that all threads of this process have had, in ms. */
static double used_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

bool threads_rest(void) {
    const struct timespec pause = {.tv_nsec = 10000000};
    int quiet = 0; /* pauses in a row that nothing was used in */
    double before = used_ms();
    for (int i = 0; i < 300 && quiet < 2; i++) {
        nanosleep(&pause, NULL);
        const double now = used_ms();
        quiet = now - before < 0.5 ? quiet + 1 : 0;
        before = now;
    }
    return quiet == 2;
}

FILE *answers_on_stdout(void) {
    const int copy = dup(STDOUT_FILENO);
    if (copy < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        return NULL;
    }
    return fdopen(copy, "w");
}

bool answer(FILE *to, const char *format, ...) {
    va_list arguments;
    if (!threads_rest()) {
        fprintf(to, "failed its threads don't come to rest\n");
        return fflush(to) == 0;
    }
    va_start(arguments, format);
    vfprintf(to, format, arguments);
    va_end(arguments);
    return fputc('\n', to) != EOF && fflush(to) == 0;
}
