/* library_sum_mpi.c: see library_sum.h. */
#include "chapters/08_many_machines/scaling/library_sum.h"

#include <mpi.h>
#include <stdio.h>

#ifdef REAL_IS_DOUBLE
#define MPI_REAL_TYPE MPI_DOUBLE
#else
#define MPI_REAL_TYPE MPI_FLOAT
#endif

void all_reduce_library(Group *group, real *x, long n, real *room) {
    (void)room;
    if (MPI_Allreduce(MPI_IN_PLACE, x, (int)n, MPI_REAL_TYPE, MPI_SUM,
                      MPI_COMM_WORLD) != MPI_SUCCESS) {
        fprintf(stderr, "chapter8: rank %d: MPI_Allreduce has failed\n", group->rank);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
}
