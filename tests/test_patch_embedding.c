/* test_patch_embedding.c: patches, class token, positions (patch_embedding.h). */
#include "tests/check_helpers.h"
#include "tests/naive_vit.h"
#include "chapters/05_vision_transformer/model/patch_embedding.h"
#include "tests/suites.h"

typedef struct {
    int B, C, H, W, P, D, N;
    PatchEmbedding layer, d;
    PatchEmbeddingActivations a;
    Tensor images, z_0;
} Embedding;

/* A layer over random weights, its gradients zero; activations for one image more
 * than there are. */
static Embedding embedding_of(int B, int C, int H, int W, int P, int D) {
    Embedding e = {.B = B, .C = C, .H = H, .W = W, .P = P, .D = D};
    e.N = (H / P) * (W / P);
    const PatchEmbeddingConfig config = {
        .D = D, .channels = C, .patch = P, .down = H / P, .across = W / P};
    ParameterBlock counted = {0};
    patch_embedding_parameters(&e.layer, &counted, &config);
    ParameterBlock weights = test_block(&counted), gradients = test_block(&counted);
    patch_embedding_parameters(&e.layer, &weights, &config);
    patch_embedding_parameters(&e.d, &gradients, &config);
    tensor_copy(e.layer.cls_token, random_tensor('c', SHAPE(1, 1, D)));
    tensor_copy(e.layer.pos_embed, random_tensor('p', SHAPE(1, e.N + 1, D)));
    tensor_copy(e.layer.E, random_tensor('E', SHAPE(D, C, P, P)));
    tensor_copy(e.layer.b_E, random_tensor('b', SHAPE(D)));
    Arena plan = {0};
    patch_embedding_activations(&e.a, &plan, B + 1, &config);
    Arena arena = test_arena(&plan);
    patch_embedding_activations(&e.a, &arena, B + 1, &config);
    e.images = random_tensor('x', SHAPE(B, C, H, W));
    e.z_0 = unset_tensor(SHAPE(B, e.N + 1, D));
    return e;
}

static void forward(Embedding *e) {
    patch_embedding_forward(&e->layer, e->images, &e->a, e->z_0);
}

/* ---- shapes -------------------------------------------------------------- */

START_TEST(patches_of_another_shape_stop_the_program) {
    Tensor images = zero_tensor(SHAPE(2, 1, 4, 6));
    Tensor patches = zero_tensor(SHAPE(2, 5, 4)); /* there are 6 */
    assert_stops("patches_from_images|patches is (2,5,4), want (2,6,4)",
                 patches_from_images(images, 2, patches));
}
END_TEST

START_TEST(tokens_without_room_for_the_class_token_stop_the_program) {
    Embedding e = embedding_of(2, 1, 4, 6, 2, 3);
    Tensor z_0 = zero_tensor(SHAPE(2, 6, 3));
    assert_stops("patch_embedding_forward|z_0 is (2,6,3), want (2,7,3)",
                 patch_embedding_forward(&e.layer, e.images, &e.a, z_0));
}
END_TEST

START_TEST(parameters_have_the_names_and_shapes_of_timm) {
    PatchEmbedding layer;
    Parameter names[4];
    ParameterList list = {.items = names};
    ParameterBlock block = {.list = &list};
    const PatchEmbeddingConfig config = {
        .D = 5, .channels = 3, .patch = 2, .down = 2, .across = 3};
    patch_embedding_parameters(&layer, &block, &config);
    const char *want[4] = {"cls_token", "pos_embed", "patch_embed.proj.weight",
                           "patch_embed.proj.bias"};
    const Tensor shapes[4] = {SHAPE(1, 1, 5), SHAPE(1, 7, 5), SHAPE(5, 3, 2, 2),
                              SHAPE(5)};
    ck_assert_int_eq(block.count, 4);
    for (int i = 0; i < 4; i++) {
        ck_assert_str_eq(names[i].name, want[i]);
        ck_assert(tensor_same_shape(names[i].shape, shapes[i]));
        ck_assert_int_eq(names[i].decay, i == 2 ? DECAY : NO_DECAY);
    }
}
END_TEST

/* ---- by hand ------------------------------------------------------------- */

