/*
 * mpi_group.h: ranks that are processes, started by mpirun or srun, on one machine or
 * many: a Group (group.h) of MPI's.
 *
 * Only mpi_group_mpi.c includes MPI's header, so that the rest of the chapter, and its
 * tests, need no MPI.
 */
#pragma once

#include "chapters/08_many_machines/collectives/group.h"
#include "common/error.h"

/* mpi_group_open: this process's rank, and how many there are. Without mpirun or srun
 * it is the only one, and MPI isn't started. False and an error at all ranks if MPI
 * can't be used; mpi_group_close is called all the same. */
bool mpi_group_open(Group *group, Error *error);

/* mpi_group_close: all ranks call it, in the end. */
void mpi_group_close(Group *group);

/* mpi_group_abort: ends all ranks at once, with this status: this one can't go on, and
 * the others would wait for it. */
void mpi_group_abort(int status) __attribute__((noreturn));

/* mpi_group_turns: grows while this rank waits for messages. Any thread may ask. */
unsigned long mpi_group_turns(void);

/* mpi_group_tell: who is told of MPI's errors. If it returns, they are printed, and all
 * ranks are ended. */
void mpi_group_tell(void (*listener)(const char *what));
