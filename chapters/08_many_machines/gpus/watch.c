/* watch.c: see watch.h. */
#include "chapters/08_many_machines/gpus/watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "chapters/05_vision_transformer/program/file_lock.h"
#include "common/lesson/stopwatch.h"

enum { LOOK_MS = 20, GRACE_MS = 1000, ABORT_S = 5 };

static Watch watch;
static pthread_t thread;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static bool over;
static void *work;
static double waits_since; /* ms; 0: it doesn't */

static void rest(void) {
    nanosleep(&(struct timespec){0, LOOK_MS * 1000000L}, NULL);
}

static void end_now(int signal_number) {
    (void)signal_number;
    _exit(1);
}

/* Ending what is under way may take for ever, too. */
static void abort_work(void) {
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = end_now}, NULL);
    alarm(ABORT_S);
    watch.abort_work(work);
}

/* The end of the program. Who has been told by another rank says nothing. */
static void end_with(const char *why) {
    if (why) {
        fflush(stdout);
        fprintf(stderr,
                "%s: rank %d: %s; training goes on from the last checkpoint "
                "with --resume\n",
                watch.program, watch.rank, why);
        fflush(stderr); /* to a file it may be buffered */
    }
    if (watch.rendezvous) {
        rendezvous_end(watch.rendezvous, "");
    }
    new_file_drop_at_signal();
    file_lock_drop_at_signal();
    if (work) {
        abort_work();
    }
    _exit(1);
}

static Lookout look(Error *why) {
    return watch.rendezvous ? rendezvous_look(watch.rendezvous, why) : ALL_WELL;
}

/* A sum fails because a rank has gone: which one, that rank's socket will say. */
static void end_with_cause(const Error *sum) {
    Error why;
    for (int waited = 0; waited < GRACE_MS; waited += LOOK_MS) {
        const Lookout seen = look(&why);
        if (seen != ALL_WELL) {
            end_with(seen == RANK_LOST ? why.text : NULL);
        }
        rest();
    }
    end_with(sum->text);
}

static void look_once(void) {
    Error why;
    const Lookout seen = look(&why);
    if (seen != ALL_WELL) {
        end_with(seen == RANK_LOST ? why.text : NULL);
    }
    if (work && watch.failed(work, &why)) {
        end_with_cause(&why);
    }
    const double waited = waits_since > 0 ? (stopwatch_ms() - waits_since) / 1e3 : 0;
    if (waited > watch.patience_s) {
        error_set(&why, "waited %.0f s for the other ranks (--patience)", waited);
        end_with(why.text);
    }
}

static void *run_watch(void *nothing) {
    (void)nothing;
    for (bool goes_on = true; goes_on;) {
        pthread_mutex_lock(&mutex);
        goes_on = !over;
        if (goes_on) {
            look_once();
        }
        pthread_mutex_unlock(&mutex);
        rest();
    }
    return NULL;
}

bool watch_begin(const Watch *asked, Error *error) {
    watch = *asked;
    over = false;
    work = NULL;
    waits_since = 0;
    return pthread_create(&thread, NULL, run_watch, NULL) == 0 ||
           error_set(error, "no thread to watch the other ranks");
}

void watch_work(void *now) {
    pthread_mutex_lock(&mutex);
    work = now;
    pthread_mutex_unlock(&mutex);
}

void watch_waiting(bool begins) {
    pthread_mutex_lock(&mutex);
    waits_since = begins ? stopwatch_ms() : 0;
    pthread_mutex_unlock(&mutex);
}

void watch_end(void) {
    pthread_mutex_lock(&mutex);
    over = true;
    pthread_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
}
