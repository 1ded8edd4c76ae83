/*
 * demo_two_questions.c: ./chapter3 --two-questions trains two layers with equally many
 * parameters on a task that one head can't do, whatever it learns: one head of width D,
 * and two of half the width. (Proof: notes/03_multi_head_attention.md, 2.)
 *
 * Four tokens sit around a table. Each holds a word of 8 random numbers, and a mark of
 * its seat. Each wants to know the words of its left and of its right neighbour:
 *
 *     z_a = [word_a | seat_a]           wanted: Y_a = [word_(a-1) | word_(a+1)]
 */
#include <math.h>
#include <stdio.h>

#include "chapters/03_multi_head_attention/msa_demos.h"
#include "common/lesson/report.h"
#include "common/random.h"

enum { TABLES = 32, SEATS = 4, WORD = 8, D = 2 * WORD, PARAMETERS = 4 * D * D + 4 * D };
enum { STEPS = 600, EVERY = 50, LINES = STEPS / EVERY };

/* ---- the task ----------------------------------------------------------------- */

/* Every step has words that were never seen before. */
static void deal(Tensor z, int step) {
    tensor_fill(z, 0);
    random_fill_normal((Random){1, RANDOM_DEMO, 1000 + (uint32_t)step},
                       tensor_columns(z, 0, WORD), 1);
    for (int a = 0; a < tensor_rows(z); a++) {
        tensor_row(z, a)[WORD + a % SEATS] = 1;
    }
}

/* The mean of (Y - wanted)^2, and its gradient dY. Answering 0 always costs 1. */
static double loss_of(Tensor z, Tensor Y, Tensor dY) {
    double sum = 0;
    for (int a = 0; a < tensor_rows(z); a++) {
        const int seat = a % SEATS, table = a - seat;
        const real *left = tensor_row(z, table + (seat + SEATS - 1) % SEATS);
        const real *right = tensor_row(z, table + (seat + 1) % SEATS);
        for (int c = 0; c < D; c++) {
            const double wanted = (double)(c < WORD ? left[c] : right[c - WORD]);
            const double error = (double)tensor_row(Y, a)[c] - wanted;
            sum += error * error;
            tensor_row(dY, a)[c] = (real)(2 * error / (double)tensor_count(Y));
        }
    }
    return sum / (double)tensor_count(Y);
}

/* ---- training ------------------------------------------------------------------- */

/* Adam: running means of each gradient and of its square; a weight goes by the one
 * over the root of the other. Chapter 5 explains it. */
static void adam(MsaInstance *msa, double mean[], double square[], int step) {
    const double keep = 0.9, keep_square = 0.99, rate = 0.01;
    const double seen = 1 - pow(keep, step + 1);
    const double seen_square = 1 - pow(keep_square, step + 1);
    for (int i = 0; i < PARAMETERS; i++) {
        const double g = (double)msa->gradients[i];
        mean[i] = keep * mean[i] + (1 - keep) * g;
        square[i] = keep_square * square[i] + (1 - keep_square) * g * g;
        msa->weights[i] -=
            (real)(rate * (mean[i] / seen) / (sqrt(square[i] / seen_square) + 1e-8));
    }
}

/* losses[i]: the mean over steps i EVERY to (i + 1) EVERY - 1 */
static void train(MsaInstance *msa, int heads, double losses[LINES]) {
    double mean[PARAMETERS] = {0}, square[PARAMETERS] = {0};
    msa_instance_make(msa, (MsaSizes){TABLES, SEATS, D, heads}, 4, 1);
    for (int step = 0; step < STEPS; step++) {
        deal(msa->z, step);
        msa_instance_forward(msa);
        losses[step / EVERY] += loss_of(msa->z, msa->Y, msa->dY) / EVERY;
        tensor_fill(tensor1(msa->gradients, PARAMETERS), 0);
        msa_instance_backward(msa);
        adam(msa, mean, square, step);
    }
}

/* Whom seat 1 of the first table looks at: its row of A. */
static void show_weights(const char *name, const MsaInstance *msa, int head) {
    printf("    %-18s", name);
    for (int seat = 0; seat < SEATS; seat++) {
        Tensor A = tensor_slice(tensor_slice(msa->a.A, 0), head);
        printf("   %6.2f", (double)tensor_row(A, 1)[seat]);
    }
    printf("\n");
}

void two_questions_demo(void) {
    MsaInstance one, two;
    double loss_one[LINES] = {0}, loss_two[LINES] = {0};
    train(&one, 1, loss_one);
    train(&two, 2, loss_two);
    report_section("Two questions");
    printf("Four tokens around a table, each with a word of %d numbers. Each wants the "
           "words of\nboth its neighbours. D = %d; loss: the mean square of what is "
           "wrong.\n\n    steps   one head of %d   two heads of %d\n",
           WORD, D, D, D / 2);
    for (int i = 0; i < LINES; i++) {
        printf("    %5d   %14.3f   %14.3f\n", (i + 1) * EVERY, loss_one[i],
               loss_two[i]);
    }
    printf("\nWhom the token in seat 1 looks at, after training:\n\n"
           "                         seat 0   seat 1   seat 2   seat 3\n");
    show_weights("the one head", &one, 0);
    show_weights("head 1 of two", &two, 0);
    show_weights("head 2 of two", &two, 1);
    printf("\n");
    report_check(one.list.total == PARAMETERS && two.list.total == PARAMETERS,
                 "both have %d parameters", PARAMETERS);
    report_check(loss_two[LINES - 1] < 0.01, "two heads: the loss is below 0.01");
    report_check(loss_one[LINES - 1] > (WORD - SEATS + 1) / (2.0 * WORD),
                 "one head: above 5/16 = 0.3125, below which no single head gets");
    msa_instance_free(&one);
    msa_instance_free(&two);
}
