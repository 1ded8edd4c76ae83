/* vit_bench.c: see vit_bench.h. */
#include "tests/bench/vit_bench.h"

#include <stdio.h>

#include "tests/bench/contest.h"
#include "tests/bench/csv.h"
#include "tests/bench/peer.h"
#include "tests/bench/statistics.h"

typedef struct {
    Bench *bench;
    Csv csv;
    Contest contest[2][BENCH_MODELS]; /* by Phase; count 0: not run */
} Run;

/* ---- lines --------------------------------------------------------------- */

/* "train tiny ours 4034 img/s pytorch 1675 img/s ratio 2.41" */
static void print_speed(const Contest *contest, const char *model, int threads) {
    const Entry *ours = contest_ours(contest, threads);
    const Entry *best = contest_best(contest, threads);
    const double rate = ours->images_per_s;
    printf("%s %-5s ours %7.*f img/s", phase_name(contest->task.phase), model,
           digits_for(rate), rate);
    if (best) {
        const double other = best->images_per_s;
        printf(" pytorch %7.*f img/s ratio %.2f\n", digits_for(other), other,
               rate / other);
    } else {
        printf(" pytorch skipped\n");
    }
    fflush(stdout);
}

static void write_entries(Run *run, const Contest *contest, const char *model) {
    for (int i = 0; i < contest->count; i++) {
        const Entry *e = &contest->entries[i];
        if (e->skipped) {
            continue;
        }
        fprintf(run->csv.file, "%s,%s,%d,%s,%s,%d", phase_name(contest->task.phase),
                model, contest->task.batch, e->ours ? "ours" : "pytorch",
                entry_flavour(e), e->threads);
        csv_number(&run->csv, e->images_per_s);
        csv_number(&run->csv, e->rate[0]);
        csv_number(&run->csv, e->rate[contest->rounds - 1]);
        csv_number(&run->csv, e->peak_mb);
        csv_number(&run->csv, e->base_mb);
        fprintf(run->csv.file, "\n");
    }
}

/* PyTorch's entry with the least memory on all threads; NULL if there is none. */
static const Entry *least_memory(const Contest *contest, int threads) {
    const Entry *least = NULL;
    for (int i = 0; i < contest->count; i++) {
        const Entry *e = &contest->entries[i];
        if (!e->ours && !e->skipped && e->threads == threads &&
            (!least || e->peak_mb < least->peak_mb)) {
            least = e;
        }
    }
    return least;
}

static void print_memory(const Contest *contest, const char *model, int threads) {
    const Entry *ours = contest_ours(contest, threads);
    const Entry *other = least_memory(contest, threads);
    printf("memory %-5s ours %5.0f MB", model, ours->peak_mb);
    if (other) {
        printf(" pytorch %5.0f MB ratio %.2f   (before the model: %.0f, %.0f MB)\n",
               other->peak_mb, other->peak_mb / ours->peak_mb, ours->base_mb,
               other->base_mb);
    } else {
        printf(" pytorch skipped\n");
    }
}

static void print_scaling(const Contest *contest, const char *model, int threads) {
    const Entry *all = contest_best(contest, threads), *one = contest_best(contest, 1);
    printf("scaling %s %d threads / 1 thread: %.2f", model, threads,
           contest_ours(contest, threads)->images_per_s /
               contest_ours(contest, 1)->images_per_s);
    if (all && one) {
        printf(" (pytorch %.2f)", all->images_per_s / one->images_per_s);
    }
    printf("\n");
}

/* ---- the share of the peak --------------------------------------------------- */

/* How many multiply-adds the cores can do, GFLOP/s, asked of a child; 0: not known. */
static bool ask_peak(const Bench *bench, int threads, double *gflops, Error *error) {
    char number[16], request[20];
    char *const argv[] = {(char *)bench->self, "--multiply", "ours", number, NULL};
    Peer peer = {.pid = 0};
    snprintf(number, sizeof number, "%d", threads);
    snprintf(request, sizeof request, "peak %d", bench->rounds);
    const bool ok = peer_start(&peer, "ours", argv, error) &&
                    peer_numbers(&peer, request, gflops, 1, error);
    peer_kill(&peer);
    return ok;
}

/* The arithmetic of a whole training step, products and all else, over the peak. */
static bool print_shares(const Run *run, int threads, Error *error) {
    double peak;
    if (!ask_peak(run->bench, threads, &peak, error)) {
        return false;
    }
    if (peak <= 0) {
        return true;
    }
    printf("peak of multiply-adds on %d thread%s %.1f GFLOP/s; training reaches",
           threads, threads == 1 ? "" : "s", peak);
    for (int i = 0; i < BENCH_MODELS; i++) {
        const Contest *contest = &run->contest[TRAIN][i];
        if (contest->count > 0) {
            const double flops = task_flops(&contest->task) / contest->task.batch;
            const double rate = contest_ours(contest, threads)->images_per_s;
            printf(" %s %.0f%%", bench_models[i].name, rate * flops / 1e7 / peak);
        }
    }
    printf("\n");
    return true;
}

