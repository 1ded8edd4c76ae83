/* plot_file.c: see plot_file.h. */
#include "common/lesson/plot_file.h"

#include <errno.h>
#include <unistd.h>

#include "common/files/regular_file.h"
#include "common/lesson/report.h"

enum { PATH_BYTES = 128 };

static NewFile current; /* one at a time */

static char *path_of(const char *name, char path[PATH_BYTES]) {
    snprintf(path, PATH_BYTES, "plots/%s.dat", name);
    return path;
}

FILE *plot_file_open(const char *name, const char *columns) {
    char path[PATH_BYTES];
    Error error;
    path_of(name, path);
    if (current.file) {
        bug("plot_file: %s is opened while another is open", name);
    }
    if (access(path, F_OK) != 0 && access("plots", W_OK) != 0 &&
        (errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == EROFS)) {
        printf("Skipped: data for a plot, %s: there is no folder plots to write in\n",
               path);
        return NULL;
    }
    if (!new_file_begin(&current, path, &error)) { /* what is there is another run's */
        report_check(false, "%s", error.text);
        return NULL;
    }
    fprintf(current.file, "# %s\n", columns); /* looked at when the file is closed */
    return current.file;
}

void plot_file_close(FILE *file, const char *name) {
    Error error;
    if (!file) {
        return;
    }
    if (!new_file_end(&current, &error)) {
        report_check(false, "%s", error.text);
        return;
    }
    printf("Data for a plot: %s. To draw it:\n"
           "    gnuplot -c plots/%s.gp %s \\\n"
           "        plots/%s.png\n",
           current.path, name, current.path, name);
}

void plot_file_leave_out(const char *name, const char *why) {
    char path[PATH_BYTES];
    remove(path_of(name, path)); /* if there is one */
    printf("Left out: %s: %s\n", name, why);
}
