/* second_program.c: see second_program.h. */
#include "common/lesson/second_program.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_BYTES = 4200, MAX_WORDS = 12 };

extern char **environ;

static bool is_program(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
           access(path, X_OK) == 0;
}

/* The first program of this name in PATH, where an empty folder is the current one. */
static bool find_in_PATH(const char *name, char path[PATH_BYTES]) {
    const char *folder = getenv("PATH");
    while (folder) {
        const int length = (int)strcspn(folder, ":");
        const int bytes = snprintf(path, PATH_BYTES, "%.*s/%s", length,
                                   length > 0 ? folder : ".", name);
        if (bytes < PATH_BYTES && is_program(path)) {
            return true;
        }
        folder = folder[length] == ':' ? folder + length + 1 : NULL;
    }
    return false;
}

static void find_beside(const char *self, const char *name, char path[PATH_BYTES]) {
    char found[PATH_BYTES];
    if (!strchr(self, '/') && find_in_PATH(self, found)) {
        self = found;
    }
    char *real_path = realpath(self, NULL); /* symbolic links followed */
    snprintf(path, PATH_BYTES, "%s/%s", real_path ? dirname(real_path) : ".", name);
    free(real_path);
}

enum { PASSED_ON = 3 };
static const int passed_on[PASSED_ON] = {SIGINT, SIGTERM, SIGHUP};

static volatile sig_atomic_t child, received; /* 0: none yet */

static void pass_on(int signal_number) {
    received = signal_number;
    if (child > 0) {
        kill((pid_t)child, signal_number);
    }
}

/* Start it. What was printed here comes before what it prints there; where printing
 * fails, it prints nowhere: this program will say so at its end. */
static int start(char *const *argv, pid_t *pid) {
    posix_spawn_file_actions_t actions;
    const bool lost = fflush(stdout) != 0 || ferror(stdout);
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed == 0 && lost) {
        failed = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
                                                  O_WRONLY, 0);
    }
    if (failed == 0) {
        failed = posix_spawn(pid, argv[0], &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    return failed;
}

/* The child's status as waitpid tells it; an error number where there is none. A
 * signal that asks this program to end while the child runs is passed on to the child.
 * Both ignore what this program was started to ignore. */
static int start_and_wait(char *const *argv, int *status) {
    struct sigaction before[PASSED_ON], action = {.sa_handler = pass_on};
    pid_t pid;
    sigemptyset(&action.sa_mask);
    child = received = 0;
    for (int i = 0; i < PASSED_ON; i++) {
        sigaction(passed_on[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN) {
            sigaction(passed_on[i], &action, NULL);
        }
    }
    int failed = start(argv, &pid);
    if (failed == 0) {
        child = (sig_atomic_t)pid;
        if (received != 0) {
            kill(pid, received); /* it came before the child was known */
        }
        while (waitpid(pid, status, 0) == -1 && failed == 0) {
            failed = errno == EINTR ? 0 : errno;
        }
    }
    child = 0;
    for (int i = 0; i < PASSED_ON; i++) {
        sigaction(passed_on[i], &before[i], NULL);
    }
    if (received != 0) {
        raise(received); /* now for this program, in its own way */
    }
    return failed;
}

/* "chapter2: /home/chapter2_double is missing: make chapter2" */
static void complain(const char *name, const char *path, int failed) {
    const int length = (int)strcspn(name, "_");
    fprintf(stderr, "%.*s: %s %s%s: make %.*s\n", length, name, path,
            failed == ENOENT ? "is missing" : "can't be run: ",
            failed == ENOENT ? "" : strerror(failed), length, name);
}

int second_program(const char *self, const char *name, const char *const *words) {
    char path[PATH_BYTES], *argv[MAX_WORDS + 2] = {path};
    int status = 0;
    find_beside(self, name, path);
    for (int i = 0; i < MAX_WORDS && words[i]; i++) {
        argv[i + 1] = (char *)words[i]; /* posix_spawn only reads them */
    }
    const int failed = start_and_wait(argv, &status);
    if (failed != 0) {
        complain(name, path, failed);
        return -1;
    }
    if (WIFEXITED(status)) {
        return WEXITSTATUS(status);
    }
    const int ended_by = WTERMSIG(status);
    if (ended_by == SIGPIPE) {
        raise(SIGPIPE); /* nobody reads: what this program's own printing would find */
    }
    if (received == 0) {
        fprintf(stderr, "%.*s: %s was ended by signal %d (%s)\n",
                (int)strcspn(name, "_"), name, path, ended_by, strsignal(ended_by));
    }
    return -1;
}

int second_program_in_double(const char *self, const char *program,
                             const char *const *words) {
    char name[32];
    snprintf(name, sizeof name, "%s_double", program);
    return second_program(self, name, words);
}

void second_program_instead(const char *self, const char *name, char **argv) {
    char path[PATH_BYTES];
    find_beside(self, name, path);
    fflush(stdout);
    argv[0] = path;
    execv(path, argv);
    complain(name, path, errno);
}
