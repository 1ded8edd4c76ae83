/*
 * test_npz.c: the .npz files of chapter 7's arrays.h, made here byte by byte:
 * what is read, and all that can be wrong with one.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "chapters/07_pretrained_weights/weights/load.h"
#include "tests/check_helpers.h"
#include "tests/scratch.h"
#include "tests/suites.h"
#include "tests/weights_refused.h"

/* A member of an archive, and what is wrong with it. */
typedef struct {
    const char *name, *header; /* of a .npy file; NULL: no header at all */
    size_t data;               /* bytes of elements: 1.0F over and over */
    int method, flags;         /* of the zip's entry */
    long more;                 /* bytes more than there are, its size says */
    int version;               /* of the .npy; 0: 1 */
    bool zip64;                /* sizes and place in the extra field */
    bool wrong_checksum;
    bool spare64; /* of the first: an end record of 64 bits that isn't needed */
} Member;

static size_t put_number(unsigned char *to, unsigned long long number, int width) {
    for (int i = 0; i < width; i++) {
        to[i] = (unsigned char)(number >> (8 * i));
    }
    return (size_t)width;
}

static size_t put_npy(unsigned char *to, const Member *m) {
    size_t at = 0;
    const int version = m->version ? m->version : 1;
    if (m->header) {
        const size_t length = strlen(m->header);
        memcpy(to, "\x93NUMPY", 6);
        to[6] = (unsigned char)version;
        at = 8 + put_number(to + 8, length, version == 1 ? 2 : 4);
        memcpy(to + at, m->header, length);
        at += length;
    }
    for (size_t i = 0; i < m->data; i++) {
        to[at++] = (unsigned char)(0x3f800000U >> (8 * (i % 4)));
    }
    return at;
}

static size_t put_local(unsigned char *to, const Member *m) {
    const size_t name = strlen(m->name);
    memset(to, 0, 30);
    put_number(to, 0x04034b50, 4);
    put_number(to + 26, name, 2);
    memcpy(to + 30, m->name, name);
    return 30 + name;
}

static size_t put_central(unsigned char *to, const Member *m, size_t size, size_t begin,
                          unsigned long checksum) {
    const size_t name = strlen(m->name);
    memset(to, 0, 46);
    put_number(to, 0x02014b50, 4);
    put_number(to + 8, (unsigned)m->flags, 2);
    put_number(to + 10, (unsigned)m->method, 2);
    put_number(to + 16, checksum ^ m->wrong_checksum, 4);
    put_number(to + 20, m->zip64 ? 0xffffffff : size, 4);
    put_number(to + 24, m->zip64 ? 0xffffffff : size, 4);
    put_number(to + 28, name, 2);
    put_number(to + 30, m->zip64 ? 28 : 0, 2);
    put_number(to + 42, m->zip64 ? 0xffffffff : begin, 4);
    memcpy(to + 46, m->name, name);
    if (!m->zip64) {
        return 46 + name;
    }
    unsigned char *extra = to + 46 + name;
    put_number(extra, 1, 2);
    put_number(extra + 2, 24, 2);
    put_number(extra + 4, size, 8);
    put_number(extra + 12, size, 8);
    put_number(extra + 20, begin, 8);
    return 46 + name + 28;
}

static size_t put_end(unsigned char *to, size_t entries, size_t directory, size_t begin,
                      bool zip64, bool spare64) {
    size_t at = 0;
    if (zip64 || spare64) {
        memset(to, 0, 76);
        put_number(to, 0x06064b50, 4);
        put_number(to + 24, entries, 8);
        put_number(to + 32, entries, 8);
        put_number(to + 40, directory, 8);
        put_number(to + 48, begin, 8);
        put_number(to + 56, 0x07064b50, 4);
        put_number(to + 64, begin + directory, 8);
        at = 76;
    }
    memset(to + at, 0, 22);
    put_number(to + at, 0x06054b50, 4);
    put_number(to + at + 10, entries, 2);
    put_number(to + at + 12, zip64 ? 0xffffffff : directory, 4);
    put_number(to + at + 16, zip64 ? 0xffffffff : begin, 4);
    return at + 22;
}

