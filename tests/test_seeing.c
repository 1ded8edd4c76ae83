/* test_seeing.c: chapter 7's program: options, labels, features, and what it sees. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chapters/07_pretrained_weights/program/features.h"
#include "chapters/07_pretrained_weights/program/seeing.h"
#include "chapters/07_pretrained_weights/weights/arrays.h"
#include "common/files/safetensors_file.h"
#include "tests/check_helpers.h"
#include "tests/scratch.h"
#include "tests/suites.h"

/* ---- options ------------------------------------------------------------ */

/* The words of a command line, split at blanks; kept until the next call. */
static bool parse(SeeingOptions *o, const char *line, Error *error) {
    static char words[400], *argv[40];
    int argc = 0;
    snprintf(words, sizeof words, "chapter7 %s", line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    return seeing_options(o, argc, argv, error);
}

START_TEST(options_and_pictures_in_any_order) {
    SeeingOptions o;
    Error error = {""};
    ck_assert_msg(parse(&o,
                        "a.jpg --weights w.npz --heads 3 b.png --recipe deit --top 7 "
                        "--layer 2 --head 1 --out d --features y.npy --labels l --time "
                        "--export e -- --c.jpg",
                        &error),
                  "%s", error.text);
    ck_assert_int_eq(o.count, 3);
    ck_assert_str_eq(o.pictures[0], "a.jpg");
    ck_assert_str_eq(o.pictures[1], "b.png");
    ck_assert_str_eq(o.pictures[2], "--c.jpg");
    ck_assert_str_eq(o.weights, "w.npz");
    ck_assert_str_eq(o.recipe, "deit");
    ck_assert_str_eq(o.out, "d");
    ck_assert_str_eq(o.features, "y.npy");
    ck_assert_str_eq(o.labels, "l");
    ck_assert_str_eq(o.export_to, "e");
    ck_assert(o.heads == 3 && o.top == 7 && o.layer == 2 && o.head == 1 && o.time);
    ck_assert(parse(&o, "cat.jpg", &error) && o.top == 5 && o.heads == 0 && !o.time);
    ck_assert(parse(&o, "--describe", &error) && parse(&o, "--export f", &error));
    ck_assert(parse(&o, "--score d --top 3", &error) && strcmp(o.score, "d") == 0);
    ck_assert(parse(&o, "--help", &error) && o.help);
}
END_TEST

static const struct {
    const char *line, *words;
} wrong[] = {
    {"--wieghts w cat.jpg", "unknown option \"--wieghts\""},
    {"cat.jpg --weights", "--weights needs a value"},
    {"cat.jpg --weights --time", "--weights needs a value"},
    {"cat.jpg --heads 0", "--heads can't be \"0\""},
    {"cat.jpg --top x", "--top can't be \"x\""},
    {"cat.jpg --head 1", "--head is of a block: --layer"},
    {"--weights w", "which picture"},
    {"--time --describe", "which picture"},
    {"--describe cat.jpg", "takes no pictures"},
    {"--", "which picture"},
    {"--score", "--score needs a value"},
    {"--score d cat.jpg", "--score is about a folder: it takes no pictures"},
    {"--score d --time", "--score is about a folder"},
    {"--score d --describe", "--score is about a folder"},
    {"-x cat.jpg", "unknown option \"-x\""},
    {"--recipe vitt cat.jpg", "no recipe \"vitt\""},
};

START_TEST(wrong_options_are_one_line) {
    SeeingOptions o;
    Error error;
    ck_assert(!parse(&o, wrong[_i].line, &error));
    assert_error_line(error, wrong[_i].words);
}
END_TEST

/* ---- drawings ------------------------------------------------------------ */

static const struct {
    const char *line, *picture, *path;
} drawings[] = {
    {"cat.jpg", "cat.jpg", "cat.attention.png"},
    {"a/b.c/cat.x.jpg", "a/b.c/cat.x.jpg", "a/b.c/cat.x.attention.png"},
    {"cat", "cat", "cat.attention.png"},
    {"a.b/.cat", "a.b/.cat", "a.b/.cat.attention.png"},
    {"--out d/e a/cat.jpg", "a/cat.jpg", "d/e/cat.attention.png"},
    {"--layer 3 cat.jpg", "cat.jpg", "cat.layer3.png"},
    {"--layer 3 --head 12 cat.jpg", "cat.jpg", "cat.layer3.head12.png"},
    {"cat.jpg cat.png", "cat.png", "cat.png.attention.png"},
    {"cat.jpg cat.png", "cat.jpg", "cat.jpg.attention.png"},
    {"a/cat.jpg b/cat.jpg", "a/cat.jpg", "a/cat.attention.png"},
    {"--out d a/cat.png b/cat.jpg", "a/cat.png", "d/cat.png.attention.png"},
    {"cat.jpg cat.jpg", "cat.jpg", "cat.attention.png"},
};

START_TEST(a_drawing_is_called_after_its_picture) {
    SeeingOptions o;
    Error error = {""};
    char path[FILE_PATH_BYTES];
    ck_assert(parse(&o, drawings[_i].line, &error));
    ck_assert_msg(seeing_drawing(drawings[_i].picture, &o, path, &error), "%s",
                  error.text);
    ck_assert_str_eq(path, drawings[_i].path);
}
END_TEST

START_TEST(no_picture_is_drawn_over) {
    SeeingOptions o;
    Error error;
    char path[FILE_PATH_BYTES], *pictures[2];
    ck_assert(parse(&o, "x", &error));
    write_text(in_scratch("cat.attention.png"), "a picture");
    pictures[0] = (char *)in_scratch("cat.jpg");
    pictures[1] = (char *)in_scratch("./cat.attention.png");
    o.pictures = pictures;
    o.count = 2;
    ck_assert(!seeing_drawing(pictures[0], &o, path, &error));
    assert_error_line(error, "cat.jpg|drawn over|cat.attention.png|--out");
}
END_TEST

/* ---- labels ------------------------------------------------------------ */

static const struct {
    const char *text, *last;
} label_files[] = {
    {"tench\ngoldfish\nshark, white\n", "shark, white"},
    {"tench\r\ngoldfish\r\nshark", "shark"},
    {"{\"id2label\": {\"0\": \"a\", \"1\": \"b\", \"2\": \"c\\u00e9\"}}", "c\xc3\xa9"},
    {"{\"2\": \"last\", \"0\": \"a\", \"1\": \"b\"}", "last"},
    {"{\"0\": [\"n1\", \"a\"], \"1\": [\"n2\", \"b\"], \"2\": [\"n3\", \"c\"]}", "c"},
    {"[\"x\", \"y\", \"z\"]", "z"},
    {"a\nb\nc\tc\x1b[2J\n", "c?c?[2J"},
};

START_TEST(labels_from_a_file_that_was_named) {
    Labels labels;
    Error error = {""};
    char text[LABEL_TEXT];
    write_text(in_scratch("names"), label_files[_i].text);
    ck_assert_msg(labels_for(&labels, "w", 3, in_scratch("names"), &error), "%s",
                  error.text);
    ck_assert_int_eq(labels.count, 3);
    ck_assert_str_eq(labels.from, "names");
    ck_assert_str_eq(labels_name(&labels, 2, text), label_files[_i].last);
    ck_assert_str_eq(labels_name(&labels, 3, text), "class 3");
    labels_free(&labels);
    ck_assert_str_eq(labels_name(&labels, 2, text), "class 2");
}
END_TEST

static const struct {
    const char *text, *words;
} bad_labels[] = {
    {"a\nb\n", "2 names for 3"},
    {"a\nb\nc\nd\n", "4 names for 3"},
    {"", "0 names for 3"},
    {"{\"0\": \"a\"}", "1 names for 3"},
    {"{\"0\": \"a\", \"1\": \"b\", \"3\": \"c\"}", "no name of class 2"},
    {"{\"0\": \"a\", \"1\": 5, \"2\": \"c\"}", "no name of class 1"},
    {"{\"0\": ", "byte"},
    {"{\"id2label\": 3}", "0 names"},
};

START_TEST(labels_that_do_not_fit_are_one_line) {
    Labels labels;
    Error error;
    write_text(in_scratch("names"), bad_labels[_i].text);
    ck_assert(!labels_for(&labels, "w", 3, in_scratch("names"), &error));
    assert_error_line(error, bad_labels[_i].words);
    assert_error_line(error, "names:");
}
END_TEST

START_TEST(labels_from_beside_the_weights) {
    Labels labels;
    Error error = {""};
    char text[LABEL_TEXT];
    const char *weights = in_scratch("model.safetensors");
    ck_assert(labels_for(&labels, weights, 2, NULL, &error));
    ck_assert(labels.count == 0 && labels.note[0] == '\0');

    /* one that doesn't fit is left out, and that is said */
    write_text(in_scratch("classes.txt"), "a\nb\nc\n");
    ck_assert(labels_for(&labels, weights, 2, NULL, &error));
    ck_assert_int_eq(labels.count, 0);
    assert_no_message(
        line_difference(labels.note, "classes.txt left out|3 names for 2"));

    /* the first of several, but for names that say nothing */
    write_text(in_scratch("config.json"),
               "{\"id2label\": {\"0\": \"LABEL_0\", \"1\": \"LABEL_1\"}}");
    write_text(in_scratch("imagenet_classes.txt"), "u\nv\n");
    ck_assert(labels_for(&labels, weights, 2, NULL, &error));
    ck_assert_str_eq(labels_name(&labels, 1, text), "v");
    labels_free(&labels);
    write_text(in_scratch("labels.txt"), "p\nq\n");
    ck_assert(labels_for(&labels, weights, 2, NULL, &error));
    ck_assert_str_eq(labels_name(&labels, 1, text), "q");
    ck_assert_str_eq(labels.from, "labels.txt");
    labels_free(&labels);
    write_text(in_scratch("config.json"),
               "{\"id2label\": {\"0\": \"r\", \"1\": \"s\"}}");
    ck_assert(labels_for(&labels, weights, 2, NULL, &error));
    ck_assert_str_eq(labels_name(&labels, 1, text), "s");
    labels_free(&labels);
}
END_TEST

START_TEST(labels_and_recipe_from_the_weights_metadata) {
    const char *weights = in_scratch("model.safetensors");
    real zero[] = {0};
    const SafetensorsEntry entry = {"x", tensor1(zero, 1)};
    const SafetensorsText texts[] = {{"class_names", "tench\ngoldfish"},
                                     {"mean", "0.5 0.25 0.125"},
                                     {"deviation", "0.5"}};
    Labels labels;
    Error error = {""};
    char text[LABEL_TEXT];
    Recipe r;
    Pretrained model = {.dialect = "timm"};
    model.config.vit = (VitConfig){.height = 12, .width = 12, .patch = 4};
    ck_assert(safetensors_write(weights, &entry, 1, texts, 3, &error));
    ck_assert(labels_for(&labels, weights, 2, NULL, &error));
    ck_assert_str_eq(labels_name(&labels, 1, text), "goldfish");
    labels_free(&labels);
    ck_assert(labels_for(&labels, weights, 3, NULL, &error));
    ck_assert_int_eq(labels.count, 0);
    ck_assert_msg(recipe_for(&r, &model, weights, NULL, &error), "%s", error.text);
    ck_assert(r.squash && !r.crop && r.height == 12);
    ck_assert(r.mean[0] == 0.5 && r.mean[1] == 0.25 && r.mean[2] == 0.125);
    ck_assert(r.deviation[0] == 0.5 && r.deviation[2] == 0.5);
}
END_TEST

/* Of these metadata, with a preprocessor_config.json beside them. */
static Recipe recipe_beside_another(const SafetensorsText *texts, int count) {
    const char *weights = in_scratch("model.safetensors");
    real zero[] = {0};
    const SafetensorsEntry entry = {"x", tensor1(zero, 1)};
    Error error = {""};
    Recipe r;
    Pretrained model = {.dialect = "timm"};
    model.config.vit = (VitConfig){.height = 12, .width = 12, .patch = 4};
    ck_assert(safetensors_write(weights, &entry, 1, texts, count, &error));
    model.file = arrays_open(weights, &error);
    ck_assert(model.file != NULL);
    write_text(in_scratch("preprocessor_config.json"),
               "{\"size\": 12, \"image_mean\": 0.1, \"image_std\": 0.9}");
    ck_assert_msg(recipe_for(&r, &model, weights, NULL, &error), "%s", error.text);
    arrays_close(model.file);
    return r;
}

START_TEST(a_checkpoints_own_recipe_comes_before_what_is_beside_it) {
    const SafetensorsText texts[] = {
        {"heads", "3"}, {"mean", "0.5 0.25 0.125"}, {"deviation", "0.5"}};
    Recipe r = recipe_beside_another(texts, 3);
    ck_assert_str_eq(r.name, "square");
    ck_assert(r.mean[1] == 0.25 && r.deviation[2] == 0.5);
    ck_assert_str_eq(r.why, "the file's metadata, which are its own; "
                            "preprocessor_config.json beside it isn't used");
    r = recipe_beside_another(texts, 1); /* says nothing of pixels */
    ck_assert_str_eq(r.why, "preprocessor_config.json");
    ck_assert(r.mean[0] == 0.1 && r.deviation[1] == 0.9);
    r = recipe_beside_another(texts + 1, 2); /* nobody of ours has written them */
    ck_assert_str_eq(r.name, "hf");
    ck_assert(r.mean[0] == 0.1);
}
END_TEST

/* ---- features ------------------------------------------------------------ */

START_TEST(features_are_numpys) {
    Tensor Y = tensor_of(SHAPE(2, 3), 1, -2, 0.5, 3, 4, 1e10);
    Error error = {""};
    const char *path = in_scratch("y.npy");
    ck_assert_msg(features_write(path, Y, &error), "%s", error.text);
    Bytes b = read_bytes_of(path);
    ck_assert_uint_eq(b.count, 128 + 6 * 4);
    ck_assert_int_eq(memcmp(b.bytes, "\x93NUMPY\x01\x00\x76\x00", 10), 0);
    const char *words = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    ck_assert_int_eq(memcmp(b.bytes + 10, words, strlen(words)), 0);
    ck_assert_int_eq(b.bytes[127], '\n');
    ck_assert_int_eq(b.bytes[10 + strlen(words)], ' ');
    static const unsigned char first[] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0};
    ck_assert_int_eq(memcmp(b.bytes + 128, first, sizeof first), 0);
}
END_TEST

