/*
 * test_recipe.c: from a photo to a model's tensor (chapter 7's recipe.h), compared with
 * what timm, torchvision and transformers make of the same pictures
 * (tests/reference/make_recipes.py).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/07_pretrained_weights/pictures/picture_tensor.h"
#include "common/files/safetensors_file.h"
#include "tests/check_helpers.h"
#include "tests/scratch.h"
#include "tests/suites.h"

enum { SIDE = 24 };

/* make_recipes.py's picture() */
static Picture some_picture(int width, int height) {
    Picture p;
    Error error;
    ck_assert(picture_make(&p, width, height, &error));
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            for (int c = 0; c < 3; c++) {
                const int noise = (x * x * 7 + y * y * 11 + x * y * 13) % 97;
                p.pixels[3 * (y * width + x) + c] =
                    (unsigned char)((5 * x + 3 * y + 40 * c + noise) % 256);
            }
        }
    }
    return p;
}

static Recipe named(const char *name, int height, int width) {
    Recipe r;
    Error error = {""};
    ck_assert_msg(recipe_named(&r, name, height, width, &error), "%s", error.text);
    return r;
}

/* ---- tensors ------------------------------------------------------------------ */

/* `levels`: how many levels of 255 a pixel may differ by; in the tall picture, where
 * the order of the axes may be another one, `in_tall`. */
static void assert_as_theirs(const Recipe *r, Safetensors *file, const char *name,
                             double levels, double in_tall) {
    static const int size[][2] = {{61, 47}, {43, 60}, {19, 13}};
    for (int i = 0; i < 3; i++) {
        char entry[40];
        Error error = {""};
        Picture photo = some_picture(size[i][0], size[i][1]), seen;
        Tensor want = unset_tensor(SHAPE(3, SIDE, SIDE)), got = copy_of(want);
        snprintf(entry, sizeof entry, "%s.%dx%d", name, size[i][0], size[i][1]);
        ck_assert_msg(safetensors_read(file, entry, want, &error), "%s", error.text);
        ck_assert_msg(picture_fit(&photo, r, &seen, &error), "%s", error.text);
        picture_to_tensor(&seen, r, got);
        const double smallest =
            fmin(fmin(r->deviation[0], r->deviation[1]), r->deviation[2]);
        const double allowed = (i == 1 ? in_tall : levels) / 255 / smallest + 2e-6;
        const double difference = tensor_max_abs_difference(got, want);
        ck_assert_msg(difference <= allowed, "%s differs by %g levels", entry,
                      difference * 255 * smallest);
        picture_free(&photo);
        picture_free(&seen);
    }
}

static Safetensors reference(void) {
    Safetensors file;
    Error error;
    ck_assert_msg(
        safetensors_open(&file, "tests/reference/recipes.safetensors", &error), "%s",
        error.text);
    return file;
}

START_TEST(pixels_are_those_of_timm_and_torchvision) {
    static const char *const names[] = {"vit", "384", "deit", "torchvision"};
    Safetensors file = reference();
    for (int i = 0; i < 4; i++) {
        const Recipe r = named(names[i], SIDE, SIDE);
        assert_as_theirs(&r, &file, names[i], 0, 0);
    }
    safetensors_close(&file);
}
END_TEST

/* transformers resizes with torch, which rounds differently in places, and always
 * begins with x: PIL doesn't where most of the picture's height is lost. */
START_TEST(pixels_are_those_of_transformers_to_a_level) {
    static const char *const names[] = {"hf-vit", "hf-deit"};
    Safetensors file = reference();
    for (int i = 0; i < 2; i++) {
        Recipe read = named("deit", SIDE, SIDE);
        char text[2000];
        Error error = {""};
        snprintf(text, sizeof text, "%s", safetensors_metadata(&file, names[i]));
        ck_assert_msg(recipe_from_json(&read, text, strlen(text), &error), "%s",
                      error.text);
        assert_as_theirs(&read, &file, names[i], 1, 8);
    }
    Recipe r = named("hf-vit", SIDE, SIDE);
    assert_as_theirs(&r, &file, "hf-vit", 1, 8);
    r = named("hf-deit", SIDE, SIDE);
    r.height = r.width = 28; /* as make_recipes.py has it; 24 / 0.875 is 27 */
    assert_as_theirs(&r, &file, "hf-deit", 1, 8);
    safetensors_close(&file);
}
END_TEST

/* With PIL transformers' pixels are exact; but for its order of the axes. */
START_TEST(an_odd_border_is_cut_off_as_transformers_does_it) {
    static const char *const names[] = {"hf-squash-27", "hf-shortest-27"};
    Safetensors file = reference();
    for (int i = 0; i < 2; i++) {
        Recipe read = named("vit", SIDE, SIDE);
        char text[2000];
        Error error = {""};
        snprintf(text, sizeof text, "%s", safetensors_metadata(&file, names[i]));
        ck_assert_msg(recipe_from_json(&read, text, strlen(text), &error), "%s",
                      error.text);
        assert_as_theirs(&read, &file, names[i], 0, 0);
    }
    safetensors_close(&file);
}
END_TEST

