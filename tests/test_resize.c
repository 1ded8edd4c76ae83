/*
 * test_resize.c: common/images: resizing and cropping, against PIL:
 * tests/reference/make_pictures.py made the pictures and the pixels they should have.
 * Run from the repository's root: paths are relative to it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/images/resize.h"
#include "tests/check_helpers.h"
#include "tests/picture_helpers.h"
#include "tests/suites.h"

#define FOLDER "tests/reference/pictures/"

static Picture resized(const Picture *from, int width, int height, ResizeFilter filter,
                       bool antialias) {
    Picture to;
    Error error = {""};
    ck_assert_msg(resize_picture(from, width, height, filter, antialias, &to, &error),
                  "%s", error.text);
    ck_assert_int_eq(to.width, width);
    ck_assert_int_eq(to.height, height);
    return to;
}

/* ---- resizing ----------------------------------------------------------- */

static const struct {
    const char *name;
    int width, height;
} sizes[] = {
    {"wide", 64, 47},  {"wide", 24, 24},  {"wide", 101, 40}, {"wide", 57, 75},
    {"wide", 131, 97}, {"wide", 160, 21}, {"wide", 21, 130}, {"wide", 1, 1},
    {"tall", 24, 73},  {"tall", 24, 87},  {"tall", 24, 24},  {"tall", 49, 149},
    {"tall", 37, 9},
};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

START_TEST(a_resize_is_pils_to_the_bit) {
    static const char *const names[] = {"bilinear", "bicubic"};
    char path[128];
    snprintf(path, sizeof path, FOLDER "resize/%s.png", sizes[_i].name);
    Picture from = picture_of(path);
    for (ResizeFilter filter = RESIZE_BILINEAR; filter <= RESIZE_BICUBIC; filter++) {
        snprintf(path, sizeof path, FOLDER "resize/%s_%dx%d_%s.png", sizes[_i].name,
                 sizes[_i].width, sizes[_i].height, names[filter]);
        Picture want = picture_of(path);
        Picture got = resized(&from, want.width, want.height, filter, true);
        ck_assert_int_eq(want.width, sizes[_i].width);
        assert_no_message(picture_difference(&got, &want, 0, path));
        picture_free(&want);
        picture_free(&got);
    }
    picture_free(&from);
}
END_TEST

/* The filters, as textbooks write them. */
static double naive_filter(ResizeFilter filter, double t) {
    t = fabs(t);
    if (filter == RESIZE_BILINEAR) {
        return t < 1 ? 1 - t : 0;
    }
    return t < 1   ? 1.5 * pow(t, 3) - 2.5 * pow(t, 2) + 1
           : t < 2 ? -0.5 * pow(t, 3) + 2.5 * pow(t, 2) - 4 * t + 2
                   : 0;
}

/* The weight of input pixel j for output pixel i, from all pixels of the axis; without
 * antialiasing of an axis that goes on, far beyond both ends, as its last pixels. */
static double naive_weight(int in, double from, double to, int out, ResizeFilter filter,
                           bool antialias, int i, int j) {
    const double scale = (to - from) / out, centre = from + (i + 0.5) * scale;
    const double stretch = antialias && scale > 1 ? scale : 1;
    const int beyond = antialias ? 0 : 3;
    double sum = 0, own = 0;
    for (int n = -beyond; n < in + beyond; n++) {
        const double w = naive_filter(filter, (n + 0.5 - centre) / stretch);
        sum += w;
        own += (n < 0 ? 0 : n >= in ? in - 1 : n) == j ? w : 0;
    }
    return own / sum;
}

static const struct {
    int in, out;
    double from, to;
} axes[] = {
    {10, 4, 0, 10},      {10, 10, 0, 10},     {7, 16, 0, 7},  {1, 5, 0, 1},
    {1, 1, 0, 1},        {100, 1, 0, 100},    {2, 3, 0, 2},   {24, 14, 0, 24},
    {30, 7, 3.25, 28.5}, {30, 40, 10, 12.75}, {5, 2, 4.5, 5}, {3, 2, 0, 3},
};

START_TEST(the_weights_of_an_axis_are_the_formulas) {
    const int in = axes[_i].in, out = axes[_i].out;
    const double from = axes[_i].from, to = axes[_i].to;
    for (int kind = 0; kind < 4; kind++) {
        const ResizeFilter filter = kind / 2 == 0 ? RESIZE_BILINEAR : RESIZE_BICUBIC;
        const bool antialias = kind % 2 == 0;
        ResizeWeights *w = resize_axis(in, from, to, out, filter, antialias);
        ck_assert_ptr_nonnull(w);
        for (int i = 0; i < out; i++) {
            double sum = 0;
            ck_assert(w[i].first >= 0 && w[i].count > 0 &&
                      w[i].first + w[i].count <= in);
            for (int j = 0; j < in; j++) {
                const int k = j - w[i].first;
                const double got = k >= 0 && k < w[i].count ? w[i].weight[k] : 0;
                sum += got;
                ck_assert_double_eq_tol(
                    got, naive_weight(in, from, to, out, filter, antialias, i, j),
                    1e-12);
            }
            ck_assert_double_eq_tol(sum, 1, 1e-12);
        }
        free(w);
    }
}
END_TEST

