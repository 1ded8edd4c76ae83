/* test_safetensors.c: tensors in files, whole and damaged (safetensors.h). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/check_helpers.h"
#include "common/files/safetensors_file.h"
#include "tests/scratch.h"
#include "tests/suites.h"

/* ---- files --------------------------------------------------------------- */

/* One tensor of a header. */
#define ENTRY(name, dtype, shape, begin, end)                                          \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape                           \
    ",\"data_offsets\":[" begin "," end "]}"

/* 8 bytes of length, the header, the data. */
static const char *write_file(uint64_t header_bytes, const char *header,
                              const void *data, size_t data_bytes) {
    const char *path = in_scratch("made.safetensors");
    const size_t length = strlen(header);
    Bytes b = zero_bytes(8 + length + data_bytes);
    for (int i = 0; i < 8; i++) {
        b.bytes[i] = (unsigned char)(header_bytes >> (8 * i));
    }
    memcpy(b.bytes + 8, header, length);
    if (data_bytes > 0) {
        memcpy(b.bytes + 8 + length, data, data_bytes);
    }
    write_bytes(path, b.bytes, b.count);
    return path;
}

static const char *write_header(const char *header, size_t data_bytes) {
    static const char zeros[256];
    return write_file(strlen(header), header, zeros, data_bytes);
}

/* Two tensors and two texts, as our own writer makes them. */
static const char *write_good(const char *name) {
    const char *path = in_scratch("%s", name);
    Error error = {""};
    const SafetensorsEntry entries[2] = {
        {"first.weight", random_tensor('a', SHAPE(2, 3))},
        {"second", random_tensor('b', SHAPE(1, 2, 1, 2))}};
    const SafetensorsText texts[2] = {{"step", "7"}, {"note", "\"quoted\"\n"}};
    ck_assert_msg(safetensors_write(path, entries, 2, texts, 2, &error), "%s",
                  error.text);
    return path;
}

static Safetensors opened(const char *path) {
    Safetensors file;
    Error error = {""};
    ck_assert_msg(safetensors_open(&file, path, &error), "%s", error.text);
    return file;
}

/* The line with which the file is refused, when it is opened. */
static void assert_refused(const char *path, const char *words) {
    Safetensors file;
    Error error = {""};
    ck_assert_msg(!safetensors_open(&file, path, &error), "accepted; want %s", words);
    assert_error_line(error, "made.safetensors");
    assert_error_line(error, words);
}

/* ---- what is good -------------------------------------------------------- */

START_TEST(names_and_texts_may_hold_any_character) {
    Error error = {""};
    const char *path = in_scratch("odd");
    static const char odd[] = "\"\\ \x01\t\n\x1f \x7f / \xc3\xa9";
    SafetensorsEntry entry = {"", random_tensor('a', SHAPE(2))};
    snprintf(entry.name, sizeof entry.name, "%s", odd);
    const SafetensorsText text = {odd, odd};
    ck_assert(safetensors_write(path, &entry, 1, &text, 1, &error));
    Safetensors file = opened(path);
    ck_assert_str_eq(safetensors_metadata(&file, odd), odd);
    ck_assert(safetensors_read(&file, odd, unset_tensor(SHAPE(2)), &error));
    safetensors_close(&file);
}
END_TEST

START_TEST(what_is_written_is_read_back_bit_for_bit) {
    Error error = {""};
    Safetensors file = opened(write_good("good"));
    Tensor a = unset_tensor(SHAPE(2, 3)), b = unset_tensor(SHAPE(1, 2, 1, 2));
    ck_assert(safetensors_read(&file, "second", b, &error));
    ck_assert(safetensors_read(&file, "first.weight", a, &error));
    assert_same_bits(a, random_tensor('a', SHAPE(2, 3)));
    assert_same_bits(b, random_tensor('b', SHAPE(1, 2, 1, 2)));
    ck_assert_str_eq(safetensors_metadata(&file, "step"), "7");
    ck_assert_str_eq(safetensors_metadata(&file, "note"), "\"quoted\"\n");
    ck_assert_ptr_null(safetensors_metadata(&file, "another"));
    safetensors_close(&file);
}
END_TEST