START_TEST(features_whole_or_not_at_all) {
    Tensor Y = zero_tensor(SHAPE(100, 300));
    Error error;
    const char *path = in_scratch("y.npy");
    write_text(path, "before");
    file_size_limit(5000);
    const bool ok = features_write(path, Y, &error);
    file_size_limit(-1);
    ck_assert(!ok);
    assert_error_line(error, "y.npy");
    ck_assert_uint_eq(read_bytes_of(path).count, strlen("before"));
    ck_assert_int_eq(files_in_scratch(), 1);
}
END_TEST

/* ---- seeing ------------------------------------------------------------ */

#define SMALL "tests/reference/weights/timm_class/model.safetensors"
#define PHOTO "tests/reference/pictures/colour_420.jpg"

static void open_small(Seeing *s, const char *options) {
    SeeingOptions o;
    Error error = {""};
    ck_assert(parse(&o, options, &error));
    ck_assert_msg(seeing_open(s, SMALL, &o, &error), "%s", error.text);
}

/* Row 0 of A (n, n), its patches over the largest of them, in double. */
static void naive_patches(const double *row, int n, int N, double *want) {
    double max = 0;
    for (int p = 0; p < N; p++) {
        max = fmax(max, row[n - N + p]);
    }
    for (int p = 0; p < N; p++) {
        want[p] = row[n - N + p] / max;
    }
}

