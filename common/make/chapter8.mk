# Chapter 8: files named *_mpi.c need MPI, and only the program has them. All the rest, and
# its tests, needs none.
