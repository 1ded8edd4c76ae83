/* demo_block_cost.c: a block's parameters, counted from its own list. */
#include <stdio.h>
#include <string.h>

#include "chapters/04_encoder_block/block_demos.h"
#include "common/lesson/chapter.h"
#include "common/lesson/report.h"

static void lay_out_block(ParameterBlock *parameters, void *config) {
    EncoderBlock block; /* the list is all that is wanted */
    encoder_block_parameters(&block, parameters, config, 0);
}

void block_cost_demo(void) {
    struct {
        const char *name;
        BlockConfig config;
    } models[3] = {{"Transformer base [AIAYN T.3]", {.D = 512, .heads = 8, .M = 2048}},
                   {"ViT-B [ViT T.1]", {.D = 768, .heads = 12, .M = 3072}},
                   {"ViT-L [ViT T.1]", {.D = 1024, .heads = 16, .M = 4096}}};
    report_section("4.6 What a block costs");
    printf("                                     D      M    attention         MLP"
           "   norms\n");
    bool equal = true;
    for (int i = 0; i < 3; i++) {
        const long D = models[i].config.D, M = models[i].config.M;
        long attention = 0, mlp = 0, norms = 0;
        ParameterList list;
        Error error;
        chapter_needs(parameters_list(&list, lay_out_block, &models[i].config, &error),
                      &error);
        for (int k = 0; k < list.count; k++) {
            const Parameter *p = &list.items[k];
            const long count = tensor_count(p->shape);
            attention += strstr(p->name, "attn") ? count : 0;
            mlp += strstr(p->name, "mlp") ? count : 0;
            norms += strstr(p->name, "norm") ? count : 0;
        }
        printf("    %-29s %5ld  %5ld   %10ld  %10ld  %6ld\n", models[i].name, D, M,
               attention, mlp, norms);
        equal = equal && list.total == 4 * D * D + 4 * D + 2 * D * M + D + M + 4 * D;
        parameters_list_free(&list);
    }
    report_check(equal, "the list of parameters has as many as the formula, for each");
}
