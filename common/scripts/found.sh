#!/bin/sh
# found.sh: one line about the tools that the build has found. CC, OPENMP and
# CUDA_FOR come from make.
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/portable.sh"
version() { # version COMMAND...: the first number with a point in what it prints
    "$@" 2>/dev/null | sed -n 's/^[^0-9]*\([0-9][0-9]*\.[0-9.]*[0-9]\).*/\1/p' | head -n 1
}
tool() { # tool NAME VERSION
    if [ -n "$2" ]; then printf ', %s %s' "$1" "$2"; else printf ', no %s' "$1"; fi
}

printf 'found: %s %s' "$CC" "$($CC -dumpfullversion 2>/dev/null || $CC -dumpversion)"
case $OPENMP in
-fopenmp) printf ', OpenMP (%s threads)' "$(cores)" ;;
*) printf ', no OpenMP (one thread)' ;;
esac
tool Check "$(pkg-config --modversion check 2>/dev/null)"
tool gnuplot "$(version gnuplot --version)"
tool nvcc "$(${NVCC:-false} --version 2>/dev/null | sed -n 's/.*release \([0-9.]*\).*/\1/p')"
[ -n "$CUDA_FOR" ] && printf ' (chapter 6: %s)' "$CUDA_FOR"
printf '\n'
