/* test_dataset.c: IDX files, whole and damaged (dataset_file.h). */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "tests/check_helpers.h"
#include "chapters/05_vision_transformer/training/dataset_file.h"
#include "tests/scratch.h"
#include "tests/suites.h"

#define TRAIN_IMAGES "train-images-idx3-ubyte"
#define TRAIN_LABELS "train-labels-idx1-ubyte"
#define TEST_IMAGES "t10k-images-idx3-ubyte"
#define TEST_LABELS "t10k-labels-idx1-ubyte"

/* ---- a small data set in files ------------------------------------------- */

enum { TRAIN = 30, TEST = 12, HEIGHT = 4, WIDTH = 6, PIXELS = HEIGHT * WIDTH };

typedef enum { PLAIN, GZIP } Packing;

static unsigned char pixel_of(int image, int pixel) {
    return (unsigned char)((image * 37 + pixel * 11 + image * pixel) % 256);
}

/* An IDX file: magic number and dimensions, big-endian, then the data. */
static Bytes idx_bytes(int ndim, const uint32_t *shape, size_t data_bytes) {
    Bytes b = zero_bytes(4 + 4 * (size_t)ndim + data_bytes);
    b.bytes[2] = 8;
    b.bytes[3] = (unsigned char)ndim;
    for (int d = 0; d < ndim; d++) {
        for (int i = 0; i < 4; i++) {
            b.bytes[4 + 4 * d + i] = (unsigned char)(shape[d] >> (24 - 8 * i));
        }
    }
    return b;
}

static void write_packed(const char *name, Packing packing, Bytes b) {
    if (packing == GZIP) {
        write_gzip(in_scratch("%s.gz", name), b.bytes, b.count);
    } else {
        write_bytes(in_scratch("%s", name), b.bytes, b.count);
    }
}

static void write_images(const char *name, Packing packing, int count, int height,
                         int width) {
    const uint32_t shape[3] = {(uint32_t)count, (uint32_t)height, (uint32_t)width};
    const int pixels = height * width;
    Bytes b = idx_bytes(3, shape, (size_t)(count * pixels));
    for (int i = 0; i < count * pixels; i++) {
        b.bytes[16 + i] = pixel_of(i / pixels, i % pixels);
    }
    write_packed(name, packing, b);
}

static void write_labels(const char *name, Packing packing, int count) {
    const uint32_t shape[1] = {(uint32_t)count};
    Bytes b = idx_bytes(1, shape, (size_t)count);
    for (int i = 0; i < count; i++) {
        b.bytes[8 + i] = (unsigned char)(i * 3 % 10);
    }
    write_packed(name, packing, b);
}

/* Labels of 4 bytes: the last is `label`. */
static void write_wide_labels(const char *name, int count, int32_t label) {
    const uint32_t shape[1] = {(uint32_t)count};
    Bytes b = idx_bytes(1, shape, 4 * (size_t)count);
    b.bytes[2] = 0x0C;
    for (int i = 0; i < 4; i++) {
        b.bytes[8 + 4 * (count - 1) + i] =
            (unsigned char)((uint32_t)label >> (24 - 8 * i));
    }
    write_bytes(in_scratch("%s", name), b.bytes, b.count);
}

static void write_dataset(Packing packing) {
    write_images(TRAIN_IMAGES, packing, TRAIN, HEIGHT, WIDTH);
    write_labels(TRAIN_LABELS, packing, TRAIN);
    write_images(TEST_IMAGES, packing, TEST, HEIGHT, WIDTH);
    write_labels(TEST_LABELS, packing, TEST);
}

static Dataset loaded(const char *directory) {
    Dataset dataset;
    Error error = {""};
    ck_assert_msg(dataset_load(&dataset, directory, NULL, NULL, &error), "%s",
                  error.text);
    return dataset;
}

/* ---- loading ------------------------------------------------------------- */