START_TEST(the_file_is_what_the_format_says) {
    Bytes b = read_bytes_of(write_good("good"));
    uint64_t length = 0;
    for (int i = 0; i < 8; i++) {
        length |= (uint64_t)b.bytes[i] << (8 * i);
    }
    ck_assert_uint_eq(length % 8, 0); /* so that the data are aligned */
    ck_assert_uint_eq(b.count, 8 + length + 10 * sizeof(real));
    ck_assert_int_eq(b.bytes[8], '{');
    char text[512];
    snprintf(text, sizeof text, "%.*s", (int)length, (const char *)b.bytes + 8);
    ck_assert_ptr_nonnull(strstr(text, sizeof(real) == 4 ? "\"F32\"" : "\"F64\""));
    ck_assert_ptr_nonnull(strstr(text, "\"shape\":[2,3]"));
}
END_TEST

START_TEST(memory_has_the_same_bytes_as_a_file) {
    const Bytes file = read_bytes_of(write_good("good"));
    const SafetensorsEntry entries[2] = {
        {"first.weight", random_tensor('a', SHAPE(2, 3))},
        {"second", random_tensor('b', SHAPE(1, 2, 1, 2))}};
    const SafetensorsText texts[2] = {{"step", "7"}, {"note", "\"quoted\"\n"}};
    const SafetensorsContent content = {entries, 2, texts, 2};
    SafetensorsBuffer buffer = {0};
    Error error = {""};
    ck_assert(
        safetensors_encode(&content, "memory", safetensors_into(&buffer), &error));
    ck_assert(same_bytes(file, (Bytes){.bytes = buffer.bytes, .count = buffer.count}));
    Safetensors read;
    ck_assert(safetensors_decode(&read, safetensors_from(buffer.bytes, buffer.count),
                                 "memory", &error));
    Tensor a = unset_tensor(SHAPE(2, 3));
    ck_assert(safetensors_read(&read, "first.weight", a, &error));
    assert_same_bits(a, entries[0].T);
    ck_assert(!safetensors_read(&read, "third", a, &error));
    assert_error_line(error, "memory: there is no tensor third");
    safetensors_close(&read);
    ck_assert(!safetensors_decode(
        &read, safetensors_from(buffer.bytes, buffer.count - 1), "memory", &error));
    assert_error_line(error, "memory: truncated");
    free(buffer.bytes);
}
END_TEST

START_TEST(numbers_are_written_lowest_byte_first_on_every_machine) {
#ifdef REAL_IS_DOUBLE
    const unsigned char want[] = {0,    0,    0,    0,    0,    0,    0xf0, 0x3f,
                                  0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f};
#else
    const unsigned char want[] = {0, 0, 0x80, 0x3f, 0xcd, 0xcc, 0xcc, 0x3d};
#endif
    Error error = {""};
    const SafetensorsEntry entry = {"a", tensor_of(SHAPE(2), 1, 0.1)};
    ck_assert(safetensors_write(in_scratch("two"), &entry, 1, NULL, 0, &error));
    const Bytes b = read_bytes_of(in_scratch("two"));
    ck_assert_mem_eq(b.bytes + b.count - sizeof want, want, sizeof want);
}
END_TEST

START_TEST(many_numbers_are_written_as_few_are) {
    const int counts[] = {1023, 1024, 1025, 4096}; /* around the writer's blocks */
    for (int i = 0; i < 4; i++) {
        Error error = {""};
        const SafetensorsEntry entry = {"a", random_tensor('m', SHAPE(counts[i]))};
        ck_assert(safetensors_write(in_scratch("many"), &entry, 1, NULL, 0, &error));
        Safetensors file = opened(in_scratch("many"));
        Tensor back = unset_tensor(SHAPE(counts[i]));
        ck_assert_msg(safetensors_read(&file, "a", back, &error), "%s", error.text);
        assert_same_bits(back, entry.T);
        safetensors_close(&file);
    }
}
END_TEST

