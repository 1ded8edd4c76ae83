#!/usr/bin/env python3
"""make_pictures.py: small pictures of every kind, and the pixels that PIL reads
from them, to compare common/images with. tests/test_pictures.c reads them.

    python3 tests/reference/make_pictures.py

They land in pictures/ beside this script: NAME.jpg or NAME.png, and NAME.npy, its
pixels as PIL gives them (height, width, 3; bytes); NAME_interlaced.png has those of
NAME. resize/ has PIL's resize of two pictures, FROM_WIDTHxHEIGHT_FILTER.png. Needs Pillow from 13 on (older versions
resize tall pictures in another order, see common/images/resize.h) and numpy.

PNG is written here, by hand: PIL writes neither interlaced files, nor all depths.
"""
import io
import os
import shutil
import struct
import warnings
import zlib

import numpy
from PIL import Image, ImageOps

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pictures")
RESIZED = os.path.join(HERE, "resize")
ORIENTATION = 0x112  # EXIF's number for it
random = numpy.random.RandomState(2021)


# ---- what is in them ---------------------------------------------------------

def photo(width, height):
    """Smooth colours, a box with sharp edges, a circle, some noise."""
    y, x = numpy.mgrid[:height, :width].astype(float)
    picture = numpy.stack([
        255 * x / width,
        128 + 127 * numpy.sin(y / 5),
        255 * (1 - y / height)], axis=2)
    picture[height // 5:height // 2, width // 4:width // 3] = [255, 255, 255]
    circle = (x - 0.65 * width) ** 2 + (y - 0.6 * height) ** 2
    picture[circle < (min(width, height) / 5) ** 2] = [0, 0, 0]
    picture += random.randn(height, width, 1) * 12
    return numpy.clip(picture, 0, 255).astype(numpy.uint8)


# ---- files --------------------------------------------------------------------

def keep(name, data, pixels=None):
    """The file, and its pixels: PIL's, where no others are given."""
    with open(os.path.join(HERE, name), "wb") as file:
        file.write(data)
    pixels_file = os.path.join(HERE, name[:-4].replace("_interlaced", "") + ".npy")
    if pixels is None:
        with warnings.catch_warnings():  # a palette's transparency is left out
            warnings.simplefilter("ignore")
            picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
            pixels = numpy.asarray(picture.convert("RGB"))
    if os.path.exists(pixels_file):
        assert (numpy.load(pixels_file) == pixels).all(), name
    numpy.save(pixels_file, pixels)


def jpeg(name, picture, **options):
    data = io.BytesIO()
    picture.save(data, "JPEG", **options)
    keep(name + ".jpg", data.getvalue())


def chunk(kind, data):
    return (struct.pack(">I", len(data)) + kind + data +
            struct.pack(">I", zlib.crc32(kind + data)))


def packed(samples, depth):
    """Rows of samples (height, width * channels) with PNG's filter 0 before each."""
    if depth == 16:
        rows = samples.astype(">u2").view(numpy.uint8).reshape(len(samples), -1)
    else:
        bits = numpy.unpackbits(samples.astype(numpy.uint8)[:, :, None], axis=2)
        rows = numpy.packbits(bits[:, :, 8 - depth:].reshape(len(samples), -1), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in rows)


def png(samples, depth, kind, before=b"", after=b"", interlaced=False):
    """samples: (height, width, channels), of `depth` bits; kind: PNG's colour type."""
    height, width, channels = samples.shape
    passes = [(0, 0, 1, 1)]
    if interlaced:  # Adam7: first row and column, and steps
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4),
                  (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    data = b""
    for y, x, step_y, step_x in passes:
        part = samples[y::step_y, x::step_x]
        if part.size:
            data += packed(part.reshape(len(part), -1), depth)
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before +
            chunk(b"IDAT", zlib.compress(data, 9)) + after + chunk(b"IEND", b""))


def exif(orientation):
    data = Image.Exif()
    data[ORIENTATION] = orientation
    return data.tobytes()


# ---- every kind ---------------------------------------------------------------

def make_jpegs():
    colour = Image.fromarray(photo(45, 31))
    jpeg("colour_444", colour, quality=95, subsampling=0)
    jpeg("colour_422", colour, quality=80, subsampling=1)
    jpeg("colour_420", colour, quality=80, subsampling=2)
    jpeg("progressive", colour, quality=80, progressive=True)
    jpeg("restarts", colour, quality=80, restart_marker_blocks=2)
    jpeg("rgb", colour, quality=90, keep_rgb=True)
    jpeg("grey", colour.convert("L"), quality=80)
    jpeg("grey_progressive", colour.convert("L"), quality=80, progressive=True)
    jpeg("pixel", Image.fromarray(photo(1, 1)), quality=90)
    for orientation in range(1, 9):
        jpeg("orientation_%d" % orientation, colour.crop((0, 0, 21, 13)), quality=95,
             subsampling=0, exif=exif(orientation))
    colour.convert("CMYK").save(os.path.join(HERE, "cmyk.jpg"))  # is refused


