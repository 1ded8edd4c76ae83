/*
 * Chapter 1: tensor ops. The tensor core (common/) on numbers small enough to
 * check by hand.
 *
 *   softmax      the normalisation in [AIAYN eq.1]
 *   linear       the dense layers of [AIAYN eq.2]: x W + b
 *   GELU, ReLU   the nonlinearities of [ViT eq.3] and [AIAYN eq.2]
 *
 * The numbers here are float, as in training; gradient_checks.c is compiled in
 * double. Exit status: 0 if every check holds, else 1; 2 for a wrong argument.
 */
#include <stdio.h>
#include <string.h>

#include "gradient_checks.h"
#include "report.h"
#include "tensor_ops_demos.h"

static void print_help(void) {
    printf("usage: ./chapter1\n"
           "\n"
           "Chapter 1 of the course: shapes and views, matrix product, bias, softmax,\n"
           "GELU, and how a gradient is checked. Prints the lesson and its checks;\n"
           "takes no arguments. Run in the course's folder, it also writes\n"
           "plots/gradcheck_curve.dat. Exit status: 0 when every check holds, else 1.\n"
           "The lesson: chapters/01_tensor_ops/README.md\n");
}

static void print_equations(void) {
    printf("\nWhat both papers are made of, and where they use it:\n\n");
    report_equation("[AIAYN eq.1]", "softmax(s)_j = exp(s_j) / sum_k exp(s_k)");
    report_equation("[AIAYN eq.2]", "x W + b              the dense layer");
    report_equation("[AIAYN eq.2]", "max(0, x)            ReLU, the Transformer's");
    report_equation("[ViT eq.3]", "GELU(x) = x Phi(x)   the Vision Transformer's");
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help();
        return 0;
    }
    if (argc > 1) {
        fprintf(stderr, "chapter1: unknown argument \"%.60s\" (there is only --help)\n",
                argv[1]);
        return 2;
    }
    report_title("Chapter 1: tensor ops");
    print_equations();
    shapes_demo();
    shape_mistake_demo();
    matmul_demo();
    matmul_ladder_demo();
    softmax_demo();
    gelu_demo();
    gradcheck_curve_demo();
    return report_verdict("chapter1", chapter1_gradient_checks());
}
