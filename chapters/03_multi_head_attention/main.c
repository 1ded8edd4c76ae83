/*
 * Chapter 3: multi-head attention [AIAYN 3.2.2] [ViT eq.5] to [ViT eq.8], and the
 * position encodings [AIAYN 3.5] that attention can't do without.
 *
 * The layer is multi_head_attention.c; here it is shown to be what the papers
 * write, counted, timed and checked. Lesson: README.md. Derivations:
 * notes/03_multi_head_attention.md.
 */
#include <stdio.h>
#include <string.h>

#include "chapters/03_multi_head_attention/msa_demos.h"
#include "common/lesson/chapter.h"
#include "common/lesson/report.h"

static const char help[] =
    "usage: ./chapter3 [--two-questions | --gradcheck | --dump FILE [--double]]\n"
    "Multi-head attention and position encodings: prints the lesson's numbers and "
    "checks\nthem; writes plots/positional_encoding.dat. Exit status 0 when every "
    "check holds.\n"
    "--two-questions trains one head, and two, on a task that one can't do.\n"
    "--dump FILE writes every tensor of a small pass for make compare, with --double "
    "in\ndouble, and nothing else. --gradcheck prints the gradient checks only.\n";

static void print_equations(void) {
    report_title("Chapter 3: multi-head attention and position encodings");
    printf("Chapter 2 gave one attention. Here h of them look at the same tokens, each "
           "through\nprojections of its own to d_k = D/h columns, and a last matrix "
           "mixes what they\nfound. (./chapter3 --two-questions shows what that is "
           "good for.)\n\n");
    report_equation("[AIAYN 3.2.2]",
                    "MultiHead(Q,K,V) = Concat(head_1, ..., head_h) W^O");
    report_equation("", "head_i = Attention(Q W_i^Q, K W_i^K, V W_i^V)");
    report_equation("[ViT eq.5]", "[q, k, v] = z U_qkv");
    report_equation("[ViT eq.6]", "A = softmax(q k^T / sqrt(D_h))");
    report_equation("[ViT eq.7]", "SA(z) = A v");
    report_equation("[ViT eq.8]", "MSA(z) = [SA_1(z); ...; SA_h(z)] U_msa");
    report_equation("[AIAYN 3.5]", "PE(pos, 2i)   = sin(pos / 10000^(2i/D))");
    report_equation("", "PE(pos, 2i+1) = cos(pos / 10000^(2i/D))");
}

static void lesson(void) {
    print_equations();
    projection_demo();
    separate_heads_demo();
    heads_cost_demo();
    order_demo();
    sinusoids_demo();
}

static int options(int argc, char **argv) {
    if (argc > 2 || strcmp(argv[1], "--two-questions") != 0) {
        return chapter_unknown("chapter3", argv[argc > 2 ? 2 : 1]);
    }
    two_questions_demo();
    return report_verdict("chapter3", 0);
}

int main(int argc, char **argv) {
    const Chapter chapter = {.name = "chapter3",
                             .help = help,
                             .lesson = lesson,
                             .gradient_checks = chapter3_gradient_checks,
                             .dump = chapter3_dump,
                             .options = options};
    return chapter_main(&chapter, argc, argv);
}
