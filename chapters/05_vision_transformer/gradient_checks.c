/*
 * gradient_checks.c: every parameter of a whole, small ViT, in double: the loss's
 * analytic gradient against central differences. Label smoothing and dropout are
 * on, so that their derivatives are part of it.
 */
#include <stdio.h>

#include "chapters/05_vision_transformer/looking_inside/dump_vit.h"
#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "common/lesson/report.h"

enum { B = DUMP_VIT_IMAGES };

static const Dropout dropout = {.rate = 0.1, .seed = 7};

static double loss(void *context) {
    DumpVit *c = context;
    const Tensor not_wanted = {.data = 0};
    Tensor logits = vit_forward(&c->vit, c->images, &c->a, &dropout);
    return cross_entropy(logits, c->labels, c->smoothing, 1.0 / B, not_wanted) / B;
}

/* All tensors of the list, with a line for each or one line for all. */
static void check_all(DumpVit *c, int every_tensor) {
    Gradcheck all = {0};
    for (int i = 0; i < c->list.count; i++) {
        const Parameter *p = &c->list.items[i];
        Gradcheck check = gradcheck(loss, c, parameter_in(p, c->weights.data),
                                    parameter_in(p, c->gradients.data));
        if (every_tensor || !gradcheck_passed(&check)) {
            report_gradcheck(p->name, &check);
        }
        all = gradcheck_worse(all, check);
    }
    if (!every_tensor && report_failures() == 0) {
        char name[64];
        snprintf(name, sizeof name, "gradients of all %d tensors", c->list.count);
        report_gradcheck(name, &all);
    }
}

void chapter5_gradient_checks(int every_tensor, const VitConfig *chosen) {
    static DumpVit c; /* all weights random, also those that begin as 0 or 1 */
    const VitConfig *config = &c.vit.config;
    Error error;
    if (!dump_vit_make_of(&c, chosen->positions, chosen->pool, 7, &error)) {
        report_check(false, "%s", error.text);
        return;
    }
    printf("Gradient checks in double: a ViT of depth %d on %dx%dx%d, patch %d, D %d, "
           "dropout %.1f\n",
           config->depth, config->height, config->width, config->channels,
           config->patch, config->block.D, dropout.rate);
    Tensor logits = vit_forward(&c.vit, c.images, &c.a, &dropout);
    cross_entropy(logits, c.labels, c.smoothing, 1.0 / B, logits);
    vit_backward(&c.vit, &c.d, &c.a, &dropout, logits);
    check_all(&c, every_tensor);
    dump_vit_free(&c);
}
