/*
 * Chapter 3: multi-head attention [AIAYN 3.2.2] [ViT eq.5] to [ViT eq.8], and the
 * position encodings [AIAYN 3.5] that attention can't do without.
 *
 * The layer is multi_head_attention.c; here it is shown to be what the papers
 * write, counted, timed and checked. Lesson: README.md. Derivations:
 * notes/03_multi_head_attention.md.
 */
#include <stdio.h>
#include <string.h>

#include "common/lesson/double_program.h"
#include "chapters/03_multi_head_attention/gradient_checks.h"
#include "chapters/03_multi_head_attention/demo_dump_msa.h"
#include "chapters/03_multi_head_attention/demo_heads_cost.h"
#include "chapters/03_multi_head_attention/demo_msa_instance.h"
#include "chapters/03_multi_head_attention/demo_order.h"
#include "common/files/dump.h"
#include "common/lesson/output.h"
#include "common/lesson/report.h"
#include "chapters/03_multi_head_attention/demo_separate_heads.h"

static void equations(void) {
    report_title("Chapter 3: multi-head attention and position encodings");
    printf("Chapter 2 gave one attention. Here h of them look at the same tokens, each "
           "at its\nown d_k = D/h of the D columns, and a last matrix mixes what they "
           "found:\n\n");
    report_equation("[AIAYN 3.2.2]",
                    "MultiHead(Q,K,V) = Concat(head_1, ..., head_h) W^O");
    report_equation("", "head_i = Attention(Q W_i^Q, K W_i^K, V W_i^V)");
    report_equation("[ViT eq.5]", "[q, k, v] = z U_qkv");
    report_equation("[ViT eq.6]", "A = softmax(q k^T / sqrt(D_h))");
    report_equation("[ViT eq.7]", "SA(z) = A v");
    report_equation("[ViT eq.8]", "MSA(z) = [SA_1(z); ...; SA_h(z)] U_msa");
    report_equation("[AIAYN 3.5]", "PE(pos, 2i)   = sin(pos / 10000^(2i/D))");
    report_equation("", "PE(pos, 2i+1) = cos(pos / 10000^(2i/D))");
}

/* Two heads of d_k = 2 on three tokens, small enough to print. */
static bool one_projection(Error *error) {
    enum { N = 3, D = 4, H = 2, D_K = D / H };
    MsaInstance msa;
    if (!msa_instance_make(&msa, 1, N, D, H, error)) {
        return false;
    }
    msa_instance_randomise(&msa, 2, 1.5);
    msa_instance_forward(&msa);
    Tensor qkv = tensor_matrix(msa.a.qkv);
    report_section("3.1 One product makes all queries, keys and values");
    printf("n = %d tokens of D = %d numbers, h = %d heads, d_k = %d. All the matrices "
           "W_i^Q, W_i^K\nand W_i^V lie side by side in U_qkv, so one product "
           "[ViT eq.5] makes:\n\n",
           N, D, H, D_K);
    printf("   |------------- q -----------|------------- k -----------"
           "|------------ v -----------|\n"
           "   |   head 1    |   head 2    |   head 1    |   head 2    "
           "|   head 1    |   head 2   |\n");
    report_matrix("qkv = z U_qkv", qkv, 2);

    report_section("3.2 A head is a view, not a copy");
    Tensor Q_2 = tensor_columns(qkv, 0 * D + 1 * D_K, D_K);
    printf("Head 2's queries are columns 2 and 3 of qkv: the same memory, with %d "
           "numbers\nfrom one row to the next instead of %d. matmul takes such views "
           "as they are.\n\n",
           Q_2.ld, tensor_cols(Q_2));
    report_matrix("Q of head 2", Q_2, 2);
    report_check(Q_2.data == qkv.data + D_K && Q_2.ld == 3 * D,
                 "it begins at number %ld of qkv, and nothing was copied",
                 (long)(Q_2.data - qkv.data));
    printf("\nEach head has weights A of its own, so a token can look at one place "
           "with head 1\nand at another with head 2. A single softmax would have to "
           "mix the two:\n\n");
    report_matrix("A of head 1", tensor_slice(tensor_slice(msa.a.A, 0), 0), 2);
    report_matrix("A of head 2", tensor_slice(tensor_slice(msa.a.A, 0), 1), 2);
    printf("\nEach writes its result into its own d_k columns of the concatenation, "
           "which the\nlast product, with W^O, mixes:\n\n");
    report_matrix("[head_1; head_2]", tensor_matrix(msa.a.concat), 2);
    report_matrix("MSA(z) = [head_1; head_2] W^O + b", tensor_matrix(msa.Y), 2);
    msa_instance_free(&msa);
    return true;
}

