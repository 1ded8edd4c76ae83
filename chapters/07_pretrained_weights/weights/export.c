/* export.c: see export.h. */
#include "chapters/07_pretrained_weights/weights/export.h"

#include <stdio.h>
#include <stdlib.h>

#include "chapters/07_pretrained_weights/weights/arrays.h"
#include "chapters/07_pretrained_weights/weights/tensors.h"
#include "common/files/safetensors_file.h"

enum { OWN_TEXTS = 9, MAX_TEXTS = OWN_TEXTS + PICTURE_TEXTS, TEXT = 32 };

/* What said.c reads; returns how many. */
static int own_texts(const PretrainedConfig *c, SafetensorsText *texts,
                     char (*values)[TEXT]) {
    const struct {
        const char *key;
        int value;
    } numbers[] = {{"heads", c->vit.block.heads},
                   {"height", c->vit.height},
                   {"width", c->vit.width},
                   {"norm", c->vit.block.norm == POST_NORM ? 1 : 0},
                   {"activation", c->vit.block.activation == ACTIVATION_RELU ? 1 : 0},
                   {"positions", (int)c->vit.positions},
                   {"pool", c->reading == READ_MEAN_OF_NORMED ? 1 : 0}};
    int n = 0;
    texts[n++] = (SafetensorsText){"format", "pt"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++, n++) {
        snprintf(values[n], TEXT, "%d", numbers[i].value);
        texts[n] = (SafetensorsText){numbers[i].key, values[n]};
    }
    snprintf(values[n], TEXT, "%.17g", c->epsilon);
    texts[n] = (SafetensorsText){"layer_norm_eps", values[n]};
    return n + 1;
}

static bool is_source(const Pretrained *model, const char *path) {
    return model->file && regular_file_same(path, arrays_path(model->file));
}

static bool write_tensors(const char *path, const ModelTensors *tensors,
                          const SafetensorsText *texts, int text_count, Error *error) {
    SafetensorsEntry *entries =
        allocate((size_t)tensors->count * sizeof *entries, "a list of tensors", error);
    if (!entries) {
        return false;
    }
    for (int i = 0; i < tensors->count; i++) {
        char name[TENSOR_NAME];
        snprintf(entries[i].name, sizeof entries[i].name, "%s",
                 tensors_name(&tensors->items[i], name));
        entries[i].T = *tensors->items[i].T;
    }
    const bool ok =
        safetensors_write(path, entries, tensors->count, texts, text_count, error);
    free(entries);
    return ok;
}

bool pretrained_export(Pretrained *model, const char *path,
                       const PictureTexts *pictures, Error *error) {
    char values[OWN_TEXTS][TEXT];
    SafetensorsText texts[MAX_TEXTS];
    ModelTensors tensors;
    if (is_source(model, path)) {
        return error_set(error,
                         "%s: can't be written: the weights are read from it; give "
                         "another name",
                         path);
    }
    int count = own_texts(&model->config, texts, values);
    for (int i = 0; pictures && i < pictures->count; i++) {
        texts[count++] = pictures->texts[i];
    }
    const bool ok = tensors_list(&tensors, model, error) &&
                    write_tensors(path, &tensors, texts, count, error);
    tensors_free(&tensors);
    return ok;
}
