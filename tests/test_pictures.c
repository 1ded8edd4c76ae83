/*
 * test_pictures.c: common/images: pictures in and out, against PIL:
 * tests/reference/make_pictures.py made the pictures and the pixels they should have.
 * Run from the repository's root: paths are relative to it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/check_helpers.h"
#include "common/images/formats.h"
#include "tests/picture_helpers.h"
#include "tests/scratch.h"
#include "tests/suites.h"

#define FOLDER "tests/reference/pictures/"

static const char *const jpegs[] = {
    "colour_444",    "colour_422",    "colour_420",    "progressive",
    "restarts",      "rgb",           "grey",          "grey_progressive",
    "pixel",         "orientation_1", "orientation_2", "orientation_3",
    "orientation_4", "orientation_5", "orientation_6", "orientation_7",
    "orientation_8",
};

/* The first ones are there interlaced, too. */
static const char *const pngs[] = {
    "grey_1",
    "grey_2",
    "grey_4",
    "grey_8",
    "grey_16",
    "palette_1",
    "palette_2",
    "palette_4",
    "palette_8",
    "grey_alpha_8",
    "grey_alpha_16",
    "colour_8",
    "colour_16",
    "colour_alpha_8",
    "colour_alpha_16",
    "one_pixel",
    "gamma",
    "grey_transparent",
    "turned_before",
    "turned_after",
    "colour_transparent",
    "animated",
    "palette_transparent",
    "palette_too_short",
};
enum {
    JPEGS = sizeof jpegs / sizeof jpegs[0],
    PNGS = sizeof pngs / sizeof pngs[0],
    INTERLACED = 15,
};

/* ---- pictures ----------------------------------------------------------- */

/* The pixels of an .npy file of bytes, (height, width, 3). */
static Picture pixels_of(const char *path) {
    const Bytes b = read_bytes_of(path);
    Picture picture;
    Error error = {""};
    int height, width;
    ck_assert(b.count > 10 && memcmp(b.bytes, "\x93NUMPY\1\0", 8) == 0);
    const size_t start = 10 + b.bytes[8] + 256 * (size_t)b.bytes[9];
    ck_assert(b.count > start);
    const char *header = (const char *)b.bytes + 10;
    ck_assert_ptr_nonnull(strstr(header, "'|u1'"));
    ck_assert_ptr_nonnull(strstr(header, "'fortran_order': False"));
    ck_assert_int_eq(
        sscanf(strstr(header, "'shape'"), "'shape': (%d, %d, 3)", &height, &width), 2);
    ck_assert(picture_make(&picture, width, height, &error));
    ck_assert_uint_eq(b.count - start, (size_t)(height * width * 3));
    memcpy(picture.pixels, b.bytes + start, b.count - start);
    return picture;
}

/* Read from the file, has it these pixels? */
static void assert_reads(const char *path, const char *pixels, int levels) {
    Picture got = picture_of(path), want = pixels_of(pixels);
    assert_no_message(picture_difference(&got, &want, levels, path));
    picture_free(&got);
    picture_free(&want);
}

/* The line with which these bytes are refused. */
static void assert_refused(Bytes b, const char *words) {
    Picture picture = {.width = -1};
    Error error = {""};
    ck_assert_msg(!picture_decode(&picture, b.bytes, b.count, "cat", &error),
                  "accepted; want %s", words);
    ck_assert_ptr_null(picture.pixels);
    assert_error_line(error, words);
    ck_assert_msg(strncmp(error.text, "cat: ", 5) == 0, "%s", error.text);
}

static Bytes reference(const char *name) {
    char path[128];
    snprintf(path, sizeof path, FOLDER "%s", name);
    return read_bytes_of(path);
}

/* Where these bytes begin. */
static size_t place_of(Bytes b, const char *what, size_t count) {
    for (size_t i = 0; i + count <= b.count; i++) {
        if (memcmp(b.bytes + i, what, count) == 0) {
            return i;
        }
    }
    ck_abort_msg("the picture lacks what the test looks for");
    return 0;
}

/* ---- what is read ------------------------------------------------------- */

/* Versions of libjpeg differ by a level or two. */
START_TEST(a_jpeg_has_the_pixels_that_pil_reads) {
    char path[128], pixels[128];
    snprintf(path, sizeof path, FOLDER "%s.jpg", jpegs[_i]);
    snprintf(pixels, sizeof pixels, FOLDER "%s.npy", jpegs[_i]);
    assert_reads(path, pixels, 2);
}
END_TEST

