/*
 * chapter8: chapter 5's training on many processes, which may be on many machines.
 *
 *     mpirun -n 2 ./chapter8
 *
 * New since chapter 5: messages (group), sums over ranks (all_reduce), a training step
 * that ranks share (rank_trainer). The command line, checkpoints and logs are chapter
 * 5's. Rank 0 prints and writes for all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/program/options.h"
#include "chapters/05_vision_transformer/program/run.h"
#include "chapters/05_vision_transformer/program/stop.h"
#include "chapters/08_many_machines/chapter8_demos.h"
#include "chapters/08_many_machines/collectives/mpi_group.h"
#include "chapters/08_many_machines/program/rank_options.h"
#include "chapters/08_many_machines/scaling/library_sum.h"
#include "chapters/08_many_machines/scaling/measure.h"
#include "chapters/08_many_machines/scaling/scale.h"
#include "common/lesson/output.h"
#include "common/lesson/report.h"

static Group group;
static Ranks ranks;

/* What the lesson works out with a pencil: before a run, or alone. */
static int by_hand_lesson(void) {
    report_title("Chapter 8: many machines");
    report_equation("", "g = sum over ranks r of g_r        an all-reduce");
    report_equation("", "a message of m bytes: alpha + m beta seconds");
    ring_demo();
    cost_demo();
    order_demo();
    printf("\n");
    return report_failures() > 0;
}

static int lesson(const Options *options) {
    return options->eval || group.rank > 0 ? 0 : by_hand_lesson();
}

static int train(Options *options, const RankOptions *own) {
    ranks = (Ranks){.group = &group,
                    .sum = own->sum,
                    .threads = options->settings.threads,
                    .shards = own->shards,
                    .bucket_bytes = own->bucket_bytes,
                    .stop_asked = stop_asked};
    rank_trainer_use(&ranks);
    options->follower = group.rank > 0;
    return run(options, &engine_ranks, lesson);
}

/* With MPI: what the command line asks for. */
static int begin(int argc, char **argv) {
    static Options options;
    RankOptions own;
    Error error;
    int count;
    if (argc == 2 && strcmp(argv[1], "--scale") == 0) {
        return output_end("chapter8", scale_run());
    }
    if (argc > 1 && strcmp(argv[1], "--measure") == 0) {
        argv[1] = argv[0];
        return measure_run(&group, all_reduce_library, argc - 1, argv + 1);
    }
    char **rest = allocate(((size_t)argc + 1) * sizeof *rest, "the words", &error);
    if (!rest) {
        return output_error("chapter8", 1, "%s", error.text);
    }
    if (argc == 2 && strcmp(argv[1], "--by-hand") == 0) {
        return output_end("chapter8", by_hand_lesson());
    }
    if (!rank_options_take(&own, argc, argv, &count, rest, &error) ||
        !options_parse(&options, count, rest, &error)) {
        return output_error("chapter8", 2, "%s", error.text);
    }
    if (options.help) {
        options_help("chapter8");
        rank_options_help();
        return output_end("chapter8", 0);
    }
    const int status = train(&options, &own);
    free(rest);
    return status;
}

int main(int argc, char **argv) {
    Error error;
    if (!output_begin("chapter8")) {
        return 1;
    }
    if (!mpi_group_open(&group, &error)) {
        return output_error("chapter8", 1, "%s", error.text);
    }
    if (group.rank > 0 && !freopen("/dev/null", "w", stdout)) {
        return output_error("chapter8", 1, "rank %d: /dev/null can't be written",
                            group.rank);
    }
    const int status = begin(argc, argv);
    if (status != 0 && group.size > 1) {
        mpi_group_abort(&group, status);
    }
    mpi_group_close(&group);
    return status;
}
