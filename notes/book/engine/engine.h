/*
 * engine.h: what a page can ask of the course's C.
 *
 * The module is the course's own sources, compiled for WebAssembly. A page knows its
 * functions, numbers, tensors and files by name, "attention.forward" or "attention.A":
 * a subject's name, a dot, and the name in one of the subject's lists below.
 *
 *     run      a function, without arguments: what it reads was set before
 *     number   read or set; outside min..max it is an error
 *     tensor   its shape and elements, in the module's memory: to read and to write
 *     file     bytes that a function reads or has made (a checkpoint)
 *
 * Each subject is a file of this folder with such lists. Its functions call the
 * chapters' layers, and compute nothing that a chapter computes.
 */
#pragma once

#include "common/error.h"
#include "common/tensor.h"

typedef struct {
    const char *name;
    bool (*run)(Error *error); /* false: the error is shown on the page */
} EngineFunction;

typedef struct {
    const char *name;
    double *value;
    double min, max;
    bool whole; /* only whole numbers */
} EngineNumber;

typedef struct {
    const char *name;
    Tensor *T; /* data NULL: not there yet */
} EngineTensor;

typedef struct {
    const char *name;
    unsigned char **bytes; /* owned by the subject, from malloc */
    size_t *count;
} EngineFile;

/* Lists end with an entry whose name is NULL; a list may be NULL. */
typedef struct {
    const char *name;
    const EngineFunction *functions;
    const EngineNumber *numbers;
    const EngineTensor *tensors;
    const EngineFile *files;
} EngineSubject;

extern const EngineSubject softmax_subject;   /* chapter 1 */
extern const EngineSubject gelu_subject;      /* chapter 1 */
extern const EngineSubject gradcheck_subject; /* chapter 1; in both modules */
extern const EngineSubject attention_subject; /* chapter 2 */
extern const EngineSubject scale_subject;     /* chapter 2 */
extern const EngineSubject heads_subject;     /* chapter 3 */
extern const EngineSubject shuffle_subject;   /* chapter 3 */
extern const EngineSubject sinusoids_subject; /* chapter 3 */
extern const EngineSubject block_subject;     /* chapter 4 */
extern const EngineSubject depth_subject;     /* chapter 4 */
extern const EngineSubject vit_subject;       /* chapter 5 */
extern const EngineSubject train_subject;     /* chapter 5 */