static void assert_whole(const ImageSet *set, int count) {
    ck_assert_int_eq(set->count, count);
    ck_assert_int_eq(set->height, HEIGHT);
    ck_assert_int_eq(set->width, WIDTH);
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(set->labels[i], i * 3 % 10);
        for (int p = 0; p < PIXELS; p++) {
            ck_assert_int_eq(set->pixels[i * PIXELS + p], pixel_of(i, p));
        }
    }
}

START_TEST(plain_and_gzip_files_load_alike) {
    write_dataset(_i == 0 ? PLAIN : GZIP);
    Dataset d = loaded(in_scratch("."));
    assert_whole(&d.train, TRAIN);
    assert_whole(&d.test, TEST);
    dataset_free(&d);
}
END_TEST

START_TEST(plain_and_gzip_files_may_be_mixed) {
    write_dataset(PLAIN);
    remove(in_scratch(TEST_IMAGES));
    write_images(TEST_IMAGES, GZIP, TEST, HEIGHT, WIDTH);
    Dataset d = loaded(in_scratch("."));
    assert_whole(&d.test, TEST);
    dataset_free(&d);
}
END_TEST

START_TEST(mean_and_deviation_are_those_of_the_training_pixels) {
    write_dataset(PLAIN);
    Dataset d = loaded(in_scratch("."));
    double sum = 0, squares = 0;
    for (int i = 0; i < TRAIN * PIXELS; i++) {
        const double x = pixel_of(i / PIXELS, i % PIXELS) / 255.0;
        sum += x;
        squares += x * x;
    }
    const double mean = sum / (TRAIN * PIXELS);
    assert_number_close(d.mean[0], mean, 1e-12, "mean");
    assert_number_close(d.deviation[0], sqrt(squares / (TRAIN * PIXELS) - mean * mean),
                        1e-10, "deviation");
    dataset_free(&d);
}
END_TEST

START_TEST(images_of_one_grey_have_a_deviation_that_can_divide) {
    write_dataset(PLAIN);
    Bytes b = read_bytes_of(in_scratch(TRAIN_IMAGES));
    memset(b.bytes + 16, 7, b.count - 16);
    write_bytes(in_scratch(TRAIN_IMAGES), b.bytes, b.count);
    Dataset d = loaded(in_scratch("."));
    ck_assert_double_gt(d.deviation[0], 0);
    dataset_free(&d);
}
END_TEST

START_TEST(classes_are_digits_until_a_file_names_them) {
    write_dataset(PLAIN);
    Dataset d = loaded(in_scratch("."));
    ck_assert(!d.has_class_names);
    ck_assert_str_eq(d.class_name[0], "0");
    ck_assert_str_eq(d.class_name[9], "9");
    dataset_free(&d);
    write_text(in_scratch("classes.txt"),
               "cat\nblack dog\r\nowl\nd\ne\nf\ng\nh\ni\nj\nk\n\n");
    d = loaded(in_scratch("."));
    ck_assert(d.has_class_names);
    ck_assert_int_eq(d.classes, 11); /* no image is of the last */
    ck_assert_str_eq(d.class_name[0], "cat");
    ck_assert_str_eq(d.class_name[1], "black dog");
    ck_assert_str_eq(d.class_name[10], "k");
    dataset_free(&d);
    write_text(in_scratch("classes.txt"), "9\n8\n7\n6\n5\n4\n3\n2\n1\n0");
    d = loaded(in_scratch("."));
    ck_assert_str_eq(d.class_name[0], "9");
    ck_assert(!d.has_class_names); /* digits: no image is mirrored */
    dataset_free(&d);
}
END_TEST