START_TEST(single_and_double_numbers_are_both_read) {
    /* 0.5 and -3 as floats, 0.25 and 0.001 as doubles, each its lowest byte first. */
    const unsigned char data[] = {0,    0,    0,    0x3f, 0,    0,    0x40, 0xc0,
                                  0,    0,    0,    0,    0,    0,    0xd0, 0x3f,
                                  0xfc, 0xa9, 0xf1, 0xd2, 0x4d, 0x62, 0x50, 0x3f};
    const char *header = "{" ENTRY("s", "F32", "[2]", "0",
                                   "8") "," ENTRY("d", "F64", "[2]", "8", "24") "}";
    Safetensors file = opened(write_file(strlen(header), header, data, sizeof data));
    Tensor s = unset_tensor(SHAPE(2)), d = unset_tensor(SHAPE(2));
    Error error = {""};
    ck_assert(safetensors_read(&file, "s", s, &error));
    ck_assert(safetensors_read(&file, "d", d, &error));
    assert_values(s, 0, "F32", 0.5, -3);
    assert_values(d, 1e-7, "F64", 0.25, 1e-3);
    safetensors_close(&file);
}
END_TEST

START_TEST(a_tensor_can_be_read_into_some_columns_of_a_wider_one) {
    Error error = {""};
    Safetensors file = opened(write_good("good"));
    Tensor view = wide_view(SHAPE(2, 3));
    ck_assert(safetensors_read(&file, "first.weight", view, &error));
    assert_same_bits(view, random_tensor('a', SHAPE(2, 3)));
    ck_assert(canaries_live(view));
    safetensors_close(&file);
}
END_TEST

START_TEST(tensors_may_lie_in_another_order_than_they_are_named) {
    const unsigned char data[8] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0x40}; /* 1 and 2 */
    const char *header = "{" ENTRY("b", "F32", "[1]", "4",
                                   "8") "," ENTRY("a", "F32", "[1]", "0", "4") "}";
    Safetensors file = opened(write_file(strlen(header), header, data, sizeof data));
    Tensor b = unset_tensor(SHAPE(1));
    Error error = {""};
    ck_assert(safetensors_read(&file, "b", b, &error));
    assert_values(b, 0, "b", 2);
    safetensors_close(&file);
}
END_TEST

START_TEST(a_view_of_columns_can_not_be_written) {
    Error error;
    const SafetensorsEntry entry = {"view", wide_view(SHAPE(2, 3))};
    assert_stops("safetensors_write",
                 safetensors_write("/dev/null/x", &entry, 1, NULL, 0, &error));
}
END_TEST

/* ---- what is damaged ----------------------------------------------------- */

START_TEST(a_file_cut_anywhere_is_refused) {
    const char *path = write_good("made.safetensors");
    const Bytes whole = read_bytes_of(path);
    for (size_t length = 0; length < whole.count; length++) {
        write_bytes(path, whole.bytes, length);
        assert_refused(path, length < 8 ? "truncated" : "");
    }
}
END_TEST

START_TEST(a_file_with_a_byte_too_many_is_refused) {
    append_byte(write_good("made.safetensors"), 0);
    assert_refused(in_scratch("made.safetensors"), "damaged");
}
END_TEST

START_TEST(a_wrong_header_length_is_refused) {
    Bytes good = read_bytes_of(write_good("made.safetensors"));
    const int64_t right = good.bytes[0] | good.bytes[1] << 8;
    const int64_t wrong[] = {0,
                             1,
                             right - 1,
                             right + 1,
                             right - 8,
                             right + 8,
                             INT64_MAX,
                             INT64_MIN,
                             -1,
                             1LL << 32,
                             right * 2,
                             99999999,
                             (int64_t)good.count,
                             (int64_t)good.count - 7};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        Bytes b = zero_bytes(good.count);
        memcpy(b.bytes, good.bytes, good.count);
        for (int k = 0; k < 8; k++) {
            b.bytes[k] = (unsigned char)((uint64_t)wrong[i] >> (8 * k));
        }
        write_bytes(in_scratch("made.safetensors"), b.bytes, b.count);
        assert_refused(in_scratch("made.safetensors"), "");
    }
}
END_TEST