static const char *write_zip(const Member *members, int count) {
    unsigned char *zip = zero_bytes(100000).bytes, *directory = zero_bytes(10000).bytes;
    size_t at = 0, entries = 0;
    for (int i = 0; i < count; i++) {
        const size_t begin = at;
        at += put_local(zip + at, &members[i]);
        const size_t size = put_npy(zip + at, &members[i]);
        at += size;
        entries += put_central(directory + entries, &members[i],
                               size + (size_t)members[i].more, begin,
                               crc32_z(0, zip + at - size, size));
    }
    memcpy(zip + at, directory, entries);
    at += entries + put_end(zip + at + entries, (size_t)count, entries, at,
                            members[0].zip64, members[0].spare64);
    const char *path = in_scratch("x.npz");
    write_bytes(path, zip, at);
    return path;
}

#define NPY(descr, order, shape)                                                       \
    "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape ", }"

static void assert_text_of(const Arrays *file, const char *name, const char *want) {
    char text[ARRAY_SHAPE_TEXT];
    ck_assert_str_eq(arrays_shape_text(arrays_find(file, name), text), want);
}

START_TEST(an_npz_is_listed) {
    const Member members[] = {
        {.name = "a/b.npy",
         .header = NPY("<f4", "False", "(2, 3)"),
         .data = 24,
         .zip64 = _i % 2,
         .spare64 = _i / 2},
        {.name = "f.npy",
         .header = NPY("<f4", "True", "(3,)") "    \n",
         .data = 12,
         .zip64 = _i % 2},
        {.name = "s.npy",
         .header = "{\"shape\": (), \"fortran_order\": False, \"descr\": \"<f4\"}",
         .data = 4,
         .version = 2 + _i / 2,
         .zip64 = _i % 2},
        {.name = "h.npy",
         .header = NPY("|V2", "False", "(1, 1, 1, 2)"),
         .data = 4,
         .zip64 = _i % 2},
        {.name = "i.npy",
         .header = NPY("<i8", "False", "(1,)"),
         .data = 8,
         .zip64 = _i % 2},
        {.name = "d.npy",
         .header = NPY("<f4", "False", "(1, 1, 1, 1, 2)"),
         .data = 8,
         .zip64 = _i % 2},
        {.name = "e.npy", .header = NPY("<f4", "False", "(0, 2)"), .data = 0}};
    Error error = {""};
    Arrays *file = arrays_open(write_zip(members, 7), &error);
    ck_assert_msg(file != NULL, "%s", error.text);
    ck_assert_int_eq(arrays_count(file), 7);
    const Array *b = arrays_find(file, "a/b"), *s = arrays_find(file, "s");
    const Array *h = arrays_find(file, "h");
    ck_assert(b && b->type == ARRAY_F32 && b->ndim == 2 && b->count == 6);
    ck_assert(b->shape[0] == 2 && b->shape[1] == 3);
    ck_assert(s && s->ndim == 0 && s->count == 1 && arrays_find(file, "f")->count == 3);
    ck_assert(h && h->type == ARRAY_BF16 && h->ndim == 4 && h->count == 2);
    real elements[6];
    ck_assert(arrays_read(file, b, elements, &error));
    ck_assert(elements[0] == 1 && elements[5] == 1);
    ck_assert(arrays_read(file, h, elements, &error));
    ck_assert(elements[0] == 0 && elements[1] == 1); /* halves of 1.0F's bytes */
    ck_assert(!arrays_read(file, arrays_find(file, "i"), elements, &error));
    assert_error_line(error, "i is of type <i8");
    ck_assert(arrays_is_whole(arrays_find(file, "i")) && !arrays_is_whole(h));
    assert_text_of(file, "a/b", "(2,3)");
    assert_text_of(file, "s", "one element");
    assert_text_of(file, "d", "of 5 dimensions");
    assert_text_of(file, "e", "(0,2), without elements");
    arrays_close(file);
}
END_TEST

