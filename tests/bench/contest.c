/* contest.c: see contest.h. */
#include "contest.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "statistics.h"

static const char peer_program[] = "tests/bench/pytorch_peer.py";
static const char *flavour_names[FLAVOURS] = {"eager", "compile"};

const char *entry_flavour(const Entry *entry) {
    return entry->ours ? "-" : flavour_names[entry->flavour];
}

/* ---- who takes part ------------------------------------------------------ */

static void enter(Contest *contest, bool ours, Flavour flavour, int threads) {
    contest->entries[contest->count++] =
        (Entry){.ours = ours, .flavour = flavour, .threads = threads};
}

void contest_enter(Contest *contest, const Bench *bench, const Task *task, bool one_too,
                   int flavours) {
    const int threads[] = {bench->cores, bench->cores >= 4 ? bench->cores / 2 : 0,
                           bench->cores > 1 ? 1 : 0};
    *contest = (Contest){.task = *task, .rounds = bench->rounds};
    for (int t = 0; t < 3; t++) {
        if (t == 0 || (t == 2 && one_too && threads[t])) {
            enter(contest, true, EAGER, threads[t]);
        }
        for (int f = 0; f < flavours; f++) {
            if (threads[t] && bench->pytorch[f]) {
                enter(contest, false, (Flavour)f, threads[t]);
            }
        }
    }
}

const Entry *contest_ours(const Contest *contest, int threads) {
    for (int i = 0; i < contest->count; i++) {
        if (contest->entries[i].ours && contest->entries[i].threads == threads) {
            return &contest->entries[i];
        }
    }
    return NULL;
}

const Entry *contest_best(const Contest *contest, int threads) {
    const Entry *best = NULL;
    for (int i = 0; i < contest->count; i++) {
        const Entry *e = &contest->entries[i];
        if (!e->ours && !e->skipped && e->threads <= threads &&
            (!best || e->images_per_s > best->images_per_s)) {
            best = e;
        }
    }
    return best;
}

/* ---- starting ------------------------------------------------------------ */

/* The command line of a child: its first words, then the task's sizes. */
typedef struct {
    char text[16][64];
    char *argv[20];
    int count;
} Command;

static void add_number(Command *c, const char *name, int number) {
    char *text = c->text[c->count];
    snprintf(text, sizeof c->text[0], "--%s=%d", name, number);
    c->argv[c->count++] = text;
}

static void add_word(Command *c, const char *word) {
    char *text = c->text[c->count];
    snprintf(text, sizeof c->text[0], "%s", word);
    c->argv[c->count++] = text;
}

/* Words that may be long: a path of the user's. */
static void add_path(Command *c, const char *path) {
    c->argv[c->count++] = (char *)path; /* execvp doesn't change it */
}

static void command_for(Command *c, const Bench *bench, const Task *task,
                        const Entry *entry) {
    const VitConfig *m = &task->config;
    const struct {
        const char *name;
        int number;
    } numbers[] = {
        {"size", m->height},         {"channels", m->channels}, {"patch", m->patch},
        {"dim", m->block.D},         {"depth", m->depth},       {"mlp", m->block.M},
        {"heads", m->block.heads},   {"classes", m->classes},   {"batch", task->batch},
        {"threads", entry->threads},
    };
    *c = (Command){.count = 0};
    if (entry->ours) {
        add_path(c, bench->self);
        add_word(c, "--serve");
    } else {
        add_path(c, bench->python);
        add_word(c, peer_program);
        add_word(c, entry->flavour == EAGER ? "--flavour=eager" : "--flavour=compile");
    }
    add_word(c, task->phase == TRAIN ? "--phase=train" : "--phase=infer");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        add_number(c, numbers[i].name, numbers[i].number);
    }
}

static void drop_flavour(Bench *bench, Flavour flavour, const char *why) {
    if (bench->pytorch[flavour]) {
        bench->pytorch[flavour] = false;
        printf(flavour == EAGER ? "pytorch: skipped (%s)\n"
                                : "pytorch compile: skipped (%s)\n",
               why);
        fflush(stdout);
    }
}

static bool start(Bench *bench, const Task *task, Entry *entry, Error *error) {
    char name[48];
    Command command;
    if (!entry->ours && !bench->pytorch[entry->flavour]) {
        return entry->skipped = true;
    }
    snprintf(name, sizeof name, "%s, %d thread%s",
             entry->ours               ? "ours"
             : entry->flavour == EAGER ? "pytorch"
                                       : "pytorch compile",
             entry->threads, entry->threads == 1 ? "" : "s");
    command_for(&command, bench, task, entry);
    if (!peer_start(&entry->peer, name, command.argv, error)) {
        return false;
    }
    entry->skipped = entry->peer.skipped;
    if (entry->skipped && entry->ours) {
        return error_set(error, "ours: %s", entry->peer.words);
    }
    if (entry->skipped) {
        drop_flavour(bench, entry->flavour, entry->peer.words);
    }
    return true;
}

/* ---- measuring ----------------------------------------------------------- */

/* The child before may have threads that spin a little longer. */
static void pause_between(void) {
    const struct timespec pause = {.tv_nsec = 50000000};
    nanosleep(&pause, NULL);
}

static bool take_turns(Entry *entries, int count, const Bench *bench, Error *error) {
    for (int round = 0; round < bench->rounds; round++) {
        for (int i = 0; i < count; i++) {
            Entry *e = &entries[i];
            if (e->skipped) {
                continue;
            }
            pause_between();
            if (!peer_go(&e->peer, bench->seconds, &e->rate[round], error)) {
                return false;
            }
        }
    }
    return true;
}

static bool run_some(const Task *task, Entry *entries, int count, Bench *bench,
                     Error *error) {
    bool ok = true;
    for (int i = 0; ok && i < count; i++) {
        ok = start(bench, task, &entries[i], error);
    }
    ok = ok && take_turns(entries, count, bench, error);
    for (int i = 0; ok && i < count; i++) {
        Entry *e = &entries[i];
        if (!e->skipped) {
            ok = peer_quit(&e->peer, &e->peak_mb, &e->base_mb, error);
            e->images_per_s = median(e->rate, bench->rounds);
        }
    }
    for (int i = 0; i < count; i++) {
        peer_kill(&entries[i].peer);
    }
    return ok;
}

bool contest_run(Contest *contest, Bench *bench, bool apart, Error *error) {
    int first = contest->count; /* of those on one thread */
    for (int i = contest->count - 1; apart && i >= 0; i--) {
        first = contest->entries[i].threads == 1 ? i : first;
    }
    return run_some(&contest->task, contest->entries, first, bench, error) &&
           run_some(&contest->task, contest->entries + first, contest->count - first,
                    bench, error);
}

/* ---- versions ------------------------------------------------------------ */

bool contest_probe(Bench *bench, Error *error) {
    Peer peer;
    Command command = {.count = 0};
    add_path(&command, bench->python);
    add_word(&command, peer_program);
    add_word(&command, "--version");
    if (!peer_start(&peer, "pytorch", command.argv, error)) {
        return false;
    }
    if (peer.skipped) {
        drop_flavour(bench, EAGER, peer.words);
        bench->pytorch[COMPILE] = false;
        return true;
    }
    printf("pytorch   %s\n", peer.words);
    if (strstr(peer.words, "BLAS_INFO=generic")) {
        printf("warning: this PyTorch was built with a generic BLAS, as Debian's is, "
               "and may be\nseveral times slower than the one that `pip install "
               "torch` gets\n");
    }
    peer_kill(&peer);
    return true;
}
