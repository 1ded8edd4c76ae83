/* rank_options.c: see rank_options.h. */
#include "chapters/08_many_machines/program/rank_options.h"

#include <stdio.h>
#include <string.h>

#include "chapters/05_vision_transformer/program/options.h"
#include "chapters/08_many_machines/program/heartbeat.h"
#include "common/files/number.h"

static const struct {
    const char *word;
    GradientSum sum;
} ways[] = {{"ring", SUM_RING},     {"at-end", SUM_AT_END},
            {"gather", SUM_GATHER}, {"halving", SUM_HALVING},
            {"mpi", SUM_MPI},       {"mpi-at-end", SUM_MPI_AT_END}};
enum { WAYS = sizeof ways / sizeof ways[0] };

void rank_options_help(void) {
    printf("\nMany ranks\n"
           "  --threads N            of each rank [1]\n"
           "  --sum WAY              of the ranks' gradients: ring, in buckets during "
           "the\n"
           "                         backward pass; or after it: at-end (a ring), "
           "gather,\n"
           "                         halving; MPI's own: mpi (in buckets), mpi-at-end "
           "[ring]\n"
           "  --bucket KB            the least that is sent at once [512]\n"
           "  --deterministic        the same bits for any number of ranks\n"
           "  --shards S             with it: the batch is cut into S [8]\n"
           "  --shard-optimiser      each rank keeps a part of AdamW's moments\n"
           "  --by-hand              alone: only what the lesson works out by hand\n"
           "  --measure              the network; a step, predicted and measured\n"
           "  --scale                alone: 1,000 GPUs, by arithmetic\n"
           "  --patience S           seconds that a rank may be silent, or longer than "
           "ten\n"
           "                         steps at one; 0: for ever [30 and 300]\n"
           "\nStarted by mpirun -n P or srun; without them it is one rank.\n");
}

static bool read_count(const char *option, const char *text, long largest, long *value,
                       Error *error) {
    double number;
    if (!number_read(text, &number) || number < 1 || number > (double)largest ||
        number != (double)(long)number) {
        return error_set(error, "%s is a whole number from 1 to %ld, not \"%.60s\"",
                         option, largest, text);
    }
    *value = (long)number;
    return true;
}

static bool read_way(RankOptions *own, const char *text, Error *error) {
    for (int i = 0; i < WAYS; i++) {
        if (strcmp(text, ways[i].word) == 0) {
            own->sum = ways[i].sum;
            own->sum_given = true;
            return true;
        }
    }
    return error_set(error,
                     "--sum is ring, at-end, gather, halving, mpi or mpi-at-end, not "
                     "\"%.60s\"",
                     text);
}

static bool read_value(RankOptions *own, const char *option, const char *value,
                       Error *error) {
    long number = 0;
    if (*value == '\0' || strncmp(value, "--", 2) == 0) {
        return error_set(error, "%s needs a value", option);
    }
    if (strcmp(option, "--sum") == 0) {
        return read_way(own, value, error);
    }
    if (strcmp(option, "--patience") == 0) {
        double seconds;
        if (!number_read(value, &seconds) || !(seconds >= 0 && seconds <= 1e6)) {
            return error_set(error, "--patience can't be \"%.60s\": want seconds",
                             value);
        }
        own->patience_s = seconds > 0 ? seconds : HEARTBEAT_NO_PATIENCE;
        return true;
    }
    if (strcmp(option, "--shards") == 0) {
        own->shards_given = true;
        if (!read_count(option, value, MAX_THREADS, &number, error)) {
            return false;
        }
        own->shards = (int)number;
        return true;
    }
    own->bucket_given = true;
    if (!read_count(option, value, 1L << 30, &number, error)) {
        return false;
    }
    own->bucket_bytes = number * 1024;
    return true;
}

bool rank_options_task(int argc, char **argv, char words[RANK_OPTIONS_TASK]) {
    const bool alone = argc == 2 && (strcmp(argv[1], "--scale") == 0 ||
                                     strcmp(argv[1], "--by-hand") == 0);
    const bool own = alone || (argc > 1 && strcmp(argv[1], "--measure") == 0);
    words[0] = '\0';
    for (int i = 1; own && i < argc; i++) {
        const size_t used = strlen(words);
        snprintf(words + used, RANK_OPTIONS_TASK - used, "%s%s", i > 1 ? " " : "",
                 argv[i]);
    }
    return own;
}

const char *rank_options_sum(const RankOptions *own) {
    for (int i = 0; i < WAYS; i++) {
        if (ways[i].sum == own->sum) {
            return ways[i].word;
        }
    }
    return own->sum == SUM_IN_ORDER ? "in order (--deterministic)"
                                    : "in chunks (--shard-optimiser)";
}

void rank_options_again(const RankOptions *own, char *text, size_t bytes) {
    char threads[40] = "", sum[40] = "", bucket[40] = "", patience[40] = "";
    if (own->threads > 1) {
        snprintf(threads, sizeof threads, " --threads %d", own->threads);
    }
    if (own->sum_given) {
        snprintf(sum, sizeof sum, " --sum %s", rank_options_sum(own));
    }
    if (own->bucket_given) {
        snprintf(bucket, sizeof bucket, " --bucket %ld", own->bucket_bytes / 1024);
    }
    if (own->patience_s != HEARTBEAT_USUAL) {
        snprintf(patience, sizeof patience, " --patience %g",
                 own->patience_s > 0 ? own->patience_s : 0);
    }
    snprintf(text, bytes, "%s%s%s%s%s%s", threads, sum, bucket,
             own->deterministic ? " --deterministic" : "",
             own->shard_optimiser ? " --shard-optimiser" : "", patience);
}

/* Words that say two things. */
static bool agree(RankOptions *own, Error *error) {
    if (own->deterministic && own->shard_optimiser) {
        return error_set(error,
                         "--deterministic and --shard-optimiser: one or the other");
    }
    if (own->sum_given && (own->deterministic || own->shard_optimiser)) {
        return error_set(error, "%s has a way to sum of its own: leave --sum out",
                         own->deterministic ? "--deterministic" : "--shard-optimiser");
    }
    if (own->shards_given && !own->deterministic) {
        return error_set(error, "--shards is for --deterministic");
    }
    if (own->deterministic || own->shard_optimiser) {
        own->sum = own->deterministic ? SUM_IN_ORDER : SUM_SHARDED;
    }
    if (own->bucket_given && own->sum != SUM_RING && own->sum != SUM_MPI) {
        return error_set(error, "--bucket is for --sum ring and mpi");
    }
    return true;
}

bool rank_options_take(RankOptions *own, int argc, char **argv, int *count, char **rest,
                       Error *error) {
    *own = (RankOptions){.sum = SUM_RING, .shards = 8, .bucket_bytes = 512 * 1024};
    *count = 0;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        const bool value =
            i > 0 && (strcmp(word, "--sum") == 0 || strcmp(word, "--shards") == 0 ||
                      strcmp(word, "--bucket") == 0 || strcmp(word, "--patience") == 0);
        if (i > 0 && strcmp(word, "--deterministic") == 0) {
            own->deterministic = true;
        } else if (i > 0 && strcmp(word, "--shard-optimiser") == 0) {
            own->shard_optimiser = true;
        } else if (!value) {
            rest[(*count)++] = argv[i];
            if (options_has_value(word) && i + 1 < argc) { /* even "--deterministic" */
                rest[(*count)++] = argv[++i];
            }
        } else if (!read_value(own, word, i + 1 < argc ? argv[i + 1] : "", error)) {
            return false;
        } else {
            i++;
        }
    }
    rest[*count] = NULL;
    return agree(own, error);
}
