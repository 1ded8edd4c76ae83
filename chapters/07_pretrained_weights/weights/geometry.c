/* geometry.c: see geometry.h. */
#include "chapters/07_pretrained_weights/weights/geometry.h"

#include <string.h>

/* What every step here reads, and where it says what is wrong. */
typedef struct {
    const Names *names;
    const Said *said;
    PretrainedConfig *config;
    Error *error;
} Search;

static bool has(const Search *s, const char *ours) {
    return names_find(s->names, ours, NO_BLOCK, WHOLE) != NULL;
}

static const char *path_of(const Search *s) {
    return arrays_path(s->names->file);
}

static bool is_missing(const Search *s, const char *ours) {
    return error_set(s->error, "%s: there is no %s, nor what it is called by %s",
                     path_of(s), ours, s->names->dialect->name);
}

/* The shape of one of ours that must be there, with as many dimensions. */
static bool shape_of(const Search *s, const char *ours, int block, int ndim,
                     Tensor *shape) {
    const Place *place = names_find(s->names, ours, block, WHOLE);
    if (!place) {
        is_missing(s, ours);
        return false;
    }
    *shape = names_shape(s->names, ours, block, WHOLE);
    if (shape->ndim != ndim) {
        char is[ARRAY_SHAPE_TEXT];
        error_set(s->error,
                  "%s: %s (names of %s) is %s: it can't be %s, of %d "
                  "dimensions",
                  path_of(s), place->array->name, s->names->dialect->name,
                  arrays_shape_text(place->array, is), ours, ndim);
        return false;
    }
    return true;
}

/* ---- widths ----------------------------------------------------------- */

static bool find_widths(const Search *s) {
    VitConfig *c = &s->config->vit;
    Tensor E, W_1;
    if (!shape_of(s, "patch_embed.proj.weight", NO_BLOCK, 4, &E)) {
        return false;
    }
    if (s->names->depth == 0) {
        return error_set(s->error, "%s: no blocks (names of %s)", path_of(s),
                         s->names->dialect->name);
    }
    if (!shape_of(s, "mlp.fc1.weight", 0, 2, &W_1)) {
        return false;
    }
    c->block.D = E.shape[0];
    c->channels = E.shape[1];
    c->patch = E.shape[2];
    c->depth = s->names->depth;
    c->block.M = W_1.shape[0];
    c->block.activation = s->said->activation;
    c->block.norm = s->said->norm;
    c->positions = s->said->positions;
    return true;
}

/* ---- tokens and head -------------------------------------------------- */

static void find_reading(const Search *s) {
    PretrainedConfig *c = s->config;
    c->class_token = has(s, "cls_token");
    c->distil_token = has(s, "dist_token");
    if (has(s, "fc_norm.weight")) {
        c->reading = READ_NORM_OF_MEAN;
    } else if (!c->class_token || s->said->mean) {
        c->reading = READ_MEAN_OF_NORMED;
    } else if (has(s, "head_dist.weight")) {
        c->reading = READ_CLASS_AND_DISTIL;
    } else {
        c->reading = READ_CLASS;
    }
    c->vit.pool = c->class_token ? POOL_CLASS : POOL_MEAN;
}

static bool find_head(const Search *s) {
    PretrainedConfig *c = s->config;
    Tensor W;
    c->head = has(s, "head.weight");
    c->head_bias = has(s, "head.bias");
    c->vit.classes = 1; /* without a head nobody asks */
    if (has(s, "pre_logits.fc.weight")) {
        if (!shape_of(s, "pre_logits.fc.weight", NO_BLOCK, 2, &W)) {
            return false;
        }
        c->pre_logits = W.shape[0];
    }
    if (c->head) {
        if (!shape_of(s, "head.weight", NO_BLOCK, 2, &W)) {
            return false;
        }
        c->vit.classes = W.shape[0];
    }
    return c->head || !(c->head_bias || has(s, "head_dist.weight")) ||
           is_missing(s, "head.weight");
}

/* ---- the grid --------------------------------------------------------- */

/* The root of a square; 0 of any other number. */
static int root_of(int square) {
    int root = 0;
    while (root < 46340 && root * root < square) {
        root++;
    }
    return root * root == square ? root : 0;
}

static bool find_said_grid(const Search *s) {
    VitConfig *c = &s->config->vit;
    c->height = s->said->height;
    c->width = s->said->width;
    if (c->height > VIT_MAX_SIDE || c->width > VIT_MAX_SIDE) {
        return error_set(s->error, "%s: images of %dx%d pixels: too large", path_of(s),
                         c->height, c->width);
    }
    return (c->height % c->patch == 0 && c->width % c->patch == 0) ||
           error_set(s->error,
                     "%s: what is said beside its arrays is of another model: patches "
                     "of %d don't divide %dx%d pixels",
                     path_of(s), c->patch, c->height, c->width);
}