/* The largest, the least normal one, the least, -0 and a third, as far as they go. */
START_TEST(halves_are_widened) {
    static const struct {
        const char *dtype;
        double values[5];
    } types[2] = {
        {"F16", {65504, 6.103515625e-05, 5.9604644775390625e-08, -0.0, 0.333251953125}},
        {"BF16",
         {3.3895313892515355e+38, 1.1754943508222875e-38, 9.183549615799121e-41, -0.0,
          0.333984375}}};
    static const uint16_t bits[2][5] = {{0x7bff, 0x0400, 0x0001, 0x8000, 0x3555},
                                        {0x7f7f, 0x0080, 0x0001, 0x8000, 0x3eab}};
    char header[128];
    snprintf(header, sizeof header, "{" ENTRY("a", "%s", "[5]", "0", "10") "}",
             types[_i].dtype);
    const char *path = write_header(header, 10);
    for (int i = 0; i < 5; i++) {
        change_byte(path, 2L * i - 10, (unsigned char)bits[_i][i]);
        change_byte(path, 2L * i - 9, (unsigned char)(bits[_i][i] >> 8));
    }
    Safetensors file;
    Error error = {""};
    Tensor T = zero_tensor(SHAPE(5));
    ck_assert_msg(safetensors_open(&file, path, &error), "%s", error.text);
    ck_assert_msg(safetensors_read(&file, "a", T, &error), "%s", error.text);
    for (int i = 0; i < 5; i++) {
        ck_assert((double)T.data[i] == types[_i].values[i]);
        ck_assert((signbit(T.data[i]) != 0) == (signbit(types[_i].values[i]) != 0));
    }
    safetensors_close(&file);
    change_byte(path, -1, (unsigned char)(_i == 0 ? 0x35 ^ 0x7c : 0x3e ^ 0x7f));
    change_byte(path, -2, (unsigned char)(_i == 0 ? 0x55 : 0xab ^ 0x80));
    ck_assert(safetensors_open(&file, path, &error));
    ck_assert(!safetensors_read(&file, "a", T, &error));
    assert_error_line(error, "tensor a has infinity at [4]");
    safetensors_close(&file);
}
END_TEST

/* What no Tensor can be, behind one that is read. */
static const struct {
    const char *header;
    size_t data_bytes;
    int ndim;
    const char *words;
} unread[] = {
    {ENTRY("a", "I64", "[1]", "8", "16"), 16, 1,
     "tensor a is of type I64: only F32, F64, F16 and BF16"},
    {ENTRY("a", "C64", "[1]", "8", "16"), 16, 1, "tensor a is of type C64: only F32"},
    {ENTRY("a", "F8_E4M3", "[1]", "8", "9"), 9, 1, "tensor a is of type F8_E4M3"},
    {ENTRY("a", "F32", "[1,1,1,1,1]", "8", "12"), 12, 5, "tensor a has 5 dimensions"},
    {ENTRY("a", "F32", "[1,0,1,1,1,1]", "8", "8"), 8, 6, "tensor a has 6 dimensions"},
    {ENTRY("a", "F32", "[0]", "8", "8"), 8, 1, "tensor a has no elements"},
    {ENTRY("a", "F32", "[3,0]", "0", "0"), 8, 2, "tensor a has no elements"},
};

START_TEST(what_no_tensor_can_be_is_listed_and_not_read) {
    char header[256];
    Safetensors file;
    Error error = {""};
    snprintf(header, sizeof header, "{" ENTRY("b", "F32", "[2]", "0", "8") ",%s}",
             unread[_i].header);
    const char *path = write_header(header, unread[_i].data_bytes);
    ck_assert_msg(safetensors_open(&file, path, &error), "%s", error.text);
    ck_assert_int_eq(file.count, 2);
    ck_assert_int_eq(safetensors_find(&file, "a")->ndim, unread[_i].ndim);
    ck_assert_msg(safetensors_read(&file, "b", zero_tensor(SHAPE(2)), &error), "%s",
                  error.text);
    ck_assert(!safetensors_read(&file, "a", zero_tensor(SHAPE(1)), &error));
    assert_error_line(error, unread[_i].words);
    safetensors_close(&file);
}
END_TEST

/* Headers, each with how many bytes of data follow it. */
#define GOOD ENTRY("a", "F32", "[2]", "0", "8")

