/*
 * depth.c: how large gradients are at each depth of a stack of L blocks (chapter 4,
 * section 4.5 of its program), pre-norm and post-norm.
 */
#include "notes/book/engine/engine.h"

/* measure() is the program's own; what prints is left out by the linker. */
#include "chapters/04_encoder_block/demo_gradient_depth.c"

static double depth = DEEPEST, place = PRE_NORM, last_dW_2, all_dW;
static real columns_data[5 * (DEEPEST + 1)];
static Tensor columns;

/* columns (5, L + 1): size of z_l, alike, |dL/dz_l|, |dL/dW_l|, shared. */
static bool forward(Error *error) {
    (void)error;
    Profile p;
    const int L = (int)depth;
    measure(place > 0 ? POST_NORM : PRE_NORM, WHOLE, L, &p);
    columns = tensor2(columns_data, 5, L + 1);
    const double *const from[5] = {p.z, p.alike, p.dz, p.dW, p.shared};
    for (int i = 0; i < 5; i++) {
        for (int l = 0; l <= L; l++) {
            tensor_row(columns, i)[l] = (real)from[i][l];
        }
    }
    last_dW_2 = p.dW_2;
    all_dW = p.all;
    return true;
}

static const EngineFunction functions[] = {{"forward", forward}, {NULL, NULL}};
static const EngineNumber numbers[] = {
    {"L", &depth, 1, DEEPEST, true},   {"norm", &place, PRE_NORM, POST_NORM, true},
    {"dW_2", &last_dW_2, 0, 0, false}, /* of the last block's MLP */
    {"all", &all_dW, 0, 0, false},     {NULL, NULL, 0, 0, false},
};
static const EngineTensor tensors[] = {{"columns", &columns}, {NULL, NULL}};

const EngineSubject depth_subject = {"depth", functions, numbers, tensors, NULL};
