/*
 * fuzz.h: hostile input for the readers. Each file in this folder that has a
 * fuzz_input() is one reader's target: what it is given, how it is read, and what must
 * hold whatever the input is: no crash, no leak, no wait without end, memory that is
 * bounded, one line for each error, and that what is written is read back the same.
 *
 * With clang the targets are linked with libFuzzer, which invents inputs that reach
 * new code; without it standalone.c changes the seeds blindly.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/files/safetensors.h"

/* ---- what a target has ----------------------------------------------------- */

/* fuzz_setup: once, before the first input. */
void fuzz_setup(void);

/* fuzz_input: read this. */
void fuzz_input(const unsigned char *bytes, size_t count);

/* fuzz_seeds: calls fuzz_seed for each input to begin with. */
void fuzz_seeds(void);

/* ---- what it is written with ------------------------------------------------ */

void fuzz_seed(const void *bytes, size_t count);
/* fuzz_seed_file: the file's bytes, with `first` before them; at most 64 KB. */
void fuzz_seed_file(unsigned char first, const char *path);

/* fuzz_path: a file of this name in a folder of this process's own, in memory where
 * the system has such. */
const char *fuzz_path(const char *name);
void fuzz_write(const char *path, const void *bytes, size_t count);
/* fuzz_read: up to `capacity` bytes of the file; how many. */
size_t fuzz_read(const char *path, void *bytes, size_t capacity);

/* fuzz_open: an input that is a file of tensors: from memory, which is quicker; every
 * now and then from a file, as programs open it. */
bool fuzz_open(Safetensors *file, const unsigned char *bytes, size_t count,
               Error *error);

/* fuzz_must: `held` is what must hold; if it doesn't, ends the process with a line. */
void fuzz_must(bool held, const char *what);

/* fuzz_must_tell: a reader that returned false has written one line. */
void fuzz_must_tell(bool ok, const Error *error);
