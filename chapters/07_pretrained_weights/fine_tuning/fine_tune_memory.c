/* fine_tune_memory.c: see fine_tune_memory.h. */
#include "chapters/07_pretrained_weights/fine_tuning/fine_tune_memory.h"

#include <stdio.h>
#include <unistd.h>

#include "chapters/05_vision_transformer/training/trainer.h"

/* Of the machine's memory: the system and the images need some, too. */
#define FOR_US 0.9

/* How many parameters --freeze leaves: the last blocks, norm and head. */
static double trained_of(const Settings *s) {
    VitConfig blocks = s->model, frozen = s->model;
    if (s->freeze == 0) {
        return (double)vit_parameter_formula(&s->model);
    }
    blocks.depth = 1;
    frozen.depth = 0;
    const long block = vit_parameter_formula(&blocks) - vit_parameter_formula(&frozen);
    const long D = s->model.block.D, K = s->model.classes;
    return (double)((s->model.depth - s->freeze) * block + 2 * D + D * K + K);
}

static double bytes_with(const Settings *s, int batch, int threads) {
    const VitConfig *c = &s->model;
    const double parameters = (double)vit_parameter_formula(c), trained = trained_of(s);
    const int share = (batch + threads - 1) / threads;
    const int slice = share < SLICE_IMAGES ? share : SLICE_IMAGES;
    const double image = (double)c->channels * c->height * c->width;
    const double worker =
        trained + slice * image + (double)vit_activations_count(c, slice);
    return (parameters + 2 * trained + threads * worker) * sizeof(real);
}

double fine_tune_bytes(const Settings *s) {
    return bytes_with(s, s->batch, s->threads);
}

/* "--batch 16 (3.1 GB) or --threads 2 (2.9 GB) would fit": the largest that do. */
static void what_would_fit(const Settings *s, double most, char text[120]) {
    char by_batch[50] = "", by_threads[50] = "";
    int batch = s->batch - 1, threads = s->threads - 1;
    while (batch > 0 && bytes_with(s, batch, s->threads) > most) {
        batch--;
    }
    while (threads > 0 && bytes_with(s, s->batch, threads) > most) {
        threads--;
    }
    if (batch > 0) {
        snprintf(by_batch, sizeof by_batch, "--batch %d (%.3g GB)", batch,
                 bytes_with(s, batch, s->threads) / 1e9);
    }
    if (threads > 0) {
        snprintf(by_threads, sizeof by_threads, "--threads %d (%.3g GB)", threads,
                 bytes_with(s, s->batch, threads) / 1e9);
    }
    snprintf(text, 120, "%s%s%s would fit", by_batch,
             batch > 0 && threads > 0 ? " or " : "", by_threads);
    if (batch == 0 && threads == 0) {
        const double least = bytes_with(s, 1, 1);
        snprintf(text, 120, "%s--batch 1 --threads 1 %s %.3g GB",
                 least > most ? "even " : "", least > most ? "takes" : "would fit, in",
                 least / 1e9);
    }
}

bool fine_tune_fits(const Settings *s, double most, Error *error) {
    const double bytes = fine_tune_bytes(s);
    char other[120];
    if (bytes <= most) {
        return true;
    }
    what_would_fit(s, FOR_US * most, other);
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
