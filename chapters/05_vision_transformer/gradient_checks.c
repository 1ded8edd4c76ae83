/*
 * gradient_checks.c: every parameter of a whole, small ViT, in double: the loss's
 * analytic gradient against central differences. Label smoothing and dropout are
 * on, so that their derivatives are part of it.
 */
#include "chapters/05_vision_transformer/gradient_checks.h"

#include <stdio.h>

#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "common/random.h"
#include "common/lesson/report.h"
#include "chapters/05_vision_transformer/model/vit.h"

enum { B = 2 };

typedef struct {
    Vit vit, d;
    ParameterList list;
    VitActivations activations;
    Arena arena;
    Tensor weights, gradients, images;
    unsigned char labels[B];
    Dropout dropout;
} Check;

static double loss(void *context) {
    Check *c = context;
    const Tensor not_wanted = {.data = 0};
    Tensor logits = vit_forward(&c->vit, c->images, &c->activations, &c->dropout);
    return cross_entropy(logits, c->labels, 0.1, 1.0 / B, not_wanted) / B;
}

static void lay_out(Check *c, Arena *arena, const VitConfig *config) {
    c->weights = arena_tensor1(arena, (int)c->list.total);
    c->gradients = arena_tensor1(arena, (int)c->list.total);
    c->images =
        arena_tensor4(arena, B, config->channels, config->height, config->width);
}

static bool make(Check *c, const VitConfig *config, Error *error) {
    Arena plan = {0};
    c->vit.config = c->d.config = *config;
    if (!parameters_list(&c->list, vit_parameters, &c->vit, error)) {
        return false;
    }
    lay_out(c, &plan, config);
    if (!arena_make(&c->arena, &plan, "a gradient check", error) ||
        !vit_activations_make(&c->activations, config, B, error)) {
        return false;
    }
    lay_out(c, &c->arena, config);
    parameters_view(&c->list, vit_parameters, &c->vit, c->weights.data);
    parameters_view(&c->list, vit_parameters, &c->d, c->gradients.data);
    /* All weights random, also those that begin as 0 or 1: no gradient may vanish. */
    random_fill_normal((Random){7, RANDOM_DEMO, 0}, c->weights, 0.3);
    random_fill_normal((Random){7, RANDOM_DEMO, 1}, c->images, 1.0);
    c->labels[0] = 2;
    c->labels[1] = 0;
    c->dropout = (Dropout){.rate = 0.1, .seed = 7};
    return true;
}

/* All tensors of the list; when not each gets a line, one sums them up. */
static void check_all(Check *c, int every_tensor) {
    Gradcheck all = {0};
    for (int i = 0; i < c->list.count; i++) {
        const Parameter *p = &c->list.items[i];
        Gradcheck check = gradcheck(loss, c, parameter_in(p, c->weights.data),
                                    parameter_in(p, c->gradients.data));
        if (every_tensor || !gradcheck_passed(&check)) {
            report_gradcheck(p->name, &check);
        }
        all.elements += check.elements;
        all.worst = check.worst > all.worst ? check.worst : all.worst;
    }
    if (!every_tensor && report_failures() == 0) {
        char name[64];
        snprintf(name, sizeof name, "gradients of all %d tensors", c->list.count);
        report_gradcheck(name, &all);
    }
}

void chapter5_gradient_checks(int every_tensor, const VitConfig *chosen) {
    static Check c;
    const VitConfig config = {.height = 8,
                              .width = 6,
                              .channels = 2,
                              .patch = 2,
                              .depth = 2,
                              .block = {.D = 8, .heads = 2, .M = 12},
                              .classes = 3,
                              .positions = chosen->positions,
                              .pool = chosen->pool};
    Error error;
    printf("Gradient checks in double: a ViT of depth %d on %dx%dx%d, patch %d, D %d, "
           "dropout %.1f\n",
           config.depth, config.height, config.width, config.channels, config.patch,
           config.block.D, 0.1);
    if (!make(&c, &config, &error)) {
        report_check(false, "%s", error.text);
        return;
    }
    Tensor logits = vit_forward(&c.vit, c.images, &c.activations, &c.dropout);
    cross_entropy(logits, c.labels, 0.1, 1.0 / B, logits);
    vit_backward(&c.vit, &c.d, &c.activations, &c.dropout, logits);
    check_all(&c, every_tensor);
    vit_activations_free(&c.activations);
    arena_free(&c.arena);
    parameters_list_free(&c.list);
}
