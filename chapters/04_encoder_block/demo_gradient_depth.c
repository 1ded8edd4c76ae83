/* demo_gradient_depth.c: how large gradients are at each depth when training begins:
 * without layer norm or residual path; and pre-norm against post-norm, as measured by
 * Xiong et al., "On Layer Normalization in the Transformer Architecture" (2020). */
#include <math.h>
#include <stdio.h>

#include "chapters/04_encoder_block/block_demos.h"
#include "common/lesson/plot_file.h"
#include "common/lesson/report.h"
#include "common/real_math.h"

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

/* Which parts the blocks have; there is no last LN but in the WHOLE stack. */
enum { NORM = 1, RESIDUAL = 2, WHOLE = 4 };

static void parts_forward(BlockStack *stack, int parts) {
    for (int l = 0; l < stack->plan.L; l++) {
        const EncoderBlock *block = &stack->weights.blocks[l];
        EncoderBlockActivations *a = &stack->a[l];
        tensor_copy(a->x1, stack->z[l]);
        if (parts & NORM) {
            layer_norm_forward(&block->norm1, stack->z[l], &a->norm1, a->x1);
        }
        multi_head_attention_forward(&block->attn, a->x1, &a->attn, a->z_prime);
        if (parts & RESIDUAL) {
            tensor_add(a->z_prime, stack->z[l]);
        }
        tensor_copy(a->x2, a->z_prime);
        if (parts & NORM) {
            layer_norm_forward(&block->norm2, a->z_prime, &a->norm2, a->x2);
        }
        mlp_forward(&block->mlp, a->x2, &a->mlp, &stack->plan.dropout, 0, a->y);
        if (parts & RESIDUAL) {
            tensor_add(a->y, a->z_prime);
        }
    }
}

static void parts_backward(BlockStack *stack, int parts) {
    const real around = parts & RESIDUAL ? R(1) : R(0);
    tensor_copy(stack->dz[stack->plan.L], stack->dy);
    for (int l = stack->plan.L - 1; l >= 0; l--) {
        const EncoderBlock *block = &stack->weights.blocks[l];
        EncoderBlock *d = &stack->d.blocks[l];
        EncoderBlockActivations *a = &stack->a[l];
        Tensor z = stack->z[l], dz = stack->dz[l], dx = stack->s.dx;
        tensor_copy(dz, stack->dz[l + 1]);
        mlp_backward(&block->mlp, &d->mlp, a->x2, &a->mlp, &stack->plan.dropout, 0, dz,
                     dx, stack->s.dpre);
        if (parts & NORM) {
            layer_norm_backward(&block->norm2, &d->norm2, a->z_prime, &a->norm2, dx,
                                dx);
        }
        tensor_scale(dz, around);
        tensor_add(dz, dx);
        multi_head_attention_backward(&block->attn, &d->attn, a->x1, &a->attn, dz, dx,
                                      &stack->s.attn);
        if (parts & NORM) {
            layer_norm_backward(&block->norm1, &d->norm1, z, &a->norm1, dx, dx);
        }
        tensor_scale(dz, around);
        tensor_add(dz, dx);
    }
}

