/* picture_tensor.c: see picture_tensor.h. */
#include "chapters/07_pretrained_weights/pictures/picture_tensor.h"

#include "common/error.h"

/* torchvision's: the longer side is reckoned in whole numbers, rounded down. */
static void sides_of(const Picture *photo, const Recipe *r, int *height, int *width) {
    *height = r->height;
    *width = r->width;
    if (!r->squash) {
        const long side = r->height, w = photo->width, h = photo->height;
        *width = (int)(w <= h ? side : side * w / h);
        *height = (int)(w <= h ? side * h / w : side);
    }
}

bool picture_fit(const Picture *photo, const Recipe *r, Picture *seen, Error *error) {
    Picture resized = {0};
    int height, width;
    *seen = (Picture){0};
    sides_of(photo, r, &height, &width);
    if (!r->crop) {
        return resize_picture(photo, width, height, r->filter, true, seen, error);
    }
    if (!r->resize) {
        return resize_crop(photo, r->crop_width, r->crop_height, r->rounding, seen,
                           error);
    }
    if (width > PICTURE_MAX_SIDE || height > PICTURE_MAX_SIDE) {
        return error_set(error,
                         "a picture of %dx%d is too long: resized it would be %dx%d",
                         photo->width, photo->height, width, height);
    }
    const bool ok =
        resize_picture(photo, width, height, r->filter, true, &resized, error) &&
        resize_crop(&resized, r->crop_width, r->crop_height, r->rounding, seen, error);
    picture_free(&resized);
    return ok;
}

/* PIL's convert("L"): 0.299 R + 0.587 G + 0.114 B, in fixed point, rounded. */
static int luminance(const unsigned char *rgb) {
    return (19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 0x8000) >> 16;
}

void picture_to_tensor(const Picture *seen, const Recipe *r, Tensor image) {
    const int C = image.shape[0], N = seen->height * seen->width;
    if (C != 1 && C != PICTURE_CHANNELS) {
        bug("picture_to_tensor: the image has %d channels, a picture has 3 or, in "
            "grey, 1",
            C);
    }
    expect_shape(image, "The picture's size, channels first.", C, seen->height,
                 seen->width);
    for (int c = 0; c < C; c++) {
        for (int i = 0; i < N; i++) {
            const unsigned char *rgb = seen->pixels + (long)PICTURE_CHANNELS * i;
            const int pixel = C == 1 ? luminance(rgb) : rgb[c];
            image.data[(long)c * N + i] =
                (real)((pixel * r->scale - r->mean[c]) / r->deviation[c]);
        }
    }
}