static const struct {
    const char *header;
    size_t data_bytes;
    const char *words;
} bad_headers[] = {
    {"", 0, "damaged header"},
    {"    ", 0, "damaged header"},
    {"[]", 0, "damaged header"},
    {"\"text\"", 0, "damaged header"},
    {"{" GOOD, 8, "damaged header"},              /* no end */
    {"{" GOOD "}}", 8, "damaged header"},         /* too many */
    {"{" GOOD "," GOOD "}", 8, "damaged header"}, /* twice the same name */
    {"{\"a\":7}", 0, "tensor a"},
    {"{\"a\":[]}", 0, "tensor a"},
    {"{\"a\":{}}", 0, "tensor a"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "tensor a"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "tensor a"},
    {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "tensor a"},
    {"{" ENTRY("a", "F12", "[4]", "0", "8") "}", 8,
     "tensor a|of type F12, which isn't"},
    {"{" ENTRY("a", "F16", "[2]", "0", "8") "}", 8, "tensor a"},
    {"{" ENTRY("a", "I32", "[4]", "0", "8") "}", 8, "tensor a"},
    {"{" ENTRY("a", "f32", "[2]", "0", "8") "}", 8, "tensor a"},
    {"{" ENTRY("a", "F32", "[3]", "0", "8") "}", 8, "tensor a"}, /* too small */
    {"{" ENTRY("a", "F32", "[1]", "0", "8") "}", 8, "tensor a"}, /* too large */
    {"{" ENTRY("a", "F32", "[0]", "0", "8") "}", 8, "tensor a"},
    {"{" ENTRY("a", "F32", "[0,4294967296]", "0", "0") "}", 0, "tensor a"},
    {"{" ENTRY("a", "F32", "[-2]", "0", "8") "}", 8, "tensor a"},
    {"{" ENTRY("a", "F32", "[-1,-2]", "0", "8") "}", 8, "tensor a"},
    {"{" ENTRY("a", "F32", "[2.0]", "0", "8") "}", 8, "tensor a"},
    {"{" ENTRY("a", "F32", "[\"2\"]", "0", "8") "}", 8, "tensor a"},
    {"{" ENTRY("a", "F32", "2", "0", "8") "}", 8, "tensor a"},
    {"{" ENTRY("a", "F32", "[1,1,1,1,2]", "0", "4") "}", 4, "tensor a"},
    {"{" ENTRY("a", "F32", "[65536,65536,65536,65536]", "0", "0") "}", 0, "tensor a"},
    {"{" ENTRY("a", "F32", "[4294967296,4294967296]", "0", "0") "}", 0, "tensor a"},
    {"{" ENTRY("a", "F32", "[2e0]", "0", "8") "}", 8, "tensor a"},
    {"{" ENTRY("a", "F32", "[2]", "0", "8,\"x\"") "}", 8, "tensor a"},
    {"{" ENTRY("a", "F32", "[2]", "0", "8],\"shape\":[2") "}", 8, "damaged header"},
    {"{" ENTRY("a", "F32", "[2]", "8", "0") "}", 8, "tensor a"}, /* backwards */
    {"{" ENTRY("a", "F32", "[2]", "-8", "0") "}", 8, "tensor a"},
    {"{" ENTRY("a", "F32", "[2]", "0", "8,9") "}", 8, "tensor a"},
    {"{" ENTRY("a", "F32", "[2]", "0.0", "8.0") "}", 8, "tensor a"},
    {"{" ENTRY("a", "F32", "[2]", "4", "12") "}", 8, "damaged"}, /* beyond the end */
    {"{" ENTRY("a", "F32", "[2]", "9223372036854775800", "9223372036854775808") "}", 8,
     "damaged header"},
    {"{" GOOD "}", 7, "truncated"},
    {"{" GOOD "}", 9, "damaged"},                                 /* a rest */
    {"{" ENTRY("a", "F32", "[2]", "4", "12") "}", 12, "damaged"}, /* a gap */
    {"{" GOOD "," ENTRY("b", "F32", "[2]", "0", "8") "}", 8, "damaged"},
    /* These two are stored in one place, and their sizes still add up to the file's. */
    {"{" GOOD "," ENTRY("b", "F32", "[2]", "0", "8") "}", 16, "damaged"},
    {"{" GOOD "," ENTRY("b", "F32", "[2]", "4", "12") "}", 16, "damaged"},
};

START_TEST(a_damaged_header_is_refused) {
    assert_refused(write_header(bad_headers[_i].header, bad_headers[_i].data_bytes),
                   bad_headers[_i].words);
}
END_TEST