START_TEST(a_png_has_the_pixels_that_pil_reads) {
    char path[128], pixels[128];
    snprintf(pixels, sizeof pixels, FOLDER "%s.npy", pngs[_i]);
    snprintf(path, sizeof path, FOLDER "%s.png", pngs[_i]);
    assert_reads(path, pixels, 0);
    if (_i < INTERLACED) {
        snprintf(path, sizeof path, FOLDER "%s_interlaced.png", pngs[_i]);
        assert_reads(path, pixels, 0);
    }
}
END_TEST

/* What the file is called doesn't matter. */
START_TEST(the_first_bytes_tell_the_format) {
    const Bytes jpeg = reference("grey.jpg"), png = reference("grey_8.png");
    const char *path = in_scratch("jpeg.png");
    write_bytes(path, jpeg.bytes, jpeg.count);
    assert_reads(path, FOLDER "grey.npy", 2);
    ck_assert(picture_is_one(jpeg.bytes, 16) && picture_is_one(png.bytes, 16));
    ck_assert(!picture_is_one(jpeg.bytes, 2) && !picture_is_one(png.bytes, 7));
    ck_assert(!picture_is_one("GIF89a, and more", 16));
}
END_TEST

/* `count` zeros at `at`. */
static Bytes with_zeros(Bytes b, size_t at, size_t count) {
    Bytes longer = zero_bytes(b.count + count);
    memcpy(longer.bytes, b.bytes, at);
    memcpy(longer.bytes + at + count, b.bytes + at, b.count - at);
    return longer;
}

static void assert_decodes(Bytes b, const char *pixels) {
    Picture got, want = pixels_of(pixels);
    Error error = {""};
    ck_assert_msg(picture_decode(&got, b.bytes, b.count, "cat", &error), "%s",
                  error.text);
    assert_no_message(picture_difference(&got, &want, 2, "cat"));
    picture_free(&got);
    picture_free(&want);
}

/* Cameras write bytes that mean nothing between the headers and before the end, and
 * whole pictures after it. */
START_TEST(bytes_too_many_are_no_damage) {
    const Bytes good = reference("colour_420.jpg");
    const size_t frame = place_of(good, "\xFF\xC0", 2);
    assert_decodes(with_zeros(good, frame, 50), FOLDER "colour_420.npy");
    assert_decodes(with_zeros(good, good.count - 2, 50), FOLDER "colour_420.npy");
    Bytes twice = with_zeros(good, good.count, good.count);
    memcpy(twice.bytes + good.count, good.bytes, good.count);
    assert_decodes(twice, FOLDER "colour_420.npy");
}
END_TEST

/* ---- EXIF --------------------------------------------------------------- */

typedef struct {
    const char *bytes;
    size_t count;
    int orientation;
} ExifCase;
#define EXIF(text, orientation)                                                        \
    { text, sizeof(text) - 1, orientation }
static const ExifCase exif_cases[] = {
    EXIF("MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0", 6),
    EXIF("II*\0\10\0\0\0\1\0\x12\1\3\0\1\0\0\0\3\0\0\0\0\0\0\0", 3),
    /* the second entry; a directory elsewhere */
    EXIF("II*\0\12\0\0\0..\2\0..........\1\0\x12\1\3\0\1\0\0\0\10\0\0\0", 8),
    /* orientations that are none, and another type */
    EXIF("MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\0\0\0\0\0\0\0", 1),
    EXIF("MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\11\0\0\0\0\0\0", 1),
    EXIF("MM\0*\0\0\0\10\0\1\1\x12\0\2\0\0\0\1\0\6\0\0\0\0\0\0", 1),
    /* nothing; no TIFF; entries, and a directory, that aren't there */
    EXIF("", 1),
    EXIF("MM\0*", 1),
    EXIF("MM\0+\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0", 1),
    EXIF("MM\0*\0\0\0\10\xFF\xFF", 1),
    EXIF("MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1", 1),
    EXIF("MM\0*\xFF\xFF\xFF\xFF\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0", 1),
    EXIF("II*\0\xFE\xFF\xFF\xFF\1\0\x12\1\3\0\1\0\0\0\3\0\0\0\0\0\0\0", 1),
};

START_TEST(exif_says_the_orientation_or_nothing) {
    const ExifCase *c = &exif_cases[_i];
    unsigned char *bytes = malloc(c->count > 0 ? c->count : 1); /* its end is watched */
    memcpy(bytes, c->bytes, c->count);
    ck_assert_int_eq(exif_orientation(bytes, c->count), c->orientation);
    free(bytes);
}
END_TEST