static bool same_as_separate(Error *error) {
    enum { N = 17, D = 64, H = 4 };
    MsaInstance msa;
    if (!msa_instance_make(&msa, 1, N, D, H, error)) {
        return false;
    }
    msa_instance_randomise(&msa, 5, 1);
    msa_instance_forward(&msa);
    Tensor z = tensor_slice(msa.z, 0), Y = tensor_slice(msa.Y, 0);
    Tensor separate = tensor_slice(msa.dz, 0); /* room for a second result */

    report_section("3.3 The same as h separate attentions");
    printf("Now n = %d, D = %d, h = %d. Cut W_i^Q, W_i^K, W_i^V out of U_qkv, call "
           "chapter 2's\nattention once a head, and put the results together as the "
           "paper writes it;\nor let each head have its own d_k rows of W^O, and add "
           "up. All are one sum:\n\n",
           N, D, H);
    report_equation("", "Concat(head_1 ... head_h) W^O = head_1 W_1^O + ... "
                        "+ head_h W_h^O");
    printf("\n");
    const char *way[2] = {"Concat(...) W^O", "sum of head_i W_i^O"};
    bool ok = true;
    for (int last = CONCAT_THEN_PROJECT; ok && last <= SUM_OF_PROJECTIONS; last++) {
        ok = separate_heads_forward(&msa.layer, z, (LastStep)last, separate, error);
        const double worst = tensor_max_abs_difference(Y, separate);
        report_check(ok && worst < 1e-5, "fused layer and %s: largest difference %.1e",
                     way[last], worst);
    }
    msa_instance_free(&msa);
    return ok;
}

static bool order_and_cost(Error *error) {
    report_section("3.4 Attention is blind to order");
    if (!order_demo_permutation(error)) {
        return false;
    }
    report_section("3.5 Sinusoids");
    if (!order_demo_sinusoids(error)) {
        return false;
    }
    report_section("3.6 What it costs");
    if (!heads_cost_counts(error)) {
        return false;
    }
    report_section("3.7 One head, or many?");
    return heads_cost_heads(error);
}

int main(int argc, char **argv) {
    if (!output_begin("chapter3")) {
        return 1;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("usage: ./chapter3 [--gradcheck | --dump FILE [--double]]\n"
               "Multi-head attention and position encodings: prints the lesson's "
               "numbers and checks\nthem; writes plots/positional_encoding.dat. Exit "
               "status 0 when every check holds.\n--dump FILE writes every tensor of a "
               "small pass for make compare, with --double in\ndouble, and nothing "
               "else. --gradcheck prints the gradient checks only.\n");
        return output_end("chapter3", 0);
    }
    if (argc == 2 && strcmp(argv[1], "--gradcheck") == 0) {
        return double_program_gradcheck("chapter3", argv[0], chapter3_gradient_checks);
    }
    int status;
    if (dump_asked(argc, argv, "chapter3", chapter3_dump, &status)) {
        return status;
    }
    if (argc > 1) {
        fprintf(stderr,
                "chapter3: unknown argument \"%.60s\"; ./chapter3 --help lists them\n",
                argc > 2 && strcmp(argv[1], "--help") == 0 ? argv[2] : argv[1]);
        return 2;
    }
    Error error;
    equations();
    if (!one_projection(&error) || !same_as_separate(&error) ||
        !order_and_cost(&error)) {
        fprintf(stderr, "chapter3: %s\n", error.text);
        return 1;
    }
    return double_program_verdict("chapter3", argv[0], chapter3_gradient_checks);
}
