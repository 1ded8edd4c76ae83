/* describe.c: see describe.h. */
#include "chapters/05_vision_transformer/program/describe.h"

#include <stdio.h>
#include <string.h>

#include "common/lesson/output.h"
#include "common/lesson/report.h"

/* [ViT T.1] for B, L and H; Ti and S are DeiT's (Touvron et al., 2021). The counts
 * are of 224x224x3 and 1000 classes. */
static const struct {
    const char *name;
    int D, L, M, heads, patch;
    long parameters;
} published[] = {
    {"Ti/16", 192, 12, 768, 3, 16, 5717416},
    {"S/16", 384, 12, 1536, 6, 16, 22050664},
    {"B/16", 768, 12, 3072, 12, 16, 86567656},
    {"B/32", 768, 12, 3072, 12, 32, 88224232},
    {"L/16", 1024, 24, 4096, 16, 16, 304326632},
    {"L/32", 1024, 24, 4096, 16, 32, 306535400},
    {"H/14", 1280, 32, 5120, 16, 14, 632045800},
};

static int index_of(const char *name) {
    for (int i = 0; i < (int)(sizeof published / sizeof published[0]); i++) {
        if (strcmp(published[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

bool describe_config(const char *name, const Settings *settings, VitConfig *config,
                     Error *error) {
    const int i = index_of(name);
    *config = settings->model;
    if (strcmp(name, "this") == 0) {
        return vit_config_check(config, error);
    }
    if (i < 0) {
        return error_set(error,
                         "no model \"%.60s\": there are Ti/16, S/16, B/16, B/32, L/16, "
                         "L/32, H/14, and \"this\" for the other options'",
                         name);
    }
    *config = (VitConfig){.height = 224, .width = 224, .channels = 3, .classes = 1000};
    config->patch = published[i].patch;
    config->depth = published[i].L;
    config->block = (BlockConfig){
        .D = published[i].D, .heads = published[i].heads, .M = published[i].M};
    return true;
}

/* All tensors, but of the blocks only the first: the others are alike. */
static void print_table(const ParameterList *list, int depth) {
    long in_blocks = 0;
    printf("  %-30s %-18s %12s   %s\n", "tensor", "shape", "parameters",
           "weight decay");
    for (int i = 0; i < list->count; i++) {
        const Parameter *p = &list->items[i];
        const bool block = strncmp(p->name, "blocks.", 7) == 0;
        in_blocks += block ? tensor_count(p->shape) : 0;
        if (strncmp(p->name, "norm.weight", 11) == 0 && depth > 1) {
            printf("  blocks.1 ... blocks.%d: the same; all %d blocks: %24ld\n",
                   depth - 1, depth, in_blocks);
        }
        if (!block || strncmp(p->name, "blocks.0.", 9) == 0) {
            char shape[TENSOR_SHAPE_TEXT];
            printf("  %-30s %-18s %12ld   %s\n", p->name,
                   tensor_shape_text(p->shape, shape), tensor_count(p->shape),
                   p->decay == DECAY ? "decay" : "-");
        }
    }
}

/* Prints the table, and checks the count; no memory is taken for the parameters. */
static bool describe_model(const char *name, const VitConfig *c, Error *error) {
    static Vit vit; /* some 30 kB of tensors without data */
    const long formula = vit_parameter_formula(c);
    const long head = (long)c->classes * c->block.D + c->classes;
    const double flops = vit_forward_flops(c), unit = flops < 1e9 ? 1e6 : 1e9;
    const int i = index_of(name);
    ParameterList list;
    vit.config = *c;
    if (!parameters_list(&list, vit_parameters, &vit, error)) {
        return false;
    }
    printf("ViT %s: image %dx%dx%d, patch %d, %d tokens, D %d, depth %d, heads %d, "
           "MLP %d, classes %d\n\n",
           name, c->height, c->width, c->channels, c->patch, vit_tokens(c), c->block.D,
           c->depth, c->block.heads, c->block.M, c->classes);
    print_table(&list, c->depth);
    printf("\n  parameters           %14ld\n  without the head     %14ld\n"
           "  forward, one image   %14.2f %cFLOP (a multiply-add is two)\n\n",
           list.total, list.total - head, flops / unit, unit < 1e9 ? 'M' : 'G');
    report_check(list.total == formula, "counted %ld, by the formula %ld", list.total,
                 formula);
    if (i >= 0) {
        report_check(list.total == published[i].parameters,
                     "counted %ld, published %ld", list.total, published[i].parameters);
    }
    parameters_list_free(&list);
    return true;
}

int describe_run(const char *program, const char *name, const Settings *settings) {
    VitConfig config;
    Error error;
    const bool known = describe_config(name, settings, &config, &error);
    if (!known || !describe_model(name, &config, &error)) {
        return output_error(program, known ? 1 : 2, "%s", error.text);
    }
    return report_verdict(program, 0);
}
