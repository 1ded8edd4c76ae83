/* stop.c: see stop.h. */
#include "chapters/05_vision_transformer/program/stop.h"

#include <signal.h>

#include "chapters/05_vision_transformer/program/file_lock.h"
#include "common/lesson/stopwatch.h"

static const int watched[] = {SIGINT,  SIGTERM, SIGHUP, SIGPIPE,
                              SIGXCPU, SIGUSR1, SIGUSR2};

static volatile sig_atomic_t later, noted;
static double noted_ms; /* when */

static void handle(int signal_number) {
    if (later && !noted) {
        noted_ms = stopwatch_ms();
        noted = signal_number;
        return;
    }
    /* A program that passes a Ctrl-C on sends it twice within a moment: one Ctrl-C. */
    const bool again = signal_number == SIGINT && stopwatch_ms() - noted_ms >= 100;
    if (!later || again) {
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
    for (size_t i = 0; i < sizeof watched / sizeof watched[0]; i++) {
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
