/* file_lock.c: see file_lock.h. */
#include "chapters/05_vision_transformer/program/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_lock_take(int fd, const char *path, Error *error) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &lock) == 0 || (errno != EACCES && errno != EAGAIN)) {
        return true;
    }
    /* A process in another container has no number here. */
    char process[40] = "";
    lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0) {
        snprintf(process, sizeof process, ", process %ld,", (long)lock.l_pid);
    }
    return error_set(
        error, "%s: another run%s is writing it: wait for it, or give another name",
        path, process);
}

bool file_lock_name(const char *path, char name[FILE_PATH_BYTES], Error *error) {
    char target[FILE_PATH_BYTES];
    return regular_file_target(path, target, error) &&
           regular_file_beside(target, ".lock", name, error);
}

/* The lock that this process holds, and its file; -1: none. */
static volatile sig_atomic_t held = -1;
static char held_path[FILE_PATH_BYTES];

void file_lock_drop_at_signal(void) {
    if (held >= 0) {
        unlink(held_path);
    }
}

void file_lock_release(void) {
    if (held >= 0) {
        unlink(held_path); /* before the lock ends: see still_there */
        close(held);
        held = -1;
    }
}

/* Is the file that is open still the one of this name? Its last holder removes it. */
static bool still_there(int fd) {
    struct stat open_one, named;
    return fstat(fd, &open_one) == 0 && stat(held_path, &named) == 0 &&
           open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

bool file_lock_beside(const char *path, Error *error) {
    const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    bool usable = true;
    if (!file_lock_name(path, held_path, error)) {
        return false;
    }
    for (int tries = 0; usable && tries < 100; tries++) {
        struct stat status;
        const int fd = open(held_path, flags, 0666);
        usable = fd >= 0 && fstat(fd, &status) == 0 && status.st_size == 0 &&
                 S_ISREG(status.st_mode);
        const bool taken = usable && file_lock_take(fd, path, error);
        if (taken && still_there(fd)) {
            held = fd;
            new_file_sweep(path); /* nobody else writes it */
            return true;
        }
        if (fd >= 0) {
            close(fd);
        }
        if (usable && !taken) {
            return false;
        }
    }
    printf("note: %s can't be locked here: start no second run that writes %s\n",
           held_path, path);
    return true;
}
