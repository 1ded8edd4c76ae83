/* test_score.c: how often a model is right on a folder of pictures (chapter 7's
 * score.h), and which class a folder is (labels.h). */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chapters/07_pretrained_weights/program/score.h"
#include "tests/check_helpers.h"
#include "tests/scratch.h"
#include "tests/suites.h"

#define SMALL "tests/reference/weights/timm_class/model.safetensors"
#define PICTURES "tests/reference/pictures/"

enum { CLASSES = 5, KINDS = 7 };
static const char *const kinds[KINDS] = {
    "colour_420.jpg", "colour_8.png",      "rgb.jpg",      "grey_8.png",
    "cmyk.jpg",       "orientation_6.jpg", "palette_8.png"};

static void open_small(Seeing *s) {
    const SeeingOptions o = {.top = 5};
    Error error = {""};
    ck_assert_msg(seeing_open(s, SMALL, &o, &error), "%s", error.text);
}

static void copy_picture(const char *folder, int kind) {
    char from[200];
    snprintf(from, sizeof from, PICTURES "%s", kinds[kind]);
    const Bytes b = read_bytes_of(from);
    write_bytes(in_scratch("%s/%d_%s", folder, kind, kinds[kind]), b.bytes, b.count);
}

/* All pictures, in a folder of this name. */
static void make_class(const char *name) {
    mkdir(in_scratch("%s", name), 0777);
    for (int kind = 0; kind < KINDS; kind++) {
        copy_picture(name, kind);
    }
}

/* As score_folder, of the scratch folder, but what it says on stderr is left out. */
static bool quiet_score(Seeing *s, int top, Score *score, Error *error) {
    const int kept = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO);
    const bool ok = score_folder("test", s, in_scratch("."), top, score, error);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(nowhere);
    return ok;
}

/* The class's place among those of a picture, looked at alone: 0, the most likely;
 * CLASSES: it can't be read. */
static int place_of(Seeing *s, int kind, int label) {
    char path[200];
    Picture seen;
    Error error;
    int place = 0;
    snprintf(path, sizeof path, PICTURES "%s", kinds[kind]);
    if (!seeing_look(s, path, &seen, &error)) {
        return CLASSES;
    }
    picture_free(&seen);
    for (int k = 0; k < CLASSES; k++) {
        place += s->activations.logits.data[k] > s->activations.logits.data[label];
    }
    return place;
}

/* Every picture in every class: 30 that can be read, 5 that can't, in three passes. */
START_TEST(as_one_picture_after_the_other) {
    static Seeing s;
    Score score;
    Error error = {""};
    const int top = _i + 1;
    long pictures = 0, first = 0, among = 0;
    open_small(&s);
    for (int k = 0; k < CLASSES; k++) {
        char name[2] = {(char)('0' + k), '\0'};
        make_class(name);
        for (int kind = 0; kind < KINDS; kind++) {
            const int place = place_of(&s, kind, k);
            pictures += place < CLASSES;
            first += place == 0;
            among += place < top;
        }
    }
    ck_assert_msg(quiet_score(&s, top, &score, &error), "%s", error.text);
    ck_assert_int_eq(score.pictures, pictures);
    ck_assert_int_eq(pictures, 30);
    ck_assert_int_eq(score.first, first);
    ck_assert_int_eq(score.among, among);
    ck_assert_int_eq(score.skipped, 5);
    ck_assert_int_eq(score.classes, CLASSES);
    ck_assert(!score.in_order);
    ck_assert_int_eq(first, 6); /* each has one class that is the most likely */
    seeing_free(&s);
}
END_TEST

START_TEST(hidden_files_do_not_count_and_others_are_skipped) {
    static Seeing s;
    Score score;
    Error error = {""};
    open_small(&s);
    make_class("3");
    write_text(in_scratch("3/.hidden.jpg"), "no picture");
    mkdir(in_scratch("3/deeper"), 0777);
    write_text(in_scratch("3/text.jpg"), "no picture");
    write_text(in_scratch("README"), "what these are");
    ck_assert_msg(quiet_score(&s, 5, &score, &error), "%s", error.text);
    ck_assert_int_eq(score.pictures, 6);
    ck_assert_int_eq(score.skipped, 4); /* CMYK, a folder, a text, and README */
    ck_assert_int_eq(score.classes, 1);
    seeing_free(&s);
}
END_TEST

