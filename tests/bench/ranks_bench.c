/* ranks_bench.c: see ranks_bench.h. */
#include "tests/bench/ranks_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/contest.h"
#include "tests/bench/csv.h"
#include "tests/bench/statistics.h"

enum { RANKS = 2 };

typedef struct {
    Bench *bench;
    Csv csv;
} Run;

/* Those of one model. Each has one thread per process, but for `threads`. */
typedef struct {
    Contest contest;
    const Entry *threads; /* ours: one process with as many threads as ranks */
    const Entry *alone;   /* ours: one process, its share of the batch */
    const Entry *ranks;   /* ours, as mpirun starts them; NULL: none are here */
    const Entry *network; /* ours, over TCP */
    const Entry *ddp[2][FLAVOURS]; /* PyTorch's: alone, in ranks */
} Race;

/* ---- who takes part -------------------------------------------------------------- */

static void enter(Race *race, const Bench *bench, const BenchModel *model) {
    Contest *c = &race->contest;
    const int whole = model->train_batch, part = whole / RANKS;
    *race = (Race){
        .contest = {.task = {model->config, TRAIN, whole}, .rounds = bench->rounds}};
    race->threads = contest_add(c, (Entry){.ours = true, .threads = RANKS});
    race->alone = contest_add(c, (Entry){.ours = true, .threads = 1, .batch = part});
    if (bench->mpirun) {
        Entry ours = {.ours = true, .threads = 1, .ranks = RANKS};
        race->ranks = contest_add(c, ours);
        ours.network = true;
        race->network = contest_add(c, ours);
    }
    for (int f = 0; f < FLAVOURS; f++) {
        Entry ddp = {.flavour = (Flavour)f, .threads = 1, .ranks = 1, .batch = part};
        if (bench->pytorch[f]) {
            race->ddp[0][f] = contest_add(c, ddp);
            ddp.ranks = RANKS;
            ddp.batch = whole;
            race->ddp[1][f] = contest_add(c, ddp);
        }
    }
}

/* ---- lines ----------------------------------------------------------------------- */

static bool here(const Entry *entry) {
    return entry && !entry->skipped;
}

/* A step of all ranks over a step of one that has as many images per rank. */
static double overhead(const Entry *all, const Entry *one) {
    return RANKS * one->images_per_s / all->images_per_s;
}

/* "ranks tiny 2 threads 6500 img/s 2 ranks 6400 img/s ratio 0.98" */
static void print_speed(const Race *race, const char *model) {
    const double threads = race->threads->images_per_s;
    printf("ranks    %-5s %d threads %7.*f img/s", model, RANKS, digits_for(threads),
           threads);
    if (here(race->ranks)) {
        const double ranks = race->ranks->images_per_s;
        printf(" %d ranks %7.*f img/s ratio %.2f\n", RANKS, digits_for(ranks), ranks,
               ranks / threads);
    } else {
        printf(" ranks skipped\n");
    }
}

/* PyTorch's flavour with the least overhead; -1: there is none. */
static int least_overhead(const Race *race, double *least) {
    int best = -1;
    for (int f = 0; f < FLAVOURS; f++) {
        if (here(race->ddp[0][f]) && here(race->ddp[1][f])) {
            const double that = overhead(race->ddp[1][f], race->ddp[0][f]);
            if (best < 0 || that < *least) {
                best = f;
                *least = that;
            }
        }
    }
    return best;
}

/* "overhead tiny ours 1.04 (shared memory 1.02) ddp 1.21 (eager): ours is less" */
static void print_overhead(const Race *race, const char *model) {
    const bool ours = here(race->network) && here(race->ranks);
    double own = 0, other = 0;
    const int flavour = least_overhead(race, &other);
    printf("overhead %-5s", model);
    if (ours) {
        own = overhead(race->network, race->alone);
        printf(" ours %.3f (shared memory %.3f)", own,
               overhead(race->ranks, race->alone));
    } else {
        printf(" ours skipped");
    }
    if (flavour >= 0) {
        printf(" pytorch %.3f (%s)", other, entry_flavour(race->ddp[1][flavour]));
    } else {
        printf(" pytorch skipped");
    }
    if (ours && flavour >= 0) {
        printf(": %s", own <= other ? "ours wins" : "PyTorch wins");
    }
    printf("\n");
}

