/* demo_order.c: attention is blind to order, and the two ways to cure it. */
#include <math.h>
#include <stdio.h>

#include "chapters/03_multi_head_attention/msa_demos.h"
#include "common/lesson/plot_file.h"
#include "chapters/03_multi_head_attention/positions.h"
#include "common/random.h"
#include "common/lesson/report.h"

/* ---- permutation --------------------------------------------------------- */

enum { N = 6, D = 16, HEADS = 4 };

/* PT = P T: row i of PT is row order[i] of T. */
static void permute_rows(Tensor T, const int order[], Tensor PT) {
    for (int i = 0; i < tensor_rows(T); i++) {
        tensor_copy(tensor_slice(PT, i), tensor_slice(T, order[i]));
    }
}

/* The largest |MSA(P z + E) - P MSA(z + E)| */
static double difference(MsaInstance *msa, Tensor tokens, const int order[],
                         Tensor E_pos) {
    real permuted[N * D];
    Tensor P_MSA = tensor2(permuted, N, D);
    Tensor z = tensor_slice(msa->z, 0), Y = tensor_slice(msa->Y, 0);
    tensor_copy(z, tokens);
    positions_add(msa->z, E_pos);
    msa_instance_forward(msa);
    permute_rows(Y, order, P_MSA);

    permute_rows(tokens, order, z);
    positions_add(msa->z, E_pos);
    msa_instance_forward(msa);
    return tensor_max_abs_difference(Y, P_MSA);
}

void order_demo(void) {
    real tokens_data[N * D], positions_data[N * D] = {0};
    Tensor tokens = tensor2(tokens_data, N, D);
    Tensor E_pos = tensor2(positions_data, N, D);
    int order[N];
    MsaInstance msa;
    msa_instance_make(&msa, (MsaSizes){1, N, D, HEADS}, 3, 1);
    report_section("3.5 Attention is blind to order");
    tensor_copy(tokens, tensor_slice(msa.z, 0));
    random_permutation((Random){3, RANDOM_DEMO, 300}, order, N);
    printf("Attention compares every query with every key, and nothing in it says "
           "which came\nfirst. Let P put %d tokens into the order",
           N);
    for (int i = 0; i < N; i++) {
        printf(" %d", order[i] + 1);
    }
    printf(": their results take that\norder too, and are otherwise the same.\n\n");
    report_equation("", "MSA(P z) = P MSA(z)        (permutation equivariance)");
    printf("\n");
    const double none = difference(&msa, tokens, order, E_pos);
    report_check(none < 1e-5, "no positions: largest difference %.1e, rounding", none);
    printf("\nA bag of patches is no image. Add a vector for each position to the "
           "tokens:\n\n");
    sinusoid_positions(E_pos);
    const double waves = difference(&msa, tokens, order, E_pos);
    report_check(waves > 0.01, "with sinusoids [AIAYN 3.5]: largest difference %.1e",
                 waves);
    random_fill_normal((Random){3, RANDOM_DEMO, 301}, E_pos, 0.02);
    const double learned = difference(&msa, tokens, order, E_pos);
    report_check(learned > 1e-3,
                 "with E_pos from N(0, 0.02^2) [ViT eq.1]: largest difference %.1e",
                 learned);
    printf("\nNow order matters. A learned E_pos begins as a whisper beside tokens of "
           "size 1,\nand training makes it as loud as it needs to be: ViT-B/16 "
           "reached 64%%\n(ImageNet, five images a class) with 1-D, 2-D or relative "
           "positions, and 61%%\nwith none [ViT T.8].\n");
    msa_instance_free(&msa);
}

/* ---- sinusoids ----------------------------------------------------------- */

enum { PLOT_N = 100, PLOT_D = 128 };

static void write_plot(Tensor PE) {
    FILE *file = plot_file_open("positional_encoding",
                                "PE(pos, j) [AIAYN 3.5], no unit: a row for each "
                                "position (from 0), a column for each j (from 0)");
    for (int pos = 0; file && pos < tensor_rows(PE); pos++) {
        for (int j = 0; j < tensor_cols(PE); j++) {
            fprintf(file, "%.4f%c", (double)tensor_row(PE, pos)[j],
                    j + 1 < tensor_cols(PE) ? ' ' : '\n');
        }
    }
    plot_file_close(file, "positional_encoding");
}

/* PE(pos) . PE(pos + k) is the sum of cos(k w_i): pos is not in it. */
static void check_products(Tensor PE) {
    double worst = 0;
    for (int k = 0; k < tensor_rows(PE); k++) {
        const double first = tensor_dot(tensor_slice(PE, 0), tensor_slice(PE, k));
        for (int pos = 0; pos + k < tensor_rows(PE); pos++) {
            const double dot =
                tensor_dot(tensor_slice(PE, pos), tensor_slice(PE, pos + k));
            worst = fmax(worst, fabs(dot - first));
        }
    }
    report_check(worst < 1e-4,
                 "PE(pos) . PE(pos + k) depends on k alone: largest difference %.1e",
                 worst);
}

/* PE(pos + k) = R_k PE(pos), for every pos at once. */
static void check_rotation(Tensor PE, Tensor turned) {
    const int shifts[3] = {1, 7, 40};
    for (int i = 0; i < 3; i++) {
        const int k = shifts[i], kept = tensor_rows(PE) - k;
        Tensor want = tensor2(tensor_row(PE, k), kept, tensor_cols(PE));
        sinusoid_shift(PE, k, turned);
        const double worst =
            tensor_max_abs_difference(tensor_first(turned, kept), want);
        report_check(worst < 1e-5,
                     "PE(pos + %2d) = R PE(pos) for %2d positions: "
                     "largest difference %.1e",
                     k, kept, worst);
    }
}

void sinusoids_demo(void) {
    static real small[6 * 8], pe[PLOT_N * PLOT_D], rotated[PLOT_N * PLOT_D];
    Tensor few = tensor2(small, 6, 8), PE = tensor2(pe, PLOT_N, PLOT_D);
    report_section("3.6 Sinusoids");
    sinusoid_positions(few);
    sinusoid_positions(PE);
    report_matrix("PE", few, 3);
    printf(
        "Columns 2i and 2i+1 are one wave, or the hand of a clock, which turns by "
        "w_i =\n10000^(-2i/D) radians per position. So from pos to pos + k each pair "
        "is turned by\nk w_i, by the same matrix R wherever it starts:\n\n");
    check_rotation(PE, tensor2(rotated, PLOT_N, PLOT_D));
    check_products(PE);
    printf("\n");
    write_plot(PE);
}
