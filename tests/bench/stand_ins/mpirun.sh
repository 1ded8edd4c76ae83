#!/bin/sh
# mpirun.sh -n N run_ranks OPTIONS...: passes for an mpirun and its ranks, for tests of
# the benchmark. RANKS says what is wrong with them; BENCH is the benchmark's program, one
# process of which does the work where nothing is wrong. Two need MPI, and run_ranks:
# strangers (ranks that don't know of one another) and killed (rank 1, after a second).
case $RANKS in
strangers)
    shift 2
    exec "$@"
    ;;
killed)
    shift 2
    exec mpirun -n 1 "$@" : -n 1 timeout -s KILL 1 "$@"
    ;;
esac
shift 3
for option in "$@"; do
    case $RANKS.$option in
    *.--ranks=* | *.--network) ;;
    # its share alone
    apart.--batch=*) set -- "$@" "--batch=$((${option#*=} / 2))" ;;
    *) set -- "$@" "$option" ;;
    esac
    shift
done
case $RANKS in
dies)
    echo ready
    read -r _
    kill -9 $$
    ;;
hangs) sleep 1000 ;;
esac
exec "$BENCH" --serve "$@"