static void write_entries(Run *run, const Race *race, const char *model) {
    for (int i = 0; i < race->contest.count; i++) {
        const Entry *e = &race->contest.entries[i];
        if (e->skipped) {
            continue;
        }
        fprintf(run->csv.file, "%s,%d,%s,%s,%d,%d,%s", model, e->batch,
                e->ours ? "ours" : "pytorch", entry_flavour(e),
                e->ranks > 0 ? e->ranks : 1, e->threads,
                e->ranks <= 1            ? "-"
                : e->network || !e->ours ? "tcp"
                                         : "default");
        csv_number(&run->csv, e->images_per_s);
        csv_number(&run->csv, e->rate[0]);
        csv_number(&run->csv, e->rate[race->contest.rounds - 1]);
        csv_number(&run->csv, 1e3 * e->batch / e->images_per_s);
        fprintf(run->csv.file, "\n");
    }
}

/* ---- what starts ranks ----------------------------------------------------------- */

/* What was built beside this program, where there was MPI. */
static bool find_rank_program(char *path, size_t size, const char *self) {
    char own[4096];
    const ssize_t length = readlink(self, own, sizeof own - 1);
    const char *name = length > 0 ? own : self;
    own[length > 0 ? length : 0] = '\0';
    const char *slash = strrchr(name, '/');
    const int folder = slash ? (int)(slash - name) : 0;
    const int written =
        snprintf(path, size, "%.*s%srun_ranks", folder, name, slash ? "/" : "./");
    return written > 0 && (size_t)written < size && access(path, X_OK) == 0;
}

/* Those that the user has given are left as they are. */
static void set_environment(void) {
    if (geteuid() == 0) {
        setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
        setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
    }
    setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 0); /* more ranks than cores */
    setenv("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe", 0);
}

static void find_mpirun(Bench *bench) {
    static char path[4096 + 16];
    const char *named = getenv("MPIRUN");
    bench->mpirun_is_the_users = named && *named;
    bench->mpirun = bench->mpirun_is_the_users ? named : "mpirun";
    bench->rank_program = path;
    set_environment();
    if (!find_rank_program(path, sizeof path, bench->self)) {
        printf("ours, %d ranks: skipped: built without MPI (make setup-chapter8)\n",
               RANKS);
        bench->mpirun = NULL;
    }
}

/* ---- runs ------------------------------------------------------------------------ */

static bool run_model(Run *run, const BenchModel *model, Error *error) {
    static Race race;
    enter(&race, run->bench, model);
    if (!contest_run(&race.contest, run->bench, false, error)) {
        return false;
    }
    print_speed(&race, model->name);
    print_overhead(&race, model->name);
    fflush(stdout);
    write_entries(run, &race, model->name);
    return true;
}

static bool run_all(Run *run, Error *error) {
    Bench *bench = run->bench;
    printf("\ntraining on %d ranks of one thread, compared with one process of %d "
           "threads; then\nthe overhead: a step of %d ranks over TCP, over a step of "
           "one with as many images\nper rank; PyTorch: DDP with gloo, its better "
           "flavour\n",
           RANKS, RANKS, RANKS);
    find_mpirun(bench);
    for (int i = 0; i < BENCH_MODELS; i++) {
        const BenchModel *model = &bench_models[i];
        const bool wanted = bench->models_given || model->by_ranks;
        if (bench->model[i] && wanted && !run_model(run, model, error)) {
            return false;
        }
    }
    return true;
}

bool ranks_bench(Bench *bench, Error *error) {
    static Run run;
    run = (Run){.bench = bench};
    const bool ok = csv_open(&run.csv, "plots/bench_ranks.csv",
                             "model,batch,who,flavour,ranks,threads,messages,"
                             "images_per_s,slowest_images_per_s,fastest_images_per_s,"
                             "ms_per_step",
                             error) &&
                    run_all(&run, error) && csv_close(&run.csv, error);
    csv_drop(&run.csv);
    return ok;
}
