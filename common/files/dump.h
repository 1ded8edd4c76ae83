/*
 * dump.h: what a forward and a backward pass computed, each tensor under its name and
 * with the equation that made it, in the order of computation, as a safetensors file:
 * ./chapterN --dump FILE. `make compare` compares two of them.
 *
 * The file's metadata has for each tensor that was computed, under its name,
 * "EQUATION; read WHERE". An input (a weight, an image) has no such line.
 */
#pragma once

#include "common/error.h"
#include "common/tensor.h"

#define DUMP_FORMAT "vit-course dump 2"

typedef struct Dump Dump;

/* dump_write: what `fill` dumps, as a file; false and an error if it can't be written,
 * or there was no memory for a tensor. */
typedef void DumpFill(Dump *dump, void *context);
bool dump_write(const char *path, DumpFill *fill, void *context, Error *error);

/* dump_group: from now on names begin with this ("blocks.0."), at first with "". */
void dump_group(Dump *dump, const char *group);

/* dump_made: the next tensor, its name, the notes to read about it ("02 and 03") and
 * its equation ("[AIAYN eq.1] O = A V"); dump_input: without notes. Its elements are
 * copied now, so that the layer may go on to use the memory. */
void dump_made(Dump *dump, Tensor T, const char *name, const char *notes,
               const char *equation);
#define dump_input(dump, T, name) dump_made(dump, T, name, NULL, NULL)

/* dump_about: a text that another program needs: "heads", "2". Both must live on. */
void dump_about(Dump *dump, const char *key, const char *text);

/* A chapter's pass, as a file. */
typedef bool DumpFunction(const char *path, Error *error);

/* dump_run: write it with this function and say so; the exit status, 0 or 1.
 * double_by: argv[0], if the program in double is to do it; else NULL. */
int dump_run(const char *program, const char *path, DumpFunction *function,
             const char *double_by);
