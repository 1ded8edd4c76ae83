/* exercises_5_model.c: 5.4, the whole model, graded. See exercises_5.c. */
#include <math.h>
#include <stdio.h>

#include "chapters/05_vision_transformer/model/vit.h"
#include "common/arena.h"
#include "common/error.h"
#include "common/linear.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_5.h"
#include "tests/naive_layers.h"
#include "tests/naive_vit.h"

#define TOLERANCE 1e-11

/* Images, a model with its weights in two forms, and each layer's z. */
typedef struct {
    VitConfig config;
    Vit vit;
    ParameterList list;
    VitActivations a;
    Tensor images;
    double *weights;
    Tensor z[4]; /* z_0 .. z_L, each (B, n, D) */
} Model;

enum { B = 2, SIDE = 4, P = 2, N = 4, D = 5, L = 3, K = 3 /* classes */ };

/* The layers one by one, all tokens of each: by the course's own chapters 4 and 5. */
static void layer_by_layer(Model *m, const Dropout *none) {
    VitActivations a;
    Error error;
    if (!vit_activations_make(&a, &m->config, B, &error)) {
        bug("%s", error.text);
    }
    m->z[0] = unset(SHAPE(B, N + 1, m->config.block.D));
    patch_embedding_forward(&m->vit.embedding, m->images, &a.embedding, m->z[0]);
    for (int l = 0; l < L; l++) {
        m->z[l + 1] =
            encoder_block_forward(&m->vit.blocks[l], m->z[l], &a.blocks[l], none);
    }
}

static Tensor tensor1_of(real *data, long count) {
    Tensor T = shape_of(1, (int[]){(int)count});
    T.data = data;
    return T;
}

static void make_model(Model *m, Pool pool) {
    Error error;
    m->config = (VitConfig){.pool = pool,
                            .height = SIDE,
                            .width = SIDE,
                            .channels = 1,
                            .patch = P,
                            .depth = L,
                            .block = {.D = 6,
                                      .heads = 2,
                                      .M = 10,
                                      .norm = PRE_NORM,
                                      .activation = ACTIVATION_GELU},
                            .classes = K};
    m->vit.config = m->config;
    if (!parameters_list(&m->list, vit_parameters, &m->vit, &error) ||
        !vit_activations_make(&m->a, &m->config, B + 1, &error)) { /* a last batch */
        bug("%s", error.text);
    }
    Tensor weights = normal('W', SHAPE((int)m->list.total));
    tensor_scale(weights, (real)0.5);
    input('W', weights);
    parameters_view(&m->list, vit_parameters, &m->vit, weights.data);
    m->weights = doubles_of(weights);
    tensor_fill(tensor1_of(m->a.arena.block, m->a.arena.capacity), (real)NAN);
    m->images = normal('I', SHAPE(B, 1, SIDE, SIDE));
    case_is("%d images of %d x %d, P = %d, depth %d", B, SIDE, SIDE, P, L);
}

/* What is done wrongly on the way back. dz holds OLD before. */
typedef enum {
    BACK,
    PAST_THE_NORM,
    OLD_ROWS,
    EVERY_ROW,
    OWN_RESULT,
    ALL_Z_0,
    FIRST_TO_LAST,
    NOT_DROPPED
} Back;
enum { OLD = 3 };

/* logits (B, K) from token `row` of layer l; normed: through the last layer norm. */
static double *logits_from(const Model *m, int l, int row, bool normed) {
    const int width = m->config.block.D;
    const NaiveLayerNorm norm = {width, doubles_of(m->vit.norm.gamma),
                                 doubles_of(m->vit.norm.beta)};
    double *logits = doubles(B * K), *y = doubles(width);
    for (int b = 0; b < B; b++) {
        const double *z = doubles_of(tensor_slice(m->z[l], b)) + (long)row * width;
        naive_layer_norm(&norm, 1, z, y);
        naive_linear(1, width, K, normed ? y : z, doubles_of(m->vit.W_head),
                     doubles_of(m->vit.b_head), logits + b * K);
    }
    return logits;
}

/* What is done wrongly on the way from z_0 to z_L. */
typedef enum {
    RIGHT,
    ALL_READ_Z_0,
    ALL_ARE_THE_FIRST,
    NO_DROPOUT_OF_Z_0,
    NO_DROPOUT_IN_BLOCKS,
    DROPOUT_OF_PLACE_1,
    ROWS_OF_IMAGE_0
} Way;

