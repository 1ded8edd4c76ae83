/*
 * stop.h: signals that ask a run to stop: Ctrl-C (SIGINT), kill (SIGTERM), a terminal
 * that is closed (SIGHUP), a reader of the output that has gone (SIGPIPE), no time left
 * (SIGXCPU), a cluster's warning of that (SIGUSR1, SIGUSR2). The run finishes its step
 * and saves. What the program was started to ignore, as by nohup, stays ignored.
 */
#pragma once

#include <stdbool.h>

/* stop_watch: from now on a signal that ends the program takes its temporary files and
 * its lock away first. */
void stop_watch(void);

/* stop_later: while this is on, a signal is noted only: the run will look, and save. A
 * second Ctrl-C ends the program at once; nothing else does, because `timeout` and
 * terminals send their signal twice. */
void stop_later(bool on);

/* stop_asked: the number of the signal that was noted, 0 while there was none. */
int stop_asked(void);
