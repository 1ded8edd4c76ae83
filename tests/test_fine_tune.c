/*
 * test_fine_tune.c: training that begins with weights of others (fine_tune.h), its
 * memory (fine_tune_memory.h), and the backward pass of what isn't frozen (freeze.h).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "chapters/05_vision_transformer/training/checkpoint_file.h"
#include "chapters/05_vision_transformer/training/freeze.h"
#include "chapters/07_pretrained_weights/fine_tuning/fine_tune.h"
#include "chapters/07_pretrained_weights/fine_tuning/fine_tune_memory.h"
#include "chapters/07_pretrained_weights/pictures/picture_tensor.h"
#include "chapters/07_pretrained_weights/weights/load.h"
#include "common/files/safetensors_file.h"
#include "tests/check_helpers.h"
#include "tests/scratch.h"
#include "tests/small_run.h"
#include "tests/suites.h"
#include "tests/weights_refused.h"

/* ---- weights of others ------------------------------------------------------ */

static const struct {
    const char *name, *ending;
    int heads;           /* to be given */
    const char *refused; /* NULL: it can be trained */
} models[] = {
    {"timm_class", "safetensors", 0, NULL},
    {"transformers_vit", "safetensors", 0, NULL}, /* epsilon 1e-3 */
    {"transformers_vit_later_names", "safetensors", 0, NULL},
    {"transformers_vit_no_head", "safetensors", 0, NULL},
    {"torchvision", "safetensors", 3, NULL},
    {"torchvision_older_names", "safetensors", 3, NULL}, /* pre_logits */
    {"authors", "npz", 0, NULL},                         /* pre_logits */
    {"authors_no_prefix", "npz", 0, NULL},
    {"big_vision_mean", "npz", 0, NULL},
    {"big_vision_class", "npz", 0, NULL},
    {"timm_distilled", "safetensors", 0, "a distilled model|dist_token"},
    {"transformers_deit", "safetensors", 0, "a distilled model|dist_token"},
    {"transformers_deit_one_head", "safetensors", 0, "a distilled model|dist_token"},
    {"timm_fc_norm", "safetensors", 0, "the norm of the patches' mean|fc_norm"},
    {"timm_mean_beside_class", "safetensors", 0, "the patches' mean|cls_token"},
    {"timm_mean", "safetensors", 0, "images of 2 channels"},
};
enum { MODELS = sizeof models / sizeof models[0], IMAGES = 2, CLASSES = 7 };

static Pretrained read_model(int i) {
    Pretrained model;
    Error error = {""};
    char path[128];
    snprintf(path, sizeof path, REFERENCE "%s/model.%s", models[i].name,
             models[i].ending);
    ck_assert_msg(pretrained_load(&model, path, models[i].heads, &error), "%s",
                  error.text);
    return model;
}

/* As fine_tune_run.c has them, for another number of classes. */
static Settings settings_for(const Pretrained *model) {
    Settings s = settings_default();
    s.model = model->config.vit;
    s.model.classes = CLASSES;
    s.norm_epsilon = model->config.epsilon;
    s.batch = IMAGES;
    return s;
}

static Trainer begun(const Settings *s, Pretrained *model) {
    Trainer t;
    Error error = {""};
    ck_assert_msg(trainer_make(&t, s, IMAGES, &error), "%s", error.text);
    tensor_fill(weights_of(&t), (real)NAN);
    ck_assert_msg(fine_tune_begin(&t, model, INTERPOLATE_BICUBIC, &error), "%s",
                  error.text);
    return t;
}