/* What vit_forward does, by the course's own layers: the logits, and what it keeps. */
static Tensor forward_by(const Model *m, const Dropout *dropout, Way way,
                         VitActivations *a) {
    const Vit *vit = &m->vit;
    Error error;
    if (!vit_activations_make(a, &m->config, B, &error)) {
        bug("%s", error.text);
    }
    patch_embedding_forward(&vit->embedding, m->images, &a->embedding, a->z_0);
    if (way != NO_DROPOUT_OF_Z_0) {
        dropout_apply(dropout, way == DROPOUT_OF_PLACE_1 ? 1 : 0, a->z_0);
    }
    const Dropout none = {.rate = 0};
    Tensor z = a->z_0;
    for (int l = 0; l < L; l++) {
        z = encoder_block_forward(&vit->blocks[way == ALL_ARE_THE_FIRST ? 0 : l],
                                  way == ALL_READ_Z_0 ? a->z_0 : z, &a->blocks[l],
                                  way == NO_DROPOUT_IN_BLOCKS ? &none : dropout);
    }
    for (int b = 0; b < B; b++) {
        const bool first = way == ROWS_OF_IMAGE_0;
        tensor_copy(tensor_slice(a->cls, b),
                    tensor_slice(tensor_slice(z, first ? 0 : b), first ? b : 0));
    }
    layer_norm_forward(&vit->norm, a->cls, &a->norm, a->y);
    linear_forward(a->y, vit->W_head, vit->b_head, a->logits);
    return a->logits;
}

/* logits less the bias b */
static double *logits_without(Tensor b, double *logits) {
    for (int i = 0; i < B * K; i++) {
        logits[i] -= (double)b.data[i % K];
    }
    return logits;
}

static double *logits_by(const Model *m, const Dropout *dropout, Way way) {
    VitActivations a;
    return doubles_of(forward_by(m, dropout, way, &a));
}

/* All gradients, as vit_backward makes them of what a forward pass kept. */
static Tensor gradients_of(Model *m, const Dropout *dropout, VitActivations *a) {
    static Vit d;
    Tensor gradients = zeros(SHAPE((int)m->list.total));
    d.config = m->config;
    parameters_view(&m->list, vit_parameters, &d, gradients.data);
    tensor_fill(gradients, 1);
    tensor_fill(a->dz, OLD);
    vit_backward(&m->vit, &d, a, dropout, named("dlogits", normal('d', SHAPE(B, K))));
    return gradients;
}

/* The same by the course's own layers, with what is done wrongly on the way back. */
static double *gradients_by(Model *m, const Dropout *dropout, Way way, Back back) {
    const Vit *vit = &m->vit;
    static Vit d;
    VitActivations a;
    Tensor gradients = zeros(SHAPE((int)m->list.total));
    d.config = m->config;
    parameters_view(&m->list, vit_parameters, &d, gradients.data);
    tensor_fill(gradients, 1);
    (void)forward_by(m, dropout, way, &a);
    linear_backward(a.y, vit->W_head, normal('d', SHAPE(B, K)), a.dy, d.W_head,
                    d.b_head);
    if (back != PAST_THE_NORM) {
        layer_norm_backward(&vit->norm, &d.norm, a.cls, &a.norm, a.dy, a.dy);
    }
    tensor_fill(a.dz, back == OLD_ROWS ? OLD : 0);
    for (int b = 0; b < B; b++) {
        for (int row = 0; row < (back == EVERY_ROW ? N + 1 : 1); row++) {
            tensor_copy(tensor_slice(tensor_slice(a.dz, b), row),
                        tensor_slice(a.dy, b));
        }
    }
    for (int i = 0; i < L; i++) {
        const int l = back == FIRST_TO_LAST ? i : L - 1 - i;
        Tensor z = back == OWN_RESULT          ? a.blocks[l].y
                   : l == 0 || back == ALL_Z_0 ? a.z_0
                                               : a.blocks[l - 1].y;
        encoder_block_backward(&vit->blocks[l], &d.blocks[l], z, &a.blocks[l], dropout,
                               a.dz, &a.scratch);
    }
    if (back != NOT_DROPPED) {
        dropout_apply(dropout, AFTER_POSITIONS, a.dz);
    }
    patch_embedding_backward(&vit->embedding, &d.embedding, &a.embedding, a.dz);
    return doubles_of(gradients);
}

