/*
 * features.h: what a model makes of each picture, its y (D), as a NumPy file: a header
 * in words and float32, little-endian (numpy.load, np.load in Python).
 */
#pragma once

#include "common/error.h"
#include "common/tensor.h"

/* features_write: Y (pictures, D) as `path`, whole or not at all. */
bool features_write(const char *path, Tensor Y, Error *error);