/* The number is its bytes 18 and 19: without them, what follows isn't looked at. */
START_TEST(exif_ends_where_it_ends) {
    for (size_t count = 0; count <= exif_cases[0].count; count++) {
        ck_assert_int_eq(
            exif_orientation((const unsigned char *)exif_cases[0].bytes, count),
            count < 20 ? 1 : 6);
    }
}
END_TEST

START_TEST(exif_that_makes_no_sense_turns_nothing) {
    Bytes b = reference("orientation_6.jpg");
    b.bytes[place_of(b, "\x01\x12", 2)] = 7; /* another entry than the orientation */
    assert_decodes(b, FOLDER "orientation_1.npy");
}
END_TEST

/* ---- what is refused ---------------------------------------------------- */

static const struct {
    const char *begin;
    size_t count;
    const char *words;
} strangers[] = {
    {"", 0, "an empty file"},
    {"GIF89a....................", 26, "a GIF picture; convert it to JPEG or PNG"},
    {"RIFF....WEBPVP8 ..........", 26, "a WebP picture; convert"},
    {"\0\0\0\x20"
     "ftypheic..............",
     26, "a HEIF picture; convert"},
    {"\0\0\0\x20"
     "ftypmif1..............",
     26, "a HEIF picture; convert"},
    {"\0\0\0\x20"
     "ftypavif..............",
     26, "an AVIF picture; convert"},
    {"II*\0......................", 26, "a TIFF picture; convert"},
    {"MM\0*......................", 26, "a TIFF picture; convert"},
    {"BM........................", 26, "a BMP picture; convert"},
    {"8BPS......................", 26, "a Photoshop picture; convert"},
    {"\0\0\0\x0CJXL \r\n\x87\n", 12, "a JPEG XL picture; convert"},
    {"hello\n", 6, "neither a JPEG nor a PNG picture"},
    {"\xFF\xD8", 2, "neither a JPEG nor a PNG picture"},
    {"\xFF\xD8\xFF", 3, "truncated or damaged JPEG"},
    {"\x89PNG\r\n\x1A\n", 8, "truncated or damaged PNG"},
};

START_TEST(other_formats_are_refused_by_name) {
    Bytes b = zero_bytes(strangers[_i].count);
    memcpy(b.bytes, strangers[_i].begin, b.count);
    assert_refused(b, strangers[_i].words);
    write_bytes(in_scratch("cat"), b.bytes, b.count);
    Picture picture;
    Error error = {""};
    ck_assert(!picture_read(&picture, in_scratch("cat"), &error));
    assert_error_line(error, strangers[_i].words);
    ck_assert_ptr_null(picture.pixels);
}
END_TEST

START_TEST(what_is_no_regular_file_is_refused) {
    Picture picture;
    Error error = {""};
    ck_assert(!picture_read(&picture, in_scratch("not-there"), &error));
    assert_error_line(error, "not-there: No such file");
    mkdir(in_scratch("folder.jpg"), 0700);
    ck_assert(!picture_read(&picture, in_scratch("folder.jpg"), &error));
    assert_error_line(error, "folder.jpg: it is a folder");
    ck_assert_int_eq(mkfifo(in_scratch("pipe.jpg"), 0600), 0);
    ck_assert(!picture_read(&picture, in_scratch("pipe.jpg"), &error));
    assert_error_line(error, "pipe.jpg: it is no regular file");
}
END_TEST

START_TEST(cmyk_and_arithmetic_coding_are_refused) {
    assert_refused(reference("cmyk.jpg"), "a JPEG in CMYK; convert it to RGB");
    Bytes b = reference("colour_420.jpg");
    b.bytes[place_of(b, "\xFF\xC0", 2) + 1] = 0xC9;
    assert_refused(b, "a JPEG with arithmetic coding");
}
END_TEST

/* Every beginning of a file is refused, wherever it ends. */
static void assert_cut_is_refused(const char *name, const char *format) {
    enum { STEP = 37, SIGNATURE = 8 };
    const Bytes whole = reference(name);
    for (size_t count = SIGNATURE; count < whole.count; count += STEP) {
        Bytes part = zero_bytes(count);
        memcpy(part.bytes, whole.bytes, count);
        assert_refused(part, "truncated");
        assert_refused(part, format);
    }
    Bytes but_one = zero_bytes(whole.count - 1);
    memcpy(but_one.bytes, whole.bytes, but_one.count);
    assert_refused(but_one, "truncated");
}

