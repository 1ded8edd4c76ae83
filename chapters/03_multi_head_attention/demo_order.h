/*
 * demo_order.h: attention's blindness to order, and the two ways to cure it.
 */
#ifndef ORDER_DEMO_H
#define ORDER_DEMO_H

#include "common/error.h"

/* order_demo_permutation: MSA(P z) = P MSA(z), until positions are added. */
bool order_demo_permutation(Error *error);

/* order_demo_sinusoids: the waves, the rotation, the data for the picture. */
bool order_demo_sinusoids(Error *error);

#endif