START_TEST(a_file_of_names_that_can_not_be_read_is_an_error) {
    Dataset d;
    Error error = {""};
    write_dataset(PLAIN);
    write_text(in_scratch("classes.txt"), "");
    ck_assert(!dataset_load(&d, in_scratch("."), NULL, NULL, &error));
    assert_error_line(error, "classes.txt: |no name");
    char line[200];
    memset(line, 'n', sizeof line);
    line[128] = '\0';
    write_text(in_scratch("classes.txt"), line);
    ck_assert(!dataset_load(&d, in_scratch("."), NULL, NULL, &error));
    assert_error_line(error, "classes.txt: |127 bytes");
    write_text(in_scratch("classes.txt"), "cat\n\033[31mred\n");
    ck_assert(!dataset_load(&d, in_scratch("."), NULL, NULL, &error));
    assert_error_line(error, "classes.txt: |control character");
    write_text(in_scratch("classes.txt"), "cat\nna\xEFve\n");
    ck_assert(!dataset_load(&d, in_scratch("."), NULL, NULL, &error));
    assert_error_line(error, "classes.txt: |UTF-8");
    write_text(in_scratch("classes.txt"), "0\n1\n2\n3\n4\n5\n6\n7\n8\n");
    ck_assert(!dataset_load(&d, in_scratch("."), NULL, NULL, &error));
    assert_error_line(error, "classes.txt: |names 9 classes|label 9");
    write_text(in_scratch("classes.txt"), "cat\n\nowl\n");
    ck_assert(!dataset_load(&d, in_scratch("."), NULL, NULL, &error));
    assert_error_line(error, "classes.txt: |a name is empty");
    remove(in_scratch("classes.txt"));
    mkdir(in_scratch("classes.txt"), 0777);
    ck_assert(!dataset_load(&d, in_scratch("."), NULL, NULL, &error));
    assert_error_line(error, "classes.txt: ");
}
END_TEST

START_TEST(the_checksum_is_of_the_training_labels_and_pixels) {
    write_dataset(PLAIN);
    Dataset d = loaded(in_scratch("."));
    uint32_t want = 0;
    for (int i = 0; i < d.train.count; i++) {
        const unsigned char label = (unsigned char)d.train.labels[i];
        want = (uint32_t)crc32(want, &label, 1);
    }
    want =
        (uint32_t)crc32(want, d.train.pixels,
                        (uInt)((long)d.train.count * d.train.height * d.train.width));
    ck_assert_uint_eq(d.checksum, want);
    dataset_free(&d);
    change_byte(in_scratch(TRAIN_IMAGES), -1, 1);
    d = loaded(in_scratch("."));
    ck_assert_uint_ne(d.checksum, want);
    dataset_free(&d);
}
END_TEST

enum { SAMPLE_CLASSES = 10 };

static void assert_balanced(const ImageSet *set, int each) {
    int of_class[SAMPLE_CLASSES] = {0};
    ck_assert_int_eq(set->count, each * SAMPLE_CLASSES);
    ck_assert_int_eq(set->height, 28);
    ck_assert_int_eq(set->width, 28);
    for (int i = 0; i < set->count; i++) {
        of_class[set->labels[i]]++;
    }
    for (int k = 0; k < SAMPLE_CLASSES; k++) {
        ck_assert_int_eq(of_class[k], each);
    }
}

START_TEST(the_bundled_sample_loads) {
    ck_assert(dataset_is_sample("data/sample"));
    ck_assert_ptr_nonnull(dataset_find());
    Dataset d = loaded("data/sample");
    assert_balanced(&d.train, 200);
    assert_balanced(&d.test, 50);
    ck_assert(d.has_class_names);
    ck_assert_str_eq(d.class_name[0], "T-shirt/top");
    ck_assert_str_eq(d.class_name[9], "Ankle boot");
    assert_number_close(d.mean[0], 0.286, 0.02, "Fashion-MNIST's mean");
    assert_number_close(d.deviation[0], 0.353, 0.02, "Fashion-MNIST's deviation");
    dataset_free(&d);
}
END_TEST

/* ---- classes and channels ------------------------------------------------ */

