/*
 * Chapter 4: the encoder block, [ViT eq.2] and [ViT eq.3], and as the Transformer of
 * 2017 had it, [AIAYN 3.1] and [AIAYN eq.2].
 *
 * The layers are layer_norm.c, mlp.c, dropout.c and encoder_block.c; here each is
 * followed by hand, and stacks of blocks are measured. Lesson: README.md.
 * Derivations: notes/04_encoder_block.md.
 */
#include <stdio.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "chapters/04_encoder_block/demo_block_steps.h"
#include "chapters/04_encoder_block/demo_dump_block.h"
#include "common/lesson/double_program.h"
#include "common/files/dump.h"
#include "chapters/04_encoder_block/encoder_block.h"
#include "chapters/04_encoder_block/demo_encoder_pieces.h"
#include "chapters/04_encoder_block/gradient_checks.h"
#include "chapters/04_encoder_block/demo_gradient_depth.h"
#include "common/lesson/output.h"
#include "common/lesson/report.h"

/* ---- counts -------------------------------------------------------------- */

typedef struct {
    BlockConfig config;
    EncoderBlock block;
} OneBlock;

static void layout_one_block(ParameterBlock *block, void *model) {
    OneBlock *one = model;
    encoder_block_parameters(&one->block, block, &one->config, 0);
}

static bool counts(Error *error) {
    const struct {
        const char *name;
        int D, heads, M;
    } models[3] = {{"Transformer base [AIAYN T.3]", 512, 8, 2048},
                   {"ViT-B [ViT T.1]", 768, 12, 3072},
                   {"ViT-L [ViT T.1]", 1024, 16, 4096}};
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
            part[strstr(name, "attn")  ? 0
                 : strstr(name, "mlp") ? 1
                                       : 2] += tensor_count(list.items[k].shape);
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

/* ---- the lesson ------------------------------------------------------------ */

static void equations(void) {
    report_title("Chapter 4: the encoder block");
    printf("Attention moves information between tokens. A block adds what computes "
           "within a\ntoken, and what makes many blocks on top of each other "
           "trainable:\n\n");
    report_equation("[ViT eq.2]", "z'_l = MSA(LN(z_{l-1})) + z_{l-1}     pre-norm");
    report_equation("[ViT eq.3]", "z_l  = MLP(LN(z'_l)) + z'_l");
    report_equation("", "MLP(x) = GELU(x W_1 + b_1) W_2 + b_2");
    report_equation("[AIAYN eq.2]", "FFN(x) = max(0, x W_1 + b_1) W_2 + b_2");
    report_equation("[AIAYN 3.1]", "LayerNorm(x + Sublayer(x))             post-norm");
    report_equation("[AIAYN 5.4]", "dropout after each sublayer, before it is added");
}

static bool lesson(NormPlace norm, Error *error) {
    equations();
    report_section("4.1 Layer norm, by hand");
    encoder_pieces_layer_norm();
    report_section("4.2 The MLP, and GELU beside ReLU");
    encoder_pieces_mlp();
    report_section("4.3 Dropout");
    encoder_pieces_dropout();
    report_section(norm == PRE_NORM
                       ? "4.4 One block, step by step: pre-norm (or: --norm post)"
                       : "4.4 One block, step by step: post-norm (or: --norm pre)");
    if (!block_steps_show(norm, error)) {
        return false;
    }
    report_section("4.5 Gradients by depth, and why ViT is pre-norm");
    if (!gradient_depth_show(error)) {
        return false;
    }
    report_section("4.6 What a block costs");
    return counts(error);
}

static const char usage[] =
    "usage: ./chapter4 [--norm pre|post] | --gradcheck | --dump FILE [--double]\n"
    "The encoder block: prints the lesson's numbers and checks them; writes\n"
    "plots/gradient_norms_by_depth.dat. --norm says which block section 4.4 takes\n"
    "apart (default: pre). Exit status 0 when every check holds.\n"
    "--dump FILE writes every tensor of one pass through a small pre-norm block for\n"
    "make compare, with --double in double, and nothing else. --gradcheck prints the\n"
    "gradient checks only.\n";

int main(int argc, char **argv) {
    if (!output_begin("chapter4")) {
        return 1;
    }
    NormPlace norm = PRE_NORM;
    if (argc == 2 && strcmp(argv[1], "--gradcheck") == 0) {
        return double_program_gradcheck("chapter4", argv[0], chapter4_gradient_checks);
    }
    int status;
    if (dump_asked(argc, argv, "chapter4", chapter4_dump, &status)) {
        return status;
    }
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--help") == 0 && i + 1 == argc) {
            printf("%s", usage);
            return output_end("chapter4", 0);
        }
        if (strcmp(argv[i], "--norm") == 0 && i > 1) {
            fprintf(stderr, "chapter4: --norm is given twice\n");
            return 2;
        }
        if (strcmp(argv[i], "--norm") == 0 && strcmp(value, "pre") == 0) {
            norm = PRE_NORM;
        } else if (strcmp(argv[i], "--norm") == 0 && strcmp(value, "post") == 0) {
            norm = POST_NORM;
        } else if (strcmp(argv[i], "--norm") == 0) {
            fprintf(stderr, "chapter4: --norm must be pre or post, not '%s'\n", value);
            return 2;
        } else {
            fprintf(
                stderr,
                "chapter4: unknown argument \"%.60s\"; ./chapter4 --help lists them\n",
                argv[i]);
            return 2;
        }
    }
#ifdef _OPENMP
    omp_set_num_threads(1); /* the products here are too small to share */
#endif
    Error error;
    if (!lesson(norm, &error)) {
        fprintf(stderr, "chapter4: %s\n", error.text);
        return 1;
    }
    return double_program_verdict("chapter4", argv[0], chapter4_gradient_checks);
}