START_TEST(a_truncated_jpeg_is_refused) {
    char name[64];
    snprintf(name, sizeof name, "%s.jpg", jpegs[_i]);
    assert_cut_is_refused(name, "JPEG");
}
END_TEST

START_TEST(a_truncated_png_is_refused) {
    char name[64];
    snprintf(name, sizeof name, "%s.png", pngs[_i]);
    assert_cut_is_refused(name, "PNG");
}
END_TEST

/* libjpeg would go on, with grey in place of what is lost. */
START_TEST(a_jpeg_with_lost_data_is_refused) {
    Bytes b = reference("colour_420.jpg");
    const size_t scan = place_of(b, "\xFF\xDA", 2);
    memcpy(b.bytes + scan + 60, "\xFF\0\xFF\0\xFF\0\xFF\0",
           8); /* no code is all ones */
    assert_refused(b, "damaged JPEG|bad Huffman code");
    memcpy(b.bytes + scan + 60, "\xFF\xD9", 2);
    assert_refused(b, "damaged JPEG|premature end");
    b = reference("restarts.jpg");
    assert_refused(with_zeros(b, place_of(b, "\xFF\xD1", 2), 50),
                   "damaged JPEG|50 extraneous bytes");
}
END_TEST

/* A progressive picture, of its first scan alone: that, `count` times. */
static Bytes many_scans(size_t count) {
    Bytes b = reference("grey_progressive.jpg");
    const size_t begin = place_of(b, "\xFF\xDA", 2);
    size_t end = begin + 2;
    while (b.bytes[end] != 0xFF || b.bytes[end + 1] == 0) {
        end++;
    }
    b.bytes[begin + 9] = 0; /* it is exact, so that it may be there again */
    const size_t scan = end - begin;
    Bytes many = zero_bytes(begin + count * scan + 2);
    memcpy(many.bytes, b.bytes, begin);
    for (size_t i = 0; i < count; i++) {
        memcpy(many.bytes + begin + i * scan, b.bytes + begin, scan);
    }
    memcpy(many.bytes + begin + count * scan, "\xFF\xD9", 2);
    return many;
}

START_TEST(a_jpeg_of_scans_without_end_is_refused) {
    const Bytes most = many_scans(100);
    Picture picture;
    Error error = {""};
    ck_assert_msg(picture_decode(&picture, most.bytes, most.count, "cat", &error), "%s",
                  error.text);
    picture_free(&picture);
    assert_refused(many_scans(101), "a JPEG of more than 100 scans");
}
END_TEST

/* A byte that was changed: there are pixels, or one line. */
static void change_each(const char *name) {
    Bytes b = reference(name);
    int refused = 0;
    for (size_t at = 0; at < b.count; at++) {
        Picture picture;
        Error error = {""};
        b.bytes[at] ^= 0x55;
        if (!picture_decode(&picture, b.bytes, b.count, "cat", &error)) {
            assert_error_line(error, "cat: ");
            ck_assert_ptr_null(picture.pixels);
            refused++;
        }
        picture_free(&picture);
        b.bytes[at] ^= 0x55;
    }
    ck_assert_int_gt(refused, 8);
}

START_TEST(a_changed_byte_is_no_crash) {
    change_each("colour_420.jpg");
    change_each("orientation_6.jpg");
    change_each("progressive.jpg");
    change_each("palette_4_interlaced.png");
    change_each("turned_after.png");
}
END_TEST

/* The data of a PNG are guarded by checksums: there, no change goes unnoticed. */
START_TEST(a_png_with_other_data_is_refused) {
    Bytes b = reference("colour_8.png");
    const size_t data = place_of(b, "IDAT", 4), end = place_of(b, "IEND", 4);
    for (size_t at = data + 4; at < end - 4; at++) {
        b.bytes[at] ^= 0x10;
        assert_refused(b, "truncated or damaged PNG");
        b.bytes[at] ^= 0x10;
    }
}
END_TEST

START_TEST(too_many_pixels_are_refused_before_memory_is_asked_for) {
    Bytes b = reference("colour_420.jpg");
    unsigned char *size = b.bytes + place_of(b, "\xFF\xC0", 2) + 5; /* height, width */
    memcpy(size, "\x75\x30\x75\x30", 4);
    assert_refused(b, "30000 x 30000 pixels; at most");
    memcpy(size, "\x9C\x40\x00\x10", 4);
    assert_refused(b, "16 x 40000 pixels; at most");
    memcpy(size, "\x30\x00\x30\x00", 4);
    assert_refused(b, "truncated|can't hold 12288 x 12288 pixels");

    /* A PNG's size has a checksum after it. */
    static const unsigned char huge[] =
        "\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\x75\x30\0\0\x75\x30\x01\0\0\0\0"
        "\x4E\x5C\xC5\x17\0\0\0\x0AIDAT\x78\x9C\x63\0\0\0\2\0\1\x48\xAF\xA4\x71";
    Bytes png = zero_bytes(sizeof huge - 1);
    memcpy(png.bytes, huge, png.count);
    assert_refused(png, "30000 x 30000 pixels; at most");
}
END_TEST

