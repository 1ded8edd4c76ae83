/* answers.c: see answers.h. */
#include "tests/bench/answers.h"

#include <dirent.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Processor time that all threads of this process have had, in ms. */
static double used_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* The letter of a thread's state in the system's line "TID (NAME) STATE ...". */
static char state_of(const char *task) {
    char path[300], line[200] = "";
    snprintf(path, sizeof path, "/proc/self/task/%.40s/stat", task);
    FILE *file = fopen(path, "r");
    if (file) {
        if (!fgets(line, sizeof line, file)) {
            line[0] = '\0';
        }
        fclose(file);
    }
    const char *end = strrchr(line, ')');
    return end && end[1] == ' ' ? end[2] : '?';
}

/* Threads that want a processor, whether they have one now or not; this one is among
 * them. Where the system doesn't tell: 1. */
static int threads_running(void) {
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        count += task->d_name[0] != '.' && state_of(task->d_name) == 'R';
    }
    if (tasks) {
        closedir(tasks);
    }
    return count > 1 ? count : 1;
}

bool threads_rest(void) {
    const struct timespec pause = {.tv_nsec = 10000000};
    int quiet = 0; /* pauses in a row in which nothing was used */
    double before = used_ms();
    for (int i = 0; i < 150 && quiet < 2; i++) {
        nanosleep(&pause, NULL);
        const double now = used_ms();
        quiet = now - before < 0.5 && threads_running() == 1 ? quiet + 1 : 0;
        before = used_ms();
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
