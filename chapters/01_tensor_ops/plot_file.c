/* plot_file.c: see plot_file.h. */
#include "plot_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "report.h"

enum { PATH_BYTES = 128 };

static char *path_of(const char *name, char path[PATH_BYTES]) {
    snprintf(path, PATH_BYTES, "plots/%s.dat", name);
    return path;
}

FILE *plot_file_open(const char *name, const char *columns) {
    char path[PATH_BYTES];
    FILE *file = fopen(path_of(name, path), "w");
    if (!file) {
        const int why = errno;
        const bool no_place =
            why == ENOENT || why == ENOTDIR || why == EROFS || why == EACCES;
        if (no_place && access(path, F_OK) != 0) {
            printf("Skipped: data for a plot, %s: %s\n", path, strerror(why));
        } else { /* what is there is of another run */
            report_check(false, "could not write %s: %s", path, strerror(why));
        }
        return NULL;
    }
    fprintf(file, "# %s\n", columns); /* looked at when the file is closed */
    return file;
}

void plot_file_close(FILE *file, const char *name) {
    char path[PATH_BYTES];
    if (!file) {
        return;
    }
    Error error;
    if (!output_close(file, path_of(name, path), &error)) {
        report_check(false, "%s", error.text);
        return;
    }
    printf("Data for a plot: %s. To draw it:\n", path_of(name, path));
    printf("    gnuplot -c plots/%s.gp %s \\\n", name, path);
    printf("        plots/%s.png\n", name);
}

void plot_file_leave_out(const char *name, const char *why) {
    char path[PATH_BYTES];
    remove(path_of(name, path)); /* if there is one */
    printf("Left out: %s: %s\n", name, why);
}
