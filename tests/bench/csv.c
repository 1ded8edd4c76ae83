/* csv.c: see csv.h. */
#include "tests/bench/csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool csv_open(Csv *csv, const char *path, const char *header, Error *error) {
    struct stat there;
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
        return error_set(error, "%s: can't be written: it is no regular file", path);
    }
    snprintf(csv->path, sizeof csv->path, "%s", path);
    snprintf(csv->temporary, sizeof csv->temporary, "%s.tmp.XXXXXX", path);
    const int fd = mkstemp(csv->temporary); /* a name that nobody has planted */
    csv->file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!csv->file) {
        return error_set(error, "%s: can't be written: %s", path, strerror(errno));
    }
    const mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask);
    fprintf(csv->file, "%s\n", header); /* looked at when the file is closed */
    return true;
}

bool csv_close(Csv *csv, Error *error) {
    errno = 0;
    const bool written = !ferror(csv->file) && fflush(csv->file) == 0;
    const bool closed = fclose(csv->file) == 0;
    csv->file = NULL;
    if (!written || !closed || rename(csv->temporary, csv->path) != 0) {
        error_set(error, "could not write %s: %s", csv->path,
                  errno ? strerror(errno) : "an earlier write failed");
        remove(csv->temporary);
        return false;
    }
    printf("written: %s\n", csv->path);
    return true;
}

void csv_drop(Csv *csv) {
    if (csv->file) {
        fclose(csv->file);
        csv->file = NULL;
        remove(csv->temporary);
    }
}

void csv_number(Csv *csv, double number) {
    if (number == 0) {
        fprintf(csv->file, ",");
    } else {
        fprintf(csv->file, ",%.6g", number);
    }
}
