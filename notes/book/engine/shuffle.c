/*
 * shuffle.c: attention is blind to order, until positions are added (chapter 3,
 * section 3.5 of its program: the same tokens, weights, positions and first order).
 */
#include "notes/book/engine/engine.h"

#include "chapters/03_multi_head_attention/msa_demos.h"
#include "chapters/03_multi_head_attention/positions.h"
#include "common/random.h"

enum { N = 6, D = 16, HEADS = 4, SEED = 3 };
enum { NONE, SINUSOIDS, LEARNED };

static double kind = NONE, sigma = 0.02, shuffles, difference;
static MsaInstance msa;
static real order_data[N], tokens_data[N * D], positions_data[N * D];
static real results_data[N * D], moved_data[N * D], again_data[N * D], apart_data[N];
static Tensor order = {order_data, 1, {N}, N}; /* which token is at place 0, 1, ... */
static Tensor tokens = {tokens_data, 2, {N, D}, D};
static Tensor E_pos = {positions_data, 2, {N, D}, D};
static Tensor results = {results_data, 2, {N, D}, D}; /* MSA(z + E) */
static Tensor moved = {moved_data, 2, {N, D}, D};     /* P MSA(z + E) */
static Tensor again = {again_data, 2, {N, D}, D};     /* MSA(P z + E) */
static Tensor apart = {apart_data, 1, {N}, N}; /* largest |again - moved|, by row */

/* shuffle: the next random order; the first is the program's. */
static bool shuffle(Error *error) {
    int places[N];
    (void)error;
    random_permutation((Random){SEED, RANDOM_DEMO, 300 + (uint32_t)shuffles}, places,
                       N);
    for (int i = 0; i < N; i++) {
        order_data[i] = (real)places[i];
    }
    return true;
}

static void make_positions(void) {
    tensor_fill(E_pos, 0);
    if ((int)kind == SINUSOIDS) {
        sinusoid_positions(E_pos);
    } else if ((int)kind == LEARNED) {
        random_fill_normal((Random){SEED, RANDOM_DEMO, 301}, E_pos, sigma);
    }
}

static bool each_token_once(Error *error) {
    int count[N] = {0};
    for (int i = 0; i < N; i++) {
        const real token = order_data[i];
        if (!(token >= 0 && token < N) || count[(int)token]++ > 0) {
            error_set(error, "the order must have each of the %d tokens once", N);
            return false;
        }
    }
    return true;
}

/* forward: MSA of the tokens in their own order, then in the other. */
static bool forward(Error *error) {
    if (!each_token_once(error)) {
        return false;
    }
    if (!msa.arena.block) {
        msa_instance_make(&msa, (MsaSizes){1, N, D, HEADS}, SEED, 1);
        tensor_copy(tokens, tensor_slice(msa.z, 0));
    }
    Tensor z = tensor_slice(msa.z, 0), Y = tensor_slice(msa.Y, 0);
    make_positions();
    tensor_copy(z, tokens);
    positions_add(msa.z, E_pos);
    msa_instance_forward(&msa);
    tensor_copy(results, Y);
    for (int i = 0; i < N; i++) {
        tensor_copy(tensor_slice(moved, i), tensor_slice(results, (int)order_data[i]));
        tensor_copy(tensor_slice(z, i), tensor_slice(tokens, (int)order_data[i]));
    }
    positions_add(msa.z, E_pos);
    msa_instance_forward(&msa);
    tensor_copy(again, Y);
    difference = tensor_max_abs_difference(again, moved);
    for (int i = 0; i < N; i++) {
        apart_data[i] = (real)tensor_max_abs_difference(tensor_slice(again, i),
                                                        tensor_slice(moved, i));
    }
    return true;
}

static const EngineFunction functions[] = {
    {"shuffle", shuffle}, {"forward", forward}, {NULL, NULL}};
static const EngineNumber numbers[] = {
    {"kind", &kind, NONE, LEARNED, true}, /* of positions */
    {"sigma", &sigma, 0, 10, false},      /* of the learned ones */
    {"shuffles", &shuffles, 0, 1e6, true},
    {"difference", &difference, 0, 0, false},
    {NULL, NULL, 0, 0, false},
};
static const EngineTensor tensors[] = {
    {"order", &order}, {"tokens", &tokens}, {"E_pos", &E_pos}, {"results", &results},
    {"moved", &moved}, {"again", &again},   {"apart", &apart}, {NULL, NULL},
};

const EngineSubject shuffle_subject = {"shuffle", functions, numbers, tensors, NULL};
