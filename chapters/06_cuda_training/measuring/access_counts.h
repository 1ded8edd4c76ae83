/*
 * access_counts.h: what every rung of every ladder asks of memory, counted by
 * cuda_on_cpu (cuda_on_cpu/counts.h says what is counted, and how).
 */
#ifndef ACCESS_COUNTS_H
#define ACCESS_COUNTS_H

/*
 * access_counts_print: a table for each ladder, at small sizes; the counts depend on
 * nothing but kernels and sizes. Returns how many rungs were counted: 0, and one line
 * says so, where nobody counts (a GPU; a cuda_on_cpu built for speed) or where there
 * is no memory.
 */
int access_counts_print(void);

#endif
