/* second_program.c: see second_program.h. */
#include "common/lesson/second_program.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* folder/name, or name in the working directory where the folder is empty; is that a
 * program? */
static bool program_in(const char *folder, size_t length, const char *name,
                       char path[PATH_BYTES]) {
    const char *slash = length > 0 && folder[length - 1] != '/' ? "/" : "";
    const int bytes = snprintf(path, PATH_BYTES, "%s%.*s%s%s", length > 0 ? "" : "./",
                               (int)length, folder, slash, name);
    return bytes < PATH_BYTES && access(path, X_OK) == 0;
}

static bool beside(const char *argv0, const char *name, char path[PATH_BYTES]) {
    const char *slash = strrchr(argv0, '/');
    if (slash) {
        return program_in(argv0, (size_t)(slash + 1 - argv0), name, path);
    }
    const char *folder = getenv("PATH");
    while (folder) {
        const size_t length = strcspn(folder, ":");
        if (program_in(folder, length, argv0, path)) {
            return program_in(folder, length, name, path);
        }
        folder = folder[length] ? folder + length + 1 : NULL;
    }
    return program_in("", 0, name, path);
}

/* chapter6_on_cpu comes of `make chapter6`. */
static int missing(const char *path, const char *name, Error *error) {
    error_set(error, "%s is missing: make %.*s builds it", path,
              (int)strcspn(name, "_"), name);
    return -1;
}

int second_program_instead(const char *argv0, const char *name, char *argv[],
                           Error *error) {
    char path[PATH_BYTES];
    if (!beside(argv0, name, path)) {
        return missing(path, name, error);
    }
    fflush(stdout);
    argv[0] = path;
    execv(path, argv);
    error_set(error, "%s doesn't run: %s", path, strerror(errno));
    return -1;
}

int second_program(const char *argv0, const char *name, char *argv[], Error *error) {
    char path[PATH_BYTES];
    int status = 0;
    if (!beside(argv0, name, path)) {
        return missing(path, name, error);
    }
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        argv[0] = path;
        execv(path, argv);
        fprintf(stderr, "%s doesn't run: %s\n", path, strerror(errno));
        _exit(126);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (child < 0) {
        error_set(error, "%s doesn't run: %s", path, strerror(errno));
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