/* Folders a, b, ... are the classes in this order if their names are ImageNet's. */
START_TEST(imagenets_folders_are_its_classes_in_their_order) {
    static Seeing s;
    Score by_number, in_order;
    Error error = {""};
    open_small(&s);
    for (int k = 0; k < CLASSES; k++) {
        char name[16];
        snprintf(name, sizeof name, "n0%07d", 17 + 1000 * k);
        mkdir(in_scratch("%s", name), 0777);
        copy_picture(name, k == 2 ? 3 : k);
    }
    ck_assert_msg(quiet_score(&s, 2, &in_order, &error), "%s", error.text);
    ck_assert(in_order.in_order);
    for (int k = 0; k < CLASSES; k++) {
        rename(in_scratch("n0%07d", 17 + 1000 * k), in_scratch("%d", k));
    }
    ck_assert_msg(quiet_score(&s, 2, &by_number, &error), "%s", error.text);
    ck_assert(!by_number.in_order);
    ck_assert_int_eq(in_order.first, by_number.first);
    ck_assert_int_eq(in_order.among, by_number.among);
    ck_assert_int_eq(in_order.pictures, 4);

    /* One is missing: which one, nobody knows. */
    for (int k = 0; k < CLASSES - 1; k++) {
        rename(in_scratch("%d", k), in_scratch("n0%07d", 17 + 1000 * k));
    }
    rename(in_scratch("4"), in_scratch(".4"));
    ck_assert(!quiet_score(&s, 2, &in_order, &error));
    assert_error_line(error, "n00000017: no class of the model is called that");
    seeing_free(&s);
}
END_TEST

/* Ids in another order than their classes: the labels' file decides. */
START_TEST(ids_say_which_class_a_folder_is) {
    static Seeing s;
    Score by_id, by_number;
    Error error = {""};
    char text[] = "[[\"n00000009\", \"a\"], [\"n00000007\", \"b\"], "
                  "[\"n00000005\", \"c\"], [\"n00000003\", \"d\"], "
                  "[\"n00000001\", \"e\"]]";
    open_small(&s);
    ck_assert(labels_from_text(&s.labels, CLASSES, text, sizeof text - 1, &error));
    for (int k = 0; k < CLASSES; k++) {
        char name[16];
        snprintf(name, sizeof name, "n0000000%d", 9 - 2 * k);
        mkdir(in_scratch("%s", name), 0777);
        copy_picture(name, k == 1 || k == 3 ? k : 6);
    }
    ck_assert_msg(quiet_score(&s, 1, &by_id, &error), "%s", error.text);
    ck_assert(!by_id.in_order);
    for (int k = 0; k < CLASSES; k++) {
        rename(in_scratch("n0000000%d", 9 - 2 * k), in_scratch("%d", k));
    }
    ck_assert_msg(quiet_score(&s, 1, &by_number, &error), "%s", error.text);
    ck_assert_int_eq(by_id.first, by_number.first);
    ck_assert_int_eq(by_id.pictures, CLASSES);
    seeing_free(&s);
}
END_TEST

static const struct {
    const char *folder, *words;
} no_class[] = {
    {"cat", "/cat: no class of the model|5 classes"},
    {"5", "/5: no class"},
    {"-1", "/-1: no class"},
    {"01x", "/01x: no class"},
    {"", "one folder per class"},
};

START_TEST(a_folder_that_is_no_class_is_one_line) {
    static Seeing s;
    Score score;
    Error error;
    open_small(&s);
    if (no_class[_i].folder[0]) {
        make_class("1");
        make_class(no_class[_i].folder);
    }
    ck_assert(!quiet_score(&s, 5, &score, &error));
    assert_error_line(error, no_class[_i].words);
    ck_assert_int_eq(score.pictures, 0);
    seeing_free(&s);
}
END_TEST