/* The head reads what it reads where the model comes from, to the bit; and is zero. */
static void check_beginning(Pretrained *model, const char *name) {
    const Settings s = settings_for(model);
    const int labels[IMAGES] = {0, CLASSES - 1};
    const VitConfig *c = &model->config.vit;
    const Dropout none = {.rate = 0};
    Trainer t = begun(&s, model);
    PretrainedActivations a;
    Error error = {""};
    Tensor images = random_tensor('x', SHAPE(IMAGES, c->channels, c->height, c->width));
    Tensor not_wanted = {.data = NULL};
    ck_assert(pretrained_activations_make(&a, &model->config, IMAGES, &error));
    pretrained_forward(model, images, &a);
    VitActivations *ours = &t.workers[0].activations;
    Tensor logits = vit_forward(&t.vit, images, ours, &none);
    ck_assert_msg(!bits_difference(ours->y, a.y, name), "%s",
                  bits_difference(ours->y, a.y, name));
    assert_same_bits(logits, zero_tensor(SHAPE(IMAGES, CLASSES)));
    const double loss = cross_entropy(logits, labels, 0, 1.0 / IMAGES, not_wanted);
    assert_number_close(loss / IMAGES, log(CLASSES), TOLERANCE, "the first loss");
    pretrained_activations_free(&a);
    trainer_free(&t);
}

START_TEST(weights_of_others_begin_where_they_are) {
    Pretrained model = read_model(_i);
    Error error = {""};
    if (models[_i].refused) {
        ck_assert(!fine_tune_can(&model.config, &error));
        assert_error_line(error, models[_i].refused);
    } else {
        ck_assert_msg(fine_tune_can(&model.config, &error), "%s", error.text);
        check_beginning(&model, models[_i].name);
    }
    pretrained_free(&model);
}
END_TEST

/* ---- pixels ------------------------------------------------------------------ */

/* A data set's images are what the recipe makes of the same pictures. */
static void check_pixels(const Recipe *recipe) {
    unsigned char pixels[PICTURE_CHANNELS * 256];
    Picture picture = {.width = 16, .height = 16, .pixels = pixels};
    Dataset data = {.classes = 0};
    unsigned char planes[PICTURE_CHANNELS * 256];
    int label = 0;
    Error error = {""};
    for (int i = 0; i < PICTURE_CHANNELS * 256; i++) {
        pixels[i] = (unsigned char)(i * 7);
        planes[i % PICTURE_CHANNELS * 256 + i / PICTURE_CHANNELS] = pixels[i];
    }
    data.test = (ImageSet){1, PICTURE_CHANNELS, 16, 16, planes, &label, NULL};
    ck_assert_msg(fine_tune_pixels(recipe, data.mean, data.deviation, &error), "%s",
                  error.text);
    Tensor want = zero_tensor(SHAPE(PICTURE_CHANNELS, 16, 16)), got = copy_of(want);
    picture_to_tensor(&picture, recipe, want);
    dataset_image(&data, &data.test, 0, &(Augmentation){.shift = 0}, got);
    assert_tensor_close(got, want, TOLERANCE, recipe->name);
}

START_TEST(pixels_are_the_recipes) {
    Recipe r;
    Error error = {""};
    ck_assert(recipe_named(&r, "deit", 16, 16, &error));
    check_pixels(&r);
    r.scale = 1.0 / 127; /* some processors begin with pixels up to 2 */
    check_pixels(&r);
    ck_assert(recipe_named(&r, "square", 16, 16, &error));
    check_pixels(&r);
    r.scale = 0.00392156862745; /* a file has no more digits of 1/255 */
    check_pixels(&r);
    r.scale = 1; /* mean and deviation are of 0 to 255 */
    for (int c = 0; c < PICTURE_CHANNELS; c++) {
        r.mean[c] = 100 + c;
        r.deviation[c] = 50 + c;
    }
    check_pixels(&r);
}
END_TEST

START_TEST(pixels_that_no_checkpoint_keeps_are_refused) {
    double mean[DATASET_MAX_CHANNELS], deviation[DATASET_MAX_CHANNELS];
    const double bad[][2] = {{-0.1, 0.5}, {1.1, 0.5}, {0.5, 0}, {0.5, 2}, {0.5, NAN}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        Recipe r;
        Error error = {""};
        ck_assert(recipe_named(&r, "deit", 16, 16, &error));
        snprintf(r.why, sizeof r.why, "a.json");
        r.mean[2] = bad[i][0];
        r.deviation[2] = bad[i][1];
        ck_assert(!fine_tune_pixels(&r, mean, deviation, &error));
        assert_error_line(error, "recipe of a.json|from 0 to 1");
    }
}
END_TEST

/* ---- memory ------------------------------------------------------------------ */

