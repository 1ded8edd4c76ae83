/*
 * demo_heads.c: heads as views of one product, and multi-head attention as
 * [AIAYN 3.2.2] writes it: one head after another, each with its own W_i^Q, W_i^K and
 * W_i^V. That is slower, and only here to show that the layer computes the same.
 */
#include <stdio.h>

#include "chapters/02_scaled_dot_product_attention/attention.h"
#include "chapters/03_multi_head_attention/msa_demos.h"
#include "common/lesson/report.h"
#include "common/linear.h"
#include "common/matmul.h"

/* ---- heads are views ----------------------------------------------------- */

/* Two heads of d_k = 2 on three tokens, small enough to print. */
void projection_demo(void) {
    enum { N = 3, D = 4, H = 2, D_K = D / H };
    MsaInstance msa;
    msa_instance_make(&msa, (MsaSizes){1, N, D, H}, 2, 1.5);
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
}

/* ---- h attentions, to the letter ------------------------------------------ */

enum { N = 17, D = 64, H = 4, D_K = D / H };

/* z W + b: W is W_i^Q, W_i^K or W_i^V, the D_K rows of W_qkv that begin at `from`. */
static void project(const MultiHeadAttention *layer, Tensor z, int from, Tensor out) {
    Tensor W = tensor2(tensor_row(layer->W_qkv, from), D_K, D);
    linear_forward(z, W, tensor1(layer->b_qkv.data + from, D_K), out);
}

/* head_i = Attention(z W_i^Q, z W_i^K, z W_i^V)   [AIAYN 3.2.2] */
static void one_head(const MultiHeadAttention *layer, Tensor z, int i, Tensor head) {
    real q[N * D_K], k[N * D_K], v[N * D_K], a[N * N];
    Tensor Q = tensor2(q, N, D_K), K = tensor2(k, N, D_K), V = tensor2(v, N, D_K);
    project(layer, z, 0 * D + i * D_K, Q);
    project(layer, z, 1 * D + i * D_K, K);
    project(layer, z, 2 * D + i * D_K, V);
    attention_forward(Q, K, V, NULL, tensor2(a, N, N), head);
}

/* MultiHead(z, z, z) for one image (N, D), with the two ways to write the last step.
 * They are the same sum. */
static void separate_heads(const MultiHeadAttention *layer, Tensor z, Tensor projected,
                           Tensor added_up) {
    real head_data[N * D_K], concat_data[N * D];
    Tensor head = tensor2(head_data, N, D_K), concat = tensor2(concat_data, N, D);
    tensor_fill(added_up, 0);
    for (int i = 0; i < H; i++) {
        one_head(layer, z, i, head);
        tensor_copy(tensor_columns(concat, i * D_K, D_K), head);
        /* head_1 W_1^O + ... + head_h W_h^O, with W_i^O: rows i d_k ... of the paper's
         * W^O, columns of our transpose */
        matmul_nt_add(head, tensor_columns(layer->W_O, i * D_K, D_K), added_up);
    }
    tensor_add_bias(added_up, layer->b_O);
    /* Concat(head_1, ..., head_h) W^O */
    linear_forward(concat, layer->W_O, layer->b_O, projected);
}

void separate_heads_demo(void) {
    MsaInstance msa;
    msa_instance_make(&msa, (MsaSizes){1, N, D, H}, 5, 1);
    msa_instance_forward(&msa);
    Tensor z = tensor_slice(msa.z, 0), Y = tensor_slice(msa.Y, 0);
    /* there is no backward pass: its memory has room for two more results */
    Tensor projected = tensor_slice(msa.dY, 0), added_up = tensor_slice(msa.dz, 0);
    separate_heads(&msa.layer, z, projected, added_up);

    report_section("3.3 The same as h separate attentions");
    printf("Now n = %d, D = %d, h = %d. Cut W_i^Q, W_i^K, W_i^V out of U_qkv, call "
           "chapter 2's\nattention once a head, and put the results together as the "
           "paper writes it;\nor let each head have its own d_k rows of W^O, and add "
           "up. All are one sum:\n\n",
           N, D, H);
    report_equation("", "Concat(head_1 ... head_h) W^O = head_1 W_1^O + ... "
                        "+ head_h W_h^O");
    printf("\n");
    double worst = tensor_max_abs_difference(Y, projected);
    report_check(worst < 1e-5,
                 "fused layer and Concat(...) W^O: largest difference %.1e", worst);
    worst = tensor_max_abs_difference(Y, added_up);
    report_check(worst < 1e-5,
                 "fused layer and sum of head_i W_i^O: largest difference %.1e", worst);
    msa_instance_free(&msa);
}
