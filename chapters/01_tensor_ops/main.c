/*
 * Chapter 1: tensor ops. The tensor core (common/) on numbers small enough to
 * check by hand.
 *
 *   softmax      the normalisation in [AIAYN eq.1]
 *   linear       the dense layers of [AIAYN eq.2]: x W + b
 *   GELU, ReLU   the nonlinearities of [ViT eq.3] and [AIAYN eq.2]
 *
 * ./chapter1 computes in float, as in training; its gradients are checked in double, by
 * ./chapter1_double (second_program.h).
 */
#include <stdio.h>
#include <string.h>

#include "common/files/number.h"
#include "common/lesson/chapter.h"
#include "common/lesson/output.h"
#include "common/lesson/report.h"
#include "chapters/01_tensor_ops/tensor_ops_demos.h"

enum { LADDER_MIN = 16, LADDER_MAX = 4096, LADDER_DEFAULT = 1024 };

static const char help[] =
    "usage: ./chapter1                  the lesson\n"
    "       ./chapter1 --ladder [N]     the matrix product, rung by rung\n"
    "       ./chapter1 --gradcheck      only the gradient checks\n"
    "\n"
    "Chapter 1 of the course: shapes and views, matrix product, bias, softmax,\n"
    "GELU, and how a gradient is checked. Prints the lesson and its checks.\n"
    "Run in the course's folder, it also writes plots/gradcheck_curve.dat.\n"
    "\n"
    "--ladder times C = A B with (N, N) matrices, N from 16 to 4096 (default\n"
    "1024), from three loops to matmul_nn, beside what the machine can do. Some\n"
    "10 seconds. Writes plots/roofline.dat.\n"
    "\n"
    "Exit status: 0 when every check holds, else 1; 2 for a wrong argument.\n"
    "The lesson: chapters/01_tensor_ops/README.md\n";

static void lesson(void) {
    report_title("Chapter 1: tensor ops");
    printf("\nWhat both papers are made of, and where they use it:\n\n");
    report_equation("[AIAYN eq.1]", "softmax(s)_j = exp(s_j) / sum_k exp(s_k)");
    report_equation("[AIAYN eq.2]", "x W + b              the dense layer");
    report_equation("[AIAYN eq.2]", "max(0, x)            ReLU, the Transformer's");
    report_equation("[ViT eq.3]", "GELU(x) = x Phi(x)   the Vision Transformer's");
    shapes_demo();
    shape_mistake_demo();
    matmul_demo();
    matmul_ladder_demo();
    softmax_demo();
    gelu_demo();
    gradcheck_curve_demo();
}

/* --ladder [N]; the exit status. */
static int ladder(int argc, char **argv) {
    long N = LADDER_DEFAULT;
    if (strcmp(argv[1], "--ladder") != 0 || argc > 3) {
        return chapter_unknown("chapter1", argv[argc > 3 ? 3 : 1]);
    }
    if (argc == 3 && !number_read_whole(argv[2], LADDER_MIN, LADDER_MAX, &N)) {
        return output_error("chapter1", 2,
                            "--ladder takes a size from %d to %d, not \"%.60s\"",
                            LADDER_MIN, LADDER_MAX, argv[2]);
    }
    report_title("Chapter 1: the ladder of the matrix product");
    ladder_demo((int)N);
    return report_verdict("chapter1", 0);
}

int main(int argc, char **argv) {
    const Chapter chapter = {.name = "chapter1",
                             .help = help,
                             .lesson = lesson,
                             .gradient_checks = chapter1_gradient_checks,
                             .options = ladder};
    return chapter_main(&chapter, argc, argv);
}
