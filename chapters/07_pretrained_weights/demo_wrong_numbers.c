/* demo_wrong_numbers.c: chapter 5's own model, read with numbers that
 * aren't its own. Nothing fails; how many test images are still right? */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "chapters/05_vision_transformer/model/cross_entropy.h"
#include "chapters/05_vision_transformer/training/dataset_file.h"
#include "chapters/07_pretrained_weights/chapter7_demos.h"
#include "chapters/07_pretrained_weights/weights/load.h"
#include "common/lesson/chapter.h"
#include "common/lesson/report.h"

static const char weights[] = "chapter5.safetensors";
enum { BATCH = 100, MOST_IMAGES = 2000 };

static void set_epsilon(Pretrained *model, double epsilon) {
    Vit *vit = &model->vit;
    vit->norm.epsilon = (real)epsilon;
    for (int l = 0; l < vit->config.depth; l++) {
        vit->blocks[l].norm1.epsilon = vit->blocks[l].norm2.epsilon = (real)epsilon;
    }
}

/* --heads would be refused: the checkpoint says how many there are. */
static void set_heads(Pretrained *model, int heads) {
    model->config.vit.block.heads = model->vit.config.block.heads = heads;
    for (int l = 0; l < model->vit.config.depth; l++) {
        model->vit.blocks[l].attn.heads = heads;
    }
}

/* The share of the first images that the model has right; `data` says how its pixels
 * are normalised. */
static double share_right(const Pretrained *model, const Dataset *data, int images) {
    const VitConfig *c = &model->config.vit;
    const Augmentation none = {.shift = 0};
    PretrainedActivations a;
    Error error;
    int right = 0;
    const long all = (long)BATCH * c->channels * c->height * c->width;
    real *memory = allocate((size_t)all * sizeof(real), "images", &error);
    chapter_needs(memory != NULL, &error);
    chapter_needs(pretrained_activations_make(&a, &model->config, BATCH, &error),
                  &error);
    Tensor batch = tensor4(memory, BATCH, c->channels, c->height, c->width);
    for (int from = 0; from + BATCH <= images; from += BATCH) {
        for (int b = 0; b < BATCH; b++) {
            dataset_image(data, &data->test, from + b, &none, tensor_slice(batch, b));
        }
        pretrained_forward(model, batch, &a);
        for (int b = 0; b < BATCH; b++) {
            right += argmax_row(a.logits, b) == data->test.labels[from + b];
        }
    }
    pretrained_activations_free(&a);
    free(memory);
    return (double)right / images;
}

/* A line of the table: 0 leaves a number as it is. */
typedef struct {
    const char *what;
    int heads;
    double mean, deviation, epsilon;
} Wrong;

static double with(const Wrong *wrong, const Dataset *right, int images) {
    Dataset data = *right;
    Pretrained model;
    Error error;
    chapter_needs(pretrained_load(&model, weights, 0, &error), &error);
    if (wrong->heads > 0) {
        set_heads(&model, wrong->heads);
    }
    for (int c = 0; c < data.test.channels && wrong->deviation > 0; c++) {
        data.mean[c] = wrong->mean;
        data.deviation[c] = wrong->deviation;
    }
    if (wrong->epsilon > 0) {
        set_epsilon(&model, wrong->epsilon);
    }
    const double share = share_right(&model, &data, images);
    pretrained_free(&model);
    return share;
}

/* Is it a model of these images, trained with the data's own numbers? */
static bool fits(const Dataset *data, Error *error) {
    Pretrained model;
    if (!pretrained_load(&model, weights, 0, error)) {
        return false;
    }
    const VitConfig *c = &model.config.vit;
    const ImageSet *test = &data->test;
    const bool ok = c->channels == test->channels && c->height == test->height &&
                    c->width == test->width && model.config.head &&
                    c->classes == data->classes &&
                    c->block.D % (2 * c->block.heads) == 0 && c->block.heads % 2 == 0;
    pretrained_free(&model);
    return ok || error_set(error, "%s isn't a model of these images", weights);
}

static void print_table(const Dataset *data, int images, int heads) {
    const Wrong lines[] = {
        {.what = "its own numbers"},
        {.what = "epsilon 1e-5 for 1e-6", .epsilon = 1e-5},
        {.what = "epsilon 1e-12 for 1e-6", .epsilon = 1e-12},
        {.what = "mean 0.5, deviation 0.5", .mean = 0.5, .deviation = 0.5},
        {.what = "mean 0.485, deviation 0.229", .mean = 0.485, .deviation = 0.229},
        {.what = "mean 0, deviation 1: not normalised", .mean = 0, .deviation = 1},
        {.what = "half as many heads", .heads = heads / 2},
        {.what = "twice as many heads", .heads = 2 * heads},
    };
    double right = 0;
    printf("%s, of %d test images\n", weights, images);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const double share = with(&lines[i], data, images);
        right = i == 0 ? share : right;
        printf("    %-38s %6.1f%% right\n", lines[i].what, 100 * share);
    }
    report_check(right > 0, "and no line is an error");
}

void wrong_numbers_demo(void) {
    struct stat status;
    Dataset data = {.test = {.count = 0}};
    Pretrained model;
    Error error;
    const char *folder = dataset_find();
    if (stat(weights, &status) != 0 || !folder) {
        return; /* own_model_demo has said so */
    }
    report_section("What is each wrong number worth?");
    chapter_needs(dataset_load(&data, folder, NULL, NULL, &error), &error);
    if (!fits(&data, &error)) {
        printf("%s\n", error.text);
    } else {
        chapter_needs(pretrained_load(&model, weights, 0, &error), &error);
        const int heads = model.config.vit.block.heads, count = data.test.count;
        pretrained_free(&model);
        print_table(&data, (count < MOST_IMAGES ? count : MOST_IMAGES) / BATCH * BATCH,
                    heads);
    }
    dataset_free(&data);
}
