/*
 * buckets.h: the gradients cut into buckets, each of which is summed over the ranks as
 * soon as it is complete, while the backward pass goes on with earlier layers.
 *
 * The backward pass comes from the end: the head's gradients are complete first, then
 * the last block's, in the end the embedding's. So buckets are numbered from the end,
 * too. Small buckets start early but each costs latency; one bucket starts when all is
 * over.
 */
#pragma once

#include "common/parameters.h"

enum { MAX_BUCKETS = 66 }; /* the head, VIT_MAX_DEPTH blocks, the embedding */

/* Elements from .. to - 1 of the gradients. */
typedef struct {
    long from, to;
} Bucket;

/*
 * buckets_cut: a bucket leaves as soon as it is complete and has `least` elements; what
 * has left can't grow. Complete is what a backward pass can say is complete
 * (GradientsDone in trainer.h). Together the buckets are all of `trained`. Returns how
 * many there are.
 *   trained   the parameters that have gradients: the end of a Vit's list (freeze.h)
 */
int buckets_cut(const ParameterList *trained, long least, Bucket buckets[MAX_BUCKETS]);
