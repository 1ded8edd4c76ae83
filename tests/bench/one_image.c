/* one_image.c: see one_image.h. */
#include "tests/bench/one_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chapters/07_pretrained_weights/weights/export.h"
#include "chapters/07_pretrained_weights/weights/load.h"
#include "common/error.h"
#include "common/matmul.h"
#include "tests/bench/made_up.h"

/* The weights that the peer has too, as a file. */
static bool write_weights(const VitConfig *config, const char *path, Error *error) {
    Pretrained made = {.config = {.vit = *config,
                                  .reading = READ_CLASS,
                                  .class_token = true,
                                  .head = true,
                                  .head_bias = true,
                                  .epsilon = LAYER_NORM_EPSILON},
                       .vit.config = *config};
    ParameterList list = {0};
    bool ok = parameters_list(&list, vit_parameters, &made.vit, error);
    if (ok) {
        made.memory = allocate((size_t)list.total * sizeof(real), "weights", error);
        ok = made.memory != NULL;
    }
    if (ok) {
        parameters_view(&list, vit_parameters, &made.vit, made.memory);
        made_up_weights(&list, made.memory);
        ok = pretrained_export(&made, path, NULL, error);
    }
    pretrained_free(&made);
    parameters_list_free(&list);
    return ok;
}

bool one_image_make(OneImage *one, const VitConfig *config, Error *error) {
    const char *tmp = getenv("TMPDIR");
    char folder[200], path[240];
    *one = (OneImage){.activations.B = 0};
    snprintf(folder, sizeof folder, "%.180s/bench.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) {
        return error_set(error, "%s: no folder can be made there", folder);
    }
    snprintf(path, sizeof path, "%s/weights.safetensors", folder);
    const bool ok =
        write_weights(config, path, error) &&
        pretrained_load(&one->model, path, config->block.heads, error) &&
        pretrained_activations_make(&one->activations, &one->model.config, 1, error);
    unlink(path); /* mapped, it lives on */
    rmdir(folder);
    return ok && (pretrained_prepack(&one->model) ||
                  error_set(error, "there is no memory for packed weights"));
}

void one_image_free(OneImage *one) {
    matmul_forget_prepacked();
    pretrained_activations_free(&one->activations);
    pretrained_free(&one->model);
}

const real *one_image_logits(OneImage *one, Tensor image) {
    Tensor images =
        tensor4(image.data, 1, image.shape[0], image.shape[1], image.shape[2]);
    pretrained_forward(&one->model, images, &one->activations);
    return one->activations.logits.data;
}
