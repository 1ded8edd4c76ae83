/* test_checkpoint.c: a run saved, resumed and damaged (checkpoint.h). */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check_helpers.h"
#include "chapters/05_vision_transformer/training/checkpoint_file.h"
#include "common/files/safetensors_file.h"
#include "tests/scratch.h"
#include "tests/small_run.h"
#include "tests/suites.h"

static Tensor block_of(const Trainer *t, real *block) {
    return tensor1(block, (int)t->list.total);
}

static const char *saved(const Trainer *t, const Dataset *data, const char *name) {
    const char *path = in_scratch("%s", name);
    Error error = {""};
    ck_assert_msg(checkpoint_save(path, t, data, &error), "%s", error.text);
    return path;
}

/* A trainer with the checkpoint's settings, and its weights, moments and step. */
static Trainer resumed(const char *path, const Dataset *data) {
    CheckpointInfo info;
    Error error = {""};
    ck_assert_msg(checkpoint_info(path, &info, &error), "%s", error.text);
    Trainer t = new_trainer(&info.settings, data);
    ck_assert_msg(checkpoint_load(path, &t, &error), "%s", error.text);
    return t;
}

static void assert_same_run(const Trainer *a, const Trainer *b) {
    ck_assert_int_eq(a->step, b->step);
    assert_same_bits(block_of(a, a->weights), block_of(b, b->weights));
    assert_same_bits(block_of(a, a->m), block_of(b, b->m));
    assert_same_bits(block_of(a, a->v), block_of(b, b->v));
}

/* ---- saving and loading -------------------------------------------------- */

START_TEST(what_is_saved_is_loaded_bit_for_bit) {
    Dataset data = small_dataset(20, 10);
    const Settings s = small_settings();
    Trainer t = new_trainer(&s, &data);
    train_to(&t, &data, 3);
    Trainer back = resumed(saved(&t, &data, "run"), &data);
    ck_assert_int_eq(back.step, 3);
    assert_same_run(&back, &t);
    ck_assert_double_gt(gradient_norm(back.m, back.list.total), 0);
    ck_assert_double_gt(gradient_norm(back.v, back.list.total), 0);
    trainer_free(&t);
    trainer_free(&back);
    dataset_free(&data);
}
END_TEST

START_TEST(memory_has_the_same_bytes_and_loads_as_a_file_does) {
    Dataset data = small_dataset(20, 10);
    const Settings s = small_settings();
    Trainer t = new_trainer(&s, &data), back = new_trainer(&s, &data);
    SafetensorsBuffer buffer = {0};
    Safetensors file;
    CheckpointInfo info;
    Error error = {""};
    train_to(&t, &data, 3);
    ck_assert(
        checkpoint_encode(&t, &data, "memory", safetensors_into(&buffer), &error));
    const Bytes bytes = {.bytes = buffer.bytes, .count = buffer.count};
    ck_assert(same_bytes(read_bytes_of(saved(&t, &data, "run")), bytes));
    ck_assert(safetensors_decode(&file, safetensors_from(buffer.bytes, buffer.count),
                                 "memory", &error));
    ck_assert_msg(checkpoint_read_info(&file, &info, &error), "%s", error.text);
    ck_assert_msg(checkpoint_read(&file, &back, &error), "%s", error.text);
    safetensors_close(&file);
    ck_assert_int_eq(info.step, 3);
    assert_same_run(&back, &t);
    t.m[0] = (real)INFINITY;
    ck_assert(
        !checkpoint_encode(&t, &data, "memory", safetensors_into(&buffer), &error));
    assert_error_line(error, "memory: not saved: after step 3|infinity");
    free(buffer.bytes);
    trainer_free(&t);
    trainer_free(&back);
    dataset_free(&data);
}
END_TEST

