/*
 * recipe.h: how a photo of any size becomes the tensor that a model was trained with.
 *
 *     resize to so many pixels, cut out the middle, (pixel / 255 - mean) / deviation
 *
 * There are about as many recipes as groups that published weights. The wrong one still
 * gives an answer, only a worse one, so the program says which one it took, and why.
 *
 *     name         resize                       then crop   mean, deviation
 *     vit, augreg  side / 0.9, bicubic          the side    0.5, 0.5
 *     384          the side, bicubic            the side    0.5, 0.5
 *     deit         side / 0.9, bicubic          the side    ImageNet's
 *     torchvision  side / 0.875, bilinear       the side    ImageNet's
 *     hf-vit       squashed, bilinear           -           0.5, 0.5
 *     hf-deit      squashed to side / 0.875,    the side    ImageNet's
 *                  bicubic
 *     square       squashed, bicubic            -           0, 1
 *
 * Where it isn't squashed, the picture keeps its proportions, and its shorter side is
 * brought to that size. timm's crop ratio 0.9 means floor(224 / 0.9) = 248 pixels, of
 * which the middle 224 are kept.
 */
#pragma once

#include "chapters/07_pretrained_weights/model/pretrained.h"
#include "chapters/07_pretrained_weights/weights/export.h"
#include "common/images/picture.h"
#include "common/images/resize.h"

typedef struct {
    char name[24];
    char why[128];       /* "preprocessor_config.json", "assumed: ..." */
    bool resize, squash; /* squash: to both sides; else the shorter one to `height` */
    int height, width;   /* of the resize, pixels */
    ResizeFilter filter;
    bool crop;
    int crop_height, crop_width;
    CropRounding rounding; /* where the crop begins */
    double scale;          /* of a pixel, 1 / 255 */
    double mean[PICTURE_CHANNELS], deviation[PICTURE_CHANNELS];
} Recipe;

/* recipe_named: one of the table above, for images of this size; NULL's error lists the
 * names. recipe_names: "vit, augreg, ...". */
bool recipe_named(Recipe *recipe, const char *name, int height, int width,
                  Error *error);
const char *recipe_names(void);

/* recipe_name: the name, in the table, of a recipe that makes the same of a picture, as
 * long as it is one for images of this size; NULL: none does. */
const char *recipe_name(const Recipe *recipe, int height, int width);

/*
 * recipe_for: which one these weights want: `named` (--recipe) if it isn't NULL; else
 * what preprocessor_config.json (transformers) or config.json (pretrained_cfg, timm) in
 * the folder of `path` says; else the weights' metadata (recipe_texts; or mean and
 * deviation alone, as chapter 5's checkpoints have them); else the usual one of the
 * file's dialect. Of weights that this course trained or exported the metadata come
 * first: a file beside them may be of the weights that a fine-tuning began with.
 *
 * False, and a line that names the file: one of these is there and can't be used.
 */
bool recipe_for(Recipe *recipe, const Pretrained *model, const char *path,
                const char *named, Error *error);

/* recipe_texts: the recipe as texts for the weights' metadata: its name in the table,
 * if it has one for images of this size; else all that it does. */
void recipe_texts(const Recipe *recipe, int height, int width, PictureTexts *texts);

/* recipe_text: "248 pixels, bicubic; the middle 224x224; mean 0.5, deviation 0.5". */
enum { RECIPE_TEXT = 240 };
const char *recipe_text(const Recipe *recipe, char text[RECIPE_TEXT]);

/* recipe_from_json: `recipe`, changed to what the text of a preprocessor_config.json
 * says; false and an error. The text has a 0 after its `bytes` bytes, and is written
 * over. */
bool recipe_from_json(Recipe *recipe, char *text, size_t bytes, Error *error);
/* recipe_from_timm: the same of the pretrained_cfg in a config.json. *found: is there
 * one? */
bool recipe_from_timm(Recipe *recipe, char *text, size_t bytes, bool *found,
                      Error *error);
