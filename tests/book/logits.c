/*
 * logits.c: what chapter 5's model says, natively, for test_vit.py, which builds it with
 * this machine's compiler and compares the book's module with it.
 *
 *     logits WEIGHTS MEAN DEVIATION PIXELS     of pictures of 28 x 28 bytes, one after
 *                                              the other: a line of logits for each
 */
#include <stdio.h>
#include <stdlib.h>

#include "chapters/05_vision_transformer/training/trainer.h"
#include "common/files/safetensors_file.h"

enum { SIDE = 28, IMAGES = 64 };

static void no_error(bool ok, const Error *error) {
    if (!ok) {
        fprintf(stderr, "logits: %s\n", error->text);
        exit(1);
    }
}

static void read_weights(Trainer *t, const char *path) {
    Safetensors file;
    Error error;
    const Settings settings = settings_default();
    no_error(trainer_make_small(t, &settings, IMAGES, &error), &error);
    no_error(safetensors_open(&file, path, &error), &error);
    for (int i = 0; i < t->list.count; i++) {
        const Parameter *p = &t->list.items[i];
        no_error(safetensors_read(&file, p->name, parameter_in(p, t->weights), &error),
                 &error);
    }
    safetensors_close(&file);
}

int main(int argc, char **argv) {
    static unsigned char pixels[IMAGES * SIDE * SIDE];
    static Trainer t; /* large */
    const Augmentation none = {0};
    const Dropout off = {0};
    FILE *file = argc == 5 ? fopen(argv[4], "rb") : NULL;
    if (!file) {
        fprintf(stderr, "usage: logits WEIGHTS MEAN DEVIATION PIXELS\n");
        return 2;
    }
    const int count = (int)fread(pixels, SIDE * SIDE, IMAGES, file);
    const ImageSet set = {
        .count = count, .channels = 1, .height = SIDE, .width = SIDE, .pixels = pixels};
    const Dataset dataset = {.mean = {atof(argv[2])}, .deviation = {atof(argv[3])}};
    fclose(file);
    read_weights(&t, argv[1]);
    for (int i = 0; i < count; i++) {
        Worker *worker = &t.workers[0];
        Tensor image = tensor_first(worker->images, 1);
        dataset_image(&dataset, &set, i, &none, tensor_slice(image, 0));
        const Tensor logits = vit_forward(&t.vit, image, &worker->activations, &off);
        for (int k = 0; k < tensor_cols(logits); k++) {
            printf("%.9g ", (double)logits.data[k]);
        }
        printf("\n");
    }
    trainer_free(&t);
    return 0;
}
