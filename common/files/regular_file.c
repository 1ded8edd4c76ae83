/* regular_file.c: see regular_file.h. */
#include "common/files/regular_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *no_regular_file(mode_t mode) {
    return S_ISDIR(mode) ? "it is a folder, no regular file" : "it is no regular file";
}

FILE *regular_file_open(const char *path, Error *error) {
    struct stat status = {0};
    FILE *file = NULL;
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        error_set(error, "%s: %s", path, strerror(errno));
        return NULL;
    }
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        file = fdopen(fd, "rb");
    }
    if (!file) {
        error_set(error, "%s: %s", path,
                  S_ISREG(status.st_mode) ? strerror(errno)
                                          : no_regular_file(status.st_mode));
        close(fd);
    }
    return file;
}

/* ---- names ---------------------------------------------------------------- */

static bool too_long(const char *path, Error *error) {
    return error_set(error, "%s: the name is too long", path);
}

/* What follows the last slash. */
static const char *name_in(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool regular_file_target(const char *path, char target[FILE_PATH_BYTES], Error *error) {
    enum { MAX_LINKS = 40 };
    char link[FILE_PATH_BYTES];
    if (snprintf(target, FILE_PATH_BYTES, "%s", path) >= FILE_PATH_BYTES) {
        return too_long(path, error);
    }
    for (int i = 0; i < MAX_LINKS; i++) {
        const ssize_t length = readlink(target, link, sizeof link);
        if (length < 0) { /* no link; whatever else is wrong, opening it will tell */
            return true;
        }
        const long folder = link[0] == '/' ? 0 : name_in(target) - target;
        if (folder + length >= FILE_PATH_BYTES) {
            return too_long(path, error);
        }
        memcpy(target + folder, link, (size_t)length);
        target[folder + length] = '\0';
    }
    return error_set(error, "%s: %s", path, strerror(ELOOP));
}

bool regular_file_beside(const char *path, const char *ending,
                         char beside[FILE_PATH_BYTES], Error *error) {
    enum { LONGEST_NAME = 200 }; /* of the 255 bytes that file systems allow */
    const int folder = (int)(name_in(path) - path);
    const int length = snprintf(beside, FILE_PATH_BYTES, "%.*s%.*s%s", folder, path,
                                LONGEST_NAME, path + folder, ending);
    return length < FILE_PATH_BYTES || too_long(path, error);
}

static void folder_of(const char *path, char folder[FILE_PATH_BYTES]) {
    char copy[FILE_PATH_BYTES];
    snprintf(copy, sizeof copy, "%s", path);
    snprintf(folder, FILE_PATH_BYTES, "%s", dirname(copy));
}

static bool same_inode(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is it the same name in the same folder? */
static bool same_place(const char *a, const char *b) {
    char folder_a[FILE_PATH_BYTES], folder_b[FILE_PATH_BYTES];
    struct stat in_a, in_b;
    folder_of(a, folder_a);
    folder_of(b, folder_b);
    return stat(folder_a, &in_a) == 0 && stat(folder_b, &in_b) == 0 &&
           same_inode(&in_a, &in_b) && strcmp(name_in(a), name_in(b)) == 0;
}

bool regular_file_same(const char *a, const char *b) {
    char target_a[FILE_PATH_BYTES], target_b[FILE_PATH_BYTES];
    struct stat is_a, is_b;
    Error ignored;
    const bool there_a = stat(a, &is_a) == 0, there_b = stat(b, &is_b) == 0;
    if (there_a || there_b) {
        return there_a && there_b && same_inode(&is_a, &is_b);
    }
    return regular_file_target(a, target_a, &ignored) &&
           regular_file_target(b, target_b, &ignored) && same_place(target_a, target_b);
}

/* ---- what can be written ---------------------------------------------------- */

static bool cannot(const char *path, const char *why, Error *error) {
    return error_set(error, "%s: can't be written: %s", path, why);
}

static bool is_output(const struct stat *status) {
    struct stat output;
    return (fstat(STDOUT_FILENO, &output) == 0 && same_inode(status, &output)) ||
           (fstat(STDERR_FILENO, &output) == 0 && same_inode(status, &output));
}

bool regular_file_writable(const char *path, Error *error) {
    struct stat status;
    const size_t length = strlen(path);
    if (length == 0 || path[length - 1] == '/') {
        return cannot(path, "it is no file's name", error);
    }
    if (strcmp(path, "-") == 0) {
        return cannot(path, "a file is wanted here, not stdout", error);
    }
    if (stat(path, &status) != 0) {
        return errno == ENOENT || cannot(path, strerror(errno), error);
    }
    if (is_output(&status)) {
        return cannot(path, "this program prints there", error);
    }
    if (!S_ISREG(status.st_mode)) {
        return cannot(path, no_regular_file(status.st_mode), error);
    }
    /* Root may write everything, but a file without any w is kept from root too. */
    if ((status.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)) == 0 ||
        access(path, W_OK) != 0) {
        return cannot(path, "it is write-protected; remove it, or give another name",
                      error);
    }
    return true;
}

/* The path that links lead to, and the file that is there; st_nlink 0: none. */
static bool look_at(const char *path, char target[FILE_PATH_BYTES], struct stat *there,
                    Error *error) {
    char folder[FILE_PATH_BYTES];
    struct stat by_target;
    if (!regular_file_writable(path, error) ||
        !regular_file_target(path, target, error)) {
        return false;
    }
    if (stat(path, there) != 0) {
        *there = (struct stat){0};
    } else if (stat(target, &by_target) != 0 || !same_inode(there, &by_target)) {
        return cannot(path, "it is a file without a name", error); /* in /proc */
    }
    folder_of(target, folder);
    if (access(folder, W_OK | X_OK) != 0) {
        return error_set(error, "%s: can't be written: folder %s: %s", path, folder,
                         strerror(errno));
    }
    return true;
}

/* ---- writing ---------------------------------------------------------------- */

/* What new_file_drop_at_signal removes; "" if there is nothing. */
static char at_signal[FILE_PATH_BYTES];

void new_file_drop_at_signal(void) {
    if (at_signal[0]) {
        unlink(at_signal);
    }
}

static void drop_and_end(int number) {
    new_file_drop_at_signal();
    signal(number, SIG_DFL);
    raise(number); /* comes when this handler has returned */
}

void new_file_watch(void) {
    static const int ends[] = {SIGHUP, SIGINT, SIGPIPE, SIGTERM};
    struct sigaction action = {.sa_handler = drop_and_end}, old;
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
            sigaction(ends[i], &action, NULL);
        }
    }
}

