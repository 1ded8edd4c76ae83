/*
 * chapter8_gpu: chapter 6's training on many GPUs, one process per card, started by
 * whatever sets RANK and WORLD_SIZE:
 *
 *     torchrun --no-python --nproc-per-node 8 ./chapter8_gpu
 *
 * chapter8_gpu_on_cpu: the same on several devices of cuda_on_cpu in one program.
 *
 * New since ./chapter8: sums on the device (gpu_ranks), the step of such ranks
 * (gpu_rank_trainer), how processes find one another (rendezvous), and the thread that
 * looks after the others (watch).
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chapters/05_vision_transformer/program/options.h"
#include "chapters/05_vision_transformer/program/run.h"
#include "chapters/05_vision_transformer/program/stop.h"
#include "chapters/06_cuda_training/device_options.h"
#include "chapters/08_many_machines/gpus/emulated_ranks.h"
#include "chapters/08_many_machines/gpus/gpu_options.h"
#include "chapters/08_many_machines/gpus/gpu_rank_trainer.h"
#include "chapters/08_many_machines/gpus/rendezvous.h"
#include "chapters/08_many_machines/gpus/watch.h"
#include "common/lesson/output.h"
#include "common/lesson/report.h"

/* What all ranks have to be; the number changes when what they tell one
 * another does. */
static const char build[] = "chapter8_gpu-1";
static const char *program;
static GpuOptions own;
static DeviceOptions device;
static Place place;

static int complain(const Error *error, int status) {
    return output_error(program, status, "%s", error->text);
}

static int lesson(const Options *options) {
    if (!options->eval) {
        report_title("Chapter 8: many GPUs");
        report_equation("", "g = sum over ranks r of g_r        ncclAllReduce");
        printf("\n");
    }
    return 0;
}

/* ---- cuda_on_cpu: all ranks in one program --------------------------------------- */

static int train_here(Options *options) {
    Error error;
    if (place.size > 1) {
        return output_error(program, 2,
                            "WORLD_SIZE is %d, but cuda_on_cpu's ranks are in one "
                            "program: unset it, and give --ranks",
                            place.size);
    }
    if (!options->resume && !options->eval) {
        device_options_put_small_run_first(&device);
        if (!options_parse(options, device.argc, device.argv, &error) ||
            !gpu_vit_can(&options->settings.model, &error)) {
            return complain(&error, 2);
        }
        device_options_say_small_run(&device);
    }
    static char again[40]; /* what a run that was stopped goes on with */
    snprintf(again, sizeof again, " --ranks %d", own.ranks);
    options->again = again;
    emulated_ranks_use(own.ranks, own.bucket_bytes);
    return run(options, &emulated_ranks_engine, lesson);
}

/* ---- GPUs: this process is one rank ---------------------------------------------- */

static bool has_failed(void *ranks, Error *why) {
    return gpu_ranks_failed(ranks, why);
}

static void end_sums(void *ranks) {
    gpu_ranks_abort(ranks);
}

static Rendezvous others;

static void end_all(const char *why) {
    watch_end();
    output_error(program, 1, "%s", why);
    rendezvous_end(&others, why);
    _exit(1); /* not exit: sums of other ranks may be under way */
}

static int train_as_rank(Options *options, GpuRanks *ranks) {
    static GpuRanksRun mine;
    mine = (GpuRanksRun){.ranks = ranks,
                         .bucket_bytes = own.bucket_bytes,
                         .stop_asked = stop_asked,
                         .waiting = watch_waiting,
                         .end = end_all};
    gpu_rank_trainer_use(&mine);
    options->follower = place.rank > 0;
    return run(options, &gpu_rank_engine, lesson);
}

/* With the others there: an exit status. The last word to them is the caller's. */
static int join_and_train(Options *options, const GpuRanksId *id) {
    Error error;
    watch_waiting(true);
    GpuRanks *ranks = gpu_ranks_open(id, place.rank, place.size, &error);
    watch_waiting(false);
    if (!ranks) {
        return complain(&error, 1);
    }
    watch_work(ranks);
    const int status = train_as_rank(options, ranks);
    watch_work(NULL);
    if (status == 0) { /* else the others may be in the middle of a sum */
        gpu_ranks_close(ranks);
    }
    return status;
}

static int train_there(Options *options) {
    GpuRanksId id = {{0}};
    GpuInfo info;
    Error error;
    if (!gpu_choose(place.local_rank, &error) || !gpu_open(&info, &error) ||
        (place.rank == 0 && !gpu_ranks_id(&id, &error)) ||
        !rendezvous_meet(&others, &place, build, &id, sizeof id, own.patience_s,
                         &error)) {
        return complain(&error, 1);
    }
    const Watch watch = {program,        place.rank, &others,
                         own.patience_s, has_failed, end_sums};
    if (!watch_begin(&watch, &error)) {
        return complain(&error, 1);
    }
    const int status = join_and_train(options, &id);
    watch_end();
    /* a signal stops all ranks after the same step: that is no error */
    rendezvous_end(&others, status == 0 || status > 128 ? NULL : "ended");
    return status;
}

/* ---- the program ----------------------------------------------------------------- */

/* Chapter 6's words that have no meaning here. */
static bool only_trains(Error *error) {
    return !(device.emulate || device.check || device.counts || device.times ||
             device.bench || device.csv) ||
           error_set(error, "--emulate, --check, --counts, --times, --bench and --csv "
                            "are for ./chapter6");
}

static int begin(int argc, char **argv) {
    static Options options;
    Error error;
    int count;
    char **rest = allocate(((size_t)argc + 1) * sizeof *rest, "the words", &error);
    if (!rest) {
        return complain(&error, 1);
    }
    if (!gpu_options_take(&own, argc, argv, &count, rest, &error) ||
        !device_options_take(&device, count, rest, &error) || !only_trains(&error) ||
        !options_parse(&options, device.argc, device.argv, &error) ||
        !gpu_trainer_can(&options.settings, &error) || !place_read(&place, &error)) {
        return complain(&error, 2);
    }
    if (options.help) {
        options_help(program);
        gpu_options_help();
        return output_end(program, 0);
    }
    if (place.rank > 0 && !freopen("/dev/null", "w", stdout)) {
        return output_error(program, 1, "rank %d: /dev/null can't be written",
                            place.rank);
    }
    gpu_trainer_choose(device.choices);
    return gpu_is_emulated() ? train_here(&options) : train_there(&options);
}

int main(int argc, char **argv) {
    program = gpu_is_emulated() ? "chapter8_gpu_on_cpu" : "chapter8_gpu";
    return output_begin(program) ? begin(argc, argv) : 1;
}
