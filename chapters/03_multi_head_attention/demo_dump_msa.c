/* demo_dump_msa.c: every tensor of positions and multi-head attention, forward and
 * backward, for make compare. */
#include "chapters/03_multi_head_attention/dump_msa.h"
#include "chapters/03_multi_head_attention/msa_demos.h"
#include "chapters/03_multi_head_attention/positions.h"
#include "common/random.h"

enum { B = 2, N = 5, D = 8, HEADS = 2 };

static void pass(Dump *dump, void *instance) {
    MsaInstance *msa = instance;
    real pe[N * D], e_pos[N * D], de_pos[N * D] = {0};
    Tensor PE = tensor2(pe, N, D);
    Tensor E_pos = tensor2(e_pos, N, D), dE_pos = tensor2(de_pos, N, D);
    random_fill_normal((Random){9, RANDOM_DEMO, 200}, E_pos, 0.5);
    dump_about(dump, "heads", "2");
    for (int i = 0; i < msa->list.count; i++) {
        const Parameter *p = &msa->list.items[i];
        dump_input(dump, parameter_in(p, msa->weights), p->name);
    }
    dump_input(dump, msa->z, "tokens");
    dump_input(dump, E_pos, "E_pos");
    sinusoid_positions(PE);
    dump_made(dump, PE, "PE", "03",
              "[AIAYN 3.5] PE(pos, 2i) = sin(pos / 10000^(2i/D)), 2i + 1: cos");
    positions_add(msa->z, E_pos);
    dump_made(dump, msa->z, "z", "03", "[ViT eq.1] z = tokens + E_pos, for each image");
    msa_instance_forward(msa);
    dump_msa(dump, &msa->a);
    dump_made(dump, msa->Y, "Y", "03", "[ViT eq.8] Y = concat W_O^T + b_O");

    dump_group(dump, "d.");
    dump_input(dump, msa->dY, "Y");
    msa_instance_backward(msa);
    dump_made(dump, msa->s.dconcat, "attn.concat", "03", "dconcat = dY W_O");
    dump_made(dump, msa->s.dqkv, "attn.qkv", "02 and 03",
              "dqkv: dQ, dK and dV of each head, in its columns");
    dump_msa_gradients(dump, &msa->d);
    dump_made(dump, msa->dz, "z", "03", "dz = dqkv W_qkv");
    positions_add_backward(msa->dz, dE_pos);
    dump_made(dump, dE_pos, "E_pos", "05", "dE_pos = dz summed over images");
}

bool chapter3_dump(const char *path, Error *error) {
    MsaInstance msa;
    msa_instance_make(&msa, (MsaSizes){B, N, D, HEADS}, 9, 1);
    const bool ok = dump_write(path, pass, &msa, error);
    msa_instance_free(&msa);
    return ok;
}
