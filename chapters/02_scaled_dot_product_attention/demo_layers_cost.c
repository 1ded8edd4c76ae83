/*
 * demo_layers_cost.c: [AIAYN T.1], measured: attention compared with a recurrence and a
 * convolution, for more and more tokens of one width. Never passed or failed: a time
 * depends on the machine.
 */
#include <math.h>
#include <stdio.h>

#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "chapters/02_scaled_dot_product_attention/other_layers.h"
#include "common/lesson/plot_file.h"
#include "common/lesson/report.h"
#include "common/lesson/stopwatch.h"
#include "common/lesson/threads.h"
#include "common/random.h"

enum { FIRST_N = 64, LAST_N = 2048, SIZES = 6, WIDTH = 256, KERNEL = 3 };
enum { ELEMENTS = LAST_N * (4 * WIDTH + LAST_N) + (2 + KERNEL) * WIDTH * WIDTH };
enum { ATTENTION, RECURRENCE, CONVOLUTION, LAYERS };

typedef struct {
    int layer; /* which of the three is run */
    Tensor W_x, W_hT, kernel;
    Tensor X, K, V, A, Y; /* X is Q too */
} Buffers;

/* The weights first, with the same numbers for every n; then n tokens. */
static Buffers make_buffers(int n) {
    static _Alignas(64) real memory[ELEMENTS];
    Arena arena = {memory, 0, ELEMENTS};
    const double sigma = 1 / sqrt(WIDTH); /* W x is of x's size */
    Buffers b = {0};
    b.W_x = arena_tensor2(&arena, WIDTH, WIDTH);
    b.W_hT = arena_tensor2(&arena, WIDTH, WIDTH);
    b.kernel = arena_tensor3(&arena, KERNEL, WIDTH, WIDTH);
    b.X = arena_tensor2(&arena, n, WIDTH);
    b.K = arena_tensor2(&arena, n, WIDTH);
    b.V = arena_tensor2(&arena, n, WIDTH);
    b.A = arena_tensor2(&arena, n, n);
    b.Y = arena_tensor2(&arena, n, WIDTH);
    const Tensor weights[] = {b.W_x, b.W_hT, b.kernel}, tokens[] = {b.X, b.K, b.V};
    for (uint32_t t = 0; t < 3; t++) {
        random_fill_normal((Random){8, RANDOM_DEMO, t}, weights[t], sigma);
        random_fill_normal((Random){8, RANDOM_DEMO, 3 + t}, tokens[t], 1.0);
    }
    return b;
}

static void run(void *buffers) {
    const Buffers *b = buffers;
    switch (b->layer) {
    case ATTENTION: attention_forward(b->X, b->K, b->V, NULL, b->A, b->Y); break;
    case RECURRENCE: recurrence_forward(b->X, b->W_x, b->W_hT, b->Y); break;
    case CONVOLUTION: convolution_forward(b->X, b->kernel, b->Y); break;
    }
}

/* Of one n: a line of the table, and of the file. */
static void measure(int n, double ms[LAYERS], FILE *file) {
    const double d = WIDTH;
    const double flops[LAYERS] = {4 * d * n * n, 4 * d * d * n, 2 * KERNEL * d * d * n};
    Buffers b = make_buffers(n);
    printf("    %5d", n);
    for (int layer = 0; layer < LAYERS; layer++) {
        b.layer = layer;
        ms[layer] = fastest_ms(run, &b, 3, 30);
        printf("   %6.0f %8.3f %5.0f", flops[layer] / 1e6, ms[layer],
               flops[layer] / (ms[layer] * 1e6));
    }
    printf("\n");
    if (file) {
        fprintf(file, "%d %.5f %.5f %.5f %.6g %.6g %.6g\n", n, ms[ATTENTION],
                ms[RECURRENCE], ms[CONVOLUTION], flops[ATTENTION], flops[RECURRENCE],
                flops[CONVOLUTION]);
    }
}

/* Where attention becomes slower than `other`: on the straight line, in logarithms,
 * between two measured n; 0 if it doesn't. */
static double crossing(double ms[SIZES][LAYERS], int other) {
    for (int i = 1; i < SIZES; i++) {
        const double before = log(ms[i - 1][ATTENTION] / ms[i - 1][other]);
        const double after = log(ms[i][ATTENTION] / ms[i][other]);
        if (before <= 0 && after > 0) {
            return FIRST_N * exp2(i - 1 + before / (before - after));
        }
    }
    return 0;
}

static void tell_crossing(const char *name, double expected, double n) {
    printf("    %-12s by flops n = %3.0f, by time ", name, expected);
    if (n > 0) {
        printf("n = %.0f\n", n);
    } else {
        printf("none from %d to %d\n", FIRST_N, LAST_N);
    }
}

static void introduce(void) {
    printf(
        "\n[AIAYN T.1] compares three layers that let n tokens of width d know of\n"
        "each other. In orders of growth, k being the kernel's width:\n\n"
        "                      work a layer   steps in a row   path between tokens\n"
        "    self-attention       n^2 d             1                  1\n"
        "    recurrence           n d^2             n                  n\n"
        "    convolution        k n d^2             1                n / k\n\n"
        "(n / k where layers of convolution are stacked; log_k n if they are\n"
        "dilated.) Ours: attention 4 n^2 d flops, without the projections that make\n"
        "Q, K and V, for the table leaves them out; h_t = tanh(W_x x_t + W_h\n"
        "h_{t-1}), 4 n d^2; y_t = W_- x_{t-1} + W_0 x_t + W_+ x_{t+1}, 6 n d^2.\n"
        "d = %d, forward, one thread. MFLOP by the formula, ms, and GFLOP/s:\n\n"
        "               attention                recurrence              "
        "convolution\n"
        "        n    MFLOP       ms   GF/s    MFLOP       ms   GF/s    MFLOP       "
        "ms   GF/s\n",
        WIDTH);
}

static void conclude(double ms[SIZES][LAYERS]) {
    printf("\nAttention is slower from here on:\n");
    tell_crossing("recurrence", WIDTH, crossing(ms, RECURRENCE));
    tell_crossing("convolution", WIDTH * KERNEL / 2.0, crossing(ms, CONVOLUTION));
    printf(
        "\nThe recurrence does fewer flops in a second: half of them are a matrix "
        "times one\nvector, n times, each waiting for the last. W_h is read anew for "
        "every token, and\nnothing is there to use a number twice. A GPU does the "
        "other two layers as a few\nlarge products; of this one it can't begin step "
        "t before t-1 has ended: its many\nthousand threads share one step's %d x %d "
        "multiplications, and wait n times. That,\nmore than flops, is what the "
        "paper's table is about.\n\n",
        WIDTH, WIDTH);
}

void layers_cost_demo(void) {
    double ms[SIZES][LAYERS];
    report_section("2.7 Beside a recurrence and a convolution");
    introduce();
    FILE *file =
        plot_file_open("layer_costs", "n (tokens), ms of attention, recurrence, "
                                      "convolution, and their flops");
    const int threads = threads_limit(1);
    for (int i = 0; i < SIZES; i++) {
        measure(FIRST_N << i, ms[i], file);
    }
    threads_limit(threads);
    conclude(ms);
    plot_file_close(file, "layer_costs");
}