static const struct {
    Member member;
    const char *words;
} bad_members[] = {
    {{.name = "a.npy", .header = NPY("<f4", "False", "(2,)"), .data = 8, .method = 8},
     "array a is compressed|numpy.savez("},
    {{.name = "a.npy", .header = NPY("<f4", "False", "(2,)"), .data = 8, .flags = 1},
     "array a|encrypted"},
    {{.name = "a.npy", .header = NPY("<f4", "True", "(2, 1)"), .data = 8},
     "array a is in Fortran's order"},
    {{.name = "a.npy", .header = NPY("<f4", "False", "(2,)"), .data = 8, .more = 100},
     "array a: damaged"},
    {{.name = "a.npy", .header = NPY("<f4", "False", "(2,)"), .data = 8, .more = -1},
     "array a: damaged|bytes"},
    {{.name = "a.npy", .header = NPY("<f4", "False", "(2,)"), .data = 7},
     "array a: damaged|bytes"},
    {{.name = "a.npy", .header = NPY("<f4", "False", "(2,)"), .data = 12},
     "array a: damaged|bytes"},
    {{.name = "a.npy", .header = NULL, .data = 80}, "array a: damaged: no header"},
    {{.name = "a.npy", .header = NULL, .data = 0}, "array a: damaged: no header"},
    {{.name = "a.npy", .header = NPY("<f4", "False", "(2,)"), .data = 8, .version = 4},
     "no header"},
    {{.name = "a.txt", .header = NPY("<f4", "False", "(2,)"), .data = 8},
     "member a.txt is no .npy"},
    {{.name = "npy", .header = NPY("<f4", "False", "(2,)"), .data = 8},
     "member npy is no .npy"},
    {{.name = "a.npy", .header = NPY("<f4", "False", "(2)"), .data = 8},
     "header isn't understood"},
    {{.name = "a.npy", .header = NPY("<f4", "False", "(0, 2)"), .data = 8},
     "damaged|bytes"},
    {{.name = "a.npy", .header = NPY("<f4", "False", "(, 2)"), .data = 8},
     "header isn't understood"},
    {{.name = "a.npy", .header = NPY("<f4", "False", "(-2,)"), .data = 8},
     "header isn't understood"},
    {{.name = "a.npy", .header = NPY("<f4", "False", "(1, 1, 1, 1, 2)"), .data = 4},
     "damaged|bytes"},
    {{.name = "a.npy", .header = NPY("<f4", "False", "(99999999999, 2)"), .data = 8},
     "header isn't understood"},
    {{.name = "a.npy",
      .header = NPY("<f4", "False", "(65536, 65536, 65536, 65536)"),
      .data = 0},
     "bytes"},
    {{.name = "a.npy", .header = NPY("<f4", "No", "(2,)"), .data = 8},
     "header isn't understood"},
    {{.name = "a.npy", .header = "{'descr': '<f4', 'fortran_order': False}", .data = 8},
     "header isn't"},
    {{.name = "a.npy",
      .header = "{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}",
      .data = 8},
     "header"},
    {{.name = "a.npy", .header = NPY("<f4", "False", "(2,), 'shape': (2,)"), .data = 8},
     "header isn't understood"},
    {{.name = "a.npy", .header = NPY("<f4", "False", "(2,)") "x", .data = 8},
     "header isn't understood"},
    {{.name = "a.npy",
      .header = "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,)}",
      .data = 8},
     "header isn't understood"},
    {{.name = "a.npy", .header = "", .data = 8}, "header isn't understood"},
    {{.name = "archive/data.pkl", .header = "x", .data = 8}, "pickled|torch.load"},
    {{.name = "archive/data.pkl", .header = "x", .data = 8, .spare64 = true},
     "pickled|torch.load"}, /* as torch.save writes it */
};