/* Pixels are skipped: of columns black, white, black, ... one colour is left. */
START_TEST(without_antialiasing_stripes_become_one_colour) {
    Picture stripes;
    Error error = {""};
    ck_assert(picture_make(&stripes, 90, 3, &error));
    for (int i = 0; i < 90 * 3; i++) {
        memset(stripes.pixels + i * 3, i % 90 % 2 == 0 ? 0 : 255, 3);
    }
    Picture grey = resized(&stripes, 30, 3, RESIZE_BILINEAR, true);
    Picture skipped = resized(&stripes, 30, 3, RESIZE_BILINEAR, false);
    for (int i = 3; i < 27; i++) { /* the third, fourth and fifth of 6 columns ... */
        ck_assert_int_le(abs(grey.pixels[i * 3] - 128), 43);
        ck_assert_int_eq(skipped.pixels[i * 3], i % 2 == 0 ? 255 : 0);
    }
    picture_free(&stripes);
    picture_free(&grey);
    picture_free(&skipped);
}
END_TEST

START_TEST(the_same_size_is_the_same_picture) {
    Picture from = picture_of(FOLDER "resize/tall.png");
    for (int kind = 0; kind < 4; kind++) {
        Picture same =
            resized(&from, from.width, from.height,
                    kind / 2 == 0 ? RESIZE_BILINEAR : RESIZE_BICUBIC, kind % 2 == 0);
        assert_no_message(picture_difference(&same, &from, 0, "the same size"));
        picture_free(&same);
    }
    picture_free(&from);
}
END_TEST

/* ---- cropping ----------------------------------------------------------- */

/* int(round((in - out) / 2)) of Python, and (in - out) // 2; below 0: missing pixels
 * before the first. */
static const struct {
    int in, out, offset[2];
} crops[] = {{10, 4, {3, 3}},  {5, 4, {0, 0}},   {7, 4, {2, 1}}, {9, 4, {2, 2}},
             {11, 4, {4, 3}},  {13, 4, {4, 4}},  {4, 4, {0, 0}}, {4, 6, {-1, -1}},
             {4, 7, {-1, -1}}, {4, 9, {-2, -2}}, {1, 2, {0, 0}}};

static void assert_crop(int axis, CropRounding rounding, int in, int out, int offset) {
    Picture from, to;
    Error error = {""};
    ck_assert(picture_make(&from, axis == 0 ? in : 3, axis == 0 ? 3 : in, &error));
    for (int i = 0; i < in * 3; i++) {
        const int position = axis == 0 ? i % in : i / 3;
        memset(from.pixels + i * 3, 10 + position, 3);
    }
    ck_assert(resize_crop(&from, axis == 0 ? out : 3, axis == 0 ? 3 : out, rounding,
                          &to, &error));
    for (int i = 0; i < out * 3; i++) {
        const int position = (axis == 0 ? i % out : i / 3) + offset;
        const bool inside = position >= 0 && position < in;
        for (int c = 0; c < 3; c++) {
            ck_assert_int_eq(to.pixels[i * 3 + c], inside ? 10 + position : 0);
        }
    }
    picture_free(&from);
    picture_free(&to);
}

START_TEST(a_crop_is_from_the_middle_as_torchvision_or_transformers_rounds) {
    const int in = crops[_i].in, out = crops[_i].out;
    for (int axis = 0; axis < 2; axis++) {
        assert_crop(axis, CROP_HALF_TO_EVEN, in, out, crops[_i].offset[0]);
        assert_crop(axis, CROP_HALF_DOWN, in, out, crops[_i].offset[1]);
    }
}
END_TEST

START_TEST(sizes_that_are_none_stop) {
    Picture picture = {0};
    Error error;
    assert_stops("picture_make|0 x 3", picture_make(&picture, 0, 3, &error));
    assert_stops("resize_axis|[0, 5) of 4 pixels to 2",
                 free(resize_axis(4, 0, 5, 2, RESIZE_BICUBIC, true)));
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof(array)[0])

Suite *resize_suite(void) {
    Suite *suite = suite_create("resize");
    TCase *resizing = add_case(suite, "resizing");
    tcase_add_loop_test(resizing, a_resize_is_pils_to_the_bit, 0, SIZES);
    tcase_add_loop_test(resizing, the_weights_of_an_axis_are_the_formulas, 0,
                        COUNT(axes));
    tcase_add_test(resizing, without_antialiasing_stripes_become_one_colour);
    tcase_add_test(resizing, the_same_size_is_the_same_picture);
    tcase_add_loop_test(resizing,
                        a_crop_is_from_the_middle_as_torchvision_or_transformers_rounds,
                        0, COUNT(crops));
    tcase_add_test(resizing, sizes_that_are_none_stop);
    return suite;
}
