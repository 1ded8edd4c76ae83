/*
 * demo_layers_cost.c: [AIAYN T.1], measured: attention beside a recurrence and a
 * convolution, for more and more tokens of one width. Never passed or failed: a time
 * depends on the machine.
 */
#include <math.h>
#include <stdio.h>

#include "common/arena.h"
#include "chapters/02_scaled_dot_product_attention/attention.h"
#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "chapters/02_scaled_dot_product_attention/other_layers.h"
#include "common/lesson/plot_file.h"
#include "common/random.h"
#include "common/lesson/report.h"
#include "common/lesson/stopwatch.h"
#include "common/lesson/threads.h"

enum { FIRST_N = 64, LAST_N = 2048, WIDTH = 256, KERNEL = 3 };
enum { ATTENTION, RECURRENCE, CONVOLUTION, LAYERS };

typedef struct {
    Tensor X, K, V, A, Y;     /* X is Q too */
    Tensor W_x, W_hT, kernel; /* shared by all n */
} Buffers;

/* The weights first, with the same numbers for every n; then n tokens. */
static void lay_out(Arena *arena, Buffers *b, int n) {
    b->W_x = arena_tensor2(arena, WIDTH, WIDTH);
    b->W_hT = arena_tensor2(arena, WIDTH, WIDTH);
    b->kernel = arena_tensor3(arena, KERNEL, WIDTH, WIDTH);
    b->X = arena_tensor2(arena, n, WIDTH);
    b->K = arena_tensor2(arena, n, WIDTH);
    b->V = arena_tensor2(arena, n, WIDTH);
    b->A = arena_tensor2(arena, n, n);
    b->Y = arena_tensor2(arena, n, WIDTH);
}

static void fill(Buffers *b) {
    const double sigma = 1 / sqrt(WIDTH); /* W x is of x's size */
    Tensor *weights[] = {&b->W_x, &b->W_hT, &b->kernel};
    Tensor *tokens[] = {&b->X, &b->K, &b->V};
    for (uint32_t t = 0; t < 3; t++) {
        random_fill_normal((Random){8, RANDOM_DEMO, t}, *weights[t], sigma);
        random_fill_normal((Random){8, RANDOM_DEMO, 3 + t}, *tokens[t], 1.0);
    }
}

static void run_attention(void *buffers) {
    const Buffers *b = buffers;
    attention_forward(b->X, b->K, b->V, NULL, b->A, b->Y);
}

static void run_recurrence(void *buffers) {
    const Buffers *b = buffers;
    recurrence_forward(b->X, b->W_x, b->W_hT, b->Y);
}

static void run_convolution(void *buffers) {
    const Buffers *b = buffers;
    convolution_forward(b->X, b->kernel, b->Y);
}

static double layer_flops(int layer, double n) {
    const double d = WIDTH;
    return layer == ATTENTION    ? 4 * n * n * d
           : layer == RECURRENCE ? 4 * n * d * d
                                 : 2 * KERNEL * n * d * d;
}

/* Of one n: a line of the table, and of the file; false when there is no memory. */
static bool measure(int n, double ms[LAYERS], FILE *file, Error *error) {
    void (*const run[LAYERS])(void *) = {run_attention, run_recurrence,
                                         run_convolution};
    Arena plan = {0}, arena;
    Buffers b;
    lay_out(&plan, &b, n);
    if (!arena_make(&arena, &plan, "tokens and weights", error)) {
        return false;
    }
    lay_out(&arena, &b, n);
    arena_check_full(&arena);
    fill(&b);
    printf("    %5d", n);
    for (int layer = 0; layer < LAYERS; layer++) {
        ms[layer] = fastest_ms(run[layer], &b, 3, 30);
        printf("   %6.0f %8.3f %5.0f", layer_flops(layer, n) / 1e6, ms[layer],
               layer_flops(layer, n) / (ms[layer] * 1e6));
    }
    printf("\n");
    if (file) {
        fprintf(file, "%d %.5f %.5f %.5f %.6g %.6g %.6g\n", n, ms[ATTENTION],
                ms[RECURRENCE], ms[CONVOLUTION], layer_flops(ATTENTION, n),
                layer_flops(RECURRENCE, n), layer_flops(CONVOLUTION, n));
    }
    arena_free(&arena);
    return true;
}

/* Where attention becomes slower than `other`: on the straight line, in logarithms,
 * between two measured n; 0 if it doesn't. */
static double crossing(const double (*ms)[LAYERS], int sizes, int other) {
    for (int i = 1; i < sizes; i++) {
        const double before = log(ms[i - 1][ATTENTION] / ms[i - 1][other]);
        const double after = log(ms[i][ATTENTION] / ms[i][other]);
        if (before <= 0 && after > 0) {
            return FIRST_N * exp2(i - 1 + before / (before - after));
        }
    }
    return 0;
}

static void tell_crossing(const char *name, double expected, double n) {
    if (n > 0) {
        printf("    %-12s by flops n = %3.0f, by time n = %.0f\n", name, expected, n);
    } else {
        printf("    %-12s by flops n = %3.0f, by time none from %d to %d\n", name,
               expected, FIRST_N, LAST_N);
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

static void conclude(const double (*ms)[LAYERS], int sizes) {
    printf("\nAttention is slower from here on:\n");
    tell_crossing("recurrence", WIDTH, crossing(ms, sizes, RECURRENCE));
    tell_crossing("convolution", WIDTH * KERNEL / 2.0,
                  crossing(ms, sizes, CONVOLUTION));
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
    enum { MAX_SIZES = 16 };
    double ms[MAX_SIZES][LAYERS];
    Error error;
    int sizes = 0;
    report_section("2.7 Beside a recurrence and a convolution");
    introduce();
    FILE *file =
        plot_file_open("layer_costs", "n (tokens), ms of attention, recurrence, "
                                      "convolution, and their flops");
    const int threads = threads_limit(1);
    for (int n = FIRST_N; n <= LAST_N; n *= 2, sizes++) {
        if (!measure(n, ms[sizes], file, &error)) {
            report_check(false, "%s", error.text);
            break;
        }
    }
    threads_limit(threads);
    conclude((const double(*)[LAYERS])ms, sizes);
    plot_file_close(file, "layer_costs");
}
