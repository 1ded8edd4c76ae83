/* test_own_data.c: CIFAR's files and folders of pictures as data sets (dataset_file.h),
 * from memory and streamed (stream.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chapters/05_vision_transformer/own_data/stream.h"
#include "chapters/05_vision_transformer/training/dataset_file.h"
#include "common/images/picture.h"
#include "tests/check_helpers.h"
#include "tests/scratch.h"
#include "tests/small_run.h"
#include "tests/suites.h"

static Dataset loaded(const DataWish *wish, DataNotes *notes) {
    Dataset d;
    Error error = {""};
    ck_assert_msg(dataset_load(&d, in_scratch("."), wish, notes, &error), "%s",
                  error.text);
    return d;
}

static void assert_refused(const DataWish *wish, const char *words) {
    Dataset d;
    Error error = {""};
    ck_assert_msg(!dataset_load(&d, in_scratch("."), wish, NULL, &error),
                  "it was accepted; want a line with %s", words);
    assert_error_line(error, words);
    ck_assert_ptr_null(d.train.pixels); /* nothing is left to be freed */
    ck_assert_ptr_null(d.train.source);
    ck_assert_ptr_null(d.class_name);
}

/* ---- CIFAR --------------------------------------------------------------------- */

enum { PIXELS = 3 * 32 * 32 };

static unsigned char cifar_pixel(int image, int p) {
    return (unsigned char)(image * 31 + p * 7 + p / 1024 * 50);
}

/* Images `first` and on; label i % classes; CIFAR-100 has a coarse one before it. */
static void write_cifar(const char *name, int first, int count, int classes) {
    const int label_bytes = classes == 100 ? 2 : 1;
    Bytes b = zero_bytes((size_t)(count * (label_bytes + PIXELS)));
    for (int i = 0; i < count; i++) {
        unsigned char *record = b.bytes + i * (label_bytes + PIXELS);
        record[0] = 19;
        record[label_bytes - 1] = (unsigned char)((first + i) % classes);
        for (int p = 0; p < PIXELS; p++) {
            record[label_bytes + p] = cifar_pixel(first + i, p);
        }
    }
    write_bytes(in_scratch("%s", name), b.bytes, b.count);
}

/* 5 x 4 and 7 images; `folder` "" or "name/". */
static void write_cifar10(const char *folder) {
    for (int i = 0; i < 5; i++) {
        char name[100];
        snprintf(name, sizeof name, "%sdata_batch_%d.bin", folder, i + 1);
        write_cifar(name, 4 * i, 4, 10);
    }
    char name[100];
    snprintf(name, sizeof name, "%stest_batch.bin", folder);
    write_cifar(name, 100, 7, 10);
}

static void assert_cifar(const ImageSet *set, int first, int count, int classes) {
    ck_assert_int_eq(set->count, count);
    ck_assert(set->channels == 3 && set->height == 32 && set->width == 32);
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(set->labels[i], (first + i) % classes);
        for (int p = 0; p < PIXELS; p++) {
            ck_assert_int_eq(set->pixels[i * PIXELS + p], cifar_pixel(first + i, p));
        }
    }
}

