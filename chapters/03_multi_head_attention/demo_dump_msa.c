/* demo_dump_msa.c: every tensor of positions and multi-head attention, forward and
 * backward, for make compare. */
#include "chapters/03_multi_head_attention/dump_msa.h"
#include "chapters/03_multi_head_attention/msa_demos.h"
#include "chapters/03_multi_head_attention/positions.h"
#include "common/random.h"

enum { B = 2, N = 5, D = 8, HEADS = 2 };

static void pass(Dump *dump, MsaInstance *msa) {
    real pe[N * D], e_pos[N * D], de_pos[N * D] = {0};
    Tensor PE = tensor2(pe, N, D);
    Tensor E_pos = tensor2(e_pos, N, D), dE_pos = tensor2(de_pos, N, D);
    random_fill_normal((Random){9, RANDOM_DEMO, 200}, E_pos, 0.5);
    for (int i = 0; i < msa->list.count; i++) {
        const Parameter *p = &msa->list.items[i];
        dump_input(dump, parameter_in(p, msa->weights), "%s", p->name);
    }
    dump_input(dump, msa->z, "tokens");
    dump_input(dump, E_pos, "E_pos");
    sinusoid_positions(PE);
    dump_made(dump, PE,
              "[AIAYN 3.5] PE(pos, 2i) = sin(pos / 10000^(2i/D)), 2i + 1: cos",
              "notes/03", "PE");
    positions_add(msa->z, E_pos);
    dump_made(dump, msa->z, "[ViT eq.1] z = tokens + E_pos, for each image", "notes/03",
              "z");
    msa_instance_forward(msa);
    dump_msa(dump, &msa->a, "attn.");
    dump_made(dump, msa->Y, "[ViT eq.8] Y = concat W_O^T + b_O", "notes/03", "Y");

    dump_input(dump, msa->dY, "d.Y");
    msa_instance_backward(msa);
    dump_made(dump, msa->s.dconcat, "dconcat = dY W_O", "notes/03", "d.attn.concat");
    dump_made(dump, msa->s.dqkv, "dqkv: dQ, dK and dV of each head, in its columns",
              "notes/02 and 03", "d.attn.qkv");
    dump_msa_gradients(dump, &msa->d, "attn.");
    dump_made(dump, msa->dz, "dz = dqkv W_qkv", "notes/03", "d.z");
    positions_add_backward(msa->dz, dE_pos);
    dump_made(dump, dE_pos, "dE_pos = dz summed over images", "notes/05", "d.E_pos");
}

bool chapter3_dump(const char *path, Error *error) {
    MsaInstance msa;
    Dump *dump = dump_new(error);
    bool ok = dump && msa_instance_make(&msa, (MsaSizes){B, N, D, HEADS}, 9, 1, error);
    if (ok) {
        dump_about(dump, "heads", "2");
        pass(dump, &msa);
        ok = dump_write(dump, path, error);
        msa_instance_free(&msa);
    }
    dump_free(dump);
    return ok;
}
