/*
 * stop.h: signals that ask a run to stop: Ctrl-C (SIGINT), kill (SIGTERM), a terminal
 * that is closed (SIGHUP), a reader of the output that has gone (SIGPIPE), no time left
 * (SIGXCPU). The run finishes its step and saves. What the program was started to
 * ignore, as by nohup, stays ignored.
 */
#ifndef STOP_H
#define STOP_H

/* stop_watch: from now on. A second Ctrl-C ends the program at once; so does nothing
 * else, because `timeout` and terminals send their signal twice. */
void stop_watch(void);

/* stop_asked: the signal's number, 0 while there was none. */
int stop_asked(void);

/* stop_unwatch: what is left to do needs no care: signals end the program again. */
void stop_unwatch(void);

#endif