START_TEST(a_chunk_longer_than_its_file_is_refused) {
    Bytes b = reference("turned_after.png");
    b.bytes[place_of(b, "eXIf", 4) - 4] = 0x6B; /* the highest byte of its length */
    assert_refused(b, "truncated or damaged PNG");
}
END_TEST

/* ---- what is written ---------------------------------------------------- */

START_TEST(what_is_written_is_read_back) {
    Picture made = pixels_of(FOLDER "colour_444.npy");
    Error error = {""};
    ck_assert(picture_write(&made, in_scratch("made.png"), &error));
    Picture back = picture_of(in_scratch("made.png"));
    assert_no_message(picture_difference(&back, &made, 0, "made.png"));
    ck_assert_int_eq(files_in_scratch(), 1);
    picture_free(&made);
    picture_free(&back);
}
END_TEST

START_TEST(a_full_disk_leaves_what_was_there) {
    Picture small = pixels_of(FOLDER "colour_444.npy"), large;
    const char *path = in_scratch("kept.png");
    Error error = {""};
    ck_assert(picture_write(&small, path, &error));
    const Bytes before = read_bytes_of(path);
    ck_assert(picture_make(&large, 300, 300, &error));
    uint32_t noise = 1;
    for (int i = 0; i < 300 * 300 * 3; i++) { /* it isn't to become small */
        noise = noise * 1664525u + 1013904223u;
        large.pixels[i] = (unsigned char)(noise >> 24);
    }
    file_size_limit(20000);
    const bool ok = picture_write(&large, path, &error);
    file_size_limit(-1);
    ck_assert(!ok);
    assert_error_line(error, "kept.png: can't be written: |what was there before");
    ck_assert(same_bytes(read_bytes_of(path), before));
    ck_assert_int_eq(files_in_scratch(), 1);
    ck_assert(!picture_write(&small, in_scratch("no/folder.png"), &error));
    assert_error_line(error, "no/folder.png: can't be written");
    picture_free(&small);
    picture_free(&large);
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof(array)[0])

Suite *pictures_suite(void) {
    Suite *suite = suite_create("pictures");
    TCase *reading = add_scratch_case(suite, "reading");
    tcase_add_loop_test(reading, a_jpeg_has_the_pixels_that_pil_reads, 0, JPEGS);
    tcase_add_loop_test(reading, a_png_has_the_pixels_that_pil_reads, 0, PNGS);
    tcase_add_test(reading, the_first_bytes_tell_the_format);
    tcase_add_test(reading, bytes_too_many_are_no_damage);
    tcase_add_loop_test(reading, exif_says_the_orientation_or_nothing, 0,
                        COUNT(exif_cases));
    tcase_add_test(reading, exif_ends_where_it_ends);
    tcase_add_test(reading, exif_that_makes_no_sense_turns_nothing);
    TCase *refusing = add_scratch_case(suite, "refusing");
    tcase_add_loop_test(refusing, other_formats_are_refused_by_name, 0,
                        COUNT(strangers));
    tcase_add_test(refusing, what_is_no_regular_file_is_refused);
    tcase_add_test(refusing, cmyk_and_arithmetic_coding_are_refused);
    tcase_add_loop_test(refusing, a_truncated_jpeg_is_refused, 0, JPEGS);
    tcase_add_loop_test(refusing, a_truncated_png_is_refused, 0, PNGS);
    tcase_add_test(refusing, a_jpeg_with_lost_data_is_refused);
    tcase_add_test(refusing, a_jpeg_of_scans_without_end_is_refused);
    tcase_add_test(refusing, a_changed_byte_is_no_crash);
    tcase_add_test(refusing, a_png_with_other_data_is_refused);
    tcase_add_test(refusing, too_many_pixels_are_refused_before_memory_is_asked_for);
    tcase_add_test(refusing, a_chunk_longer_than_its_file_is_refused);
    TCase *writing = add_scratch_case(suite, "writing");
    tcase_add_test(writing, what_is_written_is_read_back);
    tcase_add_test(writing, a_full_disk_leaves_what_was_there);
    return suite;
}
