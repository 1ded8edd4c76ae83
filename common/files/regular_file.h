/*
 * regular_file.h: files on the disk, opened with care. What is read must be a regular
 * file: a pipe or a device would make the program wait. What is written appears whole
 * or not at all: it is written under a temporary name in the same folder, flushed to
 * the disk, then renamed.
 */
#pragma once

#include <stdio.h>

#include "common/error.h"

enum { FILE_PATH_BYTES = 4096 };

/* regular_file_open: for reading; never waits. NULL and an error for what isn't a
 * regular file. */
FILE *regular_file_open(const char *path, Error *error);

/* regular_file_target: the path that symbolic links lead to, whether there is a file
 * or not. */
bool regular_file_target(const char *path, char target[FILE_PATH_BYTES], Error *error);

/* regular_file_beside: a name in the same folder: the file's, then `ending`. A long
 * name is shortened, so that the result is no longer than file systems allow. */
bool regular_file_beside(const char *path, const char *ending,
                         char beside[FILE_PATH_BYTES], Error *error);

/* regular_file_same: do both paths mean one file, also by way of links? There need not
 * be a file yet. */
bool regular_file_same(const char *a, const char *b);

/* regular_file_writable: false for a folder, a pipe, a device, a write-protected file,
 * and for the file that stdout or stderr is sent to. */
bool regular_file_writable(const char *path, Error *error);

/* A file that is being written. new_file_begin opens it; a symbolic link is followed,
 * and the owner and mode of a file that is replaced are kept. Another name of that file
 * (a hard link) keeps the old content. */
typedef struct {
    FILE *file;
    char path[FILE_PATH_BYTES];      /* as it was given */
    char target[FILE_PATH_BYTES];    /* where links lead */
    char temporary[FILE_PATH_BYTES]; /* the name until it is whole */
} NewFile;

/* new_file_possible: false, and why not; a temporary file is made and removed. */
bool new_file_possible(const char *path, Error *error);
bool new_file_begin(NewFile *new_file, const char *path, Error *error);

/* new_file_end: false, and what was there before is as it was, if not all of it could
 * be written. */
bool new_file_end(NewFile *new_file, Error *error);

/* new_file_drop: it isn't wanted any more; what was there before is as it was. */
void new_file_drop(NewFile *new_file);

/* new_file_drop_at_signal: remove the temporary file of a program that is about to be
 * ended. For signal handlers. */
void new_file_drop_at_signal(void);

/* new_file_watch: from now on the signals that usually end a program (Ctrl-C, kill,
 * ...) do that, and a file that grows beyond `ulimit -f` fails to be written instead of
 * ending the program (SIGXFSZ). new_file_begin sees to the latter too. */
void new_file_watch(void);

/* new_file_sweep: remove this file's temporary files, left by programs that were killed
 * while they wrote it. */
void new_file_sweep(const char *path);
