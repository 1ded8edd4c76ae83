/* heartbeat.c: see heartbeat.h. */
#define _DEFAULT_SOURCE /* usleep */
#include "chapters/08_many_machines/program/heartbeat.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chapters/05_vision_transformer/program/file_lock.h"
#include "chapters/08_many_machines/program/heartbeat_peers.h"
#include "common/lesson/stopwatch.h"

enum {
    TICK_MS = 250,        /* between two beats */
    TOGETHER_MS = 1500,   /* within which ranks fail together */
    TOLD_MS = 100,        /* for END to arrive */
    END_ITSELF_MS = 4000, /* for a rank to end when it is told to, or before it is */
    USUAL_SILENCE_S = 30,
    USUAL_STILL_S = 300,
    FIRST_STILL_S = 3600, /* before one knows how long a step takes */
};

static HeartbeatPlan plan;
static bool open_now;
static Peers peers;
static pthread_t thread;
static double silence_limit_s, longest_step_s;
static bool was_stopped; /* this process, for so long that others gave it up */

static atomic_bool closing, said_bye, all_failed;
static atomic_bool news;       /* something that can't wait for the next beat */
static int wake[2] = {-1, -1}; /* a pipe: what is written there ends a tick */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static HeartbeatPlace own_place;
static long own_step, tests = 1;
static atomic_bool own_failed;
static int own_status;
static char own_text[sizeof((Error *)0)->text];

/* ---- the end --------------------------------------------------------------------- */

/* One line, and the end of everything. Nothing half-written stays. */
static void end_with(int status, const char *line) {
    alarm(END_ITSELF_MS / 1000); /* whatever hangs below */
    signal(SIGALRM, SIG_DFL);
    if (line[0] != '\0') {
        fflush(stdout);
        fprintf(stderr, "%s: %s\n", plan.program, line);
    }
    for (int r = 0; r < (peers.rank == 0 ? peers.size : 0); r++) {
        peers_say(&peers, r, (Beat){.word = END});
    }
    usleep(TOLD_MS * 1000);
    new_file_drop_at_signal();
    file_lock_drop_at_signal();
    if (plan.end_all) {
        plan.end_all(status);
    }
    _exit(status);
}

static const char *place_text(const Beat *b, char text[64]) {
    static const char *const places[] = {[AT_START] = "at the start",
                                         [AT_STEP] = "in step",
                                         [AT_TEST] = "in the test after step",
                                         [AT_SAVE] = "while it was saved after step"};
    if (b->place == AT_START || b->step < 0) {
        snprintf(text, 64, "%s", places[AT_START]);
    } else {
        snprintf(text, 64, "%s %lld", places[b->place], (long long)b->step);
    }
    return text;
}

typedef enum { GONE, SILENT, STILL, ALL_WAIT } Loss;

static void lost(int r, Loss loss, double seconds) {
    static const char *const why[] = {
        [GONE] = "its process has ended: killed, or crashed",
        [SILENT] = "nothing heard of it for %.0f s: stopped, or its network is down",
        [STILL] = "it has been there for %.0f s, and waits for nobody (--patience)",
        [ALL_WAIT] =
            "all ranks have waited for messages for %.0f s: is a network down?"};
    char where[64], text[128], line[sizeof(Error) + 256];
    const Peer *p = &peers.all[r];
    if (was_stopped) {
        end_with(1, ""); /* another rank has said which was the first */
    }
    snprintf(text, sizeof text, why[loss], seconds);
    snprintf(line, sizeof line, "rank %d (%s), %s: %s", r, p->host,
             place_text(&p->beat, where), text);
    end_with(1, line);
}

/* ---- what rank 0 makes of it ----------------------------------------------------- */

/* How long a rank may be where it is. */
static double still_limit(const Beat *b) {
    const double step =
        b->place == AT_TEST ? longest_step_s * (double)tests : longest_step_s;
    double limit = plan.patience_s > 0 ? plan.patience_s : USUAL_STILL_S;
    if (b->place == AT_START || b->place == AT_SAVE ||
        (plan.patience_s == HEARTBEAT_USUAL && longest_step_s == 0)) {
        return FIRST_STILL_S;
    }
    return 10 * step > limit ? 10 * step : limit;
}

