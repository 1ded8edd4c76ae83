/*
 * file_lock.h: one writer for a file that is written again and again. The lock is the
 * system's (fcntl), so that it ends with the process, however that ends.
 */
#pragma once

#include "common/files/regular_file.h"

/* file_lock_take: lock an open file. False only if another process has it; where the
 * file system knows no locks, there is none. */
bool file_lock_take(int fd, const char *path, Error *error);

/* file_lock_beside: the lock of a file that is replaced (regular_file.h): an empty file
 * next to it, whose name ends in ".lock". False if another process writes the file that
 * `path` means. A process holds one such lock. */
bool file_lock_beside(const char *path, Error *error);
void file_lock_release(void);

/* file_lock_name: the name of that file. */
bool file_lock_name(const char *path, char name[FILE_PATH_BYTES], Error *error);

/* file_lock_drop_at_signal: remove that file. For signal handlers. */
void file_lock_drop_at_signal(void);
