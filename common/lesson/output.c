/* output.c: see output.h. */
#include "common/lesson/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/files/regular_file.h"

static bool is_closed(int descriptor) {
    return fcntl(descriptor, F_GETFD) == -1 && errno == EBADF;
}

bool output_begin(const char *program) {
    new_file_watch(); /* makes a file limit an error, for stdout too */
    /* open() takes the lowest free number: 0 first. */
    if (is_closed(STDIN_FILENO)) {
        (void)!open("/dev/null", O_RDONLY);
    }
    if (is_closed(STDOUT_FILENO)) {
        return output_error(program, false,
                            "its output is closed: there is nowhere to print");
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
    return output_error(program, 1, "its output can't be written: %s",
                        errno != 0 ? strerror(errno) : "an earlier write failed");
}

int output_error(const char *program, int status, const char *format, ...) {
    char text[8192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", program, text); /* in one piece */
    return status;
}

static bool has_colours(void) {
    const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && *no) && terminal &&
           strcmp(terminal, "dumb") != 0;
}

const char *output_colour(bool good) {
    return !has_colours() ? "" : good ? "\033[32m" : "\033[31m";
}

const char *output_plain(void) {
    return has_colours() ? "\033[0m" : "";
}
