/* demo_block_cost.c: a block's parameters, counted from its own list. */
#include <stdio.h>
#include <string.h>

#include "chapters/04_encoder_block/block_demos.h"
#include "common/lesson/report.h"

typedef struct {
    BlockConfig config;
    EncoderBlock block;
} OneBlock;

static void layout_one_block(ParameterBlock *block, void *model) {
    OneBlock *one = model;
    encoder_block_parameters(&one->block, block, &one->config, 0);
}

bool block_cost_demo(Error *error) {
    const struct {
        const char *name;
        int D, heads, M;
    } models[3] = {{"Transformer base [AIAYN T.3]", 512, 8, 2048},
                   {"ViT-B [ViT T.1]", 768, 12, 3072},
                   {"ViT-L [ViT T.1]", 1024, 16, 4096}};
    report_section("4.6 What a block costs");
    printf("W_qkv 3D^2 + 3D, W^O D^2 + D, W_1 and W_2 2DM + M + D, two layer norms "
           "4D:\n"
           "together 4D^2 + 4D + 2DM + D + M + 4D.\n\n"
           "                                     D      M    attention         MLP"
           "   norms\n");
    bool equal = true;
    for (int i = 0; i < 3; i++) {
        const long D = models[i].D, M = models[i].M;
        OneBlock one = {
            .config = {(int)D, models[i].heads, (int)M, PRE_NORM, ACTIVATION_GELU}};
        ParameterList list;
        if (!parameters_list(&list, layout_one_block, &one, error)) {
            return false;
        }
        long part[3] = {0}; /* attention, MLP, norms */
        for (int k = 0; k < list.count; k++) {
            const char *name = list.items[k].name;
            const int which = strstr(name, "attn") ? 0 : strstr(name, "mlp") ? 1 : 2;
            part[which] += tensor_count(list.items[k].shape);
        }
        printf("    %-29s %5ld  %5ld   %10ld  %10ld  %6ld\n", models[i].name, D, M,
               part[0], part[1], part[2]);
        equal = equal && list.total == 4 * D * D + 4 * D + 2 * D * M + D + M + 4 * D;
        parameters_list_free(&list);
    }
    report_check(equal, "the list of parameters has as many as the formula, for each");
    printf("With M = 4D the MLP has two thirds of a block's parameters, attention one "
           "third.\n");
    return true;
}
