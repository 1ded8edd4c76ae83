/*
 * demo_cost.c: what attention costs as the number of tokens n grows [AIAYN T.1]:
 * 4 n^2 d flops forward, 8 n^2 d backward, n^2 elements of memory for A. Then it is
 * compared with a recurrence and a convolution. Times are measured, never passed or
 * failed, because they depend on the machine.
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

/* ---- attention alone: d_k = d_v = 64, as in both papers -------------------- */

enum { MAX_N = 1024, D_K = 64, PASS_MEMORY = MAX_N * (8 * D_K + 4 * MAX_N) };

/* One line of the table, and of the file. Returns forward and backward together, to
 * be compared with `before_ms`, those of n / 2. */
static double measure_attention(int n, double before_ms, FILE *file) {
    static _Alignas(64) real memory[PASS_MEMORY];
    Pass pass = pass_in((Arena){memory, 0, PASS_MEMORY}, n, n, D_K, D_K);
    pass_draw(&pass, 7, 0);
    pass.d.dS = pass.d.dA; /* one is enough */
    const double flops = 4.0 * n * n * D_K;
    const double forward_ms = fastest_ms(pass_forward, &pass, 3, 50);
    const double backward_ms = fastest_ms(pass_backward, &pass, 3, 50);
    const double forward_rate = flops / (forward_ms * 1e6);
    const double backward_rate = 2 * flops / (backward_ms * 1e6);

    printf("    %5d %10.3f %9.1f %11.3f %9.1f %10.0f", n, forward_ms, forward_rate,
           backward_ms, backward_rate, (double)n * n * sizeof(real) / 1024);
    if (before_ms > 0) {
        printf("   x %.1f", (forward_ms + backward_ms) / before_ms);
    }
    printf("\n");
    if (file) {
        fprintf(file, "%d %.5f %.5f %.2f %.2f\n", n, forward_ms, backward_ms,
                forward_rate, backward_rate);
    }
    return forward_ms + backward_ms;
}

void attention_cost_demo(void) {
    double ms = 0;
    report_section("2.6 What it costs");
    printf("\n[AIAYN T.1]: n^2 d. With n queries, n keys and d = d_k = d_v = %d:\n"
           "4 n^2 d flops forward, twice that backward, and n^2 weights to keep.\n"
           "On one thread:\n\n",
           D_K);
    printf("        n forward ms   GFLOP/s backward ms   GFLOP/s   A in KiB   time\n");
    FILE *file =
        plot_file_open("attention_cost",
                       "n (tokens)   forward (ms)   backward (ms)   and their GFLOP/s");
    const int threads = threads_limit(1);
    for (int n = 16; n <= MAX_N; n *= 2) {
        ms = measure_attention(n, ms, file);
    }
    threads_limit(threads);
    printf("\nTwice the tokens: four times the work and the memory, once the products\n"
           "are large enough to run at speed. ViT-B/16 has n = 197: 224 x 224 pixels\n"
           "in patches of 16 x 16, and a class token. Patches of 8 x 8 would make it\n"
           "785, and A 16 times as large.\n\n");
    plot_file_close(file, "attention_cost");
}

/* ---- three layers of one width --------------------------------------------- */

enum { FIRST_N = 64, LAST_N = 2048, SIZES = 6, WIDTH = 256, KERNEL = 3 };
enum { BUFFERS_MEMORY = LAST_N * (4 * WIDTH + LAST_N) + (2 + KERNEL) * WIDTH * WIDTH };
enum { ATTENTION, RECURRENCE, CONVOLUTION, LAYERS };

typedef struct {
    int layer; /* which of the three is run */
    Tensor W_x, W_hT, kernel;
    Tensor X, K, V, A, Y; /* X is Q too */
} Buffers;

/* The weights, the same for every n, and n tokens. */
static Buffers make_buffers(int n) {
    static _Alignas(64) real memory[BUFFERS_MEMORY];
    Arena arena = {memory, 0, BUFFERS_MEMORY};
    const double sigma = 1 / sqrt(WIDTH); /* W x is as large as x */
    Buffers b = {.W_x = arena_tensor2(&arena, WIDTH, WIDTH),
                 .W_hT = arena_tensor2(&arena, WIDTH, WIDTH),
                 .kernel = arena_tensor3(&arena, KERNEL, WIDTH, WIDTH),
                 .X = arena_tensor2(&arena, n, WIDTH),
                 .K = arena_tensor2(&arena, n, WIDTH),
                 .V = arena_tensor2(&arena, n, WIDTH),
                 .A = arena_tensor2(&arena, n, n),
                 .Y = arena_tensor2(&arena, n, WIDTH)};
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

/* The line of one n, in the table and in the file. */
static void measure_layers(int n, double ms[LAYERS], FILE *file) {
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
 * between two measured n. */
static void tell_crossing(double ms[SIZES][LAYERS], int other, const char *name,
                          double by_flops) {
    printf("    %-12s by flops n = %3.0f, by time ", name, by_flops);
    for (int i = 1; i < SIZES; i++) {
        const double before = log(ms[i - 1][ATTENTION] / ms[i - 1][other]);
        const double after = log(ms[i][ATTENTION] / ms[i][other]);
        if (before <= 0 && after > 0) {
            printf("n = %.0f\n", FIRST_N * exp2(i - 1 + before / (before - after)));
            return;
        }
    }
    printf("none from %d to %d\n", FIRST_N, LAST_N);
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
        "               attention                recurrence              convolution\n"
        "        n    MFLOP       ms   GF/s    MFLOP       ms   GF/s    MFLOP       "
        "ms   GF/s\n",
        WIDTH);
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
        measure_layers(FIRST_N << i, ms[i], file);
    }
    threads_limit(threads);
    printf("\nAttention is slower from here on:\n");
    tell_crossing(ms, RECURRENCE, "recurrence", WIDTH);
    tell_crossing(ms, CONVOLUTION, "convolution", WIDTH * KERNEL / 2.0);
    printf(
        "\nThe recurrence does fewer flops in a second: half of them are a matrix "
        "times one\nvector, n times, each waiting for the last. W_h is read anew for "
        "every token, and\nnothing is there to use a number twice. A GPU does the "
        "other two layers as a few\nlarge products; of this one it can't begin step "
        "t before t-1 has ended: its many\nthousand threads share one step's %d x %d "
        "multiplications, and wait n times. That,\nmore than flops, is what the "
        "paper's table is about.\n\n",
        WIDTH, WIDTH);
    plot_file_close(file, "layer_costs");
}