static void measure(NormPlace norm, int parts, int L, Profile *p) {
    static BlockStack stack;
    BlockStackPlan plan = {
        .block = {D, HEADS, M, norm, ACTIVATION_GELU}, .L = L, .B = B, .n = N};
    *p = (Profile){.L = L};
    for (plan.seed = 1; plan.seed <= SEEDS; plan.seed++) {
        block_stack_make(&stack, &plan);
        set_loss(&stack);
        if (parts == WHOLE) {
            block_stack_forward(&stack);
            block_stack_backward(&stack);
        } else {
            parts_forward(&stack, parts);
            parts_backward(&stack, parts);
        }
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

static void check_post_norm(const Profile *post) {
    const int four_down = DEEPEST - 4;
    const double measured = post->dz[four_down] / post->dz[DEEPEST];
    double predicted = 1;
    for (int l = DEEPEST; l > four_down; l--) {
        /* notes/04_encoder_block.md, 7 */
        predicted *= sqrt((1 + post->shared[l]) / 2);
    }
    report_check(fabs(predicted / measured - 1) < 0.1,
                 "post-norm: four blocks leave %.2f of |dL/dz|; sqrt((1 + s) / 2) a "
                 "block is %.2f",
                 measured, predicted);
}

static void check_pre_norm(const Profile *pre, const Profile *post) {
    double rise = 0, closest = 1;
    for (int l = 1; l <= DEEPEST; l++) {
        rise = fmax(rise, pre->dz[l] / pre->dz[l - 1]);
        closest = fmin(closest, post->alike[l] - pre->alike[l]);
    }
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
    report_check(fabs(post[DEPTHS - 1].dW_2 / post[0].dW_2 - 1) < 0.1,
                 "post-norm: the last MLP's gradient doesn't depend on L");
    report_check(fabs(product(&pre[DEPTHS - 1]) / product(&pre[0]) - 1) < 0.1,
                 "pre-norm: times the size of z_L it is constant; z_L grows with L");
}

/* What explodes has no digits that two processors agree on: each block makes the
 * difference of two roundings larger, too. */
static const char *size_text(double x, char text[16]) {
    if (x > 1e8) {
        return "> 1e+08";
    }
    if (x > 1e4) {
        return "> 1e+04";
    }
    snprintf(text, 16, "%.2g", x);
    return text;
}

void remedies_demo(void) {
    Profile p[NORM + RESIDUAL + 1];
    report_section("4.0 What 24 blocks need");
    printf("A gradient of length 1 goes into the top of %d blocks, at one token of %d. "
           "|dL/dz_0|\ncomes out at the bottom. Size: root mean square; alike: the "
           "share of |z|^2 that all\ntokens of an image have in common.\n\n"
           "    layer norm   residual   size z_0   size z_24   alike z_24   "
           "|dL/dz_0|\n",
           DEEPEST, N);
    for (int parts = 0; parts <= NORM + RESIDUAL; parts++) {
        measure(PRE_NORM, parts, DEEPEST, &p[parts]);
        char z[16], dz[16];
        printf("    %-10s   %-8s   %8.2f   %9s   %10.3f   %9s\n",
               parts & NORM ? "yes" : "no", parts & RESIDUAL ? "yes" : "no",
               p[parts].z[0], size_text(p[parts].z[DEEPEST], z),
               p[parts].alike[DEEPEST], size_text(p[parts].dz[0], dz));
    }
    const Profile *both = &p[NORM + RESIDUAL];
    report_check(p[0].dz[0] < 1e-8 && p[RESIDUAL].dz[0] > 1e8,
                 "with neither the gradient dies; with the residual alone it explodes");
    report_check(p[NORM].alike[4] > 0.99,
                 "with layer norm alone all tokens are the same after 4 blocks");
    report_check(both->dz[0] > 0.1 && both->dz[0] < 10 && both->alike[DEEPEST] < 0.9,
                 "with both it arrives, and tokens differ");
}

void gradient_depth_demo(void) {
    const int depths[DEPTHS] = {6, 12, DEEPEST};
    Profile pre[DEPTHS], post[DEPTHS];
    const Profile *deep_pre = &pre[DEPTHS - 1], *deep_post = &post[DEPTHS - 1];
    for (int i = 0; i < DEPTHS; i++) {
        measure(PRE_NORM, WHOLE, depths[i], &pre[i]);
        measure(POST_NORM, WHOLE, depths[i], &post[i]);
    }
    report_section("4.5 Gradients by depth, and why ViT is pre-norm");
    printf("The same %d blocks (D = %d, h = %d, M = %d, n = %d, %d images, %d seeds), "
           "with pre-norm\nand a last LN, and with post-norm. |dL/dy| = 1, at one "
           "token. s: 'alike' for\ndL/dz; W: all weights of block l.\n\n",
           DEEPEST, D, HEADS, M, N, B, SEEDS);
    print_by_depth(deep_pre, deep_post);
    check_post_norm(deep_post);
    check_pre_norm(deep_pre, deep_post);
    compare_depths(pre, post);
    write_plot(deep_pre, deep_post);
}
