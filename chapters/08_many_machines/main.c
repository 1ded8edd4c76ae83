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

#include "chapters/05_vision_transformer/program/classify.h"
#include "chapters/05_vision_transformer/program/describe.h"
#include "chapters/05_vision_transformer/program/options.h"
#include "chapters/05_vision_transformer/program/run.h"
#include "chapters/05_vision_transformer/program/stop.h"
#include "chapters/08_many_machines/chapter8_demos.h"
#include "chapters/05_vision_transformer/training/checkpoint_file.h"
#include "chapters/08_many_machines/collectives/mpi_group.h"
#include "chapters/08_many_machines/program/heartbeat.h"
#include "chapters/08_many_machines/program/rank_engine.h"
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

/* Of rank 0; if it fails, the others have to know. */
static int lesson(const Options *options) {
    const int status = options->eval || group.rank > 0 ? 0 : by_hand_lesson();
    if (status != 0) {
        heartbeat_fail(status, "what the lines that begin with FAIL say went wrong");
    }
    return status;
}

/* ---- training -------------------------------------------------------------------- */

/* S of --deterministic: a run that goes on has the checkpoint's, or its bits would
 * change. What is wrong with the file is said later. */
static int shards(const Options *options, const RankOptions *own) {
    CheckpointInfo info;
    Error error;
    if (own->deterministic && !own->shards_given && options->resume &&
        checkpoint_info(options->resume, &info, &error)) {
        return info.settings.threads;
    }
    return own->shards;
}

static int train(Options *options, const RankOptions *own) {
    static char launcher[40], again[200];
    ranks = (Ranks){.group = &group,
                    .sum = own->sum,
                    .threads = own->threads,
                    .shards = shards(options, own),
                    .bucket_bytes = own->bucket_bytes,
                    .stop_asked = stop_asked};
    rank_trainer_use(&ranks);
    options->follower = group.rank > 0;
    rank_options_again(own, again, sizeof again);
    options->again = again;
    if (group.size > 1) {
        snprintf(launcher, sizeof launcher, "mpirun -n %d ", group.size);
        options->launcher = launcher;
    }
    const Engine engine = rank_engine(&engine_ranks, &group, options, own);
    return run(options, &engine, lesson);
}

/* ---- the command line ------------------------------------------------------------ */

/* What isn't training or a test, "" if it is one. */
static const char *other_task(const Options *options) {
    return options->help       ? "--help"
           : options->image    ? "--image"
           : options->describe ? "--describe"
                               : "";
}

/* Rank 0 does it: nothing of it is shared. */
static int do_other_task(const Options *options) {
    if (group.rank > 0) {
        return 0;
    }
    if (options->help) {
        options_help("chapter8");
        rank_options_help();
        return output_end("chapter8", 0);
    }
    if (options->image) {
        return classify_run(options);
    }
    return describe_run("chapter8", options->describe, &options->settings);
}

static int parse(Options *options, RankOptions *own, int argc, char **argv,
                 Error *error) {
    int count;
    char **rest = allocate(((size_t)argc + 1) * sizeof *rest, "the words", error);
    if (!rest) {
        return 1;
    }
    const bool good = rank_options_take(own, argc, argv, &count, rest, error) &&
                      options_parse(options, count, rest, error);
    free(rest); /* the words themselves are argv's */
    if (!good) {
        return 2;
    }
    if (options->dump || options->gradcheck) {
        error_set(error, "%s is for ./chapter5, whose layers these are",
                  options->dump ? "--dump" : "--gradcheck");
        return 2;
    }
    own->threads = options_given(options, "--threads") ? options->settings.threads : 1;
    return 0;
}

static int do_lesson_task(int argc, char **argv) {
    if (strcmp(argv[1], "--measure") == 0) {
        argv[1] = argv[0];
        return measure_run(&group, all_reduce_library, argc - 1, argv + 1);
    }
    const bool by_hand = strcmp(argv[1], "--by-hand") == 0;
    return output_end("chapter8", by_hand ? by_hand_lesson() : scale_run());
}

/* What the command line asks for; the same at all ranks, or none of them begins. */
static int begin(int argc, char **argv) {
    static Options options;
    static RankOptions own;
    char words[RANK_OPTIONS_TASK];
    Error error = {""};
    const bool of_lesson = rank_options_task(argc, argv, words);
    int status = of_lesson ? 0 : parse(&options, &own, argc, argv, &error);
    const HeartbeatPlan plan = {"chapter8", &group, own.patience_s, mpi_group_turns,
                                mpi_group_abort};
    if (!heartbeat_open(&plan, &error)) {
        return group.rank > 0 ? 1 : output_error("chapter8", 1, "%s", error.text);
    }
    const char *task = of_lesson ? words : status ? "none" : other_task(&options);
    if (!*task) {
        return train(&options, &own);
    }
    status = rank_engine_agree(&group, task, status, &error);
    if (status != 0) {
        return error.text[0] ? output_error("chapter8", status, "%s", error.text)
                             : status;
    }
    return of_lesson ? do_lesson_task(argc, argv) : do_other_task(&options);
}

static void mpi_failed(const char *what) {
    if (heartbeat_fail(1, what)) {
        mpi_group_abort(1); /* all have, and it has been said */
    }
}

int main(int argc, char **argv) {
    Error error;
    if (!output_begin("chapter8")) {
        return 1;
    }
    if (!mpi_group_open(&group, &error)) { /* at all ranks */
        if (group.rank == 0) {
            output_error("chapter8", 1, "%s", error.text);
        }
        mpi_group_close(&group);
        return 1;
    }
    if (group.rank > 0 && !freopen("/dev/null", "w", stdout)) {
        output_error("chapter8", 1, "rank %d: /dev/null can't be written", group.rank);
        mpi_group_abort(1); /* the others wait for this one */
    }
    mpi_group_tell(mpi_failed);
    const int status = begin(argc, argv);
    heartbeat_close();
    mpi_group_close(&group);
    return status;
}
