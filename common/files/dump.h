/*
 * dump.h: what a forward and a backward pass computed, each tensor under its name and
 * with the equation that made it, in the order of computation, as a safetensors file:
 * ./chapterN --dump FILE. `make compare` lays two of them side by side.
 *
 * The file's metadata has for each tensor that was computed, under its name,
 * "EQUATION; read WHERE". An input (a weight, an image) has no such line.
 */
#ifndef COMMON_DUMP_H
#define COMMON_DUMP_H

#include "common/error.h"
#include "common/tensor.h"

#define DUMP_FORMAT "vit-course dump 2"

typedef struct Dump Dump;

/* dump_new: an empty one; NULL and an error if there is no memory. */
Dump *dump_new(Error *error);
void dump_free(Dump *dump);

/* dump_made: the next tensor, its equation and where to read about it ("[AIAYN eq.1] O
 * = A V", "notes/02"). printf's format gives its name. Its elements are copied now, so
 * that the layer may go on to use the memory. dump_input: one without an equation. */
void dump_made(Dump *dump, Tensor T, const char *equation, const char *read,
               const char *format, ...) __attribute__((format(printf, 5, 6)));
#define dump_input(dump, T, ...) dump_made(dump, T, NULL, NULL, __VA_ARGS__)

/* dump_about: a text that another program needs: "heads", "2". Both must live on. */
void dump_about(Dump *dump, const char *key, const char *text);

/* dump_write: the file; false and an error if it can't be written, or there was no
 * memory for a tensor. */
bool dump_write(const Dump *dump, const char *path, Error *error);

/* A chapter's pass, as a file. */
typedef bool DumpFunction(const char *path, Error *error);

/* dump_run: write it with this function and say so; the exit status, 0 or 1.
 * dump_run_in_double: the same by the program in double; self: argv[0]. */
int dump_run(const char *program, const char *path, DumpFunction *function);
int dump_run_in_double(const char *program, const char *self, const char *path,
                       DumpFunction *function);

#endif