/* Ranks that have failed: who, and do all say the same? */
static void judge_failures(double waited_s) {
    int failed = 0, first = -1;
    bool same = true;
    for (int r = 0; r < peers.size; r++) {
        if (peers.all[r].failed) {
            first = first < 0 ? r : first;
            failed++;
            same =
                same && strcmp(peers.all[r].beat.text, peers.all[first].beat.text) == 0;
        }
    }
    if (failed == 0 || (failed < peers.size && waited_s * 1e3 < TOGETHER_MS)) {
        return;
    }
    const Peer *p = &peers.all[first];
    char line[sizeof(Error) + 256], where[64];
    if (failed == peers.size && same) {
        fflush(stdout);
        fprintf(stderr, "%s: %s\n", plan.program, p->beat.text);
        for (int r = 1; r < peers.size; r++) {
            peers_say(&peers, r, (Beat){.word = END_IN_ORDER});
        }
        all_failed = closing = true;
        return;
    }
    snprintf(line, sizeof line, "rank %d (%s), %s: %s", first, p->host,
             place_text(&p->beat, where), p->beat.text);
    end_with(p->beat.status, line);
}

static void judge_peer(int r) {
    const Peer *p = &peers.all[r];
    if (p->left || p->failed) {
        return;
    }
    if (p->gone) {
        lost(r, GONE, 0);
    }
    if (r > 0 && p->silent_s > silence_limit_s) {
        lost(r, SILENT, p->silent_s);
    }
    if (p->still_s > still_limit(&p->beat)) {
        lost(r, STILL, p->still_s);
    }
}

/* All wait, and nobody sends. */
static void judge_all(double dt_s) {
    static double all_wait_s;
    bool all = true;
    for (int r = 0; r < peers.size; r++) {
        all = all && peers.all[r].beat.waits &&
              peers.all[r].beat.step == peers.all[0].beat.step;
    }
    all_wait_s = all ? all_wait_s + dt_s : 0;
    if (all_wait_s > still_limit(&peers.all[0].beat)) {
        lost(0, ALL_WAIT, all_wait_s);
    }
}

/* A new beat of a rank. */
static void take(Peer *p, const Beat *b) {
    const bool moved = b->step != p->beat.step || b->place != p->beat.place;
    if (p == &peers.all[0] && b->place == AT_STEP && p->beat.place == AT_STEP &&
        moved && p->here_s > longest_step_s) {
        longest_step_s = p->here_s; /* or several short ones, within a tick */
    }
    p->here_s = moved ? 0 : p->here_s;
    p->silent_s = 0;
    p->still_s = moved || b->waits ? 0 : p->still_s;
    p->failed = p->failed || b->word == FAILED;
    p->left = p->left || b->word == BYE;
    p->beat = *b;
}

/* ---- the thread ------------------------------------------------------------------ */

static Word own_word(void) {
    if (closing) {
        return BYE;
    }
    return own_failed ? FAILED : BEAT;
}

static Beat own_beat(void) {
    static unsigned long turns_before;
    const unsigned long turns = plan.turns ? plan.turns() : 0;
    pthread_mutex_lock(&mutex);
    Beat b = {.word = (int32_t)own_word(),
              .place = (int32_t)own_place,
              .waits = turns != turns_before,
              .step = own_step,
              .status = own_status};
    memcpy(b.text, own_text, sizeof b.text);
    pthread_mutex_unlock(&mutex);
    turns_before = turns;
    return b;
}

/* What all others have said by now. */
static void listen_to_all(void) {
    for (int r = 0; r < peers.count; r++) {
        while (peers_hear(&peers, r)) {
            take(&peers.all[r], &peers.all[r].next);
        }
    }
}

/* A beat, to rank 0 or from it. */
static void beat(void) {
    Beat b = own_beat();
    const bool bye = b.word == BYE;
    if (peers.rank == 0) {
        take(&peers.all[0], &b);
        b.word = bye ? BYE : BEAT;
    }
    for (int r = 0; r < peers.count; r++) {
        peers_say(&peers, r, b);
    }
    if (bye) {
        said_bye = true;
    }
}

/* Rank 0. */
static void judge(double dt_s) {
    static double failed_s;
    bool any = false;
    if (closing) {
        return;
    }
    for (int r = 0; r < peers.size; r++) {
        any = any || peers.all[r].failed;
    }
    failed_s = any ? failed_s + dt_s : 0;
    judge_failures(failed_s);
    for (int r = 0; r < peers.size && !closing; r++) {
        judge_peer(r);
    }
    if (!closing) {
        judge_all(dt_s);
    }
}

/* Another rank. If rank 0 is lost, rank 1 says so; the others wait until they are
 * ended, but not for ever. */
