/*
 * Chapter 2: scaled dot-product attention [AIAYN eq.1], forward and backward.
 *
 * The layer is attention.h and attention.c; the other files print the lesson.
 * ./chapter2 computes in float, as in training; its gradients are checked in double, by
 * ./chapter2_double (second_program.h).
 */
#include <stdio.h>

#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "common/lesson/chapter.h"
#include "common/lesson/report.h"

static const char help[] =
    "usage: ./chapter2 [--gradcheck | --dump FILE [--double]]\n"
    "\n"
    "Chapter 2 of the course: scaled dot-product attention, forward and\n"
    "backward: by hand, measured, masked, timed. Prints the lesson and its\n"
    "checks. --gradcheck prints the gradient checks only. --dump FILE writes\n"
    "every tensor of a small pass for make compare, with --double in double, and\n"
    "nothing else. Run in the course's folder, it also writes its measurements\n"
    "into plots/*.dat. Exit status: 0 when every check holds, else 1.\n"
    "The lesson: chapters/02_scaled_dot_product_attention/README.md\n";

static void lesson(void) {
    report_title("Chapter 2: scaled dot-product attention");
    printf("\nOne equation, and what follows from it:\n\n");
    report_equation("[AIAYN eq.1]",
                    "Attention(Q, K, V) = softmax(Q K^T / sqrt(d_k)) V");
    report_equation("[AIAYN fn.4]", "variance of q.k = d_k, hence the 1/sqrt(d_k)");
    report_equation("[AIAYN T.1]", "work for n tokens: n^2 d");
    report_equation("[ViT eq.6]", "A = softmax(q k^T / sqrt(D_h))");
    report_equation("[ViT eq.7]", "SA(z) = A v");
    worked_example_demo();
    why_scale_demo();
    mask_demo();
    attention_properties_demo();
    attention_cost_demo();
    layers_cost_demo();
}

int main(int argc, char **argv) {
    const Chapter chapter = {.name = "chapter2",
                             .help = help,
                             .lesson = lesson,
                             .gradient_checks = chapter2_gradient_checks,
                             .dump = chapter2_dump};
    return chapter_main(&chapter, argc, argv);
}