START_TEST(a_file_that_is_not_there_or_no_file_is_refused) {
    Safetensors file;
    Error error = {""};
    ck_assert(!safetensors_open(&file, in_scratch("not-there"), &error));
    assert_error_line(error, "not-there|No such file");
    ck_assert(!safetensors_open(&file, in_scratch("."), &error));
    assert_error_line(error, "/.|no regular file");
}
END_TEST

/* Reading tensor `name` of a file with one tensor "a" of two elements. */
static void assert_read_fails(const char *path, const char *name, Tensor T,
                              const char *words) {
    Safetensors file = opened(path);
    Error error = {""};
    ck_assert(!safetensors_read(&file, name, T, &error));
    assert_error_line(error, "made.safetensors");
    assert_error_line(error, words);
    safetensors_close(&file);
}

START_TEST(a_tensor_of_another_shape_is_refused) {
    const char *path = write_header("{" ENTRY("a", "F32", "[2,3]", "0", "24") "}", 24);
    Tensor other = zero_tensor(SHAPE(3, 2)), flat = zero_tensor(SHAPE(6));
    assert_read_fails(path, "a", other, "another shape|a is (2,3), want (3,2)");
    assert_read_fails(path, "a", flat, "a is (2,3), want (6)");
}
END_TEST

START_TEST(a_single_number_without_a_shape_is_read_by_none) {
    const char *path = write_header("{" ENTRY("a", "F32", "[]", "0", "4") "}", 4);
    assert_read_fails(path, "a", zero_tensor(SHAPE(1)), "another shape");
}
END_TEST

START_TEST(a_tensor_that_is_not_there_is_refused) {
    const char *path = write_header("{\"__metadata__\":{\"k\":\"v\"}," GOOD "}", 8);
    assert_read_fails(path, "b", zero_tensor(SHAPE(2)), "no tensor b");
    assert_read_fails(path, "__metadata__", zero_tensor(SHAPE(2)), "no tensor");
}
END_TEST

START_TEST(what_is_not_a_number_is_refused) {
    /* The last two bytes of a float: NaN, infinity, -infinity. */
    const unsigned char bad[3][2] = {{0xc0, 0x7f}, {0x80, 0x7f}, {0x80, 0xff}};
    for (int i = 0; i < 3; i++) {
        const unsigned char data[8] = {0, 0, 0x80, 0x3f, 0, 0, bad[i][0], bad[i][1]};
        const char *path = write_file(strlen("{" GOOD "}"), "{" GOOD "}", data, 8);
        assert_read_fails(path, "a", zero_tensor(SHAPE(2)),
                          i == 0 ? "tensor a has NaN at [1]" : "infinity at [1]");
    }
}
END_TEST

#ifndef REAL_IS_DOUBLE
START_TEST(a_number_too_large_for_float_is_refused) {
    const unsigned char data[8] = {0x9c, 0x75, 0,    0x88,
                                   0x3c, 0xe4, 0x37, 0x7e}; /* 1e300 */
    const char *header = "{" ENTRY("a", "F64", "[1]", "0", "8") "}";
    const char *path = write_file(strlen(header), header, data, sizeof data);
    assert_read_fails(path, "a", zero_tensor(SHAPE(1)), "infinity");
}
END_TEST
#endif

START_TEST(metadata_that_are_not_texts_are_absent) {
    const char *headers[] = {"{\"__metadata__\":{\"k\":7}}", "{\"__metadata__\":[]}",
                             "{\"__metadata__\":\"k\"}", "{}"};
    for (int i = 0; i < 4; i++) {
        Safetensors file = opened(write_header(headers[i], 0));
        ck_assert_ptr_null(safetensors_metadata(&file, "k"));
        safetensors_close(&file);
    }
}
END_TEST

/* ---- writing, when it goes wrong ----------------------------------------- */

/* What safetensors_write says to 40 kB in `path`. */
static bool write_large(const char *path, Error *error) {
    const SafetensorsEntry entry = {"large", random_tensor('l', SHAPE(100, 100))};
    return safetensors_write(path, &entry, 1, NULL, 0, error);
}

