/* rank_report.c: see rank_report.h. */
#include "chapters/08_many_machines/program/rank_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/08_many_machines/program/byte_messages.h"
#include "chapters/08_many_machines/program/heartbeat.h"

/* What each rank says. */
typedef struct {
    RankTimes times;
    char host[HEARTBEAT_HOST];
    double trainer_mb;      /* rank_trainer_bytes */
    double rss_mb, peak_mb; /* of the process; 0: the system doesn't say */
} Share;

/* The process's memory, now and at most (Linux: VmRSS, VmHWM). */
static void read_memory(Share *s) {
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            s->rss_mb = atof(line + 6) * 1024 / 1e6;
        } else if (strncmp(line, "VmHWM:", 6) == 0) {
            s->peak_mb = atof(line + 6) * 1024 / 1e6;
        }
    }
    if (file) {
        fclose(file);
    }
}

/* Mean over the ranks, and the largest, in ms per step. */
static void print_time(const Share *all, int P, const char *what, size_t at) {
    double sum = 0, max = 0;
    for (int r = 0; r < P; r++) {
        double s;
        memcpy(&s, (const char *)&all[r].times + at, sizeof s);
        const double ms = 1e3 * s / (double)all[r].times.steps;
        sum += ms;
        max = ms > max ? ms : max;
    }
    printf("%s %.2f ms (at most %.2f)", what, sum / P, max);
}

static void print_times(const Share *all, int P) {
    printf("\nranks: per step ");
    print_time(all, P, "compute", offsetof(RankTimes, compute_s));
    print_time(all, P, ", waited", offsetof(RankTimes, wait_s));
    print_time(all, P, ", update", offsetof(RankTimes, update_s));
    printf("\n");
}

/* Of gradients, and of the weights that were updated with them. */
static long long training_bytes(const RankTimes *t) {
    return t->gradient_bytes + t->weight_bytes;
}

static void print_bytes(const Share *all, int P, const Trainer *t, bool rings) {
    const long long n = t->list.total - trainer_first_trained(t);
    const long long ring = 2LL * (P - 1) * n * (long long)sizeof(real);
    const long steps = all[0].times.steps;
    long long gradients = 0, weights = 0, others = 0, max = 0;
    for (int r = 0; r < P; r++) {
        const RankTimes *times = &all[r].times;
        const long long bytes = training_bytes(times);
        gradients += times->gradient_bytes;
        weights += times->weight_bytes;
        others += times->other_bytes;
        max = bytes > max ? bytes : max;
    }
    if (gradients == 0) {
        printf("sent: counted by nobody: MPI's own sum sent it\n");
        return;
    }
    printf("sent: per step %.3f MB by a rank at most, %lld bytes by all",
           (double)max / (double)steps / 1e6, (gradients + weights) / steps);
    if (rings) {
        printf("; 2 (P - 1) n %zu = %lld", sizeof(real), ring);
    }
    printf("\n      gradients %lld, new weights %lld; and losses and norms %lld\n",
           gradients / steps, weights / steps, others / steps);
}

/* --shard-optimiser: what isn't kept here. */
static void print_memory(const Share *all, int P, const Trainer *t, bool sharded) {
    const double moments = 2.0 * (double)t->list.total * sizeof(real) / 1e6;
    double saved = moments;
    for (int r = 0; r < P; r++) {
        saved = fmin(saved, all[r].times.saved_bytes / 1e6);
    }
    if (sharded) {
        printf("AdamW's moments: %.2f MB of %.2f at each rank: %.2f are saved\n",
               moments - saved, moments, saved);
    }
    for (int r = 0; r < P && all[r].rss_mb > 0; r++) {
        const double sent = (double)training_bytes(&all[r].times) / 1e6;
        printf("memory of rank %d (%s): %.1f MB, at most %.1f; %.1f for training", r,
               all[r].host, all[r].rss_mb, all[r].peak_mb, all[r].trainer_mb);
        if (sent > 0) {
            printf("; sent per step %.3f MB", sent / (double)all[r].times.steps);
        }
        printf("\n");
    }
}

void rank_report(const Trainer *t, Group *group, const RankOptions *own) {
    const int P = group->size;
    Error error;
    Share mine = {.times = rank_trainer_times(t),
                  .trainer_mb = rank_trainer_bytes(t) / 1e6};
    if (P == 1 || mine.times.steps == 0) {
        return;
    }
    heartbeat_host(mine.host);
    read_memory(&mine);
    if (group->rank > 0) {
        bytes_send(group, 0, &mine, sizeof mine);
        return;
    }
    Share *all = allocate((size_t)P * sizeof *all, "the ranks' times", &error);
    for (int r = 1; r < P; r++) {
        Share other;
        bytes_receive(group, r, &other, sizeof other);
        if (all) {
            all[r] = other;
        }
    }
    if (all) {
        all[0] = mine;
        const bool rings =
            own->sum == SUM_RING || own->sum == SUM_AT_END || own->sum == SUM_SHARDED;
        print_times(all, P);
        print_bytes(all, P, t, rings);
        print_memory(all, P, t, own->sum == SUM_SHARDED);
    }
    free(all);
}