/* Pixel (y, x) of channel c of image b is the number bcyx. */
static Tensor numbered_images(int B, int C, int H, int W) {
    Tensor images = zero_tensor(SHAPE(B, C, H, W));
    for (int i = 0; i < tensor_count(images); i++) {
        const int x = i % W, y = i / W % H, c = i / W / H % C, b = i / W / H / C;
        images.data[i] = (real)(1000 * b + 100 * c + 10 * y + x);
    }
    return images;
}

START_TEST(patches_go_row_by_row_and_channel_first) {
    Tensor patches = unset_tensor(SHAPE(2, 6, 8));
    patches_from_images(numbered_images(2, 2, 4, 6), 2, patches);
    assert_values(tensor_slice(patches, 0), 0, "[ViT 3.1]", 0, 1, 10, 11, 100, 101, 110,
                  111,                                /* top left */
                  2, 3, 12, 13, 102, 103, 112, 113,   /* its right neighbour */
                  4, 5, 14, 15, 104, 105, 114, 115,   /* top right */
                  20, 21, 30, 31, 120, 121, 130, 131, /* then the second row */
                  22, 23, 32, 33, 122, 123, 132, 133, 24, 25, 34, 35, 124, 125, 134,
                  135);
    ck_assert_int_eq((int)patches.data[6 * 8], 1000);         /* the second image */
    ck_assert_int_eq((int)patches.data[2 * 6 * 8 - 1], 1135); /* its last element */
}
END_TEST

START_TEST(a_patch_as_large_as_the_image_is_the_image) {
    Tensor images = random_tensor('x', SHAPE(2, 3, 4, 4));
    Tensor patches = unset_tensor(SHAPE(2, 1, 48));
    patches_from_images(images, 4, patches);
    assert_same_bits(tensor_matrix(patches), tensor2(images.data, 2, 48));
}
END_TEST

START_TEST(the_class_token_comes_first_and_has_position_0) {
    /* Two pixels, each a patch of its own; D = 2. */
    Embedding e = embedding_of(1, 1, 1, 2, 1, 2);
    tensor_copy(e.images, tensor_of(SHAPE(1, 1, 1, 2), 3, 5));
    tensor_copy(e.layer.cls_token, tensor_of(SHAPE(1, 1, 2), 7, 8));
    tensor_copy(e.layer.pos_embed,
                tensor_of(SHAPE(1, 3, 2), 100, 200, 300, 400, 500, 600));
    tensor_copy(e.layer.E, tensor_of(SHAPE(2, 1, 1, 1), 1, 10));
    tensor_copy(e.layer.b_E, tensor_of(SHAPE(2), 0.25, 0.5));
    forward(&e);
    assert_values(e.z_0, 0, "[ViT eq.1]", 107, 208, /* x_class + position 0 */
                  303.25, 430.5,                    /* 3 E + b + position 1 */
                  505.25, 650.5);                   /* 5 E + b + position 2 */
}
END_TEST

START_TEST(gradients_by_hand_are_summed_over_the_batch) {
    Embedding e = embedding_of(2, 1, 1, 2, 1, 1);
    tensor_copy(e.images, tensor_of(SHAPE(2, 1, 1, 2), 3, 5, 7, 11));
    forward(&e);
    Tensor dz_0 = tensor_of(SHAPE(2, 3, 1), 1, 2, 4, 10, 20, 40);
    patch_embedding_backward(&e.layer, &e.d, &e.a, dz_0);
    assert_values(e.d.cls_token, 0, "[ViT eq.1]", 11);         /* 1 + 10 */
    assert_values(e.d.pos_embed, 0, "[ViT eq.1]", 11, 22, 44); /* image by image */
    assert_values(e.d.b_E, 0, "[ViT eq.1]", 66);               /* 2 + 4 + 20 + 40 */
    assert_values(e.d.E, 0, "[ViT eq.1]", 606); /* 2*3 + 4*5 + 20*7 + 40*11 */
}
END_TEST

/* ---- against the naive formula ------------------------------------------- */

typedef struct {
    Embedding e;
    Tensor C; /* the loss is the sum of C o z_0 */
    double *cls, *pos, *E, *b_E;
} Trial;

static NaiveEmbedding naive_of(const Trial *t) {
    const Embedding *e = &t->e;
    return (NaiveEmbedding){e->B, e->C,   e->H,   e->W, e->P,
                            e->D, t->cls, t->pos, t->E, t->b_E};
}

