/* progress.c: see progress.h. */
#include "chapters/05_vision_transformer/program/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chapters/05_vision_transformer/program/file_lock.h"
#include "common/files/number.h"
#include "common/lesson/stopwatch.h"

double wall_seconds(void) {
    return 1e-3 * stopwatch_ms();
}

/* ---- the log --------------------------------------------------------------- */

static const char csv_header[] = "step,epoch,loss,accuracy,gradient_norm,lr,seconds\n";

bool progress_read_line(char *line, double field[PROGRESS_FIELDS]) {
    const double max_step = 1e15;
    char *end = strchr(line, '\n');
    int count = 0;
    if (!end || line[strspn(line, "0123456789")] != ',') { /* a step is digits */
        return false;
    }
    *end = '\0';
    for (char *at = line, *comma = line; comma && count < PROGRESS_FIELDS; count++) {
        comma = strchr(at, ',');
        if (comma) {
            *comma = '\0';
        }
        if (!number_read(at, &field[count]) ||
            (comma && count == PROGRESS_FIELDS - 1)) {
            return false;
        }
        at = comma ? comma + 1 : NULL;
    }
    return count == PROGRESS_FIELDS && field[0] >= 1 && field[0] <= max_step;
}

/* Is nothing there? What can't be looked at may be something. */
static bool missing(const char *path) {
    return access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* False, and why, if the last fgets ended by a failure, not at the file's end. */
static bool was_read(FILE *file, const char *path, Error *error) {
    return !ferror(file) ||
           error_set(error, "%s: can't be read: %s", path, strerror(errno));
}

/* How long the header is: 0 in an empty file, or if a full disk let only a part of it
 * pass; -1: it is another file's. */
static long header_bytes(FILE *file) {
    char line[256] = "";
    rewind(file);
    if (!fgets(line, sizeof line, file)) {
        return 0;
    }
    if (strcmp(line, csv_header) == 0) {
        return ftell(file);
    }
    const size_t length = strlen(line);
    const bool part = length > 0 && strncmp(line, csv_header, length) == 0;
    return part && getc(file) == EOF ? 0 : -1;
}

/* After the header: how many bytes of the log are kept, up to `step`. What isn't a line
 * may stand at the end only, where a run was killed, without a line's end: else -1 and
 * an error. */
static long kept_bytes(Progress *p, long step, LogEnd *end, Error *error) {
    char line[256];
    long kept = ftell(p->csv), last = 0;
    bool bad = false, more = false;
    *end = (LogEnd){0};
    while (!more && fgets(line, sizeof line, p->csv)) {
        double field[PROGRESS_FIELDS];
        const bool whole = strchr(line, '\n') != NULL;
        const long at = progress_read_line(line, field) ? (long)field[0] : -1;
        bad = bad || at <= last;
        more = bad && whole;
        last = bad ? last : at;
        if (!bad && at <= step) {
            kept = ftell(p->csv);
            *end = (LogEnd){end->lines + 1, at, field[2], field[5]};
        }
    }
    if (more) {
        error_set(error,
                  "%s: damaged: after step %ld comes what is no line of a log; give "
                  "another --log",
                  p->csv_path, last);
        return -1;
    }
    return kept;
}

static bool not_a_log(const char *path, Error *error) {
    return error_set(error,
                     "%s: can't be written: what is there is no log of a run; "
                     "remove it, or give another --log",
                     path);
}

/* Make the log ready for the lines after `step`: it is cut, never written again. */
static bool cut_log(Progress *p, long step, Error *error) {
    LogEnd end;
    long kept = header_bytes(p->csv);
    if (kept < 0) {
        return not_a_log(p->csv_path, error);
    }
    kept = step == 0 ? 0 : kept > 0 ? kept_bytes(p, step, &end, error) : 0;
    if (kept < 0 || !was_read(p->csv, p->csv_path, error)) {
        return false;
    }
    rewind(p->csv);
    if (ftruncate(fileno(p->csv), kept) != 0 || fseek(p->csv, kept, SEEK_SET) != 0) {
        return error_set(error, "%s: can't be written: %s", p->csv_path,
                         strerror(errno));
    }
    if (kept == 0) {
        fputs(csv_header, p->csv);
    }
    return progress_sync(p, error);
}

static bool is_device(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISCHR(status.st_mode);
}

/* For lines to be added; NULL and an error if that can't be. */
static FILE *open_for_lines(const char *path, int flags, Error *error) {
    const int fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags, 0666);
    FILE *file = fd >= 0 ? fdopen(fd, "r+") : NULL;
    if (!file) {
        error_set(error, "%s: can't be written: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
    }
    return file;
}

/* /dev/null is a log that nobody wants; a terminal is for what is printed. */
static bool device_can_log(const char *path, Error *error) {
    FILE *file = open_for_lines(path, 0, error);
    const bool terminal = file && isatty(fileno(file));
    if (file) {
        fclose(file);
    }
    return file && (!terminal || error_set(error,
                                           "%s: can't be written: a terminal is no "
                                           "place for a log",
                                           path));
}

bool progress_can_log(const char *path, Error *error) {
    if (is_device(path)) {
        return device_can_log(path, error);
    }
    if (!regular_file_writable(path, error)) {
        return false;
    }
    if (missing(path)) {
        return new_file_possible(path, error);
    }
    FILE *file = open_for_lines(path, 0, error);
    const bool ok = file && file_lock_take(fileno(file), path, error) &&
                    (header_bytes(file) >= 0 || not_a_log(path, error)) &&
                    was_read(file, path, error);
    if (file) {
        fclose(file);
    }
    return ok;
}

bool progress_log_end(const char *path, long step, LogEnd *end, Error *error) {
    Progress p = {.csv = NULL};
    *end = (LogEnd){0};
    if (is_device(path) || missing(path)) {
        return true;
    }
    snprintf(p.csv_path, sizeof p.csv_path, "%s", path);
    p.csv = open_for_lines(path, 0, error);
    const bool ok =
        p.csv && (header_bytes(p.csv) <= 0 || kept_bytes(&p, step, end, error) >= 0) &&
        was_read(p.csv, path, error);
    if (p.csv) {
        fclose(p.csv);
    }
    return ok;
}

static bool open_log(Progress *p, long step, Error *error) {
    const bool was_there = !missing(p->csv_path);
    if (!progress_can_log(p->csv_path, error) ||
        !(p->csv = open_for_lines(p->csv_path, O_CREAT, error))) {
        return false;
    }
    if (is_device(p->csv_path)) {
        fputs(csv_header, p->csv);
        return progress_sync(p, error);
    }
    if (!file_lock_take(fileno(p->csv), p->csv_path, error)) {
        return false; /* it is the other run's, also if it wasn't there before */
    }
    const bool ok = cut_log(p, step, error);
    if (!ok && !was_there) {
        remove(p->csv_path);
    }
    return ok;
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
    const bool ok = open_log(p, t->step, error);
    if (!ok && p->csv) {
        fclose(p->csv);
        p->csv = NULL;
    }
    return ok;
}

bool progress_sync(Progress *p, Error *error) {
    bool ok = fflush(p->csv) == 0 && !ferror(p->csv);
    ok = ok && (fsync(fileno(p->csv)) == 0 || errno == EINVAL || errno == ENOTSUP);
    if (!ok && p->csv_errno == 0) {
        p->csv_errno = errno;
    }
    return ok || error_set(error, "%s: can't be written: %s", p->csv_path,
                           strerror(p->csv_errno));
}

bool progress_end(Progress *p, Error *error) {
    const bool ok = progress_sync(p, error);
    const bool closed = fclose(p->csv) == 0;
    const int why = errno;
    p->csv = NULL;
    return ok && (closed || error_set(error, "%s: can't be written: %s", p->csv_path,
                                      strerror(why)));
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
        p->csv_errno = errno;
        return progress_sync(p, error);
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
    p->loss = p->accuracy = 0;
    p->summed = 0;
}