START_TEST(attention_of_a_block_a_head_and_the_rollout) {
    enum { N = 9, n = 10, h = 3 };
    static Seeing s;
    Picture seen;
    Error error = {""};
    double mean[n] = {0}, want[N];
    open_small(&s, "--recipe vit x");
    ck_assert_msg(seeing_look(&s, PHOTO, &seen, &error), "%s", error.text);
    ck_assert(seen.width == 12 && seen.height == 12);
    Tensor A = tensor_slice(s.activations.A[1], 0);
    for (int i = 0; i < h; i++) {
        double row[n];
        for (int j = 0; j < n; j++) {
            row[j] = (double)tensor_row(tensor_slice(A, i), 0)[j];
            mean[j] += row[j] / h;
        }
        naive_patches(row, n, N, want);
        assert_close_to_naive(seeing_attention(&s, 2, i + 1), want, TOLERANCE,
                              "a head");
    }
    naive_patches(mean, n, N, want);
    assert_close_to_naive(seeing_attention(&s, 2, 0), want, TOLERANCE, "a block");
    Tensor rolled = copy_of(seeing_attention(&s, 0, 0));
    ck_assert_double_gt(tensor_max_abs_difference(rolled, seeing_attention(&s, 2, 0)),
                        1e-3);
    double row[n];
    seeing_attention(&s, 0, 0);
    for (int j = 0; j < n; j++) {
        row[j] = (double)tensor_row(s.rollout.R, 0)[j];
    }
    naive_patches(row, n, N, want);
    assert_close_to_naive(rolled, want, TOLERANCE, "[ViT fig.6]");
    picture_free(&seen);
    seeing_free(&s);
}
END_TEST

