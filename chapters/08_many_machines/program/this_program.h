/* this_program.h: what has to be the same at all ranks, though nobody gives it: the
 * program itself, and the kind of processor. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* checksum_add: a checksum that goes on from `sum`; 0 begins one. It is for accidents,
 * not for enemies. */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t count);

/* this_program_checksum: of the file that this process runs; 0 if the system doesn't
 * say which it is. */
uint64_t this_program_checksum(void);

/* this_processor: its model ("Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz"), or as
 * much as the system tells. Others may round the functions of the C library in other
 * ways. */
void this_processor(char model[256]);
