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

#include "chapters/04_encoder_block/block_demos.h"
#include "common/lesson/chapter.h"
#include "common/lesson/output.h"
#include "common/lesson/report.h"
#include "common/lesson/threads.h"

static NormPlace norm = PRE_NORM; /* of section 4.4 */

static const char help[] =
    "usage: ./chapter4 [--norm pre|post] | --gradcheck | --dump FILE [--double]\n"
    "The encoder block: prints the lesson's numbers and checks them; writes\n"
    "plots/gradient_norms_by_depth.dat. --norm says which block section 4.4 takes\n"
    "apart (default: pre). Exit status 0 when every check holds.\n"
    "--dump FILE writes every tensor of one pass through a small pre-norm block for\n"
    "make compare, with --double in double, and nothing else. --gradcheck prints the\n"
    "gradient checks only.\n";

static void lesson(void) {
    threads_limit(1); /* the products here are too small to share */
    report_title("Chapter 4: the encoder block");
    remedies_demo();
    layer_norm_demo();
    mlp_demo();
    dropout_demo();
    block_steps_demo(norm);
    gradient_depth_demo();
    block_cost_demo();
}

/* --norm pre|post: -1; else an exit status. */
static int options(int argc, char **argv) {
    const char *value = argc > 2 ? argv[2] : "";
    if (strcmp(argv[1], "--norm") != 0) {
        return chapter_unknown("chapter4", argv[1]);
    }
    if (strcmp(value, "pre") != 0 && strcmp(value, "post") != 0) {
        return output_error("chapter4", 2, "--norm must be pre or post, not '%s'",
                            value);
    }
    if (argc > 3 && strcmp(argv[3], "--norm") == 0) {
        return output_error("chapter4", 2, "--norm is given twice");
    }
    norm = strcmp(value, "post") == 0 ? POST_NORM : PRE_NORM;
    return argc > 3 ? chapter_unknown("chapter4", argv[3]) : -1;
}

int main(int argc, char **argv) {
    const Chapter chapter = {.name = "chapter4",
                             .help = help,
                             .lesson = lesson,
                             .gradient_checks = chapter4_gradient_checks,
                             .dump = chapter4_dump,
                             .options = options};
    return chapter_main(&chapter, argc, argv);
}