/* A new file of a name that nothing has: its descriptor, or -1 and errno. O_EXCL
 * doesn't follow a link that somebody put there. */
static int open_temporary(NewFile *f, mode_t mode, Error *error) {
    enum { TRIES = 1000 };
    int fd = -1;
    errno = EEXIST;
    for (int i = 0; fd < 0 && errno == EEXIST && i < TRIES; i++) {
        char ending[40];
        snprintf(ending, sizeof ending, ".%ld-%d.tmp", (long)getpid(), i);
        if (!regular_file_beside(f->target, ending, f->temporary, error)) {
            return -1;
        }
        fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    }
    if (fd < 0) {
        cannot(f->path, strerror(errno), error);
    }
    return fd;
}

bool new_file_begin(NewFile *f, const char *path, Error *error) {
    struct stat there;
    f->file = NULL;
    if (!look_at(path, f->target, &there, error)) {
        return false;
    }
    snprintf(f->path, sizeof f->path, "%s", path);
    const bool replaces = there.st_nlink > 0;
    const int fd = open_temporary(f, replaces ? 0600 : 0666, error);
    if (fd < 0) {
        return false;
    }
    memcpy(at_signal, f->temporary, sizeof at_signal);
    signal(SIGXFSZ, SIG_IGN);
    if (replaces) { /* whoever can't give it away keeps it */
        const int given = fchown(fd, there.st_uid, there.st_gid);
        (void)given;
    }
    if (!replaces || fchmod(fd, there.st_mode & 0777) == 0) {
        f->file = fdopen(fd, "wb");
    }
    if (!f->file) {
        const char *why = strerror(errno);
        close(fd);
        new_file_drop(f);
        return cannot(path, why, error);
    }
    return true;
}

/* Flush the file to the disk, where its file system can. */
static bool sync_file(int fd) {
    int status;
    do {
        status = fsync(fd);
    } while (status != 0 && errno == EINTR);
    return status == 0 || errno == EINVAL || errno == ENOTSUP;
}

/* A rename is on the disk only when its folder is. */
static void sync_folder(const char *path) {
    char folder[FILE_PATH_BYTES];
    folder_of(path, folder);
    const int fd = open(folder, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        sync_file(fd);
        close(fd);
    }
}

bool new_file_end(NewFile *f, Error *error) {
    FILE *file = f->file;
    errno = 0;
    bool ok = !ferror(file) && fflush(file) == 0 && sync_file(fileno(file));
    if (ok) {
        f->file = NULL;
        ok = fclose(file) == 0 && rename(f->temporary, f->target) == 0;
    }
    if (!ok) {
        const char *why = errno != 0 ? strerror(errno) : "is the disk full?";
        new_file_drop(f);
        return error_set(error,
                         "%s: can't be written: %s; what was there before is as it was",
                         f->path, why);
    }
    at_signal[0] = '\0';
    sync_folder(f->target);
    return true;
}

void new_file_drop(NewFile *f) {
    if (f->file) {
        fclose(f->file);
        f->file = NULL;
    }
    remove(f->temporary);
    at_signal[0] = '\0';
}

/* Permissions don't tell all: /proc takes no file of root's, nor does a disk without
 * inodes. */
bool new_file_possible(const char *path, Error *error) {
    NewFile f;
    if (!new_file_begin(&f, path, error)) {
        return false;
    }
    new_file_drop(&f);
    return true;
}

/* ---- leftovers --------------------------------------------------------------- */

/* Is it a temporary name ("FILE.PID-N.tmp") of the file called `name`, whose process is
 * gone? */
static bool is_left_over(const char *entry, const char *name) {
    long pid;
    int number, end = 0;
    char beside[FILE_PATH_BYTES];
    Error ignored;
    if (!regular_file_beside(name, ".", beside, &ignored) ||
        strncmp(entry, beside, strlen(beside)) != 0) {
        return false;
    }
    entry += strlen(beside);
    return sscanf(entry, "%ld-%d.tmp%n", &pid, &number, &end) == 2 && end > 0 &&
           entry[end] == '\0' && pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

void new_file_sweep(const char *path) {
    char target[FILE_PATH_BYTES], folder[FILE_PATH_BYTES];
    Error ignored;
    if (!regular_file_target(path, target, &ignored)) {
        return;
    }
    folder_of(target, folder);
    DIR *entries = opendir(folder);
    if (!entries) {
        return;
    }
    for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        if (is_left_over(entry->d_name, name_in(target))) {
            unlinkat(dirfd(entries), entry->d_name, 0);
        }
    }
    closedir(entries);
}