/* Every parameter's gradient, from the head on: the first that is wrong tells where. */
static void expect_gradients(Model *m, const Dropout *dropout, Tensor got) {
    static const struct {
        Way way;
        Back back;
        const char *text;
    } wrong[] = {
        {RIGHT, PAST_THE_NORM, "a gradient that went past the last norm"},
        {RIGHT, OLD_ROWS,
         "a dz whose other rows hold what an earlier step left: nobody read those "
         "rows"},
        {RIGHT, EVERY_ROW, "the class token's gradient in every row of dz"},
        {RIGHT, OWN_RESULT,
         "a block given the z that it made: backward wants the z "
         "that it read"},
        {RIGHT, ALL_Z_0, "every block given z_0: backward wants the z that it read"},
        {RIGHT, FIRST_TO_LAST,
         "a way back that begins with the first block: it begins with the last"},
        {RIGHT, NOT_DROPPED, "dz_0 without the dropout that z_0 had"},
    };
    enum { WRONG = sizeof wrong / sizeof wrong[0] };
    const double *want = gradients_by(m, dropout, RIGHT, BACK), *would[WRONG];
    for (int k = 0; k < WRONG; k++) {
        would[k] = gradients_by(m, dropout, wrong[k].way, wrong[k].back);
    }
    for (int i = m->list.count - 1; i >= 0; i--) {
        const Parameter *p = &m->list.items[i];
        static char name[200];
        snprintf(name, sizeof name, "the gradient of %s", p->name);
        expect(name, parameter_in(p, got.data), want + p->offset, TOLERANCE);
        for (int k = 0; k < WRONG; k++) {
            mistake(wrong[k].text, would[k] + p->offset);
        }
    }
}

static double model_loss(void *model) {
    const Model *m = model;
    double *logits = doubles(B * K);
    naive_vit(&m->config, &m->list, m->weights, B, doubles_of(m->images), logits);
    return dot(B * K, doubles_of(normal('d', SHAPE(B, K))), logits);
}

/* Of the first weights, which are the embedding's: all blocks and class_rows are
 * between these and the loss. By differences, which don't use the student's code. */
static void expect_first_gradients(Model *m, Tensor gradients) {
    enum { FIRST = 24 };
    bool lost = true;
    double *want = gradient(model_loss, m, m->weights, FIRST);
    for (int i = 0; i < FIRST; i++) {
        want[i] += 1; /* every gradient begins as 1 */
        lost = lost && gradients.data[i] == 1;
    }
    if (lost) {
        expect("the gradients, of the first weights,", first_elements(gradients, FIRST),
               want, 1e-7);
        mistake_if("a copy of the class tokens' rows: backward writes dz through "
                   "class_rows, so that it must be a view",
                   true);
    }
}

/* What backward reads. */
static void kept(Model *m, const Dropout *none) {
    const int width = m->config.block.D;
    double *cls = doubles((long)B * width);
    for (int i = 0; i < B * width; i++) {
        cls[i] = (double)tensor_row(tensor_slice(m->z[L], i / width), 0)[i % width];
    }
    case_is("what is kept for backward");
    hint("What will backward ask for: what a layer read, or what it made of it?");
    expect("a->cls", tensor_first(m->a.cls, B), cls, TOLERANCE);
    mistake_if("a->cls that isn't z_L^0: the norm goes from cls to y", true);
    for (int l = 0; l < L; l++) {
        char name[32];
        snprintf(name, sizeof name, "a->blocks[%d].y", l);
        expect(name, tensor_first(m->a.blocks[l].y, B), doubles_of(m->z[l + 1]),
               TOLERANCE);
        mistake(
            "one block's activations for all: block l keeps its own in a->blocks[l]",
            doubles_of(m->z[L]));
        mistake_if(
            "a write over what a block kept: the norm goes from cls to y, and z_L "
            "stays",
            l == L - 1);
    }
    expect("a->z_0", tensor_first(m->a.z_0, B), doubles_of(m->z[0]), TOLERANCE);
    case_is("backward; every gradient begins as ones, dz holds an earlier step's");
    hint("Read your forward pass from its last line to its first: what did each line "
         "read, and which rows did nobody read?");
    const Tensor gradients = gradients_of(m, none, &m->a);
    expect_first_gradients(m, gradients);
    expect_gradients(m, none, gradients);
}

