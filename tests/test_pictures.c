/*
 * test_pictures.c: common/images: pictures in and out, and their resize, against PIL:
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
#include "common/images/resize.h"
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

static Picture picture_of(const char *path) {
    Picture picture;
    Error error = {""};
    ck_assert_msg(picture_read(&picture, path, &error), "%s", error.text);
    return picture;
}

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

/* NULL, or where two pictures differ by more than `levels`. */
static const char *picture_difference(const Picture *got, const Picture *want,
                                      int levels, const char *name) {
    static char message[256];
    if (got->width != want->width || got->height != want->height) {
        snprintf(message, sizeof message, "%s is %d x %d, want %d x %d", name,
                 got->width, got->height, want->width, want->height);
        return message;
    }
    for (int i = 0; i < got->width * got->height * PICTURE_CHANNELS; i++) {
        if (abs(got->pixels[i] - want->pixels[i]) > levels) {
            const int at = i / PICTURE_CHANNELS;
            snprintf(message, sizeof message,
                     "%s: pixel (%d,%d), channel %d is %d, want %d", name,
                     at / got->width, at % got->width, i % PICTURE_CHANNELS,
                     got->pixels[i], want->pixels[i]);
            return message;
        }
    }
    return NULL;
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
