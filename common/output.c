/* output.c: see output.h. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "regular_file.h"

/* ---- standard output ------------------------------------------------------- */

static bool is_closed(int descriptor) {
    return fcntl(descriptor, F_GETFD) == -1 && errno == EBADF;
}

bool output_begin(const char *program) {
    file_limit_is_an_error(); /* of stdout too */
    /* open() takes the lowest free number: 0 first. */
    if (is_closed(STDIN_FILENO)) {
        (void)!open("/dev/null", O_RDONLY);
    }
    if (is_closed(STDOUT_FILENO)) {
        fprintf(stderr, "%s: its output is closed: there is nowhere to print\n",
                program);
        return false;
    }
    return !is_closed(STDERR_FILENO) || open("/dev/null", O_WRONLY) == STDERR_FILENO;
}

int output_end(const char *program, int status) {
    errno = 0;
    const bool failed_before = ferror(stdout) != 0;
    const bool failed = fflush(stdout) != 0 || failed_before;
    if (!failed || status != 0) {
        return status;
    }
    fprintf(stderr, "%s: its output can't be written: %s\n", program,
            errno != 0 ? strerror(errno) : "an earlier write failed");
    return 1;
}

/* ---- files ------------------------------------------------------------------ */

enum { PATH_BYTES = 4200 }; /* more than any system opens */

/* The name of the folder that `path` is in. */
static const char *folder_of(const char *path, char copy[PATH_BYTES]) {
    snprintf(copy, PATH_BYTES, "%s", path);
    return dirname(copy);
}

bool output_can_write(const char *path, Error *error) {
    char copy[PATH_BYTES];
    struct stat there;
    if (strlen(path) >= PATH_BYTES) {
        return error_set(error, "%s: can't be written: %s", path,
                         strerror(ENAMETOOLONG));
    }
    if (stat(path, &there) == 0) {
        errno = S_ISDIR(there.st_mode) ? EISDIR : 0;
        return (errno == 0 && access(path, W_OK) == 0) ||
               error_set(error, "%s: can't be written: %s", path, strerror(errno));
    }
    if (errno == ENOENT && path[0] != '\0' && path[strlen(path) - 1] == '/') {
        errno = EISDIR;
    }
    if (errno != ENOENT) {
        return error_set(error, "%s: can't be written: %s", path, strerror(errno));
    }
    const char *folder = folder_of(path, copy);
    errno = 0;
    if (stat(folder, &there) == 0 && !S_ISDIR(there.st_mode)) {
        errno = ENOTDIR;
    }
    return (errno == 0 && access(folder, W_OK) == 0) ||
           error_set(error, "%s: can't be written: folder %s: %s", path, folder,
                     strerror(errno));
}

bool output_close(FILE *file, const char *path, Error *error) {
    struct stat there;
    errno = 0;
    const bool failed_before = ferror(file) != 0;
    const bool failed = fclose(file) != 0 || failed_before;
    if (!failed) {
        return true;
    }
    error_set(error, "%s: can't be written: %s", path,
              errno != 0 ? strerror(errno) : "an earlier write failed");
    if (lstat(path, &there) == 0 && S_ISREG(there.st_mode)) {
        remove(path); /* no half file; and never a device */
    }
    return false;
}