/* What an exported file makes of the photo, alone: the same logits, to the bit. */
static const struct {
    const char *options, *settings; /* preprocessor_config.json, or NULL */
    const char *key, *value;        /* a text of the exported file */
} exports[] = {
    {"--heads 3 --recipe torchvision x", NULL, "recipe", "torchvision"},
    {"--heads 3 x", NULL, "recipe", "vit"},
    {"--heads 3 x",
     "{\"image_processor_type\": \"ViTImageProcessor\", \"do_center_crop\": true, "
     "\"size\": {\"shortest_edge\": 15}, \"crop_size\": 12, \"resample\": 3, "
     "\"rescale_factor\": 0.0041, \"image_mean\": [0.5, 0.41, 0.3], \"image_std\": "
     "[0.1, 0.2, 0.3]}",
     "pictures.crop_half_down", "1"},
    {"--heads 3 x", "{\"size\": 12, \"image_mean\": [0.5, 0.5, 0.50000001]}",
     "pictures.squash", "1"},
    {"--heads 3 x", "{\"size\": 12, \"resample\": 2}", "recipe", "hf-vit"},
    {"--heads 3 --recipe deit x", "{\"size\": 12, \"resample\": 3}", "recipe", "deit"},
};

static Tensor logits_of(Seeing *s, const char *path, const char *options) {
    SeeingOptions o;
    Picture seen;
    Error error = {""};
    ck_assert(parse(&o, options, &error));
    ck_assert_msg(seeing_open(s, path, &o, &error), "%s", error.text);
    ck_assert_msg(seeing_look(s, PHOTO, &seen, &error), "%s", error.text);
    picture_free(&seen);
    return copy_of(s->activations.logits);
}