START_TEST(there_are_as_many_classes_as_the_largest_label_says) {
    write_dataset(PLAIN);
    Dataset d = loaded(in_scratch("."));
    ck_assert_int_eq(d.classes, 10);
    dataset_free(&d);
    remove(in_scratch(TEST_LABELS));
    write_wide_labels("t10k-labels-idx1-int", TEST, 999);
    d = loaded(in_scratch("."));
    ck_assert_int_eq(d.classes, 1000);
    ck_assert_str_eq(d.class_name[999], "999");
    ck_assert_int_eq(d.test.labels[TEST - 1], 999);
    const uint32_t one_byte_each = d.checksum;
    dataset_free(&d);
    write_wide_labels(TRAIN_LABELS, TRAIN, 0);
    write_wide_labels("t10k-labels-idx1-int", TEST, 0);
    d = loaded(in_scratch("."));
    ck_assert_int_eq(d.classes, 2); /* one class would be no question */
    ck_assert_uint_ne(d.checksum, one_byte_each);
    dataset_free(&d);
}
END_TEST

/* Labels of 2 bytes: 258 is 0x0102. */
START_TEST(labels_may_have_two_bytes) {
    write_dataset(PLAIN);
    remove(in_scratch(TRAIN_LABELS));
    const uint32_t shape[1] = {TRAIN};
    Bytes b = idx_bytes(1, shape, 2 * TRAIN);
    b.bytes[2] = 0x0B;
    b.bytes[8 + 2 * 5] = 1;
    b.bytes[8 + 2 * 5 + 1] = 2;
    write_packed("train-labels-idx1-short", GZIP, b);
    Dataset d = loaded(in_scratch("."));
    ck_assert_int_eq(d.classes, 259);
    ck_assert_int_eq(d.train.labels[5], 258);
    ck_assert_int_eq(d.train.labels[4], 0);
    dataset_free(&d);
}
END_TEST

/* Pixel (c, y, x) of image i is 60 c + i + 2 y + x, wherever the channels are. */
static void write_colour(const char *name, int count, bool channels_last) {
    enum { C = 3 };
    const uint32_t last[4] = {(uint32_t)count, HEIGHT, WIDTH, C};
    const uint32_t first[4] = {(uint32_t)count, C, HEIGHT, WIDTH};
    Bytes b = idx_bytes(4, channels_last ? last : first, (size_t)(count * PIXELS * C));
    for (int i = 0; i < count * PIXELS; i++) {
        for (int c = 0; c < C; c++) {
            const int image = i / PIXELS, p = i % PIXELS;
            const int at = channels_last ? i * C + c : (image * C + c) * PIXELS + p;
            b.bytes[20 + at] =
                (unsigned char)(60 * c + image + 2 * (p / WIDTH) + p % WIDTH);
        }
    }
    write_packed(name, PLAIN, b);
}

START_TEST(images_in_colour_have_their_channels_last_or_first) {
    write_dataset(PLAIN);
    remove(in_scratch(TRAIN_IMAGES));
    write_colour("train-images-idx4-ubyte", TRAIN, _i == 0);
    write_colour(TEST_IMAGES, TEST, _i == 0);
    Dataset d = loaded(in_scratch("."));
    ck_assert_int_eq(d.train.channels, 3);
    ck_assert_int_eq(d.train.height, HEIGHT);
    ck_assert_int_eq(d.train.width, WIDTH);
    for (int i = 0; i < TRAIN * PIXELS * 3; i++) {
        const int p = i % PIXELS, c = i / PIXELS % 3, image = i / PIXELS / 3;
        ck_assert_int_eq(d.train.pixels[i],
                         60 * c + image + 2 * (p / WIDTH) + p % WIDTH);
    }
    assert_number_close(d.mean[1] - d.mean[0], 60 / 255.0, 1e-12, "a channel's mean");
    assert_number_close(d.mean[2] - d.mean[1], 60 / 255.0, 1e-12, "a channel's mean");
    assert_number_close(d.deviation[2], d.deviation[0], 1e-12, "deviation");
    dataset_free(&d);
}
END_TEST

