/*
 * demo_gradient_depth.c: how large gradients are at each depth when training begins, in
 * a pre-norm and in a post-norm stack: the measurement behind Xiong et al., "On
 * Layer Normalization in the Transformer Architecture" (2020).
 */
#include <math.h>
#include <stdio.h>

#include "chapters/04_encoder_block/block_demos.h"
#include "common/lesson/plot_file.h"
#include "common/lesson/report.h"

enum { B = 8, N = 17, D = 64, HEADS = 4, M = 256, SEEDS = 4 };
enum { DEPTHS = 3, DEEPEST = 24 };

/* What is measured in a stack of L blocks, as means over the seeds. */
typedef struct {
    int L;
    double z[DEEPEST + 1];      /* root mean square of z_l's elements */
    double alike[DEEPEST + 1];  /* share of |z_l|^2 that all tokens have in common */
    double dz[DEEPEST + 1];     /* |dL/dz_l| */
    double dW[DEEPEST + 1];     /* |dL/dW|, W: all weights of block l; [0] is unused */
    double shared[DEEPEST + 1]; /* share of |dL/dz_l|^2 that tokens have in common */
    double dW_2;                /* |dL/dW_2| of the last block's MLP */
    double all;                 /* |dL/dW|, W: all weights of the stack */
} Profile;

/* ---- measuring ------------------------------------------------------------ */

static double sum_of_squares(Tensor T) {
    return tensor_dot(T, T);
}

/* Each image's mean token, times n, compared with all its tokens: 1/n for random ones,
 * 1 for tokens that are all the same. */
static double alike(Tensor z) {
    double common = 0;
    for (int b = 0; b < B; b++) {
        for (int j = 0; j < D; j++) {
            double mean = 0;
            for (int i = 0; i < N; i++) {
                mean += (double)tensor_row(z, b * N + i)[j] / N;
            }
            common += N * mean * mean;
        }
    }
    return common / sum_of_squares(z);
}

/* The loss looks at the class token alone, as ViT's does [ViT eq.4]:
 * dL/dy is random there, 0 elsewhere, and has norm 1. */
static void set_loss(BlockStack *stack) {
    for (int b = 0; b < B; b++) {
        for (int i = 1; i < N; i++) {
            tensor_fill(tensor_slice(tensor_slice(stack->dy, b), i), 0);
        }
    }
    tensor_scale(stack->dy, (real)(1 / sqrt(sum_of_squares(stack->dy))));
}

/* Adds one more seed to a root mean square over the seeds. */
static void add_square(double *rms, double square) {
    *rms = sqrt(*rms * *rms + square / SEEDS);
}

static void add_to_profile(Profile *p, BlockStack *stack) {
    const int last_norm = stack->plan.block.norm == PRE_NORM ? 2 * D : 0;
    const int all = (int)stack->list.total, block = (all - last_norm) / p->L;
    real *gradients = stack->gradient_block;
    for (int l = 0; l <= p->L; l++) {
        Tensor z = stack->z[l], dz = stack->dz[l];
        add_square(&p->z[l], sum_of_squares(z) / (double)tensor_count(z));
        add_square(&p->dz[l], sum_of_squares(dz));
        p->alike[l] += alike(z) / SEEDS;
        p->shared[l] += alike(dz) / SEEDS;
    }
    for (int l = 1; l <= p->L; l++) {
        Tensor dW = tensor1(gradients + (l - 1) * block, block);
        add_square(&p->dW[l], sum_of_squares(dW));
    }
    add_square(&p->all, sum_of_squares(tensor1(gradients, all)));
    add_square(&p->dW_2, sum_of_squares(stack->d.blocks[p->L - 1].mlp.W_2));
}