/* ---- runs ---------------------------------------------------------------- */

static bool run_phase(Run *run, Phase phase, Error *error) {
    Bench *bench = run->bench;
    for (int i = 0; i < BENCH_MODELS; i++) {
        const BenchModel *model = &bench_models[i];
        Contest *contest = &run->contest[phase][i];
        const Task task = {model->config, phase,
                           phase == TRAIN ? model->train_batch : 1};
        if (!bench->model[i]) {
            continue;
        }
        contest_enter(contest, bench, &task, bench->cores > 1, FLAVOURS);
        if (!contest_run(contest, bench, model->large, error)) {
            return false;
        }
        print_speed(contest, model->name, bench->cores);
        write_entries(run, contest, model->name);
    }
    return true;
}

/* Training for its memory alone, where the speed wasn't wanted. */
static bool run_memory(Run *run, Error *error) {
    Bench quick = *run->bench;
    quick.rounds = 1;
    quick.seconds = 0.1;
    for (int i = 0; i < BENCH_MODELS; i++) {
        const BenchModel *model = &bench_models[i];
        Contest *contest = &run->contest[TRAIN][i];
        const Task task = {model->config, TRAIN, model->train_batch};
        if (!quick.model[i]) {
            continue;
        }
        contest_enter(contest, &quick, &task, false, EAGER + 1);
        if (!contest_run(contest, &quick, model->large, error)) {
            return false;
        }
        write_entries(run, contest, model->name);
    }
    return true;
}

static void print_one_thread(const Run *run) {
    printf("\nimages per second on 1 thread\n");
    for (int phase = TRAIN; phase <= INFER; phase++) {
        for (int i = 0; i < BENCH_MODELS; i++) {
            if (run->contest[phase][i].count > 0) {
                printf("1 thread: ");
                print_speed(&run->contest[phase][i], bench_models[i].name, 1);
            }
        }
    }
    if (!(run->bench->parts & PART_TRAIN)) {
        return;
    }
    printf("\ntraining's gain from threads\n");
    for (int i = 0; i < BENCH_MODELS; i++) {
        if (run->contest[TRAIN][i].count > 0) {
            print_scaling(&run->contest[TRAIN][i], bench_models[i].name,
                          run->bench->cores);
        }
    }
}

static bool run_speeds(Run *run, Error *error) {
    const unsigned parts = run->bench->parts;
    const int cores = run->bench->cores;
    if (!(parts & (PART_TRAIN | PART_INFER))) {
        return true;
    }
    printf("\nimages per second on %d thread%s; PyTorch's best flavour and number of\n"
           "threads; training in the model's batches, inference of single images\n",
           cores, cores == 1 ? "" : "s");
    if ((parts & PART_TRAIN && !run_phase(run, TRAIN, error)) ||
        (parts & PART_INFER && !run_phase(run, INFER, error))) {
        return false;
    }
    if (cores > 1) {
        print_one_thread(run);
    }
    if (!(parts & PART_TRAIN)) {
        return true;
    }
    printf("\nthe share of the cores' peak, over the whole step\n");
    return print_shares(run, cores, error) &&
           (cores == 1 || print_shares(run, 1, error));
}

static bool run_all(Run *run, Error *error) {
    const unsigned parts = run->bench->parts;
    if (!run_speeds(run, error)) {
        return false;
    }
    if (parts & PART_MEMORY) {
        if (!(parts & PART_TRAIN) && !run_memory(run, error)) {
            return false;
        }
        printf("\npeak memory of training on %d thread%s; PyTorch's smallest,\n"
               "and how many times ours it is\n",
               run->bench->cores, run->bench->cores == 1 ? "" : "s");
        for (int i = 0; i < BENCH_MODELS; i++) {
            if (run->contest[TRAIN][i].count > 0) {
                print_memory(&run->contest[TRAIN][i], bench_models[i].name,
                             run->bench->cores);
            }
        }
    }
    return true;
}

bool vit_bench(Bench *bench, Error *error) {
    static Run run;
    run = (Run){.bench = bench};
    const bool ok = csv_open(&run.csv, "plots/bench_models.csv",
                             "phase,model,batch,who,flavour,threads,images_per_s,"
                             "slowest_images_per_s,fastest_images_per_s,peak_mb,"
                             "before_model_mb",
                             error) &&
                    run_all(&run, error) && csv_close(&run.csv, error);
    csv_drop(&run.csv);
    return ok;
}