static double bytes_for(Settings s, int batch, int threads) {
    s.batch = batch;
    s.threads = threads;
    return fine_tune_bytes(&s);
}

START_TEST(the_memory_is_known_before_it_is_taken) {
    Settings s = small_settings();
    const int batches[] = {1, 3, 20}, threads[] = {1, 3};
    s.model.depth = 5;
    s.model.block = (BlockConfig){.D = 64, .heads = 2, .M = 256};
    for (int i = 0; i < 18; i++) {
        Trainer t;
        Error error = {""};
        s.batch = batches[i % 3];
        s.threads = threads[i / 3 % 2];
        s.freeze = 2 * (i / 6) + i / 12; /* 0, 2, 5: all blocks */
        ck_assert(trainer_make(&t, &s, 20, &error));
        ck_assert(fine_tune_bytes(&s) == trainer_bytes(&t) - 20 * sizeof(int));
        trainer_free(&t);
    }
}
END_TEST

/* What of this program is in memory, in bytes; 0: the system doesn't say. */
static double resident(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    long all, pages = 0;
    if (file) {
        pages = fscanf(file, "%ld %ld", &all, &pages) == 2 ? pages : 0;
        fclose(file);
    }
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Of a trainer with some steps behind it and a checkpoint saved. */
static double taken_by(const Settings *s, const Dataset *data, double *stated) {
    Error error = {""};
    const double before = resident();
    Trainer t = new_trainer(s, data);
    train_to(&t, data, 2);
    ck_assert_msg(checkpoint_save(in_scratch("x.safetensors"), &t, data, &error), "%s",
                  error.text);
    const double taken = resident() - before;
    *stated = trainer_bytes(&t);
    trainer_free(&t);
    return taken;
}

START_TEST(what_is_frozen_takes_memory_for_its_weights_alone) {
    Dataset data = small_dataset(20, 10);
    Settings s = small_settings();
    double all, part;
    s.model.depth = 5;
    s.model.block = (BlockConfig){.D = 256, .heads = 2, .M = 2048};
    s.freeze = 5;
    const double frozen = taken_by(&s, &data, &part);
    s.freeze = 0;
    const double trained = taken_by(&s, &data, &all);
    const double weights = (double)vit_parameter_formula(&s.model) * sizeof(real);
    ck_assert(all > 4 * weights && part < 1.5 * weights);
    if (resident() > 0) {
        ck_assert_msg(trained > 0.9 * all, "%g of %g MB", trained / 1e6, all / 1e6);
        ck_assert_msg(frozen < part + weights / 2, "%g MB, stated as %g, weights %g",
                      frozen / 1e6, part / 1e6, weights / 1e6);
    }
    dataset_free(&data);
}
END_TEST

/* A machine in which these settings fit with a tenth to spare, and nothing larger. */
static double machine_for(Settings s, int batch, int threads) {
    return bytes_for(s, batch, threads) / 0.9 + 1e-6;
}

START_TEST(what_does_not_fit_gives_a_line_that_says_what_does) {
    Settings s = small_settings();
    Error error = {""};
    s.batch = 64;
    s.threads = 4;
    ck_assert(fine_tune_fits(&s, bytes_for(s, 64, 4), &error));
    ck_assert(!fine_tune_fits(&s, bytes_for(s, 64, 4) - 1, &error));
    assert_error_line(error,
                      "with --batch 64 and --threads 4|this machine has|would fit");
    ck_assert(!fine_tune_fits(&s, machine_for(s, 20, 4), &error)); /* slices of 5 */
    assert_error_line(error, "--batch 20 (");
    ck_assert(!fine_tune_fits(&s, machine_for(s, 20, 4) - 10, &error));
    assert_error_line(error, "--batch 16 (");
    ck_assert(!fine_tune_fits(&s, machine_for(s, 64, 2), &error));
    assert_error_line(error, ") or --threads 2 (");
    ck_assert(!fine_tune_fits(&s, machine_for(s, 1, 1), &error));
    assert_error_line(error, ": --batch 1 --threads 1 would fit, in ");
    ck_assert(!fine_tune_fits(&s, machine_for(s, 1, 1) - 10, &error));
    assert_error_line(error, "even --batch 1 --threads 1 takes");
    ck_assert_double_gt(machine_bytes(), 1e8);
}
END_TEST

/* ---- frozen blocks ------------------------------------------------------------ */

/* Gradients of a random model by both ways: the frozen ones stay as they are, all
 * others have the same bits. */
static void check_backward(Settings s, int freeze) {
    Dataset data = small_dataset(20, 10);
    const Dropout dropout = {.rate = 0.1, .seed = 3};
    s.freeze = freeze;
    Trainer t = new_trainer(&s, &data);
    Vit d = {.config = s.model};
    VitActivations *a = &t.workers[0].activations;
    const int n = (int)t.list.total, frozen = (int)t.trained.items[0].offset;
    tensor_copy(weights_of(&t), random_tensor('w', SHAPE(n)));
    Tensor images = random_tensor('x', SHAPE(2, 1, SMALL_SIDE, SMALL_SIDE));
    Tensor all = zero_tensor(SHAPE(n)), some = zero_tensor(SHAPE(n));
    Tensor dlogits = random_tensor('d', SHAPE(2, SMALL_CLASSES));
    vit_forward(&t.vit, images, a, &dropout);
    parameters_view(&t.list, vit_parameters, &d, all.data);
    vit_backward(&t.vit, &d, a, &dropout, copy_of(dlogits));
    vit_forward(&t.vit, images, a, &dropout); /* backward wrote over what it kept */
    parameters_view(&t.list, vit_parameters, &d, some.data);
    backward_down_to(&t.vit, &d, a, &dropout, dlogits, freeze, NULL);
    ck_assert_int_eq(frozen > 0, freeze > 0);
    tensor_fill(tensor1(all.data, frozen), 0);
    assert_same_bits(some, all);
    ck_assert_double_gt(tensor_max_abs_difference(some, zero_tensor(SHAPE(n))), 0);
    trainer_free(&t);
    dataset_free(&data);
}

START_TEST(what_is_trained_has_the_gradients_of_the_whole_backward_pass) {
    Settings s = small_settings();
    s.model.depth = 3;
    for (int freeze = 0; freeze <= 3; freeze++) {
        s.model.pool = POOL_CLASS;
        s.model.block.norm = PRE_NORM;
        check_backward(s, freeze);
        s.model.pool = POOL_MEAN;
        check_backward(s, freeze);
        s.model.block.norm = POST_NORM;
        check_backward(s, freeze);
    }
}
END_TEST

/* What the optimiser doesn't read isn't computed: the gradients of frozen blocks. */
START_TEST(a_step_computes_no_gradients_of_frozen_blocks) {
    Dataset data = small_dataset(20, 10);
    Settings s = small_settings();
    s.threads = 2;
    s.freeze = 1;
    Trainer t = new_trainer(&s, &data);
    train_to(&t, &data, 3);
    for (int w = 0; w < 2; w++) {
        const int frozen = (int)t.trained.items[0].offset;
        assert_same_bits(tensor1(t.workers[w].gradients, frozen),
                         zero_tensor(SHAPE(frozen)));
    }
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

Suite *fine_tune_suite(void) {
    Suite *suite = suite_create("fine_tune");
    TCase *others = add_case(suite, "weights of others");
    tcase_add_loop_test(others, weights_of_others_begin_where_they_are, 0, MODELS);
    TCase *pixels = add_case(suite, "pixels");
    tcase_add_test(pixels, pixels_are_the_recipes);
    tcase_add_test(pixels, pixels_that_no_checkpoint_keeps_are_refused);
    TCase *memory = add_scratch_case(suite, "memory");
    tcase_add_test(memory, the_memory_is_known_before_it_is_taken);
    tcase_add_test(memory, what_does_not_fit_gives_a_line_that_says_what_does);
    tcase_add_test(memory, what_is_frozen_takes_memory_for_its_weights_alone);
    TCase *frozen = add_case(suite, "frozen blocks");
    tcase_add_test(frozen,
                   what_is_trained_has_the_gradients_of_the_whole_backward_pass);
    tcase_add_test(frozen, a_step_computes_no_gradients_of_frozen_blocks);
    return suite;
}