static void measure(NormPlace norm, int L, Profile *p) {
    static BlockStack stack;
    BlockStackPlan plan = {
        .block = {D, HEADS, M, norm, ACTIVATION_GELU}, .L = L, .B = B, .n = N};
    *p = (Profile){.L = L};
    for (plan.seed = 1; plan.seed <= SEEDS; plan.seed++) {
        block_stack_make(&stack, &plan);
        set_loss(&stack);
        block_stack_forward(&stack);
        block_stack_backward(&stack);
        add_to_profile(p, &stack);
        block_stack_free(&stack);
    }
}

/* ---- telling ------------------------------------------------------------- */

static void print_by_depth(const Profile *pre, const Profile *post) {
    printf("              pre-norm [ViT eq.2]         |           post-norm "
           "[AIAYN 3.1]\n"
           "     l   size z  alike  |dL/dz|  |dL/dW|  |   size z  alike  |dL/dz|  "
           "|dL/dW|      s\n");
    for (int l = 0; l <= DEEPEST; l += 2) {
        const Profile *both[2] = {pre, post};
        printf("    %2d", l);
        for (int k = 0; k < 2; k++) {
            const Profile *p = both[k];
            printf("   %6.2f  %5.2f  %7.3f  ", p->z[l], p->alike[l], p->dz[l]);
            if (l > 0) {
                printf("%7.2f", p->dW[l]);
            } else {
                printf("      -"); /* there is no block 0 */
            }
            printf("%s", k == 0 ? "  |" : "");
        }
        printf("  %5.2f\n", post->shared[l]);
    }
}

static void write_plot(const Profile *pre, const Profile *post) {
    FILE *file = plot_file_open(
        "gradient_norms_by_depth",
        "l (block), then |dL/dz_l| pre-norm, post-norm, |dL/dW_l| pre-norm, "
        "post-norm; no units");
    if (file) { /* there is no block 0 */
        fprintf(file, "0 %.6g %.6g NaN NaN\n", pre->dz[0], post->dz[0]);
    }
    for (int l = 1; file && l <= DEEPEST; l++) {
        fprintf(file, "%d %.6g %.6g %.6g %.6g\n", l, pre->dz[l], post->dz[l],
                pre->dW[l], post->dW[l]);
    }
    plot_file_close(file, "gradient_norms_by_depth");
}

static void explain_post_norm(const Profile *post) {
    const int last = DEEPEST, four_down = DEEPEST - 4;
    const double measured = post->dz[four_down] / post->dz[last];
    double predicted = 1;
    for (int l = last; l > four_down; l--) {
        /* notes/04_encoder_block.md, 7: block l multiplies |dL/dz| by this; s is the
         * share of dL/dz_l that all tokens have in common */
        predicted *= sqrt((1 + post->shared[l]) / 2);
    }
    printf("\nPost-norm. Where tokens are alike, MSA(z) is as large as z, and their "
           "sum sqrt(2)\ntimes as large; layer norm shrinks it back, and divides the "
           "gradient by sqrt(2).\nThrough MSA, which averages tokens, only the share s "
           "of the gradient comes back\nthat all tokens have in common. Together: "
           "sqrt((1 + s) / 2) a block. The loss starts\nat one token of %d, s = 1/%d; "
           "so near the output |dL/dz| falls fast. s = %.2f, %.2f,\n%.2f, %.2f at l = "
           "%d to %d:\n",
           N, N, post->shared[last], post->shared[last - 1], post->shared[last - 2],
           post->shared[last - 3], last, last - 3);
    report_check(fabs(predicted / measured - 1) < 0.1,
                 "post-norm: four blocks leave %.2f of |dL/dz|, this predicts %.2f",
                 measured, predicted);
    printf("Further down all tokens share it (s = %.2f at l = 20, %.2f at 16); it no "
           "longer\nfalls. The weights' gradients are of much the same size at every "
           "depth.\n",
           post->shared[20], post->shared[16]);
}

