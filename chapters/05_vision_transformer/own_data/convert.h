/*
 * convert.h: a picture as the model takes it: (C, H, W) bytes of the wanted size, in
 * colour or in grey. The whole picture is resized (bicubic, with antialiasing, as PIL
 * does it); nothing is cut off, so its proportions may change.
 */
#pragma once

#include "chapters/05_vision_transformer/training/dataset_file.h"
#include "common/images/picture.h"

/* The filter of all resizing of data: a model's pictures are made as its training's
 * were. */
#define CONVERT_FILTER RESIZE_BICUBIC

/* convert_picture: into pixels (channels, height, width). */
bool convert_picture(const Picture *picture, int channels, int height, int width,
                     unsigned char *pixels, Error *error);

/* convert_file: the picture in a file, read and converted. */
bool convert_file(const char *path, int channels, int height, int width,
                  unsigned char *pixels, Error *error);

/* convert_set: a set in memory, to the size and the channels that are wished for. */
bool convert_set(ImageSet *set, const DataWish *wish, Error *error);