/* The mean of the patches, in place of the class token. */
static void mean_model(const Dropout *none) {
    static Model m;
    make_model(&m, POOL_MEAN);
    case_is("%d images of %d x %d, P = %d, depth %d, --pool mean", B, SIDE, SIDE, P, L);
    hint(
        "pool_forward knows both: the class token's row, and the mean of all patches.");
    double *want = doubles(B * K);
    naive_vit(&m.config, &m.list, m.weights, B, doubles_of(m.images), want);
    Tensor logits = vit_forward(&m.vit, m.images, &m.a, none);
    expect("logits", logits, want, TOLERANCE);
    m.z[L] = tensor_first(m.a.blocks[L - 1].y, B);
    mistake("row 0's result, whatever the pool: pool_forward knows which is wanted",
            logits_from(&m, L, 0, true));
}

void model_grade(void) {
    static Model m;
    const Dropout none = {.rate = 0}, some = {.rate = 0.3, .seed = 5, .step = 7};
    needs("5.2");
    needs("5.3");
    make_model(&m, POOL_CLASS);
    double *want = doubles(B * K);
    naive_vit(&m.config, &m.list, m.weights, B, doubles_of(m.images), want);
    Tensor logits = vit_forward(&m.vit, m.images, &m.a, &none);
    layer_by_layer(&m, &none);
    const Tensor shape = shape_of(2, (int[]){B, K});
    char text[TENSOR_SHAPE_TEXT];
    expect_true(tensor_same_shape(logits, shape),
                "the result is %s, should be (%d,%d): one row of logits for each image",
                tensor_shape_text(logits, text), B, K);
    mistake_if("y: the head makes logits of it", logits.data == m.a.y.data);
    mistake_if(
        "a->logits, made for the largest batch: tensor_first(a->logits, B) is this "
        "one's",
        logits.data == m.a.logits.data);
    expect("logits", logits, want, TOLERANCE);
    mistake(
        "class tokens' rows of image 0 alone: in class_rows, the next image's row is "
        "n rows further",
        logits_by(&m, &none, ROWS_OF_IMAGE_0));
    mistake("each block reading z_0: a block reads the one before",
            logits_by(&m, &none, ALL_READ_Z_0));
    mistake("the first block L times: block l has weights of its own",
            logits_by(&m, &none, ALL_ARE_THE_FIRST));
    mistake("the head reading z_L^0 itself: [ViT eq.4] normalises it first",
            logits_from(&m, L, 0, false));
    mistake("logits without the head's bias",
            logits_without(m.vit.b_head, logits_from(&m, L, 0, true)));
    mistake("the last token's result: the class token is row 0",
            logits_from(&m, L, N, true));
    mistake("the head reading z_0: it reads the last block's result",
            logits_from(&m, 0, 0, true));
    double *softmaxed = doubles(B * K);
    naive_softmax(B, K, want, softmaxed);
    mistake("a softmax of the logits: cross_entropy makes it", softmaxed);
    mistake("a model with one block too few", logits_from(&m, L - 1, 0, true));
    expect_true(logits.data == m.a.logits.data,
                "The logits are in other memory than a->logits.");
    mistake_if(
        "memory of its own, which nobody gives back: vit_forward's result is a view "
        "of a->logits",
        true);
    kept(&m, &none);
    case_is("dropout with rate %.1f", some.rate);
    hint("Blocks drop elements of their own. Whose dropout is left?");
    logits = vit_forward(&m.vit, m.images, &m.a, &some);
    expect("logits", logits, logits_by(&m, &some, RIGHT), TOLERANCE);
    mistake("z_0 without its dropout, at place AFTER_POSITIONS",
            logits_by(&m, &some, NO_DROPOUT_OF_Z_0));
    mistake("z_0's dropout at place 1, which is a block's: AFTER_POSITIONS is wanted",
            logits_by(&m, &some, DROPOUT_OF_PLACE_1));
    mistake("blocks without their dropout: each is given `dropout`",
            logits_by(&m, &some, NO_DROPOUT_IN_BLOCKS));
    case_is("backward, dropout with rate %.1f", some.rate);
    expect_gradients(&m, &some, gradients_of(&m, &some, &m.a));
    mean_model(&none);
}