static void explain_pre_norm(const Profile *pre, const Profile *post) {
    double rise = 0, closest = 1;
    for (int l = 1; l <= DEEPEST; l++) {
        rise = fmax(rise, pre->dz[l] / pre->dz[l - 1]);
        closest = fmin(closest, post->alike[l] - pre->alike[l]);
    }
    printf("\nPre-norm. Nothing shrinks z: it grows from block to block. Each block "
           "sees LN(z),\nand (4.1) its gradient is divided by the size of z. So the "
           "later a block, the less\nit changes the result, and nothing is lost on the "
           "way down:\n");
    report_check(rise < 1, "pre-norm: |dL/dz| grows at each of the %d blocks down",
                 DEEPEST);
    report_check(closest > -0.01,
                 "its tokens are less alike than post-norm's at every depth");
}

/* The size of z_L times |dL/dW_2|. */
static double product(const Profile *p) {
    return p->z[p->L] * p->dW_2;
}

static void compare_depths(const Profile pre[DEPTHS], const Profile post[DEPTHS]) {
    const Profile *pre6 = &pre[0], *pre24 = &pre[DEPTHS - 1];
    const Profile *post6 = &post[0], *post24 = &post[DEPTHS - 1];
    printf("\nThe last MLP's gradient dL/dW_2, and that of all weights, in stacks of "
           "L blocks:\n\n"
           "                         pre-norm                  |        post-norm\n"
           "     L   size z_L  |dL/dW_2|  product  all weights  |  |dL/dW_2|  all "
           "weights\n");
    for (int i = 0; i < DEPTHS; i++) {
        printf("    %2d   %8.2f  %9.2f  %7.2f  %11.1f  |  %9.2f  %11.1f\n", pre[i].L,
               pre[i].z[pre[i].L], pre[i].dW_2, product(&pre[i]), pre[i].all,
               post[i].dW_2, post[i].all);
    }
    report_check(fabs(post24->dW_2 / post6->dW_2 - 1) < 0.1,
                 "post-norm: the last MLP's gradient doesn't depend on L");
    report_check(fabs(product(pre24) / product(pre6) - 1) < 0.1,
                 "pre-norm: times the size of z_L it is constant; z_L grows with L");
    printf("From 6 to 24 blocks pre-norm's whole gradient grows %.1f times, "
           "post-norm's %.1f times.\n",
           pre24->all / pre6->all, post24->all / post6->all);
}

void gradient_depth_demo(void) {
    const int depths[DEPTHS] = {6, 12, DEEPEST};
    Profile pre[DEPTHS], post[DEPTHS];
    const Profile *deep_pre = &pre[DEPTHS - 1], *deep_post = &post[DEPTHS - 1];
    for (int i = 0; i < DEPTHS; i++) {
        measure(PRE_NORM, depths[i], &pre[i]);
        measure(POST_NORM, depths[i], &post[i]);
    }
    report_section("4.5 Gradients by depth, and why ViT is pre-norm");
    printf("The same %d blocks (D = %d, h = %d, M = %d, n = %d, %d images, Xavier-"
           "uniform weights,\n%d seeds), once with pre-norm and a last LN, once with "
           "post-norm. The loss looks at\nthe class token, and |dL/dy| = 1. 'size' is "
           "the root mean square of z's numbers;\n'alike' the share of |z|^2 that all "
           "tokens have in common, and s the same share of\n|dL/dz|^2; W all weights "
           "of block l.\n\n",
           DEEPEST, D, HEADS, M, N, B, SEEDS);
    print_by_depth(deep_pre, deep_post);
    explain_post_norm(deep_post);
    explain_pre_norm(deep_pre, deep_post);
    compare_depths(pre, post);
    printf("\nSo a post-norm stack has full-sized gradients at its output however deep "
           "it is;\nwith pre-norm the last ones shrink as the stack grows. Xiong et "
           "al. (2020) prove\nsuch bounds for random weights, and explain by them why "
           "post-norm training needs\nthe learning rate's warm-up [AIAYN eq.3] and "
           "pre-norm can do without it. ViT is\npre-norm (and warms up all the same "
           "[ViT T.3]).\n\n");
    write_plot(deep_pre, deep_post);
}
