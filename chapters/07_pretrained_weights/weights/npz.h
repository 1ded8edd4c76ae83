/*
 * npz.h: what is in a .npz file, as numpy.savez writes it: a zip archive whose members
 * are .npy files.
 *
 *     member, member, ...   each a local header, then its bytes
 *     the central directory one entry per member: name, size, where it begins
 *     the end record        where the directory begins; the archive's last bytes
 *
 *     a .npy file           "\x93NUMPY", version, length of the header, and the header,
 *                           {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *                           then the elements
 *
 * The directory has each member's checksum too, CRC-32, which arrays.h compares when an
 * array is read. Members that are compressed, and arrays in Fortran's order, are
 * refused. Archives of more than 4 GB have the 64-bit forms of these records (zip64);
 * they are read too.
 */
#pragma once

#include "chapters/07_pretrained_weights/weights/arrays.h"

/* npz_list: the arrays among these bytes; *arrays is the caller's, to be freed. */
bool npz_list(const unsigned char *bytes, size_t size, Array **arrays, int *count,
              Error *why);

/* npz_pickle: is this zip archive one of PyTorch's, a pickled program and its data? */
bool npz_pickle(const unsigned char *bytes, size_t size);
