/*
 * compare MINE THEIRS [TOLERANCE]: the first tensor, in the order of computation, in
 * which two dumps (./chapterN --dump FILE, or another program's safetensors with the
 * same names) differ, by how much, and which equation made it. Run by `make compare`.
 *
 * The order and the equations are the course's dump's own (dump.h). Two elements agree
 * if they differ by at most TOLERANCE times the tensor's largest element; a NaN agrees
 * with nothing. TOLERANCE is 1e-5 where one of the files is in float, 1e-12 where both
 * are in double. Exit status: 0 all agree, 1 they don't, 2 wrong usage or a file that
 * can't be read.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/files/dump.h"
#include "common/files/number.h"
#include "common/lesson/output.h"
#include "common/files/safetensors_file.h"

typedef struct {
    Safetensors file;
    const char *path;
} Side;

/* ---- reading --------------------------------------------------------------------- */

/* The tensor called `name`, its elements allocated here; data NULL, and an error. */
static Tensor read_tensor(Side *side, const char *name, Error *error) {
    SafetensorsTensor *there = safetensors_find(&side->file, name);
    if (there->shape.ndim == 0) { /* a scalar: read as a vector of one */
        there->shape = tensor1(NULL, 1);
    }
    Tensor T = there->shape;
    T.ld = tensor_cols(T);
    T.data = allocate((size_t)tensor_count(T) * sizeof(real), name, error);
    if (T.data && !safetensors_read(&side->file, name, T, error)) {
        free(T.data);
        T.data = NULL;
    }
    return T;
}

/* ---- two tensors ----------------------------------------------------------------- */

static double largest(Tensor T) {
    double max = 0;
    for (long i = 0; i < tensor_count(T); i++) {
        max = fmax(max, fabs((double)T.data[i]));
    }
    return max;
}

/* Largest |A - factor B|, and where. */
static double off_by(Tensor A, Tensor B, double factor, long *where) {
    double worst = -1;
    for (long i = 0; i < tensor_count(A); i++) {
        const double d = fabs((double)A.data[i] - factor * (double)B.data[i]);
        if (!(d <= worst)) {
            worst = d;
            *where = i;
        }
    }
    return worst;
}

static bool transposed(Tensor A, Tensor B, double tolerance) {
    if (A.ndim != 2 || B.ndim != 2 || A.shape[0] != B.shape[1] ||
        A.shape[1] != B.shape[0]) {
        return false;
    }
    for (int i = 0; i < A.shape[0]; i++) {
        for (int j = 0; j < A.shape[1]; j++) {
            const double d = (double)tensor_row(A, i)[j] - (double)tensor_row(B, j)[i];
            if (!(fabs(d) <= tolerance)) {
                return false;
            }
        }
    }
    return true;
}

/* The factor f for which A is f B, or 0. */
static double factor_of(Tensor A, Tensor B, double tolerance) {
    double ab = 0, bb = 0;
    long where;
    for (long i = 0; i < tensor_count(A); i++) {
        ab += (double)A.data[i] * (double)B.data[i];
        bb += (double)B.data[i] * (double)B.data[i];
    }
    const double f = bb > 0 ? ab / bb : 0;
    return off_by(A, B, f, &where) <= tolerance ? f : 0;
}

/* How A and B differ, in words. */
static void explain(Tensor A, Tensor B, double tolerance) {
    char a[TENSOR_SHAPE_TEXT], b[TENSOR_SHAPE_TEXT];
    const double room = tolerance * largest(B);
    long where = 0;
    const bool same = tensor_same_shape(A, B);
    if (same && !(A.ndim == 2 && A.shape[0] == A.shape[1])) {
        printf("  shape %s\n", tensor_shape_text(A, a));
    } else if (!same) {
        printf("  shape: mine %s, theirs %s\n", tensor_shape_text(A, a),
               tensor_shape_text(B, b));
    }
    if (transposed(A, B, room)) {
        printf("  mine is the transpose of theirs\n");
    }
    if (!same) {
        return;
    }
    const double worst = off_by(A, B, 1, &where);
    printf("  worst at %s: mine %.8g, theirs %.8g; off by %.2e of the largest number\n",
           tensor_index_text(A, where, a), (double)A.data[where], (double)B.data[where],
           worst / fmax(largest(B), DBL_MIN));
    const double f = factor_of(A, B, room);
    if (f != 0) {
        printf("  mine is theirs times %.6g\n", f);
    }
}

/* ---- two files ------------------------------------------------------------------- */

typedef struct {
    Side mine, theirs;
    const Side *guide; /* the course's dump, which knows order and equations; or NULL */
    double tolerance;
    int agree, differ, one_sided;
    char last_agreed[96];
} Comparison;

/* What the guide says of a tensor: "EQUATION; read WHERE"; NULL for an input. */
static void tell_origin(const Comparison *c, const char *name, const char *origin) {
    const char *read = origin ? strstr(origin, "; read ") : NULL;
    printf("The first that differs: %s\n", name);
    if (!c->guide) {
        printf("  neither file is a dump of the course's, which knows its equation\n");
    } else if (!origin) {
        printf("  made by: an input: weights or images\n"
               "  read: load the same weights and images\n");
    } else {
        printf("  made by: %.*s\n", read ? (int)(read - origin) : 300, origin);
        printf("  read: %s\n", read ? read + strlen("; read ") : "its lesson");
    }
}