def make_pngs():
    width, height = 19, 13
    whole = random.randint(0, 65536, (height, width, 4))
    high = whole.astype(numpy.uint16)
    eight = (high >> 8).astype(numpy.uint8)
    colours = random.randint(0, 256, (256, 3)).astype(numpy.uint8)
    for interlaced in (False, True):
        end = "_interlaced.png" if interlaced else ".png"
        for depth in (1, 2, 4, 8):
            samples = eight[:, :, :1] >> (8 - depth)
            keep("grey_%d%s" % (depth, end),
                 png(samples, depth, 0, interlaced=interlaced))
            palette = chunk(b"PLTE", colours[:2 ** depth].tobytes())
            keep("palette_%d%s" % (depth, end),
                 png(samples, depth, 3, palette, interlaced=interlaced))
        for depth, values in ((8, eight), (16, high)):
            keep("grey_alpha_%d%s" % (depth, end),
                 png(values[:, :, :2], depth, 4, interlaced=interlaced))
            keep("colour_%d%s" % (depth, end),
                 png(values[:, :, :3], depth, 2, interlaced=interlaced))
            keep("colour_alpha_%d%s" % (depth, end),
                 png(values, depth, 6, interlaced=interlaced))
        # PIL makes everything above 255 white: the higher 8 bits, here.
        keep("grey_16%s" % end, png(high[:, :, :1], 16, 0, interlaced=interlaced),
             numpy.repeat(eight[:, :, :1], 3, axis=2))

    some = eight[:, :, :1] >> 5
    eight_colours = chunk(b"PLTE", colours[:8].tobytes())
    keep("palette_transparent.png",
         png(some, 4, 3, eight_colours + chunk(b"tRNS", bytes([0, 255, 128, 3]))))
    keep("palette_too_short.png", png(eight[:, :, :1] >> 4, 4, 3, eight_colours))
    keep("grey_transparent.png",
         png(eight[:, :, :1] >> 4, 4, 0, chunk(b"tRNS", struct.pack(">H", 7))))
    keep("colour_transparent.png",
         png(eight[:, :, :3], 8, 2, chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))))
    keep("gamma.png", png(eight[:, :, :3], 8, 2,
                          chunk(b"gAMA", struct.pack(">I", 100000)) +
                          chunk(b"bKGD", struct.pack(">HHH", 255, 0, 0)) +
                          chunk(b"tEXt", b"Comment\0none")))
    for place in ("before", "after"):
        keep("turned_%s.png" % place,
             png(eight[:, :, :3], 8, 2,
                 **{place: chunk(b"eXIf", exif(6)[len(b"Exif\0\0"):])}))
    keep("one_pixel.png", png(eight[:1, :1, :3], 8, 2))
    animated = io.BytesIO()
    frames = [Image.fromarray(eight[:, :, i:i + 3]) for i in (0, 1)]
    frames[0].save(animated, "PNG", save_all=True, append_images=frames[1:])
    keep("animated.png", animated.getvalue())


# ---- PIL's resize ----------------------------------------------------------------

def make_resized():
    os.makedirs(RESIZED)
    pictures = {"wide": photo(101, 75), "tall": photo(37, 113)}
    sizes = {"wide": [(64, 47), (24, 24), (101, 40), (57, 75), (131, 97), (160, 21),
                      (21, 130), (1, 1)],
             "tall": [(24, 73), (24, 24), (24, 87), (49, 149), (37, 9)]}
    filters = {"bilinear": Image.Resampling.BILINEAR,
               "bicubic": Image.Resampling.BICUBIC}
    for name, pixels in pictures.items():
        picture = Image.fromarray(pixels)
        picture.save(os.path.join(RESIZED, name + ".png"), optimize=True)
        for width, height in sizes[name]:
            for filter_name, resampling in filters.items():
                picture.resize((width, height), resampling).save(
                    os.path.join(RESIZED, "%s_%dx%d_%s.png" % (
                        name, width, height, filter_name)), optimize=True)


if __name__ == "__main__":
    shutil.rmtree(HERE, ignore_errors=True)
    os.makedirs(HERE)
    make_jpegs()
    make_pngs()
    make_resized()
