/* stop.c: see stop.h. */
#include "chapters/05_vision_transformer/program/stop.h"

#include <signal.h>
#include <time.h>

#include "chapters/05_vision_transformer/program/file_lock.h"

static const int watched[] = {SIGINT,  SIGTERM, SIGHUP, SIGPIPE,
                              SIGXCPU, SIGUSR1, SIGUSR2};
enum { WATCHED = sizeof watched / sizeof watched[0] };

static volatile sig_atomic_t later, noted;
static struct timespec first;

/* A program that passes a Ctrl-C on sends it twice within a moment: one Ctrl-C. */
static bool a_moment_ago(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const double seconds = (double)(now.tv_sec - first.tv_sec) +
                           1e-9 * (double)(now.tv_nsec - first.tv_nsec);
    return seconds < 0.1;
}

static void handle(int signal_number) {
    if (later && !noted) {
        clock_gettime(CLOCK_MONOTONIC, &first);
        noted = signal_number;
    } else if (!later || (signal_number == SIGINT && !a_moment_ago())) {
        new_file_drop_at_signal();
        file_lock_drop_at_signal();
        signal(signal_number, SIG_DFL);
        raise(signal_number); /* comes when this handler has returned */
    }
}

/* SA_RESTART: what is being written when a signal comes is written to its end. */
void stop_watch(void) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART}, old;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < WATCHED; i++) {
        if (sigaction(watched[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            sigaction(watched[i], &action, NULL);
        }
    }
}

void stop_later(bool on) {
    later = on;
}

int stop_asked(void) {
    return noted;
}