static void export_seeing(Seeing *s, const char *path) {
    PictureTexts pictures;
    Error error = {""};
    const VitConfig *c = &s->model.config.vit;
    recipe_texts(&s->recipe, c->height, c->width, &pictures);
    ck_assert_msg(pretrained_export(&s->model, path, &pictures, &error), "%s",
                  error.text);
}

START_TEST(an_export_alone_gives_the_same_bits) {
    static Seeing s, alone;
    const Bytes small = read_bytes_of(SMALL);
    ck_assert_int_eq(mkdir(in_scratch("theirs"), 0777), 0);
    write_bytes(in_scratch("theirs/model.safetensors"), small.bytes, small.count);
    if (exports[_i].settings) {
        write_text(in_scratch("theirs/preprocessor_config.json"), exports[_i].settings);
    }
    Tensor want =
        logits_of(&s, in_scratch("theirs/model.safetensors"), exports[_i].options);
    export_seeing(&s, in_scratch("ours.safetensors"));
    Tensor got = logits_of(&alone, in_scratch("ours.safetensors"), "x");
    assert_no_message(bits_difference(got, want, "logits"));
    ck_assert_str_eq(arrays_text(alone.model.file, exports[_i].key), exports[_i].value);

    /* once more, from there; and --recipe wins */
    export_seeing(&alone, in_scratch("again.safetensors"));
    seeing_free(&alone);
    got = logits_of(&alone, in_scratch("again.safetensors"), "x");
    assert_no_message(bits_difference(got, want, "logits"));
    seeing_free(&alone);
    logits_of(&alone, in_scratch("again.safetensors"), "--recipe square x");
    export_seeing(&alone, in_scratch("ours.safetensors"));
    seeing_free(&alone);
    logits_of(&alone, in_scratch("ours.safetensors"), "x");
    ck_assert_str_eq(alone.recipe.name, "square");
    ck_assert(alone.recipe.scale == 1.0 / 255 && alone.recipe.mean[0] == 0);
    seeing_free(&alone);
    seeing_free(&s);
}
END_TEST

