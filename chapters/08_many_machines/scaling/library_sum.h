/* library_sum.h: MPI's own all-reduce, as a peer of ours. */
#pragma once

#include "chapters/08_many_machines/collectives/all_reduce.h"

/* all_reduce_library: MPI_Allreduce. `room` isn't used. */
AllReduce all_reduce_library;