START_TEST(a_full_disk_leaves_the_file_that_was_there) {
    const char *path = write_good("kept");
    const Bytes before = read_bytes_of(path);
    const long limits[] = {0, 4, 100, 4096, 39000};
    for (int i = 0; i < 5; i++) {
        Error error = {""};
        file_size_limit(limits[i]);
        const bool ok = write_large(path, &error);
        file_size_limit(-1);
        ck_assert_msg(!ok, "written in spite of a limit of %ld bytes", limits[i]);
        assert_error_line(error, "kept|can't be written|File too large");
        ck_assert(same_bytes(read_bytes_of(path), before));
        ck_assert_int_eq(files_in_scratch(), 1);
    }
    Error error = {""};
    ck_assert_msg(write_large(path, &error), "%s", error.text);
    ck_assert(!same_bytes(read_bytes_of(path), before));
    ck_assert_int_eq(files_in_scratch(), 1);
}
END_TEST

START_TEST(a_place_that_can_not_be_written_is_named) {
    Error error = {""};
    ck_assert(!write_large(in_scratch("no/such/place"), &error));
    assert_error_line(error, "no/such/place|No such file or directory");
    mkdir(in_scratch("directory"), 0777);
    ck_assert(!write_large(in_scratch("directory"), &error));
    assert_error_line(error, "directory|can't be written");
    ck_assert_int_eq(files_in_scratch(), 1);
}
END_TEST

START_TEST(a_device_is_not_replaced_by_a_file) {
    /* A pipe stands for /dev/null here, which tests should leave alone. */
    const char *path = in_scratch("pipe");
    struct stat found;
    Error error = {""};
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert(!write_large(path, &error));
    assert_error_line(error, "pipe|can't be written|no regular file");
    ck_assert_int_eq(stat(path, &found), 0);
    ck_assert(S_ISFIFO(found.st_mode));
}
END_TEST

Suite *safetensors_suite(void) {
    Suite *suite = suite_create("safetensors");
    TCase *good = add_scratch_case(suite, "whole files");
    tcase_add_test(good, what_is_written_is_read_back_bit_for_bit);
    tcase_add_test(good, the_file_is_what_the_format_says);
    tcase_add_test(good, memory_has_the_same_bytes_as_a_file);
    tcase_add_test(good, numbers_are_written_lowest_byte_first_on_every_machine);
    tcase_add_test(good, many_numbers_are_written_as_few_are);
    tcase_add_test(good, names_and_texts_may_hold_any_character);
    tcase_add_test(good, single_and_double_numbers_are_both_read);
    tcase_add_test(good, a_tensor_can_be_read_into_some_columns_of_a_wider_one);
    tcase_add_test(good, tensors_may_lie_in_another_order_than_they_are_named);
    tcase_add_test(good, a_view_of_columns_can_not_be_written);
    TCase *damaged = add_scratch_case(suite, "damaged files");
    tcase_add_test(damaged, a_file_cut_anywhere_is_refused);
    tcase_add_test(damaged, a_file_with_a_byte_too_many_is_refused);
    tcase_add_test(damaged, a_wrong_header_length_is_refused);
    tcase_add_loop_test(damaged, halves_are_widened, 0, 2);
    tcase_add_loop_test(damaged, what_no_tensor_can_be_is_listed_and_not_read, 0,
                        sizeof unread / sizeof unread[0]);
    tcase_add_loop_test(damaged, a_damaged_header_is_refused, 0,
                        (int)(sizeof bad_headers / sizeof bad_headers[0]));
    tcase_add_test(damaged, a_file_that_is_not_there_or_no_file_is_refused);
    tcase_add_test(damaged, a_tensor_of_another_shape_is_refused);
    tcase_add_test(damaged, a_single_number_without_a_shape_is_read_by_none);
    tcase_add_test(damaged, a_tensor_that_is_not_there_is_refused);
    tcase_add_test(damaged, what_is_not_a_number_is_refused);
#ifndef REAL_IS_DOUBLE
    tcase_add_test(damaged, a_number_too_large_for_float_is_refused);
#endif
    tcase_add_test(damaged, metadata_that_are_not_texts_are_absent);
    TCase *writing = add_scratch_case(suite, "writing that fails");
    tcase_add_test(writing, a_full_disk_leaves_the_file_that_was_there);
    tcase_add_test(writing, a_place_that_can_not_be_written_is_named);
    tcase_add_test(writing, a_device_is_not_replaced_by_a_file);
    return suite;
}
