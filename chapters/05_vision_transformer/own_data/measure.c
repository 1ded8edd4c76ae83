/* measure.c: the mean, the deviation and the checksum of the training images, from
 * exact sums of integers. See readers.h. */
#include <math.h>
#include <string.h>
#include <zlib.h>

#include "chapters/05_vision_transformer/own_data/readers.h"

/* A label is one byte of the checksum, or two, the lower first, if there are more than
 * 256 classes. */
void measure_begin(Measure *m, const Dataset *dataset) {
    const ImageSet *set = &dataset->train;
    const unsigned bytes = dataset->classes > 256 ? 2 : 1;
    *m = (Measure){.checksum = crc32(0, NULL, 0)};
    for (int i = 0; i < set->count; i++) {
        const unsigned char label[2] = {(unsigned char)(set->labels[i] & 255),
                                        (unsigned char)(set->labels[i] >> 8)};
        m->checksum = crc32(m->checksum, label, bytes);
    }
}

void measure_add(Measure *m, const ImageSet *set, const unsigned char *pixels,
                 int count) {
    const long plane = (long)set->height * set->width;
    const size_t bytes = (size_t)count * (size_t)set->channels * (size_t)plane;
    const unsigned char *p = pixels;
    for (int i = 0; i < count * set->channels; i++, p += plane) {
        uint64_t sum = 0, squares = 0;
        for (long at = 0; at < plane; at++) {
            sum += p[at];
            squares += (uint64_t)p[at] * p[at];
        }
        m->sum[i % set->channels] += sum;
        m->squares[i % set->channels] += squares;
    }
    m->images += (uint64_t)count;
    m->checksum = crc32_z(m->checksum, pixels, bytes);
}

void measure_join(Measure *m, const Measure *next, const ImageSet *set) {
    const uint64_t image =
        (uint64_t)set->channels * (uint64_t)set->height * (uint64_t)set->width;
    for (int c = 0; c < set->channels; c++) {
        m->sum[c] += next->sum[c];
        m->squares[c] += next->squares[c];
    }
    m->checksum =
        crc32_combine(m->checksum, next->checksum, (z_off_t)(next->images * image));
    m->images += next->images;
}

void measure_end(const Measure *m, Dataset *dataset) {
    const ImageSet *set = &dataset->train;
    const double count = (double)m->images * set->height * set->width;
    for (int c = 0; c < set->channels; c++) {
        const double mean = (double)m->sum[c] / count;
        const double variance = (double)m->squares[c] / count - mean * mean;
        dataset->mean[c] = mean / 255.0;
        dataset->deviation[c] = variance > 0 ? sqrt(variance) / 255.0 : 1.0;
    }
    dataset->checksum = (uint32_t)m->checksum;
}
