/* progress.c: see progress.h. */
#include "progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stopwatch.h"

double wall_seconds(void) {
    return 1e-3 * stopwatch_ms();
}

/* ---- the log --------------------------------------------------------------- */

static const char *csv_header = "step,epoch,loss,accuracy,gradient_norm,lr,seconds\n";

/* The text of a log's lines up to `step`; the header alone if there are none. */
static char *kept_lines(const char *path, long step) {
    char line[256], *text = NULL;
    size_t bytes = 0;
    FILE *old = step > 0 ? fopen(path, "r") : NULL;
    FILE *kept = open_memstream(&text, &bytes);
    if (kept) {
        fputs(csv_header, kept);
        while (old && fgets(line, sizeof line, old)) {
            char *end;
            long at = strtol(line, &end, 10);
            if (end != line && *end == ',' && at >= 1 && at <= step) {
                fputs(line, kept);
            }
        }
        fclose(kept);
    }
    if (old) {
        fclose(old);
    }
    return text;
}

static bool open_log(Progress *p, long step, Error *error) {
    char *kept = kept_lines(p->csv_path, step);
    if (!kept) {
        return error_set(error, "no memory for the log %s", p->csv_path);
    }
    p->csv = fopen(p->csv_path, "w");
    bool ok = p->csv && fputs(kept, p->csv) >= 0;
    free(kept);
    return ok || error_set(error, "%s: %s", p->csv_path, strerror(errno));
}

bool progress_begin(Progress *p, const Trainer *t, const char *csv_path, Error *error) {
    *p = (Progress){.terminal = isatty(STDOUT_FILENO) == 1,
                    .first_step = t->step,
                    .total_steps = trainer_total_steps(t),
                    .steps_per_epoch = trainer_steps_per_epoch(t),
                    .batch = t->settings.batch,
                    .epochs = t->settings.epochs,
                    .started_s = wall_seconds()};
    snprintf(p->csv_path, sizeof p->csv_path, "%s", csv_path);
    return open_log(p, t->step, error);
}

bool progress_end(Progress *p, Error *error) {
    bool ok = p->csv && !ferror(p->csv);
    ok = p->csv && fclose(p->csv) == 0 && ok;
    p->csv = NULL;
    return ok ||
           error_set(error, "%s: can't be written: %s", p->csv_path, strerror(errno));
}

/* ---- the line --------------------------------------------------------------- */

static const char *duration(double seconds, char text[32]) {
    long s = (long)(seconds + 0.5);
    if (s >= 3600) {
        snprintf(text, 32, "%ldh%02ldm", s / 3600, s / 60 % 60);
    } else {
        snprintf(text, 32, "%ldm%02lds", s / 60, s % 60);
    }
    return text;
}

static double images_per_s(const Progress *p, long step) {
    double seconds = wall_seconds() - p->started_s;
    return seconds > 0 ? (double)(step - p->first_step) * p->batch / seconds : 0;
}

/* The part that a running line and an epoch's line share. */
static void show(const Progress *p, long step) {
    const long epoch = (step - 1) / p->steps_per_epoch + 1;
    const double n = p->summed > 0 ? (double)p->summed : 1;
    printf("epoch %2ld/%d  step %5ld/%ld  loss %.4f  accuracy %.4f  %5.0f images/s",
           epoch, p->epochs, step, p->total_steps, p->loss / n, p->accuracy / n,
           images_per_s(p, step));
}

bool progress_step(Progress *p, const StepResult *r, bool newest, Error *error) {
    const double now = wall_seconds(), between_s = p->terminal ? 0.25 : 10;
    const long epoch = (r->step - 1) / p->steps_per_epoch + 1;
    p->loss += r->loss;
    p->accuracy += r->accuracy;
    p->summed++;
    fprintf(p->csv, "%ld,%ld,%.6f,%.4f,%.6f,%.6g,%.3f\n", r->step, epoch, r->loss,
            r->accuracy, r->gradient_norm, r->lr, now - p->started_s);
    if (ferror(p->csv)) {
        return error_set(error, "%s: can't be written: %s", p->csv_path,
                         strerror(errno));
    }
    if (newest && now - p->shown_s >= between_s && r->step % p->steps_per_epoch != 0) {
        char left[32];
        const double speed = images_per_s(p, r->step);
        const double images = (double)(p->total_steps - r->step) * p->batch;
        printf(p->terminal ? "\r\033[K" : "");
        show(p, r->step);
        printf("  %s left", duration(speed > 0 ? images / speed : 0, left));
        printf(p->terminal ? "" : "\n");
        fflush(stdout);
        p->shown_s = now;
    }
    return true;
}

void progress_epoch(Progress *p, const Trainer *t, const Evaluation *e) {
    printf(p->terminal ? "\r\033[K" : "");
    show(p, t->step);
    printf("  test %.4f\n", (double)e->correct / (double)e->count);
    fflush(stdout);
    fflush(p->csv);
    p->loss = p->accuracy = 0;
    p->summed = 0;
}
