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

/* ---- the log --------------------------------------------------------------- */

static const char csv_header[] = "step,epoch,loss,accuracy,gradient_norm,lr,seconds\n";
enum { STEP, LOSS = 2, RATE = 5, FIELDS = 7 };

/* The numbers of a log's line, which is written over; false if it isn't a whole one. */
static bool read_line(char *line, double field[FIELDS]) {
    if (line[strspn(line, "0123456789")] != ',') { /* a step is digits */
        return false;
    }
    for (int i = 0; i < FIELDS; i++) {
        char *end = line + strcspn(line, ",\n");
        if (*end != (i < FIELDS - 1 ? ',' : '\n')) {
            return false;
        }
        *end = '\0';
        if (!number_read(line, &field[i])) {
            return false;
        }
        line = end + 1;
    }
    return field[STEP] >= 1 && field[STEP] <= 1e15;
}

/* Is nothing there? What can't be looked at may be something. */
static bool missing(const char *path) {
    return access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

static bool is_device(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISCHR(status.st_mode);
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

/* The header, and the lines up to `step`. False if anything but whole lines comes
 * before the end, where a run may have been killed within a line. */
static bool read_log(FILE *csv, const char *path, long step, LogEnd *end,
                     Error *error) {
    char line[256];
    long last = 0;
    bool bad = false;
    const long header = header_bytes(csv);
    if (header < 0) {
        return error_set(error,
                         "%s: can't be written: what is there is no log of a run; "
                         "remove it, or give another --log",
                         path);
    }
    *end = (LogEnd){.bytes = step > 0 ? header : 0};
    while (end->bytes > 0 && fgets(line, sizeof line, csv)) {
        double field[FIELDS];
        const bool whole = strchr(line, '\n') != NULL;
        const long at = read_line(line, field) ? (long)field[STEP] : -1;
        bad = bad || at <= last;
        if (bad && whole) {
            return error_set(error,
                             "%s: damaged: after step %ld comes what is no line of a "
                             "log; give another --log",
                             path, last);
        }
        last = bad ? last : at;
        if (!bad && at <= step) {
            *end = (LogEnd){end->lines + 1, ftell(csv), at, field[LOSS], field[RATE]};
        }
    }
    return !ferror(csv) ||
           error_set(error, "%s: can't be read: %s", path, strerror(errno));
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
static bool is_log(FILE *file, const char *path, long step, LogEnd *end, Error *error) {
    if (!is_device(path)) {
        return file_lock_take(fileno(file), path, error) &&
               read_log(file, path, step, end, error);
    }
    return !isatty(fileno(file)) ||
           error_set(error, "%s: can't be written: a terminal is no place for a log",
                     path);
}

bool progress_can_log(const char *path, long step, LogEnd *end, Error *error) {
    const bool device = is_device(path);
    *end = (LogEnd){0};
    if (!device && !regular_file_writable(path, error)) {
        return false;
    }
    if (!device && missing(path)) {
        return new_file_possible(path, error);
    }
    FILE *file = open_for_lines(path, 0, error);
    const bool ok = file && is_log(file, path, step, end, error);
    if (file) {
        fclose(file);
    }
    return ok;
}

/* Make the log ready for more lines: it is cut, never written again. */
static bool cut_log(Progress *p, long bytes, Error *error) {
    rewind(p->csv);
    if (!is_device(p->csv_path) && (ftruncate(fileno(p->csv), bytes) != 0 ||
                                    fseek(p->csv, bytes, SEEK_SET) != 0)) {
        return error_set(error, "%s: can't be written: %s", p->csv_path,
                         strerror(errno));
    }
    if (bytes == 0) {
        fputs(csv_header, p->csv);
    }
    return progress_sync(p, error);
}

bool progress_begin(Progress *p, const Trainer *t, const char *csv_path, Error *error) {
    const bool was_there = !missing(csv_path);
    LogEnd end;
    *p = (Progress){.trainer = t,
                    .csv_path = csv_path,
                    .terminal = isatty(STDOUT_FILENO) == 1,
                    .first_step = t->step,
                    .last_step = trainer_total_steps(t),
                    .started_ms = stopwatch_ms()};
    if (progress_can_log(csv_path, t->step, &end, error)) {
        p->csv = open_for_lines(csv_path, O_CREAT, error);
    }
    if (!p->csv) {
        return false;
    }
    const bool ours = is_log(p->csv, csv_path, t->step, &end, error);
    if (ours && cut_log(p, end.bytes, error)) {
        return true;
    }
    if (ours && !was_there) {
        remove(csv_path); /* another run's is kept, also if it wasn't there before */
    }
    fclose(p->csv);
    p->csv = NULL;
    return false;
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
    bool ok = progress_sync(p, error);
    if (fclose(p->csv) != 0 && ok) {
        ok = error_set(error, "%s: can't be written: %s", p->csv_path, strerror(errno));
    }
    p->csv = NULL;
    return ok;
}

/* ---- the line --------------------------------------------------------------- */

static double images_per_s(const Progress *p, long step) {
    const double seconds = 1e-3 * (stopwatch_ms() - p->started_ms);
    const double images = (double)(step - p->first_step) * p->trainer->settings.batch;
    return seconds > 0 ? images / seconds : 0;
}

/* The part that a running line and an epoch's line share. */
static void show(const Progress *p, long step) {
    const Trainer *t = p->trainer;
    const double n = p->summed > 0 ? (double)p->summed : 1;
    printf(p->terminal ? "\r\033[K" : "");
    printf("epoch %2ld/%d  step %5ld/%ld  loss %.4f  accuracy %.4f  %5.0f images/s",
           (step - 1) / trainer_steps_per_epoch(t) + 1, trainer_epochs(t), step,
           trainer_total_steps(t), p->loss / n, p->accuracy / n, images_per_s(p, step));
}

static void show_running(const Progress *p, long step) {
    const double images = (double)(p->last_step - step) * p->trainer->settings.batch;
    const double speed = images_per_s(p, step);
    const long left_s = (long)((speed > 0 ? images / speed : 0) + 0.5);
    show(p, step);
    if (left_s >= 3600) {
        printf("  %ldh%02ldm left", left_s / 3600, left_s / 60 % 60);
    } else {
        printf("  %ldm%02lds left", left_s / 60, left_s % 60);
    }
    printf(p->terminal ? "" : "\n");
    fflush(stdout);
}

bool progress_step(Progress *p, const StepResult *r, bool newest, Error *error) {
    const double now = stopwatch_ms(), between_ms = p->terminal ? 250 : 10000;
    const long per_epoch = trainer_steps_per_epoch(p->trainer);
    p->loss += r->loss;
    p->accuracy += r->accuracy;
    p->summed++;
    fprintf(p->csv, "%ld,%ld,%.6f,%.4f,%.6f,%.6g,%.3f\n", r->step,
            (r->step - 1) / per_epoch + 1, r->loss, r->accuracy, r->gradient_norm,
            r->lr, 1e-3 * (now - p->started_ms));
    if (ferror(p->csv)) {
        p->csv_errno = errno;
        return progress_sync(p, error);
    }
    if (newest && now - p->shown_ms >= between_ms && r->step % per_epoch != 0) {
        show_running(p, r->step);
        p->shown_ms = now;
    }
    return true;
}

void progress_epoch(Progress *p, const Evaluation *e) {
    show(p, p->trainer->step);
    printf("  test %.4f\n", (double)e->correct / (double)e->count);
    fflush(stdout);
    p->loss = p->accuracy = 0;
    p->summed = 0;
}
