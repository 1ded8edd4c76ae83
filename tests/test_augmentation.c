/* test_augmentation.c: images that are moved and mirrored (dataset.h). */
#include <math.h>
#include <string.h>

#include "tests/check_helpers.h"
#include "chapters/05_vision_transformer/training/dataset.h"
#include "tests/suites.h"

enum { HEIGHT = 4, WIDTH = 6, PIXELS = HEIGHT * WIDTH };

/* One image of HEIGHT x WIDTH whose pixel p is 10 + 10 p; nothing is normalised:
 * dataset_image gives pixel / 255. */
static Dataset one_image(unsigned char *pixels, int *label) {
    for (int p = 0; p < PIXELS; p++) {
        pixels[p] = (unsigned char)(10 + 10 * p);
    }
    *label = 0;
    return (Dataset){.train = {1, 1, HEIGHT, WIDTH, pixels, label, NULL},
                     .deviation = {1}};
}

/* What image `index` of many would be made of pixels of image 0. */
static Tensor augmented(Augmentation a, int index) {
    static unsigned char pixels[PIXELS * 1000];
    static int labels[1000];
    Dataset d = one_image(pixels, labels);
    for (int i = 1; i < 1000; i++) {
        memcpy(pixels + i * PIXELS, pixels, PIXELS);
    }
    d.train.count = 1000;
    Tensor out = unset_tensor(SHAPE(1, HEIGHT, WIDTH));
    dataset_image(&d, &d.train, index, &a, out);
    return out;
}

/* The pixel, 0 to 255, at (y, x). */
static int grey(Tensor image, int y, int x) {
    return (int)lround((double)image.data[y * WIDTH + x] * 255);
}

/* What it would be after a shift and then, perhaps, a flip; black outside. */
static int moved_grey(int y, int x, int down, int right, bool flip) {
    const int from_y = y - down, from_x = (flip ? WIDTH - 1 - x : x) - right;
    const bool inside = from_y >= 0 && from_y < HEIGHT && from_x >= 0 && from_x < WIDTH;
    return inside ? 10 + 10 * (from_y * WIDTH + from_x) : 0;
}

static bool is_moved(Tensor image, int down, int right, bool flip) {
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            if (grey(image, y, x) != moved_grey(y, x, down, right, flip)) {
                return false;
            }
        }
    }
    return true;
}

START_TEST(without_augmentation_pixels_are_only_normalised) {
    unsigned char pixels[PIXELS];
    int label;
    Dataset d = one_image(pixels, &label);
    d.mean[0] = 0.25;
    d.deviation[0] = 0.5;
    const Augmentation none = {.seed = 9, .epoch = 3};
    Tensor out = unset_tensor(SHAPE(1, HEIGHT, WIDTH));
    dataset_image(&d, &d.train, 0, &none, out);
    for (int p = 0; p < PIXELS; p++) {
        const double want = (pixels[p] / 255.0 - 0.25) / 0.5;
        assert_number_close((double)out.data[p], want, 1e-6, "normalised");
    }
}
END_TEST

START_TEST(every_channel_of_an_image_is_moved_alike) {
    enum { C = 3 };
    unsigned char pixels[2 * C * PIXELS];
    int labels[2] = {0, 0};
    for (int p = 0; p < 2 * C * PIXELS; p++) {
        pixels[p] = (unsigned char)(1 + p); /* all different */
    }
    Dataset d = {.train = {2, C, HEIGHT, WIDTH, pixels, labels, NULL},
                 .deviation = {1, 1, 1}};
    const Augmentation some = {.shift = 1, .flip = true, .seed = 3};
    Tensor grey_out = unset_tensor(SHAPE(1, HEIGHT, WIDTH));
    Tensor out = unset_tensor(SHAPE(C, HEIGHT, WIDTH));
    dataset_image(&d, &d.train, 1, &some, out);
    for (int c = 0; c < C; c++) { /* the same two images, of channel c alone */
        unsigned char plane[2 * PIXELS];
        memcpy(plane + PIXELS, pixels + (C + c) * PIXELS, PIXELS);
        Dataset one = {.train = {2, 1, HEIGHT, WIDTH, plane, labels, NULL},
                       .deviation = {1}};
        dataset_image(&one, &one.train, 1, &some, grey_out);
        ck_assert_mem_eq(tensor_slice(out, c).data, grey_out.data,
                         PIXELS * sizeof(real));
    }
}
END_TEST