/* `positions` there are: as many as tokens, or, where the class token has none, as
 * patches. */
static bool find_grid(const Search *s, int positions) {
    VitConfig *c = &s->config->vit;
    const int before =
        (s->config->class_token ? 1 : 0) + (s->config->distil_token ? 1 : 0);
    if (s->said->height != 0) {
        return find_said_grid(s) &&
               (vit_patches(c) == positions - before || vit_patches(c) == positions ||
                error_set(s->error,
                          "%s: what is said beside its arrays is of another model: "
                          "%dx%d pixels are %d patches, the file has %d positions",
                          path_of(s), c->height, c->width, vit_patches(c), positions));
    }
    const int root = root_of(positions - before) != 0 ? root_of(positions - before)
                                                      : root_of(positions);
    if (root == 0) {
        return error_set(
            s->error,
            "%s: %d positions are no square grid of patches: a config.json "
            "beside it must say the image_size",
            path_of(s), positions);
    }
    if (root > VIT_MAX_SIDE / c->patch) {
        return error_set(s->error, "%s: images of %d patches of %d: too large",
                         path_of(s), root, c->patch);
    }
    c->height = c->width = root * c->patch;
    return true;
}

static bool find_image(const Search *s) {
    Tensor E_pos;
    if (s->config->vit.positions != POSITIONS_1D) { /* chapter 5's */
        return find_said_grid(s);
    }
    return shape_of(s, "pos_embed", NO_BLOCK, 3, &E_pos) &&
           find_grid(s, E_pos.shape[1]);
}

/* ---- heads ------------------------------------------------------------ */

/* The .npz's query kernel is (D, h, D_h); 0: another dialect. */
static int heads_of_kernel(const Search *s) {
    const Place *query = names_find(s->names, "attn.qkv.weight", 0, QUERY);
    const bool apart =
        query && query->row->change == HEADS_IN && query->array->ndim == 3;
    return apart ? query->array->shape[1] : 0;
}

/* ViT's own widths [ViT T.1], DeiT's two smaller ones, and H's: 0: none of these. */
static int heads_of_width(int D) {
    switch (D) {
    case 192:
    case 384:
    case 768:
    case 1024: return D / 64;
    case 1280: return 16;
    default: return 0;
    }
}

static bool find_heads(const Search *s, int given) {
    BlockConfig *block = &s->config->vit.block;
    const int in_shape = heads_of_kernel(s);
    const int known = in_shape != 0 ? in_shape : s->said->heads;
    if (given != 0 && known != 0 && given != known) {
        return error_set(s->error, "%s: %s of %d heads, not of %d", path_of(s),
                         in_shape != 0 ? "its kernels are" : "what is said of it is",
                         known, given);
    }
    block->heads = given != 0 ? given : known;
    if (block->heads == 0) {
        block->heads = heads_of_width(block->D);
        s->config->heads_assumed = true;
    }
    if (block->heads == 0) {
        return error_set(
            s->error,
            "%s: nothing says how many heads a model of width %d has: give "
            "--heads",
            path_of(s), block->D);
    }
    return block->D % block->heads == 0 ||
           error_set(s->error, "%s: %d heads don't divide the width of %d", path_of(s),
                     block->heads, block->D);
}

/* ---- all -------------------------------------------------------------- */

/* A config.json of another model would have other heads, too. */
static bool check_said(const Search *s) {
    const VitConfig *c = &s->config->vit;
    const Said *said = s->said;
    const struct {
        const char *what;
        int said, is;
    } sizes[] = {{"width", said->D, c->block.D},
                 {"depth", said->depth, c->depth},
                 {"MLP", said->M, c->block.M},
                 {"patch", said->patch, c->patch},
                 {"channels", said->channels, c->channels}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i].said != 0 && sizes[i].said != sizes[i].is) {
            return error_set(
                s->error,
                "%s: the config.json beside it is of another model: its %s "
                "is %d, the file's %d",
                path_of(s), sizes[i].what, sizes[i].said, sizes[i].is);
        }
    }
    return true;
}

bool geometry_find(PretrainedConfig *config, const Names *names, const Said *said,
                   int heads, Error *error) {
    const Search s = {names, said, config, error};
    Error why;
    *config = (PretrainedConfig){.epsilon = said->epsilon};
    if (said->epsilon < 0) {
        config->epsilon = names->dialect->epsilon;
    }
    find_reading(&s);
    if (!find_widths(&s) || !check_said(&s) || !find_head(&s) || !find_image(&s) ||
        !find_heads(&s, heads)) {
        return false;
    }
    return vit_config_check(&config->vit, &why) ||
           error_set(error, "%s: %s", path_of(&s), why.text);
}
