/* dump_vit.c: see dump_vit.h. */
#include "chapters/05_vision_transformer/looking_inside/dump_vit.h"

#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "chapters/04_encoder_block/dump_block.h"
#include "common/random.h"

enum { B = DUMP_VIT_IMAGES, L = 2 };
static const VitConfig config = {.height = 8,
                                 .width = 6,
                                 .channels = 2,
                                 .patch = 2,
                                 .depth = L,
                                 .block = {.D = 8, .heads = 2, .M = 12},
                                 .classes = 3};

static void lay_out(Arena *arena, void *of_a_pass) {
    DumpVit *pass = of_a_pass;
    const VitConfig *c = &config;
    const int N = vit_patches(c);
    pass->weights = arena_tensor1(arena, (int)pass->list.total);
    pass->gradients = arena_tensor1(arena, (int)pass->list.total);
    pass->images = arena_tensor4(arena, B, c->channels, c->height, c->width);
    pass->patches = arena_tensor3(arena, B, N, c->channels * c->patch * c->patch);
    pass->embedded = arena_tensor3(arena, B, N, c->block.D);
    pass->loss = arena_tensor1(arena, 1);
    pass->dlogits = arena_tensor2(arena, B, c->classes);
}

bool dump_vit_make_of(DumpVit *pass, Positions positions, Pool pool, uint64_t seed,
                      Error *error) {
    *pass = (DumpVit){.labels = {2, 0}, .smoothing = 0.1};
    pass->vit.config = config;
    pass->vit.config.positions = positions;
    pass->vit.config.pool = pool;
    pass->d.config = pass->vit.config;
    if (!parameters_list(&pass->list, vit_parameters, &pass->vit, error) ||
        !arena_make(&pass->arena, lay_out, pass, "a dump", error) ||
        !vit_activations_make(&pass->a, &pass->vit.config, B, error)) {
        dump_vit_free(pass);
        return false;
    }
    parameters_view(&pass->list, vit_parameters, &pass->vit, pass->weights.data);
    parameters_view(&pass->list, vit_parameters, &pass->d, pass->gradients.data);
    random_fill_normal((Random){seed, RANDOM_DEMO, 0}, pass->weights, 0.3);
    random_fill_normal((Random){seed, RANDOM_DEMO, 1}, pass->images, 1.0);
    return true;
}

bool dump_vit_make(DumpVit *pass, Error *error) {
    return dump_vit_make_of(pass, POSITIONS_1D, POOL_CLASS, 9, error);
}

void dump_vit_free(DumpVit *pass) {
    vit_activations_free(&pass->a);
    arena_free(&pass->arena);
    parameters_list_free(&pass->list);
}

static void run(DumpVit *pass) {
    const Dropout none = {.rate = 0};
    Tensor logits = vit_forward(&pass->vit, pass->images, &pass->a, &none);
    tensor_copy(pass->patches, pass->a.embedding.patches);
    tensor_copy(pass->embedded, pass->a.embedding.embedded);
    const double loss =
        cross_entropy(logits, pass->labels, pass->smoothing, 1.0 / B, pass->dlogits);
    pass->loss.data[0] = (real)(loss / B);
    vit_backward(&pass->vit, &pass->d, &pass->a, &none, pass->dlogits);
}

static void add_inputs(Dump *dump, const DumpVit *pass) {
    dump_about(dump, "labels", "2 0");
    dump_about(dump, "label_smoothing", "0.1");
    dump_about(dump, "heads", "2");
    dump_about(dump, "patch", "2");
    for (int i = 0; i < pass->list.count; i++) {
        const Parameter *p = &pass->list.items[i];
        dump_input(dump, parameter_in(p, pass->weights.data), p->name);
    }
    dump_input(dump, pass->images, "images");
}

static void add_forward(Dump *dump, const DumpVit *pass) {
    const VitActivations *a = &pass->a;
    dump_made(dump, pass->patches, "patches", "05",
              "[ViT 3.1] x -> x_p, patches row by row, each (C, P, P)");
    dump_made(dump, pass->embedded, "embedded", "05", "[ViT eq.1] x_p E + b_E");
    dump_made(dump, a->z_0, "z_0", "05", "[ViT eq.1] [x_class; x_p E] + E_pos");
    for (int l = 0; l < L; l++) {
        dump_block(dump, &a->blocks[l], l);
    }
    dump_made(dump, a->y, "y", "04", "[ViT eq.4] y = LN(z_L^0)");
    dump_made(dump, a->logits, "logits", "05", "logits = y W_head^T + b_head");
    dump_made(dump, pass->loss, "loss", "05",
              "[AIAYN 5.4] mean over images of - sum_k q_k log p_k");
}

static void add_backward(Dump *dump, const DumpVit *pass) {
    const Vit *d = &pass->d;
    dump_group(dump, "d.");
    dump_made(dump, pass->dlogits, "logits", "05", "dlogits = (p - q) / B");
    dump_made(dump, d->W_head, "head.weight", "01", "dW = dlogits^T y");
    dump_made(dump, d->b_head, "head.bias", "01", "db = sum of dlogits over images");
    dump_made(dump, d->norm.gamma, "norm.weight", "04", "dgamma = sum of dy o xhat");
    dump_made(dump, d->norm.beta, "norm.bias", "04", "dbeta = sum of dy");
    for (int l = L - 1; l >= 0; l--) {
        dump_block_gradients(dump, &d->blocks[l]);
    }
    dump_group(dump, "d.");
    const PatchEmbedding *e = &d->embedding;
    dump_made(dump, e->pos_embed, "pos_embed", "05",
              "[ViT eq.1] dE_pos = dz_0 summed over images");
    dump_made(dump, e->cls_token, "cls_token", "05",
              "[ViT eq.1] row 0 of dz_0, summed over images");
    dump_made(dump, e->E, "patch_embed.proj.weight", "05",
              "[ViT eq.1] dE = dx^T patches");
    dump_made(dump, e->b_E, "patch_embed.proj.bias", "05",
              "[ViT eq.1] db_E = sum of dx over patches");
}

static void add_all(Dump *dump, void *pass) {
    add_inputs(dump, pass);
    add_forward(dump, pass);
    add_backward(dump, pass);
}

bool dump_vit_write(DumpVit *pass, const char *path, Error *error) {
    return dump_write(path, add_all, pass, error);
}

bool chapter5_dump(const char *path, Error *error) {
    static DumpVit pass; /* large */
    if (!dump_vit_make(&pass, error)) {
        return false;
    }
    run(&pass);
    const bool ok = dump_vit_write(&pass, path, error);
    dump_vit_free(&pass);
    return ok;
}