START_TEST(without_a_picture_there_is_no_score) {
    static Seeing s;
    Score score;
    Error error;
    open_small(&s);
    mkdir(in_scratch("0"), 0777);
    ck_assert(!quiet_score(&s, 5, &score, &error));
    assert_error_line(error, "there is no picture in its folders");
    ck_assert(!score_folder("test", &s, in_scratch("nowhere"), 5, &score, &error));
    assert_error_line(error, "nowhere: it can't be read");
    s.model.config.head = false;
    ck_assert(!score_folder("test", &s, in_scratch("."), 5, &score, &error));
    assert_error_line(error, SMALL " has no head");
    seeing_free(&s);
}
END_TEST

/* ---- which class ---------------------------------------------------------------- */

static const char names_and_ids[] =
    "{\"0\": [\"n3\", \"crane\"], \"1\": [\"n1\", \"shark, white\"], "
    "\"2\": [\"n2\", \"crane\"], \"3\": [\"n0\", \"1\"]}";
static const struct {
    const char *name, *words;
    int class;
} asked[] = {
    {"shark, white", NULL, 1},
    {"n0", NULL, 3},
    {"n3", NULL, 0},
    {"2", NULL, 2},
    {"1", NULL, 3}, /* a label comes before a number */
    {"crane", "2 classes have this label|such as 0", -1},
    {"4", "no class of the model|4 classes have labels", -1},
    {"Shark, white", "no class of the model", -1},
};

START_TEST(a_class_by_its_label_its_id_or_its_number) {
    Labels labels;
    Error error = {""};
    char text[sizeof names_and_ids];
    memcpy(text, names_and_ids, sizeof text);
    ck_assert_msg(labels_from_text(&labels, 4, text, sizeof text - 1, &error), "%s",
                  error.text);
    ck_assert_int_eq(labels_find(&labels, 4, asked[_i].name, &error), asked[_i].class);
    if (asked[_i].words) {
        assert_error_line(error, asked[_i].words);
    }
    labels_free(&labels);
}
END_TEST

START_TEST(ids_of_all_classes_or_of_none) {
    Labels labels;
    Error error = {""};
    char text[] = "[[\"n0\", \"a\"], \"b\", [\"n2\", \"c\"]]", copy[LABEL_TEXT];
    ck_assert(labels_from_text(&labels, 3, text, sizeof text - 1, &error));
    ck_assert_ptr_null(labels.ids);
    ck_assert_str_eq(labels_name(&labels, 2, copy), "c");
    ck_assert_int_eq(labels_find(&labels, 3, "n0", &error), -1);
    labels_free(&labels);
}
END_TEST

START_TEST(shares_and_how_sure_they_are) {
    const Score score = {
        .pictures = 400, .first = 320, .among = 400, .skipped = 2, .classes = 3};
    capture_begin();
    score_print(&score, 5);
    ck_assert_str_eq(
        capture_end(),
        "score: of 400 pictures in 3 classes\n"
        "  top-1    80.00 %  +- 2.00  (320 of 400)\n"
        "  top-5   100.00 %  +- 0.00  (400 of 400)\n2 files were skipped\n");
    const Score one = {.pictures = 1, .skipped = 1, .classes = 1, .in_order = true};
    capture_begin();
    score_print(&one, 1);
    ck_assert_str_eq(capture_end(),
                     "score: of 1 picture in 1 class, ImageNet's in its order\n"
                     "  top-1     0.00 %  +- 0.00  (0 of 1)\n1 file was skipped\n");
}
END_TEST

Suite *score_suite(void) {
    Suite *suite = suite_create("score");
    TCase *folders = add_scratch_case(suite, "folders");
    tcase_add_loop_test(folders, as_one_picture_after_the_other, 0, CLASSES);
    tcase_add_test(folders, hidden_files_do_not_count_and_others_are_skipped);
    tcase_add_test(folders, imagenets_folders_are_its_classes_in_their_order);
    tcase_add_test(folders, ids_say_which_class_a_folder_is);
    tcase_add_loop_test(folders, a_folder_that_is_no_class_is_one_line, 0,
                        sizeof no_class / sizeof no_class[0]);
    tcase_add_test(folders, without_a_picture_there_is_no_score);
    TCase *classes = add_case(suite, "classes");
    tcase_add_loop_test(classes, a_class_by_its_label_its_id_or_its_number, 0,
                        sizeof asked / sizeof asked[0]);
    tcase_add_test(classes, ids_of_all_classes_or_of_none);
    tcase_add_test(classes, shares_and_how_sure_they_are);
    return suite;
}