static void judge_first(double dt_s) {
    static double orphan_s;
    const Peer *p = &peers.all[0];
    if (p->beat.word == END) {
        usleep(END_ITSELF_MS * 1000 / 2); /* rank 0 ends all */
        _exit(1);
    }
    if (p->beat.word == END_IN_ORDER) {
        all_failed = closing = true;
    }
    if (p->left || closing || !(p->gone || p->silent_s > silence_limit_s)) {
        return;
    }
    orphan_s += dt_s;
    if (peers.rank == 1 || orphan_s > 2 * peers.rank) {
        lost(0, p->gone ? GONE : SILENT, p->silent_s);
    }
}

/* Until something is heard, at most so long. */
static void sleep_for(struct pollfd *fds, int count, double ms) {
    char woken;
    for (int r = 0; r < count; r++) {
        fds[r] = (struct pollfd){.fd = peers.all[r].fd, .events = POLLIN};
    }
    fds[count] = (struct pollfd){.fd = wake[0], .events = POLLIN};
    if (ms > 0 && poll(fds, (nfds_t)count + 1, (int)ms + 1) > 0 &&
        fds[count].revents != 0) {
        (void)!read(wake[0], &woken, 1);
    }
}

/* A process that was itself stopped for a while has heard nothing, and knows nothing:
 * of a long time only two ticks count. */
static void *beat_on(void *memory) {
    const int count = peers.count;
    double before = stopwatch_ms(), next_ms = before;
    for (;;) {
        sleep_for(memory, count, next_ms - stopwatch_ms());
        const double now = stopwatch_ms(), passed = now - before;
        const double dt_s = (passed < 2 * TICK_MS ? passed : 2 * TICK_MS) / 1e3;
        before = now;
        was_stopped = was_stopped || passed > 1e3 * silence_limit_s;
        for (int r = 0; r < count; r++) {
            peers.all[r].silent_s += dt_s;
            peers.all[r].here_s += dt_s;
            peers.all[r].still_s += dt_s;
        }
        listen_to_all();
        if (atomic_exchange(&news, false) || now >= next_ms) {
            beat();
            next_ms = now + TICK_MS;
        }
        if (peers.rank == 0) {
            judge(dt_s);
        } else {
            judge_first(dt_s);
        }
    }
    return NULL;
}

static void say_at_once(void) {
    news = true;
    (void)!write(wake[1], "", 1);
}

/* ---- what the rank says ---------------------------------------------------------- */

bool heartbeat_open(const HeartbeatPlan *p, Error *error) {
    plan = *p;
    if (plan.group->size == 1) {
        return true;
    }
    if (!peers_open(&peers, plan.group, plan.patience_s, error)) {
        return false;
    }
    plan.patience_s = peers.patience_s;
    if (plan.patience_s < 0) {
        return true;
    }
    struct pollfd *fds =
        allocate(((size_t)peers.count + 1) * sizeof *fds, "heartbeats", error);
    if (!fds) {
        bug("no memory for %d heartbeats", peers.count);
    }
    silence_limit_s = plan.patience_s > 0 ? plan.patience_s : USUAL_SILENCE_S;
    open_now = pipe(wake) == 0 && pthread_create(&thread, NULL, beat_on, fds) == 0;
    if (!open_now) {
        heartbeat_fail(1, "there is no thread for heartbeats"); /* it ends all ranks */
    }
    return true;
}

void heartbeat_at(HeartbeatPlace place, long step) {
    pthread_mutex_lock(&mutex);
    const bool begins = own_place == AT_START && place != AT_START;
    own_place = place;
    own_step = step;
    pthread_mutex_unlock(&mutex);
    if (begins && open_now) {
        say_at_once();
    }
}

void heartbeat_tests(long steps) {
    pthread_mutex_lock(&mutex);
    tests = steps > 1 ? steps : 1;
    pthread_mutex_unlock(&mutex);
}

bool heartbeat_fail(int status, const char *why) {
    if (!open_now) {
        if (plan.group && peers.size > 1) {
            fprintf(stderr, "%s: rank %d (%s): %s\n", plan.program, peers.rank,
                    peers.own_host, why);
            plan.end_all(status);
        }
        return false;
    }
    pthread_mutex_lock(&mutex);
    own_failed = true;
    own_status = status;
    snprintf(own_text, sizeof own_text, "%s", why);
    pthread_mutex_unlock(&mutex);
    say_at_once();
    const double until = stopwatch_ms() + 2 * END_ITSELF_MS;
    while (stopwatch_ms() < until) {
        usleep(10 * 1000);
        if (all_failed) {
            return true;
        }
    }
    _exit(status);
}

void heartbeat_close(void) {
    if (!open_now) {
        return;
    }
    closing = true;
    say_at_once();
    for (int i = 0; i < 2 * TICK_MS && !said_bye; i++) {
        usleep(1000);
    }
}
