/* contest.c: see contest.h. */
#include "tests/bench/contest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/statistics.h"

static const char peer_program[] = "tests/bench/pytorch_peer.py";
static const char ddp_program[] = "tests/bench/pytorch_ranks.py";
static const char *flavour_names[FLAVOURS] = {"eager", "compile"};

const char *entry_flavour(const Entry *entry) {
    return entry->ours ? "-" : flavour_names[entry->flavour];
}

/* ---- who takes part ------------------------------------------------------ */

Entry *contest_add(Contest *contest, Entry entry) {
    Entry *added = &contest->entries[contest->count++];
    *added = entry;
    added->batch = entry.batch ? entry.batch : contest->task.batch;
    return added;
}

void contest_enter(Contest *contest, const Bench *bench, const Task *task, bool one_too,
                   int flavours) {
    const int threads[] = {bench->cores, bench->cores >= 4 ? bench->cores / 2 : 0,
                           bench->cores > 1 ? 1 : 0};
    *contest = (Contest){.task = *task, .rounds = bench->rounds};
    for (int t = 0; t < 3; t++) {
        if (t == 0 || (t == 2 && one_too && threads[t])) {
            contest_add(contest, (Entry){.ours = true, .threads = threads[t]});
        }
        for (int f = 0; f < flavours; f++) {
            if (threads[t] && bench->pytorch[f]) {
                contest_add(contest,
                            (Entry){.flavour = (Flavour)f, .threads = threads[t]});
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
    char text[20][64];
    char *argv[24];
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

static void add_program(Command *c, const Bench *bench, const Entry *entry) {
    if (!entry->ours) {
        add_path(c, bench->python);
        add_word(c, entry->ranks > 0 ? ddp_program : peer_program);
        add_word(c, entry->flavour == EAGER ? "--flavour=eager" : "--flavour=compile");
    } else if (entry->ranks > 0) {
        char number[12];
        snprintf(number, sizeof number, "%d", entry->ranks);
        add_path(c, bench->mpirun);
        add_word(c, "-n");
        add_word(c, number);
        add_path(c, bench->rank_program);
    } else {
        add_path(c, bench->self);
        add_word(c, "--serve");
    }
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
        {"heads", m->block.heads},   {"classes", m->classes},   {"batch", entry->batch},
        {"threads", entry->threads},
    };
    *c = (Command){.count = 0};
    add_program(c, bench, entry);
    add_word(c, task->phase == TRAIN ? "--phase=train" : "--phase=infer");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        add_number(c, numbers[i].name, numbers[i].number);
    }
    if (entry->ranks > 0) {
        add_number(c, "ranks", entry->ranks);
    }
    if (entry->network) {
        add_word(c, "--network");
    }
}

/* Out of the race: in this contest too, where its other entries would be compared
 * alone. */
static void drop_flavour(Bench *bench, Contest *contest, Flavour flavour) {
    bench->pytorch[flavour] = false;
    for (int i = 0; contest && i < contest->count; i++) {
        Entry *e = &contest->entries[i];
        if (!e->ours && e->flavour == flavour) {
            e->skipped = true;
            peer_kill(&e->peer);
        }
    }
}

/* The same for all of our ranks. */
static void drop_ranks(Bench *bench, Contest *contest) {
    bench->mpirun = NULL;
    for (int i = 0; i < contest->count; i++) {
        Entry *e = &contest->entries[i];
        if (e->ours && e->ranks > 0) {
            e->skipped = true;
            peer_kill(&e->peer);
        }
    }
}

static void drop(Bench *bench, Contest *contest, const Entry *entry) {
    if (entry->ours) {
        drop_ranks(bench, contest);
    } else {
        drop_flavour(bench, contest, entry->flavour);
    }
}

/* What a child did: true to go on. Without PyTorch, and without ranks, it goes on, and
 * says so. */
static bool bear(Bench *bench, Contest *contest, const Entry *entry, bool ok,
                 const Error *error) {
    if (ok || (entry->ours && entry->ranks == 0)) {
        return ok;
    }
    bench_failed(bench, error->text);
    drop(bench, contest, entry);
    return true;
}

/* "ours, 2 ranks over TCP" */
static void name_entry(const Entry *e, char *name, size_t size) {
    const char *who = e->ours               ? "ours"
                      : e->flavour == EAGER ? "pytorch"
                                            : "pytorch compile";
    const int count = e->ranks > 0 ? e->ranks : e->threads;
    snprintf(name, size, "%s, %d %s%s%s", who, count, e->ranks > 0 ? "rank" : "thread",
             count == 1 ? "" : "s", e->network ? " over TCP" : "");
}

static bool start(Bench *bench, Contest *contest, Entry *entry, Error *error) {
    char name[48];
    Command command;
    name_entry(entry, name, sizeof name);
    command_for(&command, bench, &contest->task, entry);
    if (!peer_start(&entry->peer, name, command.argv, error)) {
        return false;
    }
    const bool may_miss =
        !entry->ours || (entry->ranks > 0 && !bench->mpirun_is_the_users);
    if (entry->peer.skipped && !may_miss) {
        return error_set(error, "%s: %s", name, entry->peer.words);
    }
    if (entry->peer.skipped) {
        printf("%s: skipped: %s\n", name, entry->peer.words);
        drop(bench, contest, entry);
    }
    return true;
}

/* ---- are they right? ----------------------------------------------------- */

/* Ours of one process come first, so that there is something to compare with. */
static const Entry *first_of_batch(const Contest *contest, int batch) {
    const Entry *first = contest->entries;
    while (first->batch != batch) {
        first++;
    }
    return first;
}

static bool check(Contest *contest, Entry *entry, Error *error) {
    static const char *what[2][CHECKS] = {
        {"loss", "gradient norm", "loss after a step"}, {"result", "", ""}};
    const double *right = first_of_batch(contest, entry->batch)->check;
    if (!peer_numbers(&entry->peer, "check", entry->check, CHECKS, error)) {
        return false;
    }
    for (int i = 0; i < CHECKS; i++) {
        const double room = 1e-3 * fmax(fabs(right[i]), 0.1);
        if (!(fabs(entry->check[i] - right[i]) <= room)) {
            return error_set(error, "%s: its %s is %.6g where ours is %.6g",
                             entry->peer.name, what[contest->task.phase][i],
                             entry->check[i], right[i]);
        }
    }
    return true;
}

/* ---- measuring ----------------------------------------------------------- */

typedef bool Deed(Bench *bench, Contest *contest, Entry *entry, Error *error);

/* One after the other. */
static bool for_each(Bench *bench, Contest *contest, int from, int to, Deed *deed,
                     Error *error) {
    for (int i = from; i < to; i++) {
        Entry *e = &contest->entries[i];
        if (!e->skipped &&
            !bear(bench, contest, e, deed(bench, contest, e, error), error)) {
            return false;
        }
    }
    return true;
}

/* A turn that doesn't count warms up. */
static bool begin(Bench *bench, Contest *contest, Entry *e, Error *error) {
    double unused;
    if (!start(bench, contest, e, error)) {
        return false;
    }
    return e->skipped || (check(contest, e, error) &&
                          peer_go(&e->peer, fmin(0.3, bench->seconds), &unused, error));
}

static bool take_turn(Bench *bench, Contest *contest, Entry *e, Error *error) {
    (void)contest;
    return peer_go(&e->peer, bench->seconds, &e->rate[e->turns++], error);
}

static bool end(Bench *bench, Contest *contest, Entry *e, Error *error) {
    double mb[2];
    (void)bench;
    if (!peer_numbers(&e->peer, "quit", mb, 2, error)) {
        return false;
    }
    if (!(mb[0] > 0) || !(mb[1] >= 0) || mb[1] > mb[0]) {
        return error_set(error, "%s: %g MB at most, %g before can't be", e->peer.name,
                         mb[0], mb[1]);
    }
    if (e->ranks > 0) {
        peer_end(&e->peer); /* it ends others */
    } else {
        peer_kill(&e->peer); /* it has said all that there is to say */
    }
    e->peak_mb = mb[0];
    e->base_mb = mb[1];
    e->images_per_s = median(e->rate, contest->rounds);
    return true;
}

static bool run_some(Bench *bench, Contest *contest, int from, int to, Error *error) {
    bool ok = for_each(bench, contest, from, to, begin, error);
    for (int round = 0; ok && round < contest->rounds; round++) {
        ok = for_each(bench, contest, from, to, take_turn, error);
    }
    ok = ok && for_each(bench, contest, from, to, end, error);
    for (int i = from; i < to; i++) {
        peer_kill(&contest->entries[i].peer);
    }
    return ok;
}

bool contest_run(Contest *contest, Bench *bench, bool ones_last, Error *error) {
    int first = contest->count; /* of those on one thread */
    for (int i = contest->count - 1; ones_last && i >= 0; i--) {
        first = contest->entries[i].threads == 1 ? i : first;
    }
    return run_some(bench, contest, 0, first, error) &&
           run_some(bench, contest, first, contest->count, error);
}

/* ---- versions ------------------------------------------------------------ */

typedef enum { HAS_IT, HAS_NONE, BROKEN } Probed;

/* Whether this Python has PyTorch; its words, or why not, in peer. */
static Probed probe(Peer *peer, const char *python) {
    Error error;
    Command command = {.count = 0};
    add_path(&command, python);
    add_word(&command, peer_program);
    add_word(&command, "--version");
    const bool started = peer_start(peer, python, command.argv, &error);
    if (!started) {
        snprintf(peer->words, sizeof peer->words, "%.399s", error.text);
    }
    peer_kill(peer);
    return !started ? BROKEN : peer->skipped ? HAS_NONE : HAS_IT;
}

static void use(Bench *bench, const char *python, const char *words) {
    bench->python = python;
    printf("pytorch   %s, %s\n", words, python);
    if (strstr(words, "BLAS_INFO=generic")) {
        printf("warning: this PyTorch was built with a generic BLAS, as Debian's is, "
               "and may be\nseveral times slower than the one that `pip install "
               "torch` gets\n");
    }
}

/* The system's Python is asked too: Debian's PyTorch is nowhere else, even if the
 * first in PATH is another. None is no failure; one that is broken, or isn't where the
 * user says, is. */
void contest_probe(Bench *bench) {
    static const char *const usual[] = {"python3", "/usr/bin/python3", NULL};
    const char *const named[] = {getenv("PYTHON"), NULL};
    const bool by_user = named[0] && *named[0];
    bool broken = by_user;
    Peer peer;
    for (const char *const *python = by_user ? named : usual; *python; python++) {
        const Probed probed = probe(&peer, *python);
        if (probed == HAS_IT) {
            use(bench, *python, peer.words);
            return;
        }
        broken = broken || probed == BROKEN;
        if (probed == BROKEN) {
            printf("pytorch: %s\n", peer.words); /* begins with the name */
        } else {
            printf("pytorch: not in %s: %s\n", *python, peer.words);
        }
    }
    if (broken) {
        bench_failed(bench, "pytorch");
    } else {
        printf("pytorch: skipped\n");
    }
    drop_flavour(bench, NULL, EAGER);
    drop_flavour(bench, NULL, COMPILE);
}