static const struct {
    const char *key, *value, *words;
} bad_texts[] = {
    {"pictures.width", "0", "pictures.width is 0: want a number of pixels"},
    {"pictures.width", "99999", "pictures.width is 99999"},
    {"pictures.crop", "2", "pictures.crop is 2: want 0 or 1"},
    {"pictures.crop", NULL, "pictures.crop is missing"},
    {"pictures.scale", "1e999", "pictures.scale, mean or deviation"},
    {"deviation", "0", "deviation"},
    {"mean", "0.5 0.5", "mean"},
    {"mean", "nan", "mean"},
    {"pictures.crop_width", "13", "13x12|for 12x12"},
    {"recipe", "vitt", "x.safetensors|no recipe \"vitt\""},
};

START_TEST(a_recipe_in_the_metadata_is_read_with_care) {
    PictureTexts t;
    Recipe r, read;
    Error error = {""};
    real zero[] = {0};
    const SafetensorsEntry entry = {"x", tensor1(zero, 1)};
    Pretrained model = {.dialect = "timm"};
    model.config.vit = (VitConfig){.height = 12, .width = 12, .patch = 4};
    ck_assert(recipe_named(&r, "deit", 12, 12, &error));
    r.mean[1] = 0.1;
    recipe_texts(&r, 12, 12, &t);
    int at = t.count - 1; /* of the key; or the first, which is found before others */
    while (at > 0 && strcmp(t.texts[at].key, bad_texts[_i].key) != 0) {
        at--;
    }
    t.texts[at] = (SafetensorsText){bad_texts[_i].value ? bad_texts[_i].key : "other",
                                    bad_texts[_i].value ? bad_texts[_i].value : "1"};
    const char *path = in_scratch("x.safetensors");
    ck_assert_msg(safetensors_write(path, &entry, 1, t.texts, t.count, &error), "%s",
                  error.text);
    ck_assert(!recipe_for(&read, &model, path, NULL, &error));
    assert_error_line(error, bad_texts[_i].words);
}
END_TEST