START_TEST(grey_is_the_luminance) {
    Recipe r = named("square", 1, 2);
    Picture p = {
        .width = 2, .height = 1, .pixels = (unsigned char[]){255, 0, 0, 10, 20, 30}};
    Tensor image = unset_tensor(SHAPE(1, 1, 2));
    picture_to_tensor(&p, &r, image);
    assert_values(image, TOLERANCE, "L", 76 / 255.0, 18 / 255.0); /* PIL's */
    Tensor two = unset_tensor(SHAPE(2, 1, 2));
    assert_stops("picture_to_tensor|2 channels", picture_to_tensor(&p, &r, two));
}
END_TEST

/* ---- sizes ---------------------------------------------------------------------- */

START_TEST(the_usual_sizes) {
    static const struct {
        const char *name;
        int side, resize, crop;
        bool squash;
    } known[] = {{"vit", 224, 248, 224, false},
                 {"augreg", 224, 248, 224, false},
                 {"384", 384, 384, 384, false},
                 {"deit", 224, 248, 224, false},
                 {"torchvision", 224, 256, 224, false},
                 {"hf-vit", 224, 224, 0, true},
                 {"hf-deit", 224, 256, 224, true},
                 {"deit", 384, 426, 384, false},
                 {"square", 28, 28, 0, true}};
    for (int i = 0; i < 9; i++) {
        const Recipe r = named(known[i].name, known[i].side, known[i].side);
        ck_assert_int_eq(r.height, known[i].resize);
        ck_assert_int_eq(r.width, known[i].resize);
        ck_assert_int_eq(r.crop ? r.crop_height : 0, known[i].crop);
        ck_assert_int_eq(r.squash, known[i].squash);
    }
}
END_TEST

START_TEST(a_recipe_is_known_by_what_it_makes) {
    Recipe r = named("torchvision", 224, 224);
    r.name[0] = '\0';
    ck_assert_str_eq(recipe_name(&r, 224, 224), "torchvision");
    r.filter = RESIZE_BICUBIC;
    ck_assert_ptr_null(recipe_name(&r, 224, 224));
    r = named("deit", 224, 224);
    ck_assert_str_eq(recipe_name(&r, 224, 224), "deit");
    ck_assert_ptr_null(recipe_name(&r, 384, 384));
    r.mean[1] += 0.01;
    ck_assert_ptr_null(recipe_name(&r, 224, 224));
    r = named("hf-vit", 28, 28);
    ck_assert_str_eq(recipe_name(&r, 28, 28), "hf-vit");
}
END_TEST

START_TEST(an_unknown_name_is_an_error_with_the_known_ones) {
    Recipe r;
    Error error;
    ck_assert(!recipe_named(&r, "vitt", 224, 224, &error));
    assert_error_line(error, "\"vitt\"|vit, augreg, 384, deit|hf-deit");
}
END_TEST

START_TEST(a_picture_that_would_be_too_long_is_refused) {
    const Recipe r = named("vit", 224, 224);
    Picture thin = some_picture(1, 200), seen;
    Error error;
    ck_assert(!picture_fit(&thin, &r, &seen, &error));
    assert_error_line(error, "1x200|248x49600");
    picture_free(&thin);
}
END_TEST

/* ---- what is beside the weights -------------------------------------------------- */

static Recipe recipe_of_json(const char *json) {
    Recipe r = named("vit", 224, 224);
    char text[1000];
    Error error = {""};
    snprintf(text, sizeof text, "%s", json);
    ck_assert_msg(recipe_from_json(&r, text, strlen(text), &error), "%s", error.text);
    return r;
}

START_TEST(settings_of_transformers) {
    Recipe r = recipe_of_json(
        "{\"crop_size\": 224, \"do_center_crop\": true, \"do_normalize\": true, "
        "\"do_resize\": true, \"feature_extractor_type\": \"DeiTFeatureExtractor\", "
        "\"image_mean\": [0.485, 0.456, 0.406], \"image_std\": [0.229, 0.224, 0.225], "
        "\"resample\": 3, \"size\": 256}");
    ck_assert(r.squash && r.crop && r.height == 256 && r.width == 256);
    ck_assert(r.crop_height == 224 && r.filter == RESIZE_BICUBIC);
    ck_assert(r.mean[2] == 0.406 && r.deviation[0] == 0.229);
    r = recipe_of_json("{\"do_resize\": true, \"size\": {\"shortest_edge\": 256}, "
                       "\"do_center_crop\": true, \"resample\": 2, \"crop_size\": "
                       "{\"height\": 200, \"width\": 224}, \"rescale_factor\": 0.25}");
    ck_assert(!r.squash && r.height == 256 && r.filter == RESIZE_BILINEAR);
    ck_assert(r.crop && r.crop_height == 200 && r.crop_width == 224);
    ck_assert(r.scale == 0.25);
    r = recipe_of_json(
        "{\"size\": 384, \"do_normalize\": false, \"do_rescale\": false}");
    ck_assert(r.squash && r.height == 384 && !r.crop && r.filter == RESIZE_BILINEAR);
    ck_assert(r.scale == 1 && r.mean[0] == 0 && r.deviation[1] == 1);
}
END_TEST

