/* sharded_update.c: see sharded_update.h. */
#include "chapters/08_many_machines/training/sharded_update.h"

#include <math.h>
#include <string.h>

#include "chapters/08_many_machines/collectives/all_reduce.h"
#include "chapters/05_vision_transformer/training/adamw.h"

Part sharded_part(const Trainer *t, int rank, int P) {
    const long begin = trainer_first_trained(t), n = t->list.total - begin;
    return (Part){begin + chunk_begin(n, P, rank), begin + chunk_begin(n, P, rank + 1)};
}

void sharded_sum(Trainer *t, Group *group, real *room) {
    const long from = trainer_first_trained(t), n = t->list.total - from;
    trainer_sum_workers(t, from, t->list.total);
    ring_reduce_scatter(group, t->workers[0].gradients + from, n, room);
}

/* The square root of the sum of all ranks' squares, added in the ranks' order, so that
 * all have the same bits. A double travels as the elements that it is as long as. */
static double norm_of_all(Group *group, double squares, real *room) {
    enum { ELEMENTS = sizeof(double) / sizeof(real) };
    double sum = 0;
    memcpy(room + group->rank * ELEMENTS, &squares, sizeof squares);
    ring_all_gather(group, room, (long)group->size * ELEMENTS);
    for (int rank = 0; rank < group->size; rank++) {
        memcpy(&squares, room + rank * ELEMENTS, sizeof squares);
        sum += squares;
    }
    return sqrt(sum);
}

/* The optimiser, of those parameters, or parts of them, that are in `part`. It goes
 * element by element, so their shapes don't matter. */
static void update_part(Trainer *t, Part part, double lr) {
    for (int i = 0; i < t->trained.count; i++) {
        Parameter p = t->trained.items[i];
        const long end = p.offset + tensor_count(p.shape);
        const long from = p.offset > part.from ? p.offset : part.from;
        const long to = end < part.to ? end : part.to;
        if (from < to) {
            p.offset = from;
            p.shape = tensor1(NULL, (int)(to - from));
            const ParameterList one = {&p, 1, t->list.total};
            trainer_optimise(t, &one, lr);
        }
    }
}

/* [ViT T.3]   clipping by the norm of all gradients; returns it. */
static double clip(const Trainer *t, Group *group, Part own, real *room) {
    real *gradients = t->workers[0].gradients + own.from;
    const double mine = gradient_norm(gradients, own.to - own.from);
    const double norm = norm_of_all(group, mine * mine, room);
    if (t->settings.clip > 0 && norm > t->settings.clip) {
        const real scale = (real)(t->settings.clip / norm);
        for (long i = 0; i < own.to - own.from; i++) {
            gradients[i] *= scale;
        }
    }
    return norm;
}

StepResult sharded_update(Trainer *t, Group *group, real *room, double loss,
                          double accuracy) {
    const Part own = sharded_part(t, group->rank, group->size);
    StepResult result = {.loss = loss, .accuracy = accuracy};
    result.step = ++t->step;
    result.lr = trainer_rate(t, t->step);
    result.gradient_norm = clip(t, group, own, room);
    update_part(t, own, result.lr);
    return result;
}

void sharded_gather(Trainer *t, Group *group) {
    const long begin = trainer_first_trained(t);
    ring_all_gather(group, t->weights + begin, t->list.total - begin);
}