START_TEST(classes_are_printed_from_the_most_likely) {
    static Seeing s;
    open_small(&s, "x");
    const double logits[] = {1, 3, 1, (double)-INFINITY, 3};
    for (int k = 0; k < 5; k++) {
        s.activations.logits.data[k] = (real)logits[k];
    }
    capture_begin();
    seeing_print_classes(&s, 9);
    const char *said = capture_end();
    ck_assert_str_eq(said, "  0.4404      1  class 1\n  0.4404      4  class 4\n"
                           "  0.0596      0  class 0\n  0.0596      2  class 2\n"
                           "  0.0000      3  class 3\n");
    capture_begin();
    seeing_print_classes(&s, 1);
    ck_assert_str_eq(capture_end(), "  0.4404      1  class 1\n");
    seeing_free(&s);
}
END_TEST

static const struct {
    const char *options, *words;
} no_model[] = {
    {"--layer 3 x", "2 blocks|--layer can't be 3"},
    {"--layer 1 --head 4 x", "3 heads|--head can't be 4"},
    {"--labels tests/main.c x", "tests/main.c|names for 5"},
};

START_TEST(what_the_model_has_not_is_one_line) {
    static Seeing s;
    SeeingOptions o;
    Error error;
    ck_assert(parse(&o, no_model[_i].options, &error));
    ck_assert(!seeing_open(&s, SMALL, &o, &error));
    assert_error_line(error, no_model[_i].words);
    seeing_free(&s);
}
END_TEST

Suite *seeing_suite(void) {
    Suite *suite = suite_create("seeing");
    TCase *options = add_case(suite, "options");
    tcase_add_test(options, options_and_pictures_in_any_order);
    tcase_add_loop_test(options, wrong_options_are_one_line, 0,
                        sizeof wrong / sizeof wrong[0]);
    TCase *drawing = add_scratch_case(suite, "drawings");
    tcase_add_loop_test(drawing, a_drawing_is_called_after_its_picture, 0,
                        sizeof drawings / sizeof drawings[0]);
    tcase_add_test(drawing, no_picture_is_drawn_over);
    TCase *labels = add_scratch_case(suite, "labels");
    tcase_add_loop_test(labels, labels_from_a_file_that_was_named, 0,
                        sizeof label_files / sizeof label_files[0]);
    tcase_add_loop_test(labels, labels_that_do_not_fit_are_one_line, 0,
                        sizeof bad_labels / sizeof bad_labels[0]);
    tcase_add_test(labels, labels_from_beside_the_weights);
    tcase_add_test(labels, labels_and_recipe_from_the_weights_metadata);
    tcase_add_test(labels, a_checkpoints_own_recipe_comes_before_what_is_beside_it);
    TCase *features = add_scratch_case(suite, "features");
    tcase_add_test(features, features_are_numpys);
    tcase_add_test(features, features_whole_or_not_at_all);
    TCase *out = add_scratch_case(suite, "exports");
    tcase_add_loop_test(out, an_export_alone_gives_the_same_bits, 0,
                        sizeof exports / sizeof exports[0]);
    tcase_add_loop_test(out, a_recipe_in_the_metadata_is_read_with_care, 0,
                        sizeof bad_texts / sizeof bad_texts[0]);
    TCase *seeing = add_case(suite, "seeing");
    tcase_add_test(seeing, attention_of_a_block_a_head_and_the_rollout);
    tcase_add_test(seeing, classes_are_printed_from_the_most_likely);
    tcase_add_loop_test(seeing, what_the_model_has_not_is_one_line, 0,
                        sizeof no_model / sizeof no_model[0]);
    return suite;
}