START_TEST(an_npz_that_is_wrong_is_refused) {
    assert_refused(write_zip(&bad_members[_i].member, 1), 3, bad_members[_i].words);
}
END_TEST

START_TEST(a_name_that_is_there_twice_is_refused) {
    const Member members[2] = {
        {.name = "a.npy", .header = NPY("<f4", "False", "(1,)"), .data = 4},
        {.name = "a.npy", .header = NPY("<f4", "False", "(1,)"), .data = 4}};
    assert_refused(write_zip(members, 2), 3, "array a is there twice");
}
END_TEST

START_TEST(an_npz_that_is_cut_is_refused) {
    const Bytes whole = read_bytes_of(REFERENCE "authors/model.npz");
    const char *path = in_scratch("cut.npz");
    for (size_t count = whole.count - 1; count > 4; count -= count > 4000 ? 1999 : 1) {
        write_bytes(path, whole.bytes, count);
        assert_refused(path, 0, ".npz");
        count = count > 4000 || count < 8 ? count : count - 7;
    }
}
END_TEST

/* Each array of a model: a bit of its last element is another one. */
START_TEST(a_wrong_checksum_is_refused_by_name) {
    const Member member = {.name = "a.npy",
                           .header = NPY("<f4", "False", "(2,)"),
                           .data = 8,
                           .wrong_checksum = true};
    Error error = {""};
    real elements[2];
    Arrays *file = arrays_open(write_zip(&member, 1), &error);
    ck_assert_msg(file != NULL, "%s", error.text);
    ck_assert(!arrays_read(file, arrays_get(file, 0), elements, &error));
    assert_error_line(error, "x.npz|array a: damaged: its checksum is wrong");
    arrays_close(file);
    Arrays *model = arrays_open(REFERENCE "authors/model.npz", &error);
    const Bytes whole = read_bytes_of(REFERENCE "authors/model.npz");
    for (int i = 0; i < arrays_count(model); i++) {
        const Array *array = arrays_get(model, i);
        char words[ARRAY_NAME + 40];
        if (strncmp(array->name, "opt/state", 9) == 0) {
            continue; /* of the optimiser, and not read */
        }
        snprintf(words, sizeof words, "array %s: damaged: its checksum", array->name);
        const char *path = in_scratch("x.npz");
        write_bytes(path, whole.bytes, whole.count);
        change_byte(path, (long)(array->at + array->bytes - 4), 1);
        assert_refused(path, 0, words);
    }
    arrays_close(model);
}
END_TEST

START_TEST(heads_are_as_many_in_each_block) {
    const Bytes whole = read_bytes_of(REFERENCE "authors/model.npz");
    const char *path = in_scratch("x.npz"), *shape = "'shape': (3, 4)";
    /* the second query's bias: of 4 heads of 3 */
    int which = 0;
    for (size_t i = 0; i + 15 < whole.count && which < 4; i++) {
        if (memcmp(whole.bytes + i, shape, 15) == 0 && ++which == 4) {
            memcpy(whole.bytes + i, "'shape': (4, 3)", 15);
        }
    }
    ck_assert_int_eq(which, 4);
    write_bytes(path, whole.bytes, whole.count);
    assert_refused(path, 0, "encoderblock_1|bias is of 4 heads, the first block of 3");
}
END_TEST

Suite *npz_suite(void) {
    Suite *suite = suite_create("npz");
    TCase *npz = add_scratch_case(suite, ".npz");
    tcase_add_loop_test(npz, an_npz_is_listed, 0, 4);
    tcase_add_loop_test(npz, an_npz_that_is_wrong_is_refused, 0,
                        sizeof bad_members / sizeof bad_members[0]);
    tcase_add_test(npz, a_name_that_is_there_twice_is_refused);
    tcase_add_test(npz, an_npz_that_is_cut_is_refused);
    tcase_add_test(npz, a_wrong_checksum_is_refused_by_name);
    tcase_add_test(npz, heads_are_as_many_in_each_block);
    return suite;
}
