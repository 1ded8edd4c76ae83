/* file_lock.c: see file_lock.h. */
#include "chapters/05_vision_transformer/program/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_lock_take(int fd, const char *path, Error *error) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &lock) == 0 || (errno != EACCES && errno != EAGAIN)) {
        return true;
    }
    /* Whose it is isn't known of a process in another container. */
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

/* What file_lock_drop_at_signal removes; "" if there is nothing. */
static char at_signal[FILE_PATH_BYTES];

void file_lock_drop_at_signal(void) {
    if (at_signal[0]) {
        unlink(at_signal);
    }
}

/* Is the file that is open still the one of this name? Its last holder removes it. */
static bool still_there(const FileLock *lock) {
    struct stat open_one, named;
    return fstat(lock->fd, &open_one) == 0 && stat(lock->path, &named) == 0 &&
           open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

bool file_lock_beside(FileLock *lock, const char *path, Error *error) {
    lock->fd = -1;
    if (!file_lock_name(path, lock->path, error)) {
        return false;
    }
    for (int tries = 0; tries < 100; tries++) {
        struct stat status;
        lock->fd = open(lock->path,
                        O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
        if (lock->fd < 0 || fstat(lock->fd, &status) != 0 || status.st_size > 0 ||
            !S_ISREG(status.st_mode)) {
            break; /* not to be had: go on without one */
        }
        if (!file_lock_take(lock->fd, path, error)) {
            close(lock->fd);
            lock->fd = -1;
            return false;
        }
        if (still_there(lock)) {
            memcpy(at_signal, lock->path, sizeof at_signal);
            new_file_sweep(path); /* nobody else writes it */
            return true;
        }
        close(lock->fd);
        lock->fd = -1;
    }
    if (lock->fd >= 0) {
        close(lock->fd);
        lock->fd = -1;
    }
    printf("note: %s can't be locked here: start no second run that writes %s\n",
           lock->path, path);
    return true;
}

void file_lock_release(FileLock *lock) {
    if (lock->fd >= 0) {
        unlink(lock->path); /* before the lock ends: see still_there */
        close(lock->fd);
        lock->fd = -1;
        at_signal[0] = '\0';
    }
}
