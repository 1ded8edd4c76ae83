/*
 * heads.c: the same tokens through 1, 2, ... heads (chapter 3, sections 3.1 and 3.2 of
 * its program): the weights don't depend on h, only how their columns are shared out.
 */
#include "notes/book/engine/engine.h"

/* It has no header of its own: its functions are declared in msa_demos.h. */
#include "chapters/03_multi_head_attention/demo_msa_instance.c"

static double n = 3, D = 4, h = 2;
static MsaInstance msa;

static bool forward(Error *error) {
    if ((int)D % (int)h != 0) {
        error_set(error, "%g heads don't divide D = %g: each head is D / h wide", h, D);
        return false;
    }
    msa_instance_free(&msa);
    msa_instance_make(&msa, (MsaSizes){1, (int)n, (int)D, (int)h}, 2, 1.5);
    msa_instance_forward(&msa);
    return true;
}

static const EngineFunction functions[] = {{"forward", forward}, {NULL, NULL}};
static const EngineNumber numbers[] = {
    {"n", &n, 1, 8, true},
    {"D", &D, 1, 16, true},
    {"h", &h, 1, 16, true},
    {NULL, NULL, 0, 0, false},
};
static const EngineTensor tensors[] = {
    {"z", &msa.z},               /* (1, n, D) */
    {"W_qkv", &msa.layer.W_qkv}, /* (3D, D) */
    {"b_qkv", &msa.layer.b_qkv}, /* (3D) */
    {"qkv", &msa.a.qkv},         /* (1, n, 3D) */
    {"A", &msa.a.A},             /* (1, h, n, n) */
    {"concat", &msa.a.concat},   /* (1, n, D) */
    {"W_O", &msa.layer.W_O},     /* (D, D) */
    {"b_O", &msa.layer.b_O},     /* (D) */
    {"Y", &msa.Y},               /* (1, n, D) */
    {NULL, NULL},
};

const EngineSubject heads_subject = {"heads", functions, numbers, tensors, NULL};
