/* sweep_bench.c: see sweep_bench.h. */
#include "tests/bench/sweep_bench.h"

#include <stdio.h>

#include "tests/bench/contest.h"
#include "tests/bench/csv.h"
#include "tests/bench/statistics.h"

typedef struct {
    Bench *bench;
    Csv csv;
} Run;

static double step_ms(const Contest *contest, const Entry *entry) {
    return 1e3 * contest->task.batch / entry->images_per_s;
}

static double gflops_of(const Contest *contest, const Entry *entry) {
    return task_flops(&contest->task) / (1e6 * step_ms(contest, entry));
}

static void write_entries(Run *run, const char *sweep, const Contest *contest) {
    const Task *task = &contest->task;
    for (int i = 0; i < contest->count; i++) {
        const Entry *e = &contest->entries[i];
        if (e->skipped) {
            continue;
        }
        fprintf(run->csv.file, "%s,%s,%d,%d,%s,%s,%d", sweep, phase_name(task->phase),
                vit_tokens(&task->config), task->batch, e->ours ? "ours" : "pytorch",
                entry_flavour(e), e->threads);
        csv_number(&run->csv, e->images_per_s);
        csv_number(&run->csv, step_ms(contest, e));
        csv_number(&run->csv, step_ms(contest, e) / task->batch);
        csv_number(&run->csv, task_flops(task) / 1e9);
        csv_number(&run->csv, gflops_of(contest, e));
        csv_number(&run->csv, attention_share(&task->config));
        fprintf(run->csv.file, "\n");
    }
}

static void print_side(const char *name, const Contest *contest, const Entry *entry) {
    if (entry) {
        printf(" %s %9.3f ms/step %8.4f ms/image %6.1f GFLOP/s", name,
               step_ms(contest, entry), step_ms(contest, entry) / contest->task.batch,
               gflops_of(contest, entry));
    } else {
        printf(" %s skipped", name);
    }
}

/* What follows the first words of a line of either sweep. */
static void print_result(const Contest *contest, int threads) {
    const Entry *ours = contest_ours(contest, threads);
    const Entry *best = contest_best(contest, threads);
    print_side("ours", contest, ours);
    print_side("pytorch", contest, best);
    if (best) {
        printf(" ratio %.2f", ours->images_per_s / best->images_per_s);
    }
    printf("\n");
    fflush(stdout);
}

static bool measure(Run *run, Contest *contest, const Task *task, const char *sweep,
                    Error *error) {
    contest_enter(contest, run->bench, task, false, EAGER + 1);
    if (!contest_run(contest, run->bench, false, error)) {
        return false;
    }
    write_entries(run, sweep, contest);
    return true;
}

static bool sweep_batch(Run *run, Error *error) {
    static const int batches[] = {1, 4, 16, 64, 256};
    static Contest contest;
    printf("\nthe tiny model by images a batch\n");
    for (int phase = TRAIN; phase <= INFER; phase++) {
        for (int i = 0; i < 5; i++) {
            const Task task = {bench_models[0].config, (Phase)phase, batches[i]};
            if (!measure(run, &contest, &task, "batch", error)) {
                return false;
            }
            printf("batch %3d %s", batches[i], phase_name((Phase)phase));
            print_result(&contest, run->bench->cores);
        }
    }
    return true;
}

static bool sweep_tokens(Run *run, Error *error) {
    static const int sides[] = {16, 28, 32, 48, 56, 64, 96};
    static Contest contest;
    printf("\ntraining by tokens an image (D 128, 6 layers, batch 8); share: of the\n"
           "arithmetic, what attention does with every pair of tokens\n");
    for (int i = 0; i < 7; i++) {
        const Task task = {model_of_side(sides[i]), TRAIN, 8};
        if (!measure(run, &contest, &task, "tokens", error)) {
            return false;
        }
        printf("tokens %3d %6.2f GFLOP share %2.0f%%", vit_tokens(&task.config),
               task_flops(&task) / 1e9, 100 * attention_share(&task.config));
        print_result(&contest, run->bench->cores);
    }
    return true;
}

bool sweep_bench(Bench *bench, Error *error) {
    static Run run;
    run = (Run){.bench = bench};
    bool ok = csv_open(&run.csv, "plots/bench_sweeps.csv",
                       "sweep,phase,tokens,batch,who,flavour,threads,images_per_s,"
                       "ms_per_step,ms_per_image,gflop_per_step,gflops,"
                       "attention_share",
                       error);
    if (ok) {
        printf("\nsweeps on %d threads: PyTorch eager, on its best number of threads\n",
               bench->cores);
    }
    ok = ok && (!(bench->parts & PART_BATCH) || sweep_batch(&run, error)) &&
         (!(bench->parts & PART_TOKENS) || sweep_tokens(&run, error)) &&
         csv_close(&run.csv, error);
    csv_drop(&run.csv);
    return ok;
}
