/*
 * Chapter 1: tensor ops. The tensor core (common/) on numbers small enough to
 * check by hand.
 *
 *   softmax      the normalisation in [AIAYN eq.1]
 *   linear       the dense layers of [AIAYN eq.2]: x W + b
 *   GELU, ReLU   the nonlinearities of [ViT eq.3] and [AIAYN eq.2]
 *
 * ./chapter1 computes in float, as in training; its gradients are checked in double, by
 * ./chapter1_double (double_program.h).
 * Exit status: 0 if every check holds, else 1; 2 for a wrong argument.
 */
#include <stdio.h>
#include <string.h>

#include "common/lesson/double_program.h"
#include "chapters/01_tensor_ops/gradient_checks.h"
#include "common/files/number.h"
#include "common/lesson/output.h"
#include "common/lesson/report.h"
#include "chapters/01_tensor_ops/tensor_ops_demos.h"

enum { LADDER_MIN = 16, LADDER_MAX = 4096, LADDER_DEFAULT = 1024 };

static void print_help(void) {
    printf("usage: ./chapter1                  the lesson\n"
           "       ./chapter1 --ladder [N]     the matrix product, rung by rung\n"
           "       ./chapter1 --gradcheck      only the gradient checks\n"
           "\n"
           "Chapter 1 of the course: shapes and views, matrix product, bias, softmax,\n"
           "GELU, and how a gradient is checked. Prints the lesson and its checks.\n"
           "Run in the course's folder, it also writes plots/gradcheck_curve.dat.\n"
           "\n"
           "--ladder times C = A B with (N, N) matrices, N from %d to %d (default\n"
           "%d), from three loops to matmul_nn, beside what the machine can do. Some\n"
           "10 seconds. Writes plots/roofline.dat.\n"
           "\n"
           "Exit status: 0 when every check holds, else 1; 2 for a wrong argument.\n"
           "The lesson: chapters/01_tensor_ops/README.md\n",
           LADDER_MIN, LADDER_MAX, LADDER_DEFAULT);
}

static void print_equations(void) {
    printf("\nWhat both papers are made of, and where they use it:\n\n");
    report_equation("[AIAYN eq.1]", "softmax(s)_j = exp(s_j) / sum_k exp(s_k)");
    report_equation("[AIAYN eq.2]", "x W + b              the dense layer");
    report_equation("[AIAYN eq.2]", "max(0, x)            ReLU, the Transformer's");
    report_equation("[ViT eq.3]", "GELU(x) = x Phi(x)   the Vision Transformer's");
}

/* The lesson, section by section; returns the exit status. self: argv[0]. */
static int lesson(const char *self) {
    report_title("Chapter 1: tensor ops");
    print_equations();
    shapes_demo();
    shape_mistake_demo();
    matmul_demo();
    matmul_ladder_demo();
    softmax_demo();
    gelu_demo();
    gradcheck_curve_demo();
    return double_program_verdict("chapter1", self, chapter1_gradient_checks);
}

/* --ladder, with N in `text`, or NULL; returns the exit status. */
static int ladder(const char *text) {
    long N = LADDER_DEFAULT;
    if (text && !number_read_whole(text, LADDER_MIN, LADDER_MAX, &N)) {
        fprintf(stderr,
                "chapter1: --ladder takes a size from %d to %d, not \"%.60s\"\n",
                LADDER_MIN, LADDER_MAX, text);
        return 2;
    }
    report_title("Chapter 1: the ladder of the matrix product");
    ladder_demo((int)N);
    return report_verdict("chapter1", 0);
}

int main(int argc, char **argv) {
    if (!output_begin("chapter1")) {
        return 1;
    }
    if (argc == 1) {
        return lesson(argv[0]);
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help();
        return output_end("chapter1", 0);
    }
    if (argc == 2 && strcmp(argv[1], "--gradcheck") == 0) {
        return double_program_gradcheck("chapter1", argv[0], chapter1_gradient_checks);
    }
    if (argc <= 3 && strcmp(argv[1], "--ladder") == 0) {
        return ladder(argc == 3 ? argv[2] : NULL);
    }
    fprintf(stderr,
            "chapter1: unknown argument \"%.60s\"; ./chapter1 --help lists them\n",
            argv[strcmp(argv[1], "--ladder") == 0 ? 3 : 1]);
    return 2;
}
