/* threads.h: how many threads a large matrix product may use (matmul.h). */
#pragma once

#ifdef _OPENMP
#include <omp.h>
#endif

/* threads_limit: from now on use `count` threads; returns the former number. Times
 * on one thread are steadier, and don't depend on what else the machine does. */
static inline int threads_limit(int count) {
#ifdef _OPENMP
    int before = omp_get_max_threads();
    omp_set_num_threads(count);
    return before;
#else
    (void)count;
    return 1;
#endif
}
