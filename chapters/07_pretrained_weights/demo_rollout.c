/* demo_rollout.c: where did it look? */
#include <math.h>
#include <stdio.h>

#include "chapters/07_pretrained_weights/chapter7_demos.h"
#include "chapters/07_pretrained_weights/model/rollout.h"
#include "common/lesson/report.h"
#include "common/random.h"
#include "common/softmax.h"

enum { SMALL = 2, LAYERS = 6, HEADS = 3, TOKENS = 10 };

static void two_layers_by_hand(void) {
    real first[] = {1, 0, 1, 0}, second[] = {0, 1, 0, 1};
    real R[SMALL * SMALL], room[2][SMALL * SMALL];
    const Tensor A[2] = {tensor3(first, 1, SMALL, SMALL),
                         tensor3(second, 1, SMALL, SMALL)};
    Rollout r = {tensor2(R, SMALL, SMALL),
                 {tensor2(room[0], SMALL, SMALL), tensor2(room[1], SMALL, SMALL)}};
    report_equation("[ViT fig.6]",
                    "A^_l = (mean over heads of A_l + I) / its row sums");
    report_equation("", "R = the product of all A^_l, in their order");
    printf("\nTwo tokens, two layers of one head. In layer 1 both look at token 0, in\n"
           "layer 2 both look at token 1. Half of what each token has is its own:\n");
    rollout(A, 2, &r);
    report_matrix("R", r.R, 2);
    by_hand(r.R, (const double[]){0.75, 0.25, 0.5, 0.5}, 0, "R");
}

void rollout_demo(void) {
    static real A_data[LAYERS][HEADS * TOKENS * TOKENS];
    static real memory[3][TOKENS * TOKENS];
    Tensor A[LAYERS];
    report_section("Where did it look?");
    two_layers_by_hand();
    for (int l = 0; l < LAYERS; l++) {
        const Random random = {7, RANDOM_DEMO, (uint32_t)l};
        A[l] = tensor3(A_data[l], HEADS, TOKENS, TOKENS);
        random_fill_normal(random, A[l], 2);
        softmax_forward(A[l], A[l]);
    }
    Rollout r = {
        tensor2(memory[0], TOKENS, TOKENS),
        {tensor2(memory[1], TOKENS, TOKENS), tensor2(memory[2], TOKENS, TOKENS)}};
    rollout(A, LAYERS, &r);
    double worst = 0;
    for (int i = 0; i < TOKENS; i++) {
        double sum = 0;
        for (int j = 0; j < TOKENS; j++) {
            sum += (double)tensor_row(r.R, i)[j];
        }
        worst = fmax(worst, fabs(sum - 1));
    }
    report_check(worst < 1e-5, "rows of R sum to 1, %d layers of %d heads of %d tokens",
                 LAYERS, HEADS, TOKENS);
}