START_TEST(cifar_10_loads_there_or_in_its_archives_folder) {
    const char *folder = _i == 0 ? "" : "cifar-10-batches-bin/";
    mkdir(in_scratch("cifar-10-batches-bin"), 0777);
    write_cifar10(folder);
    Dataset d = loaded(NULL, NULL);
    assert_cifar(&d.train, 0, 20, 10);
    assert_cifar(&d.test, 100, 7, 10);
    ck_assert_int_eq(d.classes, 10);
    ck_assert(!d.has_class_names);
    dataset_free(&d);
    write_text(in_scratch("%sbatches.meta.txt", folder),
               "plane\ncar\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
    d = loaded(NULL, NULL);
    ck_assert_str_eq(d.class_name[9], "truck");
    ck_assert(d.has_class_names);
    dataset_free(&d);
    ck_assert(
        dataset_has_file(in_scratch("."), in_scratch("%sdata_batch_3.bin", folder)));
    ck_assert(!dataset_has_file(in_scratch("."), in_scratch("%sother.bin", folder)));
}
END_TEST

START_TEST(cifar_100_has_its_fine_labels) {
    write_cifar("train.bin", 0, 150, 100);
    write_cifar("test.bin", 300, 10, 100);
    Dataset d = loaded(NULL, NULL);
    assert_cifar(&d.train, 0, 150, 100);
    assert_cifar(&d.test, 300, 10, 100);
    ck_assert_int_eq(d.classes, 100);
    dataset_free(&d);
}
END_TEST

/* Half the size, in the mean what it was; and grey. */
START_TEST(what_has_another_size_or_colour_can_be_made_of_it) {
    const DataWish wish = {.width = 16, .height = 8, .channels = 1};
    write_cifar10("");
    Dataset d = loaded(&wish, NULL);
    ck_assert(d.train.channels == 1 && d.train.height == 8 && d.train.width == 16);
    ck_assert_int_eq(d.test.width, 16);
    ck_assert_int_eq(d.train.labels[19], 9);
    dataset_free(&d);
    d = loaded(&(DataWish){.width = 16, .height = 8, .only_pictures = true}, NULL);
    ck_assert_int_eq(d.train.width, 32);
    dataset_free(&d);
}
END_TEST

static void a_batch_is_missing(void) {
    remove(in_scratch("data_batch_4.bin"));
}
static void the_test_batch_is_missing(void) {
    remove(in_scratch("test_batch.bin"));
}
static void one_byte_short(void) {
    cut_file(in_scratch("data_batch_2.bin"), 4 * (1 + PIXELS) - 1);
}
static void one_byte_more(void) {
    append_byte(in_scratch("test_batch.bin"), 1);
}
static void no_record(void) {
    cut_file(in_scratch("data_batch_1.bin"), 0);
}
static void a_label_of_10(void) {
    Bytes b = read_bytes_of(in_scratch("data_batch_5.bin"));
    b.bytes[2 * (1 + PIXELS)] = 10;
    write_bytes(in_scratch("data_batch_5.bin"), b.bytes, b.count);
}
static void nine_names(void) {
    write_text(in_scratch("batches.meta.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\n");
}
static void a_folder_instead(void) {
    the_test_batch_is_missing();
    mkdir(in_scratch("test_batch.bin"), 0777);
}

static const struct {
    void (*damage)(void);
    const char *words;
} bad_cifar[] = {
    {a_batch_is_missing, "no file data_batch_4.bin"},
    {the_test_batch_is_missing, "no file test_batch.bin"},
    {one_byte_short, "data_batch_2.bin: |12291 bytes|records of 3073 bytes"},
    {one_byte_more, "test_batch.bin: |21512 bytes|records of 3073 bytes"},
    {no_record, "data_batch_1.bin: |0 bytes"},
    {a_label_of_10, "data_batch_5.bin: |record 2 has label 10|out of range 0 to 9"},
    {nine_names, "batches.meta.txt: |names 9 classes, want 10"},
    {a_folder_instead, "test_batch.bin: |folder"},
};
enum { BAD_CIFAR = sizeof bad_cifar / sizeof bad_cifar[0] };

START_TEST(a_bad_file_of_cifars_gives_one_line) {
    write_cifar10("");
    bad_cifar[_i].damage();
    assert_refused(NULL, bad_cifar[_i].words);
}
END_TEST

/* ---- folders of pictures --------------------------------------------------------- */

enum { W = 6, H = 4 };

/* Pixel (x, y) of channel c of picture `number`. */
static unsigned char colour(int number, int c, int at) {
    return (unsigned char)(number * 5 + c * 70 + at);
}

static void write_picture(const char *path, int number, int width, int height,
                          bool grey) {
    Picture picture;
    Error error = {""};
    ck_assert(picture_make(&picture, width, height, &error));
    for (int i = 0; i < 3 * width * height; i++) {
        picture.pixels[i] = colour(number, grey ? 0 : i % 3, i / 3);
    }
    ck_assert_msg(picture_write(&picture, path, &error), "%s", error.text);
    picture_free(&picture);
}

/* `count` pictures of a class: 0.png, 1.png, ..., whose numbers begin at `first`. */
static void write_class(const char *folder, int first, int count) {
    mkdir(in_scratch("%s", folder), 0777);
    for (int i = 0; i < count; i++) {
        write_picture(in_scratch("%s/%d.png", folder, i), first + i, W, H, false);
    }
}

/* Of b, a and c in train/ 3, 2 and 4 pictures; in test/ 1 each. */
static void write_sets(const char *test) {
    mkdir(in_scratch("train"), 0777);
    mkdir(in_scratch("%s", test), 0777);
    write_class("train/b", 10, 3);
    write_class("train/a", 0, 2);
    write_class("train/c", 20, 4);
    char folder[100];
    for (int k = 0; k < 3; k++) {
        snprintf(folder, sizeof folder, "%s/%c", test, 'a' + k);
        write_class(folder, 30 + k, 1);
    }
}

static void assert_picture(const ImageSet *set, int index, int number, int label) {
    ck_assert_int_eq(set->labels[index], label);
    const unsigned char *pixels = dataset_pixels(set, index);
    for (int i = 0; i < 3 * W * H; i++) {
        ck_assert_int_eq(pixels[i], colour(number, i / (W * H), i % (W * H)));
    }
    dataset_give_back(set, pixels);
}

START_TEST(classes_and_pictures_are_in_the_order_of_their_names) {
    static const int numbers[] = {0, 1, 10, 11, 12, 20, 21, 22, 23};
    static const int labels[] = {0, 0, 1, 1, 1, 2, 2, 2, 2};
    DataNotes notes;
    write_sets(_i == 0 ? "test" : "val");
    Dataset d = loaded(NULL, &notes);
    ck_assert(d.train.count == 9 && d.test.count == 3 && d.classes == 3);
    ck_assert(d.train.height == H && d.train.width == W && d.train.channels == 3);
    for (int i = 0; i < 9; i++) {
        assert_picture(&d.train, i, numbers[i], labels[i]);
    }
    for (int k = 0; k < 3; k++) {
        assert_picture(&d.test, k, 30 + k, k);
        ck_assert_int_eq(d.class_name[k][0], 'a' + k);
    }
    ck_assert(d.has_class_names && d.split == 0);
    ck_assert(notes.pictures && !notes.streamed && notes.skipped == 0);
    dataset_free(&d);
}
END_TEST

/* Of 10, 2 and 1 pictures a fifth each, but one at least, and not the only one. */
START_TEST(without_a_test_set_a_share_of_each_class_is_held_out) {
    const DataWish wishes[] = {
        {.seed = 1}, {.seed = 1}, {.seed = 2}, {.seed = 1, .split = 0.5}};
    static const int held[][3] = {{2, 1, 0}, {2, 1, 0}, {2, 1, 0}, {5, 1, 0}};
    uint32_t checksum[4];
    write_class("ten", 20, 10);
    write_class("two", 0, 2);
    write_class("zero", 40, 1);
    for (int i = 0; i < 4; i++) {
        Dataset d = loaded(&wishes[i], NULL);
        int of_class[3] = {0};
        bool seen[200] = {false};
        for (int k = 0; k < d.test.count; k++) {
            of_class[d.test.labels[k]]++;
            seen[d.test.pixels[k * 3 * W * H] / 5] = true; /* its number */
        }
        for (int k = 0; k < d.train.count; k++) { /* no picture is in both */
            ck_assert(!seen[d.train.pixels[k * 3 * W * H] / 5]);
        }
        ck_assert_mem_eq(of_class, held[i], sizeof of_class);
        ck_assert_int_eq(d.train.count + d.test.count, 13);
        assert_number_close(d.split, i == 3 ? 0.5 : 0.2, 1e-12, "share");
        checksum[i] = d.checksum;
        dataset_free(&d);
    }
    ck_assert_uint_eq(checksum[0], checksum[1]);
    ck_assert_uint_ne(checksum[0], checksum[2]);
}
END_TEST

START_TEST(what_is_no_picture_is_named_and_counted) {
    DataNotes notes;
    write_sets("test");
    write_text(in_scratch("train/b/notes.txt"), "not a picture at all");
    write_text(in_scratch("train/b/short"), "x");
    write_text(in_scratch("train/b/.hidden"), "left out without a word");
    mkdir(in_scratch("train/c/deeper"), 0777);
    write_text(in_scratch("test/list.csv"), "a,b\n");
    Dataset d = loaded(NULL, &notes);
    ck_assert_int_eq(d.train.count, 9);
    ck_assert_int_eq(notes.skipped, 4);
    ck_assert_ptr_nonnull(strstr(notes.named[0], "test/list.csv") ? notes.named[0]
                          : strstr(notes.named[1], "list.csv")    ? notes.named[1]
                                                                  : NULL);
    dataset_free(&d);
    for (int i = 0; i < 10; i++) {
        write_text(in_scratch("train/a/%d.txt", i), "no picture");
    }
    d = loaded(NULL, &notes);
    ck_assert_int_eq(notes.skipped, 14);
    dataset_free(&d);
}
END_TEST

START_TEST(pictures_that_are_all_grey_have_one_channel) {
    write_class("a", 0, 2);
    write_class("b", 10, 2);
    for (int i = 0; i < 4; i++) {
        write_picture(in_scratch("%c/%d.png", "ab"[i / 2], i % 2), 10 * i, W, H, true);
    }
    Dataset d = loaded(NULL, NULL);
    ck_assert_int_eq(d.train.channels, 1);
    for (int i = 0; i < d.train.count; i++) {
        ck_assert_int_eq(d.train.pixels[i * W * H + 5], d.train.pixels[i * W * H] + 5);
    }
    const double mean = d.mean[0], deviation = d.deviation[0];
    const uint32_t checksum = d.checksum;
    dataset_free(&d);
    d = loaded(&(DataWish){.channels = 1}, NULL); /* asked for: the same */
    ck_assert(d.mean[0] == mean && d.deviation[0] == deviation);
    ck_assert_uint_eq(d.checksum, checksum);
    dataset_free(&d);
    d = loaded(&(DataWish){.channels = 3}, NULL);
    ck_assert_int_eq(d.train.channels, 3);
    ck_assert(d.mean[0] == mean && d.mean[2] == mean);
    dataset_free(&d);
}
END_TEST

START_TEST(folders_called_by_numbers_are_not_mirrored_but_keep_their_names) {
    write_class("7", 0, 2);
    write_class("10", 10, 2);
    Dataset d = loaded(NULL, NULL);
    ck_assert(!d.has_class_names);
    ck_assert_str_eq(d.class_name[0], "10");
    ck_assert_str_eq(d.class_name[1], "7");
    dataset_free(&d);
}
END_TEST

static void an_empty_class(void) {
    mkdir(in_scratch("train/bb"), 0777);
    mkdir(in_scratch("test/bb"), 0777);
}
static void a_class_of_text(void) {
    an_empty_class();
    write_text(in_scratch("train/bb/1.png"), "this is a text in spite of its name");
}
static void a_class_without_tests(void) {
    write_class("train/d", 0, 1);
}
static void a_class_that_is_not_trained(void) {
    write_class("test/aa", 0, 1);
}
static void another_size(void) {
    write_picture(in_scratch("test/b/9.png"), 1, H, W, false);
}
static void a_truncated_picture(void) {
    Bytes b = read_bytes_of(in_scratch("train/c/2.png"));
    cut_file(in_scratch("train/c/2.png"), b.count / 2);
}
static void a_quote_in_a_name(void) {
    write_class("train/the \"good\"", 0, 1);
}
static void no_training_set(void) {
    ck_assert_int_eq(rename(in_scratch("train"), in_scratch("training")), 0);
}

static const struct {
    void (*damage)(void);
    const char *words;
} bad_folders[] = {
    {an_empty_class, "train/bb: |no picture"},
    {a_class_of_text, "train/bb: |no picture"},
    {a_class_without_tests, "train has a class d|test has none"},
    {a_class_that_is_not_trained, "test has a class aa|train has none"},
    {another_size, "test/b/9.png|4 pixels wide and 6 high|6 and 4|--size"},
    {a_truncated_picture, "train/c/2.png"},
    {a_quote_in_a_name, "the \"good\": |class's name|quote"},
    {no_training_set, "it has test, but no train"},
};
enum { BAD_FOLDERS = sizeof bad_folders / sizeof bad_folders[0] };

START_TEST(a_bad_folder_gives_one_line) {
    write_sets("test");
    bad_folders[_i].damage();
    assert_refused(NULL, bad_folders[_i].words);
}
END_TEST

START_TEST(a_folder_without_data_says_what_it_looked_for) {
    assert_refused(NULL, "no data|IDX|CIFAR|pictures");
    write_class("only", 0, 3);
    assert_refused(NULL, "two classes or more");
    write_class("one", 0, 1);
    remove(in_scratch("only/1.png"));
    remove(in_scratch("only/2.png"));
    assert_refused(NULL, "one picture per class leaves none to test with");
}
END_TEST

/* ---- streaming ------------------------------------------------------------------- */

static const DataWish in_little_memory = {.width = 8, .height = 8, .memory_mb = 1e-6};
static const DataWish in_memory = {.width = 8, .height = 8};

static void assert_same_image(const ImageSet *a, const ImageSet *b, int index) {
    const unsigned char *p = dataset_pixels(a, index), *q = dataset_pixels(b, index);
    ck_assert_mem_eq(p, q, 3 * 8 * 8);
    dataset_give_back(a, p);
    dataset_give_back(b, q);
}

/* 150 pictures: more than the ring has room for. */
static void write_many(void) {
    write_class("a", 0, 50);
    write_class("b", 7, 50);
    write_class("c", 30, 50);
}

/* The temporary file: in the scratch folder; or, `spooled` 0, there is no such folder,
 * and pictures are decoded again. */
static void spool_or_not(int spooled) {
    setenv("TMPDIR", in_scratch(spooled ? "." : "nowhere"), 1);
}

START_TEST(streamed_images_are_those_in_memory) {
    DataNotes notes;
    write_many();
    Dataset kept = loaded(&in_memory, NULL);
    spool_or_not(_i);
    Dataset streamed = loaded(&in_little_memory, &notes);
    ck_assert(notes.streamed && streamed.train.source && !streamed.train.pixels);
    ck_assert_int_eq(notes.no_spool.text[0] == '\0', _i);
    ck_assert_uint_eq(streamed.checksum, kept.checksum);
    ck_assert_mem_eq(streamed.mean, kept.mean, sizeof kept.mean);
    ck_assert_mem_eq(streamed.deviation, kept.deviation, sizeof kept.deviation);
    const int count = kept.train.count;
    int order[120];
    ck_assert_int_eq(count, 120);
    for (int pass = 0; pass < 3; pass++) {
        for (int i = 0; i < count; i++) {
            order[i] = (i * 37 + pass) % count;
        }
        dataset_expect(&streamed.train, order, count);
        for (int i = 0; i < count; i++) { /* not always in that order */
            const int other = pass == 1 ? order[count - 1 - i] : order[i];
            assert_same_image(&streamed.train, &kept.train, other);
        }
        assert_same_image(&streamed.train, &kept.train, 5); /* again, unexpected */
    }
    for (int i = 0; i < kept.test.count; i++) {
        assert_same_image(&streamed.test, &kept.test, i);
    }
    Error error;
    ck_assert(stream_check(streamed.train.source, &error));
    dataset_free(&kept);
    dataset_free(&streamed);
}
END_TEST

START_TEST(training_on_a_stream_gives_the_same_bits) {
    write_many();
    spool_or_not(_i % 2);
    Settings s = small_settings();
    s.threads = 1 + _i / 2;
    s.batch = 30;
    s.model.channels = 3;
    Dataset data[] = {loaded(&in_memory, NULL), loaded(&in_little_memory, NULL)};
    Trainer t[2];
    Evaluation e[2];
    for (int i = 0; i < 2; i++) {
        t[i] = new_trainer(&s, &data[i]);
        const int *order = trainer_batch(&t[i]);
        dataset_expect(&data[i].train, order, 3 * s.batch);
        train_to(&t[i], &data[i], 6); /* the second epoch wasn't announced */
        trainer_evaluate(&t[i], &data[i], &data[i].test, NULL, &e[i]);
    }
    assert_no_message(bits_difference(weights_of(&t[1]), weights_of(&t[0]), "weights"));
    ck_assert(e[0].loss == e[1].loss);
    ck_assert(stream_waited(data[1].train.source) > 0);
    for (int i = 0; i < 2; i++) {
        trainer_free(&t[i]);
        dataset_free(&data[i]);
    }
}
END_TEST

/* Nothing is decoded twice, and no file is left behind. */
START_TEST(what_was_spooled_needs_no_picture_again) {
    write_many();
    Dataset kept = loaded(&in_memory, NULL);
    spool_or_not(1);
    Dataset d = loaded(&in_little_memory, NULL);
    Error error = {""};
    for (int i = 0; i < 50; i++) {
        remove(in_scratch("a/%d.png", i));
        remove(in_scratch("b/%d.png", i));
        remove(in_scratch("c/%d.png", i));
    }
    for (const char *name = "abc"; *name; name++) {
        ck_assert_int_eq(rmdir(in_scratch("%c", *name)), 0);
    }
    for (int i = 0; i < d.train.count; i++) {
        assert_same_image(&d.train, &kept.train, i);
    }
    ck_assert(stream_check(d.train.source, &error));
    ck_assert_int_eq(files_in_scratch(), 0);
    dataset_free(&d);
    dataset_free(&kept);
}
END_TEST

/* Files may be 4096 bytes long: the first 21 pictures of 8x8. */
START_TEST(a_disk_without_room_is_no_error) {
    DataNotes notes;
    write_many();
    Dataset kept = loaded(&in_memory, NULL);
    spool_or_not(1);
    Dataset d;
    Error error = {""};
    file_size_limit(4096);
    const bool ok =
        dataset_load(&d, in_scratch("."), &in_little_memory, &notes, &error);
    file_size_limit(-1);
    ck_assert_msg(ok, "%s", error.text);
    assert_error_line(notes.no_spool, "temporary file can't be written|File too large");
    for (int i = 0; i < d.train.count; i++) {
        assert_same_image(&d.train, &kept.train, i);
    }
    dataset_free(&d);
    dataset_free(&kept);
}
END_TEST

START_TEST(a_spool_gives_back_what_was_put) {
    Spool spool;
    Error error = {""};
    unsigned char two[4];
    spool_or_not(1);
    ck_assert_msg(spool_make(&spool, 3, &error), "%s", error.text);
    ck_assert(spool_put(&spool, 1, (const unsigned char *)"def", &error));
    ck_assert(spool_put(&spool, 0, (const unsigned char *)"abc", &error));
    ck_assert(spool_get(&spool, 1, 3, two, &error) && memcmp(two, "def", 3) == 0);
    ck_assert(spool_get(&spool, 1, 2, two, &error) && memcmp(two, "de", 2) == 0);
    ck_assert(spool_get(&spool, 0, 2, two, &error) && memcmp(two, "ab", 2) == 0);
    ck_assert(!spool_get(&spool, 2, 3, two, &error));
    assert_error_line(error, "temporary file can't be read|it has ended");
    spool_free(&spool);
    ck_assert(spool_has_room(1, &error) && !spool_has_room(1e18, &error));
    assert_error_line(error, "room for");
    spool_or_not(0);
    ck_assert(!spool_make(&spool, 3, &error));
    assert_error_line(error, "nowhere|can't be made");
    ck_assert(!spool_has_room(1, &error));
    assert_error_line(error, "nowhere|can't be made");
}
END_TEST

START_TEST(a_picture_that_is_gone_is_black_and_told) {
    write_many();
    spool_or_not(0);
    Dataset d = loaded(&in_little_memory, NULL);
    Error error = {""};
    for (int i = 0; i < 50; i++) {
        remove(in_scratch("c/%d.png", i));
    }
    dataset_expect(&d.train, NULL, d.train.count);
    const unsigned char *pixels = dataset_pixels(&d.train, d.train.count - 1);
    for (int p = 0; p < 3 * 8 * 8; p++) {
        ck_assert_int_eq(pixels[p], 0);
    }
    dataset_give_back(&d.train, pixels);
    ck_assert(!stream_check(d.train.source, &error));
    assert_error_line(error, "c/|.png");
    dataset_free(&d); /* with threads at work */
}
END_TEST

Suite *own_data_suite(void) {
    Suite *suite = suite_create("own_data");
    TCase *cifar = add_scratch_case(suite, "CIFAR");
    tcase_add_loop_test(cifar, cifar_10_loads_there_or_in_its_archives_folder, 0, 2);
    tcase_add_test(cifar, cifar_100_has_its_fine_labels);
    tcase_add_test(cifar, what_has_another_size_or_colour_can_be_made_of_it);
    tcase_add_loop_test(cifar, a_bad_file_of_cifars_gives_one_line, 0, BAD_CIFAR);
    TCase *folder = add_scratch_case(suite, "folders of pictures");
    tcase_add_loop_test(folder, classes_and_pictures_are_in_the_order_of_their_names, 0,
                        2);
    tcase_add_test(folder, without_a_test_set_a_share_of_each_class_is_held_out);
    tcase_add_test(folder, what_is_no_picture_is_named_and_counted);
    tcase_add_test(folder, pictures_that_are_all_grey_have_one_channel);
    tcase_add_test(folder,
                   folders_called_by_numbers_are_not_mirrored_but_keep_their_names);
    tcase_add_loop_test(folder, a_bad_folder_gives_one_line, 0, BAD_FOLDERS);
    tcase_add_test(folder, a_folder_without_data_says_what_it_looked_for);
    TCase *stream = add_scratch_case(suite, "streaming");
    tcase_add_loop_test(stream, streamed_images_are_those_in_memory, 0, 2);
    tcase_add_loop_test(stream, training_on_a_stream_gives_the_same_bits, 0, 6);
    tcase_add_test(stream, what_was_spooled_needs_no_picture_again);
    tcase_add_test(stream, a_disk_without_room_is_no_error);
    tcase_add_test(stream, a_spool_gives_back_what_was_put);
    tcase_add_test(stream, a_picture_that_is_gone_is_black_and_told);
    return suite;
}