START_TEST(a_grey_is_weighed_as_the_eye_does) {
    unsigned char pixels[2 * 3 * 2] = {0, 0, 0, 0, 0, 0, 255, 10, 0, 20, 0, 30},
                                 grey[2];
    int labels[2] = {0, 1};
    const ImageSet set = {2, 3, 1, 2, pixels, labels, NULL};
    dataset_grey(&set, 1, grey);
    ck_assert_int_eq(grey[0], 76); /* 0.299 * 255 */
    ck_assert_int_eq(grey[1], 18); /* 0.299 * 10 + 0.587 * 20 + 0.114 * 30 */
    const ImageSet of_grey = {2, 1, 1, 2, pixels + 6, labels, NULL};
    dataset_grey(&of_grey, 0, grey);
    ck_assert_int_eq(grey[0], 255);
    ck_assert_int_eq(grey[1], 10);
}
END_TEST

/* ---- bad input ----------------------------------------------------------- */

static void no_train_images(void) {
    remove(in_scratch(TRAIN_IMAGES));
}
static void no_test_labels(void) {
    remove(in_scratch(TEST_LABELS));
}
static void a_directory_instead(void) {
    remove(in_scratch(TEST_IMAGES));
    mkdir(in_scratch(TEST_IMAGES), 0777);
}
static void empty_file(void) {
    cut_file(in_scratch(TRAIN_LABELS), 0);
}
static void cut_in_magic(void) {
    cut_file(in_scratch(TRAIN_IMAGES), 3);
}
static void cut_in_dimensions(void) {
    cut_file(in_scratch(TRAIN_IMAGES), 15);
}
static void cut_after_header(void) {
    cut_file(in_scratch(TRAIN_IMAGES), 16);
}
static void one_pixel_short(void) {
    cut_file(in_scratch(TEST_IMAGES), 16 + TEST * PIXELS - 1);
}
static void one_label_short(void) {
    cut_file(in_scratch(TEST_LABELS), 8 + TEST - 1);
}
static void one_pixel_more(void) {
    append_byte(in_scratch(TRAIN_IMAGES), 1);
}
static void one_label_more(void) {
    append_byte(in_scratch(TEST_LABELS), 1);
}
static void not_bytes(void) {
    change_byte(in_scratch(TRAIN_IMAGES), 2, 8 ^ 13);
}
static void labels_as_images(void) {
    Bytes labels = read_bytes_of(in_scratch(TRAIN_LABELS));
    write_bytes(in_scratch(TRAIN_IMAGES), labels.bytes, labels.count);
}
static void images_as_labels(void) {
    Bytes images = read_bytes_of(in_scratch(TEST_IMAGES));
    write_bytes(in_scratch(TEST_LABELS), images.bytes, images.count);
}
static void text_file(void) {
    write_text(in_scratch(TRAIN_IMAGES), "<html>\n");
}
static void a_label_without_a_name(void) {
    write_text(in_scratch("classes.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
    Bytes labels = read_bytes_of(in_scratch(TRAIN_LABELS));
    labels.bytes[8 + 17] = 10;
    write_bytes(in_scratch(TRAIN_LABELS), labels.bytes, labels.count);
}
static void a_label_of_65536(void) {
    write_wide_labels(TRAIN_LABELS, TRAIN, 65536);
}
static void a_label_below_0(void) {
    write_wide_labels(TEST_LABELS, TEST, -1);
}
static void images_of_ints(void) {
    change_byte(in_scratch(TRAIN_IMAGES), 2, 8 ^ 0x0C);
}
static void five_dimensions(void) {
    change_byte(in_scratch(TRAIN_IMAGES), 3, 3 ^ 5);
}
static void two_channels(void) {
    const uint32_t shape[4] = {TRAIN, HEIGHT, WIDTH, 2};
    Bytes b = idx_bytes(4, shape, TRAIN * PIXELS * 2);
    write_bytes(in_scratch(TRAIN_IMAGES), b.bytes, b.count);
}
static void grey_to_train_and_colour_to_test(void) {
    const uint32_t shape[4] = {TEST, HEIGHT, WIDTH, 3};
    Bytes b = idx_bytes(4, shape, TEST * PIXELS * 3);
    write_bytes(in_scratch(TEST_IMAGES), b.bytes, b.count);
}
static void fewer_labels(void) {
    write_labels(TRAIN_LABELS, PLAIN, TRAIN - 1);
}
static void more_labels(void) {
    write_labels(TEST_LABELS, PLAIN, TEST + 1);
}
static void no_images(void) {
    write_images(TRAIN_IMAGES, PLAIN, 0, HEIGHT, WIDTH);
}
static void no_height(void) {
    write_images(TEST_IMAGES, PLAIN, TEST, 0, WIDTH);
}
static void huge_count(void) {
    change_byte(in_scratch(TRAIN_IMAGES), 4, 0x80);
}
static void huge_width(void) {
    change_byte(in_scratch(TRAIN_IMAGES), 13, 0x10);
}
static void many_labels(void) {
    change_byte(in_scratch(TRAIN_LABELS), 4, 0x40);
}

/* All in range, but together 168 TB; the file can't have so much. */
static void huge_together(void) {
    const uint32_t shape[3] = {10000000, 4096, 4096};
    Bytes b = idx_bytes(3, shape, 100);
    write_bytes(in_scratch(TRAIN_IMAGES), b.bytes, b.count);
}
static void test_images_of_another_size(void) {
    write_images(TEST_IMAGES, PLAIN, TEST, WIDTH, HEIGHT);
}

/* The gzip forms replace a plain file. */
static const char *as_gzip(const char *name) {
    Bytes b = read_bytes_of(in_scratch("%s", name));
    remove(in_scratch("%s", name));
    write_packed(name, GZIP, b);
    return in_scratch("%s.gz", name);
}
static void gzip_of_too_few(void) {
    one_pixel_short();
    as_gzip(TEST_IMAGES);
}
static void gzip_of_too_many(void) {
    one_pixel_more();
    as_gzip(TRAIN_IMAGES);
}
static void gzip_changed_in_the_middle(void) {
    const char *path = as_gzip(TRAIN_IMAGES);
    change_byte(path, (long)read_bytes_of(path).count / 2, 0xff);
}
static void gzip_with_a_wrong_checksum(void) {
    change_byte(as_gzip(TRAIN_IMAGES), -8, 0x01);
}
static void gzip_with_a_wrong_length(void) {
    change_byte(as_gzip(TRAIN_IMAGES), -4, 0x01);
}
static void gzip_cut_in_the_middle(void) {
    const char *path = as_gzip(TRAIN_IMAGES);
    cut_file(path, read_bytes_of(path).count / 2);
}
static void gzip_cut_before_its_checksum(void) {
    const char *path = as_gzip(TRAIN_IMAGES);
    cut_file(path, read_bytes_of(path).count - 8);
}
/* Larger than zlib's buffers: all of its pixels are there. */
static void long_gzip_cut_before_its_checksum(void) {
    write_images(TRAIN_IMAGES, PLAIN, TRAIN, 64, 64);
    gzip_cut_before_its_checksum();
}
static void gzip_cut_in_its_checksum(void) {
    const char *path = as_gzip(TEST_LABELS);
    cut_file(path, read_bytes_of(path).count - 5);
}
static void gzip_cut_to_its_header(void) {
    cut_file(as_gzip(TRAIN_IMAGES), 12);
}

/* A few bytes, whose header announces 168 TB. */
static void gzip_bomb(void) {
    huge_together();
    as_gzip(TRAIN_IMAGES);
}
/* The headers are compared before the images are read: there are too few of them. */
static void gzip_of_another_count(void) {
    change_byte(in_scratch(TRAIN_IMAGES), 7, 0x40);
    as_gzip(TRAIN_IMAGES);
}
static void a_pipe_instead(void) {
    remove(in_scratch(TEST_LABELS));
    ck_assert_int_eq(mkfifo(in_scratch(TEST_LABELS), 0600), 0);
}
static void a_link_to_nowhere(void) {
    no_train_images();
    ck_assert_int_eq(symlink("nowhere", in_scratch(TRAIN_IMAGES)), 0);
}
static void classes_that_are_nowhere(void) {
    ck_assert_int_eq(symlink("nowhere", in_scratch("classes.txt")), 0);
}
static void a_pipe_of_classes(void) {
    ck_assert_int_eq(mkfifo(in_scratch("classes.txt"), 0600), 0);
}

/* What is done to a good data set in plain files, and the words of its one line. */
static const struct {
    void (*damage)(void);
    const char *words;
} bad_inputs[] = {
    {no_train_images, TRAIN_IMAGES "|no file"},
    {no_test_labels, TEST_LABELS "|no file"},
    {a_directory_instead, TEST_IMAGES "|folder, no regular file"},
    {empty_file, TRAIN_LABELS "|truncated"},
    {cut_in_magic, TRAIN_IMAGES "|truncated"},
    {cut_in_dimensions, TRAIN_IMAGES "|truncated"},
    {cut_after_header, TRAIN_IMAGES "|truncated"},
    {one_pixel_short, TEST_IMAGES "|truncated|288|287"},
    {one_label_short, TEST_LABELS "|truncated"},
    {one_pixel_more, TRAIN_IMAGES "|too long"},
    {one_label_more, TEST_LABELS "|too long"},
    {not_bytes, TRAIN_IMAGES "|wrong magic number|0x00000d03|0x00000803"},
    {labels_as_images, TRAIN_IMAGES "|wrong magic number|0x00000801"},
    {images_as_labels, TEST_LABELS "|wrong magic number|0x00000803|0x00000801"},
    {text_file, TRAIN_IMAGES "|wrong magic number"},
    {a_label_without_a_name,
     "classes.txt: |names 10 classes|a training image|label 10"},
    {a_label_of_65536, TRAIN_LABELS "|label 29 is 65536|out of range 0 to 65535"},
    {a_label_below_0, TEST_LABELS "|label 11 is -1|out of range"},
    {images_of_ints, TRAIN_IMAGES "|wrong magic number|0x00000c03"},
    {five_dimensions, TRAIN_IMAGES "|wrong magic number|0x00000805|0x00000804"},
    {two_channels, TRAIN_IMAGES "|4x6x2|channels"},
    {grey_to_train_and_colour_to_test, "1 channels, test images 3"},
    {fewer_labels, "train|30 images|29 labels"},
    {more_labels, "t10k|12 images|13 labels"},
    {no_images, TRAIN_IMAGES "|dimension 0 is 0"},
    {no_height, TEST_IMAGES "|dimension 1 is 0"},
    {huge_count, TRAIN_IMAGES "|dimension 0 is 2147483678"},
    {huge_width, TRAIN_IMAGES "|dimension 2 is 1048582"},
    {many_labels, TRAIN_LABELS "|dimension 0"},
    {huge_together, TRAIN_IMAGES "|truncated"},
    {test_images_of_another_size, "4x6|6x4"},
    {gzip_of_too_few, TEST_IMAGES ".gz|truncated"},
    {gzip_of_too_many, TRAIN_IMAGES ".gz|too long"},
    {gzip_changed_in_the_middle, TRAIN_IMAGES ".gz|damaged"},
    {gzip_with_a_wrong_checksum, TRAIN_IMAGES ".gz|damaged"},
    {gzip_with_a_wrong_length, TRAIN_IMAGES ".gz|damaged"},
    {gzip_cut_in_the_middle, TRAIN_IMAGES ".gz|damaged"},
    {gzip_cut_before_its_checksum, TRAIN_IMAGES ".gz|damaged"},
    {long_gzip_cut_before_its_checksum, TRAIN_IMAGES ".gz|damaged|ends early"},
    {gzip_cut_in_its_checksum, TEST_LABELS ".gz|damaged"},
    {gzip_cut_to_its_header, TRAIN_IMAGES ".gz|damaged"},
    {gzip_bomb, TRAIN_IMAGES ".gz|announces 167772160000000 bytes|bytes of gzip"},
    {gzip_of_another_count, "train|94 images|30 labels"},
    {a_pipe_instead, TEST_LABELS "|no regular file"},
    {a_link_to_nowhere, TRAIN_IMAGES ": "},
    {classes_that_are_nowhere, "classes.txt: "},
    {a_pipe_of_classes, "classes.txt|no regular file"},
};

enum { BAD_INPUTS = sizeof bad_inputs / sizeof bad_inputs[0] };

START_TEST(bad_input_gives_one_line_that_names_the_file) {
    Dataset dataset;
    Error error = {""};
    write_dataset(PLAIN);
    bad_inputs[_i].damage();
    ck_assert_msg(!dataset_load(&dataset, in_scratch("."), NULL, NULL, &error),
                  "it was accepted; want a line with %s", bad_inputs[_i].words);
    assert_error_line(error, bad_inputs[_i].words);
    ck_assert_ptr_null(dataset.train.pixels); /* nothing is left to be freed */
    ck_assert_ptr_null(dataset.test.pixels);
}
END_TEST

START_TEST(a_missing_directory_gives_one_line_that_names_it) {
    Dataset dataset;
    Error error = {""};
    ck_assert(!dataset_load(&dataset, in_scratch("not-there"), NULL, NULL, &error));
    assert_error_line(error, "not-there|no such directory");
    write_text(in_scratch("a-file"), "");
    ck_assert(!dataset_load(&dataset, in_scratch("a-file"), NULL, NULL, &error));
    assert_error_line(error, "a-file|no such directory");
}
END_TEST

Suite *dataset_suite(void) {
    Suite *suite = suite_create("dataset");
    TCase *loading = add_scratch_case(suite, "loading");
    tcase_add_loop_test(loading, plain_and_gzip_files_load_alike, 0, 2);
    tcase_add_test(loading, plain_and_gzip_files_may_be_mixed);
    tcase_add_test(loading, mean_and_deviation_are_those_of_the_training_pixels);
    tcase_add_test(loading, images_of_one_grey_have_a_deviation_that_can_divide);
    tcase_add_test(loading, classes_are_digits_until_a_file_names_them);
    tcase_add_test(loading, a_file_of_names_that_can_not_be_read_is_an_error);
    tcase_add_test(loading, the_checksum_is_of_the_training_labels_and_pixels);
    tcase_add_test(loading, the_bundled_sample_loads);
    TCase *kinds = add_scratch_case(suite, "classes and channels");
    tcase_add_test(kinds, there_are_as_many_classes_as_the_largest_label_says);
    tcase_add_test(kinds, labels_may_have_two_bytes);
    tcase_add_loop_test(kinds, images_in_colour_have_their_channels_last_or_first, 0,
                        2);
    tcase_add_test(kinds, a_grey_is_weighed_as_the_eye_does);
    TCase *bad = add_scratch_case(suite, "bad input");
    tcase_add_loop_test(bad, bad_input_gives_one_line_that_names_the_file, 0,
                        BAD_INPUTS);
    tcase_add_test(bad, a_missing_directory_gives_one_line_that_names_it);
    return suite;
}