static Trial trial_of(int B, int C, int H, int W, int P, int D) {
    Trial t = {.e = embedding_of(B, C, H, W, P, D)};
    t.C = random_tensor('C', SHAPE(B, t.e.N + 1, D));
    t.cls = doubles_of(t.e.layer.cls_token);
    t.pos = doubles_of(t.e.layer.pos_embed);
    t.E = doubles_of(t.e.layer.E);
    t.b_E = doubles_of(t.e.layer.b_E);
    return t;
}

static double naive_loss(void *context) {
    const Trial *t = context;
    const NaiveEmbedding naive = naive_of(t);
    double *z_0 = test_doubles(tensor_count(t->C)), sum = 0;
    double *images = doubles_of(t->e.images), *C = doubles_of(t->C);
    naive_embedding(&naive, images, z_0);
    for (long i = 0; i < tensor_count(t->C); i++) {
        sum += C[i] * z_0[i];
    }
    return sum;
}

START_TEST(tokens_equal_the_naive_formula) {
    Trial t = trial_of(3, 2, 6, 4, 2, 5);
    double *want = test_doubles(tensor_count(t.C));
    const NaiveEmbedding naive = naive_of(&t);
    naive_embedding(&naive, doubles_of(t.e.images), want);
    forward(&t.e);
    assert_close_to_naive(t.e.z_0, want, TOLERANCE, "[ViT eq.1]");
}
END_TEST

START_TEST(every_gradient_is_that_of_the_naive_formula) {
    Trial t = trial_of(3, 2, 6, 4, 2, 5);
    forward(&t.e);
    patch_embedding_backward(&t.e.layer, &t.e.d, &t.e.a, t.C);
    const PatchEmbedding *d = &t.e.d;
    assert_gradient_of_naive(naive_loss, &t, t.cls, d->cls_token, "[ViT eq.1]");
    assert_gradient_of_naive(naive_loss, &t, t.pos, d->pos_embed, "[ViT eq.1]");
    assert_gradient_of_naive(naive_loss, &t, t.E, d->E, "[ViT eq.1]");
    assert_gradient_of_naive(naive_loss, &t, t.b_E, d->b_E, "[ViT eq.1]");
}
END_TEST

START_TEST(backward_adds_to_what_is_there) {
    Trial t = trial_of(2, 1, 4, 4, 2, 3);
    forward(&t.e);
    patch_embedding_backward(&t.e.layer, &t.e.d, &t.e.a, t.C);
    Tensor all[4] = {t.e.d.cls_token, t.e.d.pos_embed, t.e.d.E, t.e.d.b_E}, twice[4];
    for (int i = 0; i < 4; i++) {
        twice[i] = copy_of(all[i]);
        tensor_scale(twice[i], 2);
    }
    patch_embedding_backward(&t.e.layer, &t.e.d, &t.e.a, t.C);
    for (int i = 0; i < 4; i++) {
        assert_tensor_close(all[i], twice[i], TOLERANCE, "+=");
    }
}
END_TEST

Suite *patch_embedding_suite(void) {
    Suite *suite = suite_create("patch_embedding");
    TCase *shapes = add_case(suite, "shapes");
    tcase_add_test(shapes, patches_of_another_shape_stop_the_program);
    tcase_add_test(shapes, tokens_without_room_for_the_class_token_stop_the_program);
    tcase_add_test(shapes, parameters_have_the_names_and_shapes_of_timm);
    TCase *by_hand = add_case(suite, "by hand");
    tcase_add_test(by_hand, patches_go_row_by_row_and_channel_first);
    tcase_add_test(by_hand, a_patch_as_large_as_the_image_is_the_image);
    tcase_add_test(by_hand, the_class_token_comes_first_and_has_position_0);
    tcase_add_test(by_hand, gradients_by_hand_are_summed_over_the_batch);
    TCase *naive = add_case(suite, "against the naive formula");
    tcase_add_test(naive, tokens_equal_the_naive_formula);
    tcase_add_test(naive, every_gradient_is_that_of_the_naive_formula);
    tcase_add_test(naive, backward_adds_to_what_is_there);
    return suite;
}