static const struct {
    const char *json, *words;
} bad[] = {
    {"[1]", "not an object"},
    {"{\"size\": 0}", "its size"},
    {"{\"size\": {\"longest_edge\": 3}}", "its size"},
    {"{\"size\": {\"shortest_edge\": 3, \"longest_edge\": 5}}", "its size"},
    {"{\"size\": 100000}", "its size"},
    {"{\"do_center_crop\": true, \"crop_size\": -3}", "crop_size"},
    {"{\"resample\": 0}", "resample is nearest"},
    {"{\"resample\": 1}", "resample is Lanczos"},
    {"{\"resample\": 9}", "resample is no filter"},
    {"{\"image_mean\": [1, 2]}", "image_mean"},
    {"{\"image_std\": [1, 0, 1]}", "image_std has 0"},
    {"{\"rescale_factor\": \"x\"}", "rescale_factor"},
    {"{\"size\": ", "byte"},
};

START_TEST(bad_settings_are_one_line) {
    Recipe r = named("vit", 224, 224);
    char text[200];
    Error error;
    snprintf(text, sizeof text, "%s", bad[_i].json);
    ck_assert(!recipe_from_json(&r, text, strlen(text), &error));
    assert_error_line(error, bad[_i].words);
}
END_TEST

START_TEST(settings_of_timm) {
    Recipe r = named("vit", 224, 224);
    char text[] =
        "{\"architecture\": \"vit\", \"pretrained_cfg\": {\"crop_pct\": 0.875, "
        "\"interpolation\": \"bilinear\", \"mean\": [0.5, 0.25, 0.5], "
        "\"std\": [1, 2, 3], \"crop_mode\": \"center\"}}";
    char none[] = "{\"hidden_size\": 192}", worse[] = "{\"pretrained_cfg\": "
                                                      "{\"crop_pct\": 2}}";
    bool found;
    Error error = {""};
    ck_assert(recipe_from_timm(&r, text, strlen(text), &found, &error) && found);
    ck_assert(!r.squash && r.height == 256 && r.crop_height == 224);
    ck_assert(r.filter == RESIZE_BILINEAR && r.mean[1] == 0.25 && r.deviation[2] == 3);
    ck_assert(recipe_from_timm(&r, none, strlen(none), &found, &error) && !found);
    ck_assert(!recipe_from_timm(&r, worse, strlen(worse), &found, &error));
    assert_error_line(error, "crop_pct is 2");
}
END_TEST

START_TEST(a_recipe_in_words) {
    char text[RECIPE_TEXT];
    Recipe r = named("deit", 224, 224);
    ck_assert_str_eq(recipe_text(&r, text),
                     "shorter side to 248, bicubic; the middle 224x224; mean 0.485 "
                     "0.456 0.406, deviation 0.229 0.224 0.225");
    r = named("hf-vit", 224, 224);
    ck_assert_str_eq(recipe_text(&r, text),
                     "squashed to 224x224, bilinear; mean 0.5, deviation 0.5");
}
END_TEST

Suite *recipe_suite(void) {
    Suite *suite = suite_create("recipe");
    TCase *tensors = add_case(suite, "tensors");
    tcase_add_test(tensors, pixels_are_those_of_timm_and_torchvision);
    tcase_add_test(tensors, pixels_are_those_of_transformers_to_a_level);
    tcase_add_test(tensors, an_odd_border_is_cut_off_as_transformers_does_it);
    tcase_add_test(tensors, grey_is_the_luminance);
    TCase *sizes = add_case(suite, "sizes");
    tcase_add_test(sizes, the_usual_sizes);
    tcase_add_test(sizes, a_recipe_is_known_by_what_it_makes);
    tcase_add_test(sizes, an_unknown_name_is_an_error_with_the_known_ones);
    tcase_add_test(sizes, a_picture_that_would_be_too_long_is_refused);
    TCase *settings = add_case(suite, "settings");
    tcase_add_test(settings, settings_of_transformers);
    tcase_add_loop_test(settings, bad_settings_are_one_line, 0,
                        sizeof bad / sizeof bad[0]);
    tcase_add_test(settings, settings_of_timm);
    tcase_add_test(settings, a_recipe_in_words);
    return suite;
}
