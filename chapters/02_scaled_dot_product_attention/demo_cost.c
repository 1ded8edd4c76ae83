/*
 * demo_cost.c: what attention costs as the number of tokens n grows
 * [AIAYN T.1]: 4 n^2 d flops forward, 8 n^2 d backward, n^2 elements of memory for A.
 * Measured, never passed or failed: a time depends on the machine.
 */
#include <stdio.h>

#include "chapters/02_scaled_dot_product_attention/attention_demos.h"
#include "common/lesson/plot_file.h"
#include "common/lesson/report.h"
#include "common/lesson/stopwatch.h"
#include "common/lesson/threads.h"

/* n doubles from line to line; d_k = d_v = 64, as in both papers. */
enum { FIRST_N = 16, LAST_N = 1024, WIDTH = 64 };
enum { ELEMENTS = LAST_N * (8 * WIDTH + 4 * LAST_N) }; /* of a Pass, all in all */

/* One line of the table, and of the file. Returns forward and backward together, to
 * be compared with `before_ms`, those of n / 2. */
static double measure(int n, double before_ms, FILE *file) {
    static _Alignas(64) real memory[ELEMENTS];
    Pass pass = pass_in((Arena){memory, 0, ELEMENTS}, n, n, WIDTH, WIDTH);
    pass_draw(&pass, 7, 0);
    pass.d.dS = pass.d.dA; /* one is enough */
    const double flops = 4.0 * n * n * WIDTH;
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
           WIDTH);
    printf("        n forward ms   GFLOP/s backward ms   GFLOP/s   A in KiB   time\n");
    FILE *file =
        plot_file_open("attention_cost",
                       "n (tokens)   forward (ms)   backward (ms)   and their GFLOP/s");
    const int threads = threads_limit(1);
    for (int n = FIRST_N; n <= LAST_N; n *= 2) {
        ms = measure(n, ms, file);
    }
    threads_limit(threads);
    printf("\nTwice the tokens: four times the work and the memory, once the products\n"
           "are large enough to run at speed. ViT-B/16 has n = 197: 224 x 224 pixels\n"
           "in patches of 16 x 16, and a class token. Patches of 8 x 8 would make it\n"
           "785, and A 16 times as large.\n\n");
    plot_file_close(file, "attention_cost");
}