static void tell_difference(const Comparison *c, const char *name, Tensor A, Tensor B) {
    const char *origin = c->guide ? safetensors_metadata(&c->guide->file, name) : NULL;
    tell_origin(c, name, origin);
    explain(A, B, c->tolerance);
    if (origin && c->last_agreed[0]) {
        printf("  what it is made from agrees, up to %s: look at this line first\n",
               c->last_agreed);
    }
}

/* One tensor; the first that differs is explained. */
static bool compare_one(Comparison *c, const char *name, Error *error) {
    if (!safetensors_find(&c->mine.file, name) ||
        !safetensors_find(&c->theirs.file, name)) {
        c->one_sided++;
        return true;
    }
    Tensor A = read_tensor(&c->mine, name, error);
    Tensor B = A.data ? read_tensor(&c->theirs, name, error) : A;
    const bool ok = A.data && B.data;
    long where;
    if (ok && tensor_same_shape(A, B) &&
        off_by(A, B, 1, &where) <= c->tolerance * largest(B)) {
        c->agree++;
        snprintf(c->last_agreed, sizeof c->last_agreed, "%s", name);
    } else if (ok && c->differ++ == 0) {
        tell_difference(c, name, A, B);
    }
    free(A.data);
    if (B.data != A.data) {
        free(B.data);
    }
    return ok;
}

/* Tensors of `first` in its order, then those that only `second` has. */
static bool compare(Comparison *c, const Side *first, const Side *second,
                    Error *error) {
    for (int i = 0; i < first->file.count; i++) {
        if (!compare_one(c, first->file.tensors[i].name, error)) {
            return false;
        }
    }
    for (int i = 0; i < second->file.count; i++) {
        c->one_sided += !safetensors_find(&first->file, second->file.tensors[i].name);
    }
    return true;
}

static bool of_the_course(const Side *side) {
    const char *format = safetensors_metadata(&side->file, "format");
    return format && strcmp(format, DUMP_FORMAT) == 0;
}

static bool in_double(const Side *side) {
    bool all = true;
    for (int i = 0; i < side->file.count; i++) {
        all = all && strcmp(side->file.tensors[i].dtype, "F64") == 0;
    }
    return all;
}

static bool compare_files(Comparison *c, Error *error) {
    if (c->tolerance == 0) {
        c->tolerance = in_double(&c->mine) && in_double(&c->theirs) ? 1e-12 : 1e-5;
    }
    c->guide = of_the_course(&c->theirs) ? &c->theirs
               : of_the_course(&c->mine) ? &c->mine
                                         : NULL;
    const bool theirs_first = c->guide == &c->theirs;
    return compare(c, theirs_first ? &c->theirs : &c->mine,
                   theirs_first ? &c->mine : &c->theirs, error);
}

static int verdict(const Comparison *c) {
    printf("%d tensors agree, %d differ", c->agree, c->differ);
    if (c->one_sided > 0) {
        printf(", %d are in one file only", c->one_sided);
    }
    printf(" (tolerance %.1e)\n", c->tolerance);
    if (c->agree + c->differ == 0) {
        printf("no tensor has the same name in both: the names are in "
               "notes/study_groups.md\n");
    }
    return c->differ > 0 || c->agree == 0;
}

int main(int argc, char **argv) {
    Comparison c = {.tolerance = 0};
    Error error;
    if (!output_begin("compare")) {
        return 2;
    }
    if (argc == 4 && !(number_read(argv[3], &c.tolerance) && c.tolerance > 0)) {
        fprintf(stderr,
                "compare: the tolerance can't be \"%.60s\": usage: make compare "
                "A=... B=... [TOL=1e-5]\n",
                argv[3]);
        return 2;
    }
    if (argc < 3 || argc > 4 || !*argv[1] || !*argv[2]) {
        fprintf(stderr, "usage: make compare A=mine.safetensors B=theirs.safetensors "
                        "[TOL=1e-5]\n");
        return 2;
    }
    c.mine.path = argv[1];
    c.theirs.path = argv[2];
    if (regular_file_same(argv[1], argv[2])) {
        printf("note: both are one and the same file\n");
    }
    bool ok = safetensors_open(&c.mine.file, argv[1], &error);
    if (ok && safetensors_open(&c.theirs.file, argv[2], &error)) {
        ok = compare_files(&c, &error);
        safetensors_close(&c.theirs.file);
        safetensors_close(&c.mine.file);
    } else if (ok) {
        safetensors_close(&c.mine.file);
        ok = false;
    }
    if (!ok) {
        fprintf(stderr, "compare: %s\n", error.text);
        return 2;
    }
    /* 1 is "they differ": where the verdict could not be written, 2. */
    const int status = verdict(&c);
    return output_end("compare", 0) == 0 ? status : 2;
}
