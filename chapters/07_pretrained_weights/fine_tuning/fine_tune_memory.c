/* fine_tune_memory.c: see fine_tune_memory.h. */
#include "chapters/07_pretrained_weights/fine_tuning/fine_tune_memory.h"

#include <stdio.h>
#include <unistd.h>

#include "chapters/05_vision_transformer/training/trainer.h"

/* Elements. */
typedef struct {
    double parameters;
    double image; /* its pixels, and what forward keeps of it */
} Sizes;

/* What forward keeps of one image, with so many blocks. */
static bool activations_of(VitConfig c, int depth, double *count, Error *error) {
    static VitActivations a;
    c.depth = depth;
    if (!vit_activations_make(&a, &c, 1, error)) {
        return false;
    }
    *count = (double)a.arena.capacity;
    vit_activations_free(&a);
    return true;
}

static bool sizes_of(const VitConfig *c, Sizes *sizes, Error *error) {
    double one, two; /* all blocks are alike: two of them say what the others take */
    if (!activations_of(*c, 1, &one, error) || !activations_of(*c, 2, &two, error)) {
        return false;
    }
    sizes->parameters = (double)vit_parameter_formula(c);
    sizes->image =
        (double)c->channels * c->height * c->width + one + (c->depth - 1) * (two - one);
    return true;
}

static double bytes_of(Sizes sizes, int batch, int threads) {
    const int share = (batch + threads - 1) / threads;
    const int slice = share < SLICE_IMAGES ? share : SLICE_IMAGES;
    const double worker = sizes.parameters + slice * sizes.image;
    return (3 * sizes.parameters + threads * worker) * sizeof(real);
}

bool fine_tune_bytes(const Settings *s, double *bytes, Error *error) {
    Sizes sizes;
    if (!sizes_of(&s->model, &sizes, error)) {
        return false;
    }
    *bytes = bytes_of(sizes, s->batch, s->threads);
    return true;
}

/* "--batch 16 (3.1 GB) or --threads 2 (2.9 GB) would fit": the largest that do. */
static void what_would_fit(const Settings *s, Sizes sizes, double most,
                           char text[120]) {
    char by_batch[50] = "", by_threads[50] = "";
    int batch = s->batch - 1, threads = s->threads - 1;
    while (batch > 0 && bytes_of(sizes, batch, s->threads) > most) {
        batch--;
    }
    while (threads > 0 && bytes_of(sizes, s->batch, threads) > most) {
        threads--;
    }
    if (batch > 0) {
        snprintf(by_batch, sizeof by_batch, "--batch %d (%.3g GB)", batch,
                 bytes_of(sizes, batch, s->threads) / 1e9);
    }
    if (threads > 0) {
        snprintf(by_threads, sizeof by_threads, "--threads %d (%.3g GB)", threads,
                 bytes_of(sizes, s->batch, threads) / 1e9);
    }
    snprintf(text, 120, "%s%s%s would fit", by_batch,
             batch > 0 && threads > 0 ? " or " : "", by_threads);
    if (batch == 0 && threads == 0) {
        snprintf(text, 120, "even --batch 1 --threads 1 takes %.3g GB",
                 bytes_of(sizes, 1, 1) / 1e9);
    }
}

bool fine_tune_fits(const Settings *s, double most, Error *error) {
    char other[120];
    Sizes sizes;
    if (!sizes_of(&s->model, &sizes, error)) {
        return false;
    }
    const double bytes = bytes_of(sizes, s->batch, s->threads);
    if (bytes <= most) {
        return true;
    }
    what_would_fit(s, sizes, most, other);
    return error_set(error,
                     "training takes %.3g GB of memory with --batch %d and --threads "
                     "%d, and this machine has %.3g: %s",
                     bytes / 1e9, s->batch, s->threads, most / 1e9, other);
}

double machine_bytes(void) {
    const double pages = (double)sysconf(_SC_PHYS_PAGES);
    const double page = (double)sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? pages * page : 0;
}