START_TEST(an_image_of_another_shape_stops_the_program) {
    unsigned char pixels[PIXELS];
    int label;
    Dataset d = one_image(pixels, &label);
    const Augmentation none = {0};
    Tensor out = zero_tensor(SHAPE(1, WIDTH, HEIGHT));
    assert_stops("dataset_image|out is (1,6,4), want (1,4,6)",
                 dataset_image(&d, &d.train, 0, &none, out));
}
END_TEST

START_TEST(a_shift_moves_whole_images_everywhere_within_reach) {
    enum { REACH = 2, WAYS = 2 * REACH + 1, IMAGES = 1000 };
    int seen[WAYS][WAYS] = {{0}};
    for (int i = 0; i < IMAGES; i++) {
        Tensor image = augmented((Augmentation){.shift = REACH, .seed = 1}, i);
        int found = 0;
        for (int shift = 0; shift < WAYS * WAYS; shift++) {
            const int down = shift / WAYS, right = shift % WAYS;
            if (is_moved(image, down - REACH, right - REACH, false)) {
                seen[down][right]++;
                found++;
            }
        }
        ck_assert_msg(found == 1, "image %d is %d of the %d shifts", i, found,
                      WAYS * WAYS);
    }
    for (int shift = 0; shift < WAYS * WAYS; shift++) { /* each has a mean of 40 */
        ck_assert_int_ge(seen[shift / WAYS][shift % WAYS], 15);
    }
}
END_TEST

START_TEST(what_a_shift_brings_in_is_black_and_not_grey) {
    unsigned char pixels[PIXELS];
    int label;
    Dataset d = one_image(pixels, &label);
    d.mean[0] = 0.5; /* then 0 would be a middle grey, black is -1 */
    d.deviation[0] = 0.5;
    const Augmentation far = {.shift = 1000, .seed = 2};
    Tensor out = unset_tensor(SHAPE(1, HEIGHT, WIDTH));
    dataset_image(&d, &d.train, 0, &far, out); /* all of it comes from outside */
    for (int p = 0; p < PIXELS; p++) {
        assert_number_close((double)out.data[p], -1, 1e-6, "black");
    }
}
END_TEST

START_TEST(a_flip_mirrors_half_of_the_images) {
    enum { IMAGES = 1000 };
    int flipped = 0;
    for (int i = 0; i < IMAGES; i++) {
        Tensor image = augmented((Augmentation){.flip = true, .seed = 1}, i);
        const bool mirrored = is_moved(image, 0, 0, true);
        ck_assert(mirrored || is_moved(image, 0, 0, false));
        flipped += mirrored;
    }
    ck_assert_int_gt(flipped, IMAGES / 2 - 80); /* 5 standard deviations */
    ck_assert_int_lt(flipped, IMAGES / 2 + 80);
}
END_TEST

START_TEST(the_change_is_a_function_of_seed_epoch_and_image) {
    const Augmentation a = {.shift = 3, .flip = true, .seed = 4, .epoch = 5};
    Augmentation other_seed = a, other_epoch = a;
    other_seed.seed = 5;
    other_epoch.epoch = 6;
    int by_seed = 0, by_epoch = 0, by_index = 0;
    for (int i = 0; i < 50; i++) {
        Tensor image = augmented(a, i);
        assert_same_bits(augmented(a, i), image);
        by_seed += bits_difference(augmented(other_seed, i), image, "") != NULL;
        by_epoch += bits_difference(augmented(other_epoch, i), image, "") != NULL;
        by_index += bits_difference(augmented(a, i + 1), image, "") != NULL;
    }
    /* 98 ways: nearly all differ */
    ck_assert_int_gt(by_seed, 40);
    ck_assert_int_gt(by_epoch, 40);
    ck_assert_int_gt(by_index, 40);
}
END_TEST

Suite *augmentation_suite(void) {
    Suite *suite = suite_create("augmentation");
    TCase *augmentation = add_case(suite, "an image");
    tcase_add_test(augmentation, without_augmentation_pixels_are_only_normalised);
    tcase_add_test(augmentation, every_channel_of_an_image_is_moved_alike);
    tcase_add_test(augmentation, an_image_of_another_shape_stops_the_program);
    tcase_add_test(augmentation, a_shift_moves_whole_images_everywhere_within_reach);
    tcase_add_test(augmentation, what_a_shift_brings_in_is_black_and_not_grey);
    tcase_add_test(augmentation, a_flip_mirrors_half_of_the_images);
    tcase_add_test(augmentation, the_change_is_a_function_of_seed_epoch_and_image);
    return suite;
}
