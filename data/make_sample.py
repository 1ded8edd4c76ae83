#!/usr/bin/env python3
"""make_sample.py: cut data/sample out of data/fashion-mnist.

The first 200 training images and the first 50 test images of each class, in the
order in which they stand in the full set. Run from the repository's root:

    python3 data/make_sample.py
"""
import gzip
import struct

FULL, SAMPLE = "data/fashion-mnist/", "data/sample/"


def read(name, header_bytes):
    with gzip.open(FULL + name + ".gz") as file:
        data = file.read()
    return data[header_bytes:]


def write(name, header, data):
    # mtime=0: the same bytes whenever it is made
    with open(SAMPLE + name + ".gz", "wb") as file:
        with gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
            packed.write(struct.pack(">%dI" % len(header), *header) + data)


def cut(prefix, per_class):
    images = read(prefix + "-images-idx3-ubyte", 16)
    labels = read(prefix + "-labels-idx1-ubyte", 8)
    taken, chosen = [0] * 10, []
    for i, label in enumerate(labels):
        if taken[label] < per_class:
            taken[label] += 1
            chosen.append(i)
    assert taken == [per_class] * 10
    size = 28 * 28
    write(prefix + "-images-idx3-ubyte", [0x803, len(chosen), 28, 28],
          b"".join(images[i * size:(i + 1) * size] for i in chosen))
    write(prefix + "-labels-idx1-ubyte", [0x801, len(chosen)],
          bytes(labels[i] for i in chosen))


cut("train", 200)
cut("t10k", 50)
