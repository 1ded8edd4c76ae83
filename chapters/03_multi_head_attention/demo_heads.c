/*
 * demo_heads.c: heads as views of one product; and multi-head attention as
 * [AIAYN 3.2.2] writes it, one head after another, each with matrices W_i^Q, W_i^K,
 * W_i^V of its own. Slower, and only here to show that the layer computes the same.
 */
#include <stdio.h>

#include "chapters/02_scaled_dot_product_attention/attention.h"
#include "chapters/03_multi_head_attention/msa_demos.h"
#include "common/lesson/report.h"
#include "common/linear.h"
#include "common/matmul.h"

/* ---- h attentions, to the letter ------------------------------------------ */

/* The two ways to write the last step; they are the same sum. */
typedef enum {
    CONCAT_THEN_PROJECT, /* Concat(head_1, ..., head_h) W^O            */
    SUM_OF_PROJECTIONS   /* head_1 W_1^O + ... + head_h W_h^O          */
} LastStep;

/* One head's own weights and results: nothing is shared, nothing is a view. */
typedef struct {
    Tensor W_Q, W_K, W_V; /* (d_k, D) the papers' W_i^Q, W_i^K, W_i^V, transposed */
    Tensor b_Q, b_K, b_V; /* (d_k)    */
    Tensor Q, K, V;       /* (n, d_k) */
    Tensor A;             /* (n, n)   */
    Tensor head;          /* (n, d_k) */
    Tensor concat;        /* (n, D)   all heads' results */
} SeparateHead;

static void lay_out(SeparateHead *s, Arena *arena, int n, int D, int d_k) {
    Tensor *W[3] = {&s->W_Q, &s->W_K, &s->W_V}, *b[3] = {&s->b_Q, &s->b_K, &s->b_V};
    Tensor *x[3] = {&s->Q, &s->K, &s->V};
    for (int j = 0; j < 3; j++) {
        *W[j] = arena_tensor2(arena, d_k, D);
        *b[j] = arena_tensor1(arena, d_k);
        *x[j] = arena_tensor2(arena, n, d_k);
    }
    s->A = arena_tensor2(arena, n, n);
    s->head = arena_tensor2(arena, n, d_k);
    s->concat = arena_tensor2(arena, n, D);
}

/* Rows from..from+count-1 of W_qkv and b_qkv, copied. */
static void cut_out(const MultiHeadAttention *layer, int from, Tensor W, Tensor b) {
    const int d_k = tensor_rows(W), D = tensor_cols(W);
    tensor_copy(W, tensor2(tensor_row(layer->W_qkv, from), d_k, D));
    tensor_copy(b, tensor1(layer->b_qkv.data + from, d_k));
}

/* head_i = Attention(z W_i^Q, z W_i^K, z W_i^V)   [AIAYN 3.2.2] */
static void one_head(const MultiHeadAttention *layer, Tensor z, int i,
                     SeparateHead *s) {
    const int D = tensor_cols(z), d_k = tensor_cols(s->Q);
    cut_out(layer, 0 * D + i * d_k, s->W_Q, s->b_Q);
    cut_out(layer, 1 * D + i * d_k, s->W_K, s->b_K);
    cut_out(layer, 2 * D + i * d_k, s->W_V, s->b_V);
    linear_forward(z, s->W_Q, s->b_Q, s->Q);
    linear_forward(z, s->W_K, s->b_K, s->K);
    linear_forward(z, s->W_V, s->b_V, s->V);
    attention_forward(s->Q, s->K, s->V, NULL, s->A, s->head);
}

/* Y = MultiHead(z, z, z) for one image (n, D); the matrices are cut out of W_qkv. */
static bool separate_heads_forward(const MultiHeadAttention *layer, Tensor z,
                                   LastStep last, Tensor Y, Error *error) {
    const int n = tensor_rows(z), D = tensor_cols(z), d_k = D / layer->heads;
    SeparateHead s;
    Arena plan = {0}, arena;
    lay_out(&s, &plan, n, D, d_k);
    if (!arena_make(&arena, &plan, "one separate head", error)) {
        return false;
    }
    lay_out(&s, &arena, n, D, d_k);
    arena_check_full(&arena);

    tensor_fill(Y, 0);
    for (int i = 0; i < layer->heads; i++) {
        one_head(layer, z, i, &s);
        if (last == SUM_OF_PROJECTIONS) {
            /* W_i^O: rows i d_k ... of the paper's W^O, columns of our transpose */
            matmul_nt_add(s.head, tensor_columns(layer->W_O, i * d_k, d_k), Y);
        } else {
            tensor_copy(tensor_columns(s.concat, i * d_k, d_k), s.head);
        }
    }
    if (last == SUM_OF_PROJECTIONS) {
        tensor_add_bias(Y, layer->b_O);
    } else {
        linear_forward(s.concat, layer->W_O, layer->b_O, Y);
    }
    arena_free(&arena);
    return true;
}

/* ---- the sections ---------------------------------------------------------- */

/* Two heads of d_k = 2 on three tokens, small enough to print. */
bool projection_demo(Error *error) {
    enum { N = 3, D = 4, H = 2, D_K = D / H };
    MsaInstance msa;
    if (!msa_instance_make(&msa, (MsaSizes){1, N, D, H}, 2, 1.5, error)) {
        return false;
    }
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

bool separate_heads_demo(Error *error) {
    enum { N = 17, D = 64, H = 4 };
    MsaInstance msa;
    if (!msa_instance_make(&msa, (MsaSizes){1, N, D, H}, 5, 1, error)) {
        return false;
    }
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
    const char *name[2] = {"Concat(...) W^O", "sum of head_i W_i^O"};
    bool ok = true;
    for (int last = CONCAT_THEN_PROJECT; ok && last <= SUM_OF_PROJECTIONS; last++) {
        ok = separate_heads_forward(&msa.layer, z, (LastStep)last, separate, error);
        const double worst = tensor_max_abs_difference(Y, separate);
        report_check(ok && worst < 1e-5, "fused layer and %s: largest difference %.1e",
                     name[last], worst);
    }
    msa_instance_free(&msa);
    return ok;
}
