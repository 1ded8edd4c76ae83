/* plot_file.c: see plot_file.h. */
#include "plot_file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

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
        printf("Skipped: data for a plot, %s: %s\n", path, strerror(errno));
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
    const bool written = !ferror(file);
    if (fclose(file) != 0 || !written) {
        remove(path_of(name, path));
        report_check(false, "could not write %s: is the disk full?", path);
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