START_TEST(a_checkpoint_knows_its_data_and_its_last_loss_an_older_one_does_not) {
    Dataset data = small_dataset(20, 10);
    const Settings s = small_settings();
    Trainer t = new_trainer(&s, &data);
    data.checksum = 4294967295u;
    t.last_loss = 1.25;
    const char *path = saved(&t, &data, "run");
    CheckpointInfo info;
    Error error = {""};
    ck_assert(checkpoint_info(path, &info, &error));
    ck_assert_double_eq(info.checksum, 4294967295.0);
    ck_assert_double_eq(info.last_loss, 1.25);
    replace_in(path, "data_crc32", "data_crc99");
    replace_in(path, "last_loss", "lost_loss");
    ck_assert(checkpoint_info(path, &info, &error));
    ck_assert_double_eq(info.checksum, -1);
    ck_assert_double_eq(info.last_loss, -1);
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

START_TEST(a_checkpoint_says_everything_that_decides_a_run) {
    Dataset data = small_dataset(20, 10);
    Settings s = small_settings();
    s.seed = 18446744073709551615u;
    s.adamw.beta2 = 0.1 + 0.2;
    s.model.block.norm = POST_NORM;
    data.mean[0] = 1.0 / 3;
    Trainer t = new_trainer(&s, &data);
    train_to(&t, &data, 2);
    CheckpointInfo info;
    Error error = {""};
    ck_assert(checkpoint_info(saved(&t, &data, "run"), &info, &error));
    ck_assert_int_eq(info.step, 2);
    ck_assert_int_eq(info.train_images, 20);
    ck_assert(info.mean[0] == data.mean[0] && info.deviation[0] == data.deviation[0]);
    ck_assert(info.split < 0); /* it isn't there */
    for (int i = 0; i < settings_count(); i++) {
        char is[SETTINGS_TEXT], want[SETTINGS_TEXT];
        settings_get(&info.settings, i, is);
        settings_get(&s, i, want);
        ck_assert_msg(strcmp(is, want) == 0, "%s is %s, not %s", settings_name(i), is,
                      want);
    }
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

/* What a colour run adds: a mean for each channel, and here a split. */
START_TEST(a_colour_run_has_a_mean_for_each_channel) {
    const double mean[] = {0.5, 0.25, 1.0 / 3}, deviation[] = {0.1, 0.2, 0.3};
    unsigned char pixels[4 * 3 * SMALL_SIDE * SMALL_SIDE] = {0};
    int labels[4] = {0};
    Dataset data = {.train = {4, 3, SMALL_SIDE, SMALL_SIDE, pixels, labels, NULL},
                    .split = 0.2,
                    .classes = SMALL_CLASSES};
    memcpy(data.mean, mean, sizeof mean);
    memcpy(data.deviation, deviation, sizeof deviation);
    Settings s = small_settings();
    s.model.channels = 3;
    Trainer t = new_trainer(&s, &data);
    CheckpointInfo info;
    Error error = {""};
    const char *path = saved(&t, &data, "made");
    ck_assert_msg(checkpoint_info(path, &info, &error), "%s", error.text);
    ck_assert_mem_eq(info.mean, mean, sizeof mean);
    ck_assert_mem_eq(info.deviation, deviation, sizeof deviation);
    ck_assert(info.split == 0.2);
    replace_in(path, "0.5 0.25 ", "0.5 0.255"); /* one number fewer, and a longer one */
    ck_assert(!checkpoint_info(path, &info, &error));
    assert_error_line(error, "damaged: mean is \"0.5 0.255");
    trainer_free(&t);
}
END_TEST

static Dataset names_in(const char *path, bool good, Error *error) {
    Dataset names = {.classes = 0};
    CheckpointInfo info;
    ck_assert_msg(checkpoint_info(path, &info, error), "%s", error->text);
    ck_assert_int_eq(checkpoint_names(path, &info, &names, error), good);
    return names;
}

START_TEST(a_checkpoint_has_the_names_of_the_classes) {
    static const char *const own[SMALL_CLASSES] = {
        "cat", "a \\ dog", "\xC3\xA9l\xC3\xA9phant", "d", "e", "f", "g", "h", "i", "7"};
    Dataset data = small_dataset(20, 10);
    const Settings s = small_settings();
    Trainer t = new_trainer(&s, &data);
    Error error = {""};
    ck_assert(dataset_name(&data, SMALL_CLASSES, own, &error));
    const char *path = saved(&t, &data, "made");
    Dataset names = names_in(path, true, &error);
    ck_assert_int_eq(names.classes, SMALL_CLASSES);
    ck_assert(names.has_class_names);
    for (int k = 0; k < SMALL_CLASSES; k++) {
        ck_assert_str_eq(names.class_name[k], own[k]);
    }
    dataset_free(&names);
    replace_in(path, "cat\\u000A", "cat\\u0009");
    names_in(path, false, &error);
    assert_error_line(error, "made: damaged: class_names is");
    ck_assert(dataset_name(&data, SMALL_CLASSES, NULL, &error)); /* they have none */
    names = names_in(saved(&t, &data, "made"), true, &error);
    ck_assert(!names.has_class_names);
    ck_assert_str_eq(names.class_name[9], "9");
    ck_assert_ptr_null(
        strstr((const char *)read_bytes_of(path).bytes + 8, "class_names"));
    dataset_free(&names);
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

START_TEST(the_same_run_saves_the_same_bytes) {
    Dataset data = small_dataset(20, 10);
    const Settings s = small_settings();
    Trainer a = new_trainer(&s, &data), b = new_trainer(&s, &data);
    train_to(&a, &data, 4);
    train_to(&b, &data, 4);
    const char *first = saved(&a, &data, "a"), *second = saved(&b, &data, "b");
    ck_assert(same_bytes(read_bytes_of(first), read_bytes_of(second)));
    trainer_free(&a);
    trainer_free(&b);
    dataset_free(&data);
}
END_TEST

START_TEST(tensors_have_timms_names_and_moments_their_prefix) {
    Dataset data = small_dataset(20, 10);
    const Settings s = small_settings();
    Trainer t = new_trainer(&s, &data);
    train_to(&t, &data, 1);
    Safetensors file;
    Error error = {""};
    ck_assert(safetensors_open(&file, saved(&t, &data, "run"), &error));
    const char *names[] = {"head.weight", "adamw.m.head.weight", "adamw.v.head.weight"};
    Tensor got[3];
    for (int i = 0; i < 3; i++) {
        got[i] = unset_tensor(SHAPE(10, 8));
        ck_assert_msg(safetensors_read(&file, names[i], got[i], &error), "%s",
                      error.text);
    }
    assert_same_bits(got[0], t.vit.W_head);
    ck_assert_double_gt(tensor_max_abs_difference(got[1], got[2]), 0);
    safetensors_close(&file);
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

/* ---- resuming ------------------------------------------------------------ */

/* 12 steps in one go, and with a new trainer after `cut` of them, give the same bits.
 * 21 images in batches of 4: an epoch ends after steps 5 and 10. */
static void check_resuming(Settings s, long cut) {
    Dataset data = small_dataset(21, 10);
    Trainer whole = new_trainer(&s, &data), first = new_trainer(&s, &data);
    train_to(&whole, &data, 12);
    train_to(&first, &data, cut);
    Trainer second = resumed(saved(&first, &data, "run"), &data);
    trainer_free(&first);
    train_to(&second, &data, 12);
    assert_same_run(&second, &whole);
    trainer_free(&whole);
    trainer_free(&second);
    dataset_free(&data);
}

START_TEST(a_resumed_run_goes_on_bit_for_bit) {
    Settings s = small_settings();
    for (s.threads = 1; s.threads <= 2; s.threads++) {
        check_resuming(s, 7);
    }
}
END_TEST

START_TEST(a_run_can_be_cut_at_any_step) {
    for (long cut = 0; cut <= 12; cut++) {
        check_resuming(small_settings(), cut);
    }
}
END_TEST

START_TEST(other_models_resume_too) {
    Settings s = small_settings();
    s.model.block.norm = POST_NORM;
    s.model.block.activation = ACTIVATION_RELU;
    s.schedule = SCHEDULE_NOAM;
    s.lr = 0.05;
    check_resuming(s, 7);
    s = small_settings();
    s.optimiser = OPTIMISER_SGD;
    s.momentum = 0.8;
    s.freeze = 1;
    s.total_steps = 13;
    s.norm_epsilon = 1e-2;
    check_resuming(s, 7);
}
END_TEST

/* A file of before there was a choice is of a run by AdamW, with nothing frozen. */
START_TEST(an_older_file_says_nothing_of_fine_tuning) {
    Dataset data = small_dataset(20, 10);
    Settings s = small_settings();
    s.optimiser = OPTIMISER_SGD;
    s.momentum = 0.5;
    s.freeze = 1;
    s.total_steps = 13;
    s.norm_epsilon = 1e-12;
    s.pixels = PIXELS_GIVEN;
    Trainer t = new_trainer(&s, &data);
    const char *path = saved(&t, &data, "run");
    const char *const names[][2] = {{"optimiser", "optimizer"},
                                    {"momentum", "momentom"},
                                    {"freeze", "frieze"},
                                    {"total_steps", "total-steps"},
                                    {"layer_norm_eps", "layer_norm_esp"},
                                    {"pixels", "pixles"}};
    CheckpointInfo info;
    Error error = {""};
    ck_assert(checkpoint_info(path, &info, &error));
    ck_assert(info.settings.optimiser == OPTIMISER_SGD && info.settings.freeze == 1 &&
              info.settings.momentum == 0.5 && info.settings.total_steps == 13);
    ck_assert(info.settings.norm_epsilon == 1e-12 &&
              info.settings.pixels == PIXELS_GIVEN);
    for (int i = 0; i < 6; i++) {
        replace_in(path, names[i][0], names[i][1]);
    }
    ck_assert_msg(checkpoint_info(path, &info, &error), "%s", error.text);
    ck_assert(info.settings.optimiser == OPTIMISER_ADAMW && info.settings.freeze == 0 &&
              info.settings.momentum == 0.9 && info.settings.total_steps == 0);
    ck_assert(info.settings.norm_epsilon == LAYER_NORM_EPSILON &&
              info.settings.pixels == PIXELS_MEASURED);
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

/* ---- damage -------------------------------------------------------------- */

static const char *good_checkpoint(void) {
    Dataset data = small_dataset(20, 10);
    const Settings s = small_settings();
    Trainer t = new_trainer(&s, &data);
    train_to(&t, &data, 3);
    const char *path = saved(&t, &data, "made.safetensors");
    trainer_free(&t);
    dataset_free(&data);
    return path;
}

static const struct {
    const char *from, *to, *words;
} damages[] = {
    {"\"step\":\"3\"", "\"stop\":\"3\"", "lacks \"step\""},
    {"\"step\":\"3\"", "\"step\":\"x\"", "damaged: step is \"x\""},
    {"\"step\":\"3\"", "\"step\":\"\" ", "damaged: step is \"\""},
    {"\"step\":\"3\"", "\"step\":3  ", "lacks \"step\""},
    {"\"train_images\":\"20\"", "\"train_images\":\"2,\"", "train_images is \"2,\""},
    {"\"mean\":\"0.4", "\"mean\":\"1.4", "mean is"},
    {"\"train_images\":\"20\"", "\"train_images\":\"-5\"", "train_images is \"-5\""},
    {"\"train_images\":\"20\"", "\"train_images\":\"00\"", "train_images is \"00\""},
    {"\"deviation\":\"0.25\"", "\"deviation\":\"0.00\"", "deviation is \"0.00\""},
    {"\"deviation\":\"0.25\"", "\"deviation\":\"nan \"", "deviation is \"nan \""},
    {"\"deviation\":\"0.25\"", "\"deviation\":\" inf\"", "deviation is \" inf\""},
    {"\"mean\":\"0.4", "\"mean\":\"x.4", "mean is"},
    {"\"dim\":\"8\"", "\"dim\":\"0\"", "dim is \"0\""},
    {"\"dim\":\"8\"", "\"dum\":\"8\"", "lacks \"dim\""},
    {"\"heads\":\"2\"", "\"heads\":\"3\"", "3 heads"},
    {"\"depth\":\"2\"", "\"depth\":\"9\"", "too short for them"},
    {"\"mlp\":\"12\"", "\"mlp\":\"9e\"", "mlp is \"9e\""},
    {"\"depth\":\"2\"", "\"depth\":\"z\"", "depth is \"z\""},
    {"\"patch\":\"4\"", "\"patch\":\"3\"", "patch of 3"},
    {"\"seed\":\"5\"", "\"seed\":\"-\"", "seed is \"-\""},
    {"\"norm\":\"0\"", "\"norm\":\"2\"", "norm is \"2\""},
    {"\"classes\":\"10\"", "\"classes\":\"00\"", "classes is \"00\""},
    {"\"channels\":\"1\"", "\"channels\":\"2\"", "2 channels"},
    {"\"channels\":\"1\"", "\"channels\":\"3\"", "damaged: "},
    {"\"batch\":\"4\"", "\"batch\":\"0\"", "batch is \"0\""},
    {"__metadata__", "__metadota__", "__metadota__"},
};

START_TEST(damaged_metadata_give_a_line) {
    const char *path = good_checkpoint();
    CheckpointInfo info;
    Error error = {""};
    ck_assert_msg(checkpoint_info(path, &info, &error), "%s", error.text);
    replace_in(path, damages[_i].from, damages[_i].to);
    ck_assert_msg(!checkpoint_info(path, &info, &error), "%s is accepted",
                  damages[_i].to);
    assert_error_line(error, "made.safetensors");
    assert_error_line(error, damages[_i].words);
}
END_TEST

/* What checkpoint_info would refuse is never written: the good file stays. */
static void assert_not_saved(const char *path, Trainer *t, const Dataset *data,
                             const char *words) {
    const Bytes before = read_bytes_of(path);
    Error error = {""};
    ck_assert_msg(!checkpoint_save(path, t, data, &error), "saved; want %s", words);
    assert_error_line(error, words);
    assert_error_line(error, "what was there before is as it was");
    ck_assert(same_bytes(read_bytes_of(path), before));
    ck_assert_int_eq(files_in_scratch(), 1);
}

START_TEST(what_can_not_be_read_again_is_not_saved) {
    Dataset data = small_dataset(20, 10);
    const Settings s = small_settings();
    Trainer t = new_trainer(&s, &data);
    train_to(&t, &data, 3);
    const char *path = saved(&t, &data, "made");
    t.step = LONG_MAX;
    assert_not_saved(path, &t, &data, "made|not saved|step is \"");
    t.step = 3;
    data.deviation[0] = 0;
    assert_not_saved(path, &t, &data, "made|not saved|deviation is \"0\"");
    data.deviation[0] = (double)NAN;
    assert_not_saved(path, &t, &data, "made|not saved|deviation is \"nan\"");
    data.deviation[0] = 0.25;
    t.settings.lr = (double)INFINITY;
    assert_not_saved(path, &t, &data, "made|not saved|lr is \"inf\"");
    t.settings.lr = s.lr;
    data.train.count = 0;
    assert_not_saved(path, &t, &data, "made|not saved|train_images is \"0\"");
    data.train.count = 20;
    saved(&t, &data, "made");
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

START_TEST(a_run_that_diverges_is_not_saved) {
    Dataset data = small_dataset(20, 10);
    const Settings s = small_settings();
    Trainer t = new_trainer(&s, &data);
    train_to(&t, &data, 3);
    const char *path = saved(&t, &data, "made");
    const long last = t.list.total - 1; /* head.bias[9] */
    real *blocks[] = {t.weights, t.m, t.v};
    const char *words[] = {"after step 3 head.bias has infinity at [9]|--lr",
                           "after step 3 adamw.m.head.bias has infinity at [9]|--clip",
                           "after step 3 adamw.v.head.bias has infinity at [9]|--lr"};
    for (int i = 0; i < 3; i++) {
        const real was = blocks[i][last];
        blocks[i][last] = (real)INFINITY;
        assert_not_saved(path, &t, &data, words[i]);
        blocks[i][last] = (real)NAN;
        assert_not_saved(path, &t, &data, "has NaN at [9]");
        blocks[i][last] = was;
    }
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

START_TEST(a_file_of_other_tensors_is_no_checkpoint) {
    const SafetensorsEntry entry = {"head.weight", random_tensor('h', SHAPE(2, 3))};
    const char *path = in_scratch("other.safetensors");
    CheckpointInfo info;
    Error error = {""};
    ck_assert(safetensors_write(path, &entry, 1, NULL, 0, &error));
    ck_assert(!checkpoint_info(path, &info, &error));
    assert_error_line(error, "other.safetensors|no checkpoint of this course");
    ck_assert(!checkpoint_info(in_scratch("not-there"), &info, &error));
    assert_error_line(error, "not-there|No such file");
}
END_TEST

/* Loading the checkpoint into a trainer with these settings. */
static void assert_load_fails(Settings s, const char *words) {
    Dataset data = small_dataset(20, 10);
    Trainer t = new_trainer(&s, &data);
    Error error = {""};
    ck_assert_msg(!checkpoint_load(in_scratch("made.safetensors"), &t, &error),
                  "loaded; want %s", words);
    assert_error_line(error, "made.safetensors");
    assert_error_line(error, words);
    trainer_free(&t);
    dataset_free(&data);
}

START_TEST(a_trainer_of_another_shape_can_not_load_it) {
    good_checkpoint();
    Settings wide = small_settings(), deep = wide, fine = wide, shallow = wide;
    wide.model.block.D = 16;
    deep.model.depth = 3;
    fine.model.patch = 2;
    shallow.model.depth = 1;
    assert_load_fails(shallow, "of another model: it has");
    assert_load_fails(wide, "another shape|cls_token is (1,1,8), want (1,1,16)");
    assert_load_fails(deep, "no tensor blocks.2.norm1.weight");
    assert_load_fails(fine, "another shape|pos_embed");
}
END_TEST

START_TEST(a_checkpoint_without_a_moment_can_not_be_loaded) {
    replace_in(good_checkpoint(), "adamw.v.head.bias", "adamw.w.head.bias");
    assert_load_fails(small_settings(), "no tensor adamw.v.head.bias");
}
END_TEST

START_TEST(a_weight_that_is_not_a_number_is_refused) {
    const char *path = good_checkpoint();
    Bytes b = read_bytes_of(path);
    const real not_a_number = (real)NAN;
    memcpy(b.bytes + b.count - sizeof(real), &not_a_number, sizeof(real));
    write_bytes(path, b.bytes, b.count);
    assert_load_fails(small_settings(), "adamw.v.head.bias has NaN at [9]");
}
END_TEST

START_TEST(a_mean_of_squares_below_0_is_refused) {
    const char *path = good_checkpoint();
    Bytes b = read_bytes_of(path);
    const real below_0 = (real)-0.001;
    memcpy(b.bytes + b.count - sizeof(real), &below_0, sizeof(real));
    write_bytes(path, b.bytes, b.count);
    assert_load_fails(small_settings(), "damaged: adamw.v.head.bias has -0.001 at [9]");
}
END_TEST

START_TEST(a_full_disk_leaves_the_checkpoint_that_was_there) {
    Dataset data = small_dataset(20, 10);
    const Settings s = small_settings();
    Trainer t = new_trainer(&s, &data);
    const char *path = saved(&t, &data, "kept");
    const Bytes before = read_bytes_of(path);
    Error error = {""};
    train_to(&t, &data, 1);
    file_size_limit((long)before.count / 2);
    const bool ok = checkpoint_save(path, &t, &data, &error);
    file_size_limit(-1);
    ck_assert(!ok);
    assert_error_line(error, "kept|can't be written");
    ck_assert(same_bytes(read_bytes_of(path), before));
    ck_assert_int_eq(files_in_scratch(), 1);
    trainer_free(&t);
    dataset_free(&data);
}
END_TEST

Suite *checkpoint_suite(void) {
    Suite *suite = suite_create("checkpoint");
    TCase *saving = add_scratch_case(suite, "saving and loading");
    tcase_add_test(saving, what_is_saved_is_loaded_bit_for_bit);
    tcase_add_test(saving, memory_has_the_same_bytes_and_loads_as_a_file_does);
    tcase_add_test(saving, a_checkpoint_says_everything_that_decides_a_run);
    tcase_add_test(saving,
                   a_checkpoint_knows_its_data_and_its_last_loss_an_older_one_does_not);
    tcase_add_test(saving, a_colour_run_has_a_mean_for_each_channel);
    tcase_add_test(saving, a_checkpoint_has_the_names_of_the_classes);
    tcase_add_test(saving, the_same_run_saves_the_same_bytes);
    tcase_add_test(saving, tensors_have_timms_names_and_moments_their_prefix);
    TCase *resuming = add_scratch_case(suite, "resuming");
    tcase_add_test(resuming, a_resumed_run_goes_on_bit_for_bit);
    tcase_add_test(resuming, a_run_can_be_cut_at_any_step);
    tcase_add_test(resuming, other_models_resume_too);
    tcase_add_test(resuming, an_older_file_says_nothing_of_fine_tuning);
    TCase *damage = add_scratch_case(suite, "damage");
    tcase_add_loop_test(damage, damaged_metadata_give_a_line, 0,
                        (int)(sizeof damages / sizeof damages[0]));
    tcase_add_test(damage, what_can_not_be_read_again_is_not_saved);
    tcase_add_test(damage, a_run_that_diverges_is_not_saved);
    tcase_add_test(damage, a_file_of_other_tensors_is_no_checkpoint);
    tcase_add_test(damage, a_trainer_of_another_shape_can_not_load_it);
    tcase_add_test(damage, a_checkpoint_without_a_moment_can_not_be_loaded);
    tcase_add_test(damage, a_weight_that_is_not_a_number_is_refused);
    tcase_add_test(damage, a_mean_of_squares_below_0_is_refused);
    tcase_add_test(damage, a_full_disk_leaves_the_checkpoint_that_was_there);
    return suite;
}
