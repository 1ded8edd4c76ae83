/* test_overlay.c: attention over a photo (chapter 7's overlay.h). */
#include <math.h>
#include <stdlib.h>

#include "chapters/07_pretrained_weights/pictures/overlay.h"
#include "tests/check_helpers.h"
#include "tests/suites.h"

static void assert_colour(const unsigned char *got, int red, int green, int blue) {
    ck_assert_int_eq(got[0], red);
    ck_assert_int_eq(got[1], green);
    ck_assert_int_eq(got[2], blue);
}

START_TEST(viridis_goes_from_blue_to_yellow_and_has_ends) {
    /* matplotlib's table at these places */
    static const struct {
        double value;
        int red, green, blue;
    } known[] = {{0, 68, 1, 84},         {0.25, 59, 82, 139}, {0.5, 33, 145, 140},
                 {0.75, 94, 201, 98},    {1, 253, 231, 37},   {2 / 3.0, 53, 183, 121},
                 {1 / 3.0, 49, 104, 142}};
    for (int i = 0; i < 7; i++) {
        unsigned char rgb[3];
        const int want[] = {known[i].red, known[i].green, known[i].blue};
        viridis(known[i].value, rgb);
        for (int c = 0; c < 3; c++) {
            ck_assert_msg(abs((int)rgb[c] - want[c]) <= 4, "viridis(%g)[%d] is %d",
                          known[i].value, c, rgb[c]);
        }
    }
    unsigned char rgb[3];
    viridis(-1, rgb);
    assert_colour(rgb, 68, 1, 84);
    viridis((double)NAN, rgb);
    assert_colour(rgb, 68, 1, 84);
    viridis(7, rgb);
    assert_colour(rgb, 253, 231, 37);
}
END_TEST

START_TEST(viridis_becomes_lighter_all_the_way) {
    double before = -1;
    for (int i = 0; i <= 256; i++) {
        unsigned char rgb[3];
        viridis(i / 256.0, rgb);
        const double grey = 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
        ck_assert_msg(grey > before - 0.8, "%d of 256 is darker", i);
        before = grey > before ? grey : before;
    }
}
END_TEST

START_TEST(the_grid_is_bilinear_between_centres_and_flat_beyond) {
    Tensor w = tensor_of(SHAPE(2, 3), 0, 2, 4, 10, 12, 14);
    const struct {
        double x, y, want;
    } at[] = {
        {1.0 / 6, 0.25, 0}, {0.5, 0.25, 2},    {5.0 / 6, 0.75, 14}, {0, 0, 0},
        {1, 1, 14},         {1.0 / 3, 0.5, 6}, {0.5, 0.5, 7},       {0, 0.5, 5},
    };
    for (int i = 0; i < 8; i++) {
        assert_number_close(grid_at(w, at[i].x, at[i].y), at[i].want, TOLERANCE,
                            "bilinear");
    }
    Tensor one = tensor_of(SHAPE(1, 1), 3);
    assert_number_close(grid_at(one, 0.9, 0.1), 3, TOLERANCE, "one patch");
}
END_TEST

static Picture grey_picture(int width, int height, int level) {
    Picture p;
    Error error;
    ck_assert(picture_make(&p, width, height, &error));
    for (long i = 0; i < 3L * width * height; i++) {
        p.pixels[i] = (unsigned char)level;
    }
    return p;
}

START_TEST(a_large_photo_keeps_its_size_and_is_half_of_each_colour) {
    Picture photo = grey_picture(240, 224, 100), drawn;
    Tensor w = tensor_of(SHAPE(1, 2), 0, 1); /* left and right */
    Error error;
    ck_assert(overlay_draw(&photo, w, &drawn, &error));
    ck_assert_int_eq(drawn.width, 240);
    ck_assert_int_eq(drawn.height, 224);
    assert_colour(drawn.pixels, 84, 51, 92); /* (100 + 68) / 2, ... */
    assert_colour(drawn.pixels + 3L * (240 * 224 - 1), 177, 166, 69);
    assert_colour(drawn.pixels + 3L * 239, 177, 166, 69); /* the first row's end */
    picture_free(&photo);
    picture_free(&drawn);
}
END_TEST

START_TEST(a_small_photo_is_enlarged_a_whole_number_of_times) {
    Picture photo = grey_picture(28, 28, 0), drawn;
    Tensor w = zero_tensor(SHAPE(7, 7));
    Error error;
    for (int c = 0; c < 3; c++) {
        photo.pixels[3 * 29 + c] = 200; /* row 1, column 1 */
    }
    ck_assert(overlay_draw(&photo, w, &drawn, &error));
    ck_assert_int_eq(drawn.width, 224);
    ck_assert_int_eq(drawn.height, 224);
    assert_colour(drawn.pixels + 3L * (8 * 224 + 8), 134, 101, 142);
    assert_colour(drawn.pixels + 3L * (15 * 224 + 15), 134, 101, 142);
    assert_colour(drawn.pixels + 3L * (7 * 224 + 8), 34, 1, 42);
    assert_colour(drawn.pixels + 3L * (15 * 224 + 16), 34, 1, 42);
    picture_free(&photo);
    picture_free(&drawn);
}
END_TEST

Suite *overlay_suite(void) {
    Suite *suite = suite_create("overlay");
    TCase *colours = add_case(suite, "colours");
    tcase_add_test(colours, viridis_goes_from_blue_to_yellow_and_has_ends);
    tcase_add_test(colours, viridis_becomes_lighter_all_the_way);
    tcase_add_test(colours, the_grid_is_bilinear_between_centres_and_flat_beyond);
    TCase *photos = add_case(suite, "photos");
    tcase_add_test(photos, a_large_photo_keeps_its_size_and_is_half_of_each_colour);
    tcase_add_test(photos, a_small_photo_is_enlarged_a_whole_number_of_times);
    return suite;
}
