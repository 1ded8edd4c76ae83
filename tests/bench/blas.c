/* blas.c: see blas.h. */
#include "tests/bench/blas.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ------------------------------------------------------------- */

/* The file that the user names, and no other; else the first that opens. */
static void open_first(Blas *blas, const char *variable, const char *const files[]) {
    const char *given = getenv(variable);
    if (given && *given) {
        blas->handle = dlopen(given, RTLD_NOW | RTLD_LOCAL);
        if (!blas->handle) {
            snprintf(blas->version, sizeof blas->version, "%s=%.180s", variable,
                     dlerror());
        }
        return;
    }
    for (int i = 0; !blas->handle && files[i]; i++) {
        blas->handle = dlopen(files[i], RTLD_NOW | RTLD_LOCAL);
    }
    if (!blas->handle) {
        snprintf(blas->version, sizeof blas->version, "no %.100s; %s=FILE names one",
                 files[0], variable);
    }
}

/* A function of the library, also with the prefix of scipy's builds; or NULL. */
static void *symbol(const Blas *blas, const char *name) {
    char prefixed[80];
    void *found = dlsym(blas->handle, name);
    snprintf(prefixed, sizeof prefixed, "scipy_%s", name);
    return found ? found : dlsym(blas->handle, prefixed);
}

/* ISO C has no cast from void * to a function; POSIX promises that this works. */
#define FIND(function, blas, name)                                                     \
    do {                                                                               \
        void *found_ = symbol((blas), (name));                                         \
        memcpy(&(function), &found_, sizeof found_);                                   \
    } while (0)

static void refuse(Blas *blas, const char *why) {
    blas_close(blas);
    snprintf(blas->version, sizeof blas->version, "%s", why);
}

static bool find_sgemm(Blas *blas) {
    if (!blas->handle) {
        return false;
    }
    FIND(blas->sgemm, blas, "cblas_sgemm");
    if (!blas->sgemm) {
        refuse(blas, "it has no cblas_sgemm");
    }
    return blas->sgemm != NULL;
}

void blas_open_openblas(Blas *blas) {
    static const char *const files[] = {"libopenblas.so.0", "libopenblas.so", NULL};
    const char *(*config)(void), *(*core)(void);
    *blas = (Blas){.name = "openblas"};
    open_first(blas, "OPENBLAS", files);
    if (!find_sgemm(blas)) {
        return;
    }
    FIND(blas->set_threads, blas, "openblas_set_num_threads");
    FIND(config, blas, "openblas_get_config");
    FIND(core, blas, "openblas_get_corename");
    if (!config) {
        refuse(blas, "it is another library: it has no openblas_get_config");
    } else if (strstr(config(), "USE64BITINT")) {
        refuse(blas, "it was built for sizes of 64 bits");
    } else {
        snprintf(blas->version, sizeof blas->version, "%.120s, kernels of %.40s",
                 config(), core ? core() : "unknown");
    }
}

void blas_open_blis(Blas *blas) {
    static const char *const files[] = {"libblis.so.4", "libblis.so.3", "libblis.so",
                                        NULL};
    const char *(*version)(void), *(*arch_name)(int);
    int (*arch)(void);
    *blas = (Blas){.name = "blis"};
    open_first(blas, "BLIS", files);
    if (!find_sgemm(blas)) {
        return;
    }
    FIND(blas->set_threads_long, blas, "bli_thread_set_num_threads");
    FIND(version, blas, "bli_info_get_version_str");
    FIND(arch, blas, "bli_arch_query_id");
    FIND(arch_name, blas, "bli_arch_string");
    const char *core = arch && arch_name ? arch_name(arch()) : "unknown";
    if (!version) {
        refuse(blas, "it is another library: it has no bli_info_get_version_str");
        return;
    }
    snprintf(blas->version, sizeof blas->version, "%.80s, kernels of %.40s%s",
             version(), core,
             strcmp(core, "generic") == 0 ? ": built without this processor's" : "");
}

void blas_close(Blas *blas) {
    if (blas->handle) {
        dlclose(blas->handle);
        blas->handle = NULL;
    }
}

/* ---- calling ------------------------------------------------------------- */

void blas_threads(const Blas *blas, int threads) {
    if (blas->set_threads) {
        blas->set_threads(threads);
    }
    if (blas->set_threads_long) {
        blas->set_threads_long(threads);
    }
}

void blas_multiply(const Blas *blas, const Product *p) {
    enum { ROW_MAJOR = 101, AS_IS = 111, TRANSPOSED = 112 };
    const Shape *s = &p->shape;
    const bool tn = s->layout == TN || s->layout == TN_ADD;
    blas->sgemm(ROW_MAJOR, tn ? TRANSPOSED : AS_IS,
                s->layout == NT ? TRANSPOSED : AS_IS, s->m, s->n, s->k, 1.0f, p->A.data,
                p->A.ld, p->B.data, p->B.ld, s->layout == TN_ADD ? 1.0f : 0.0f,
                p->C.data, p->C.ld);
}
