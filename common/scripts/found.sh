#!/bin/sh
# found.sh [FLAGS]: one line about the tools that the build has found, and flags that aren't
# the course's own. CC, OPENMP, NVCC and CUDA_FOR (cards, or none) come from make.
# shellcheck disable=SC2086 # CC may be several words
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/portable.sh"
version() { # version COMMAND...: the first number with a point in what it prints
    "$@" 2>/dev/null | sed -n 's/^[^0-9]*\([0-9][0-9]*\.[0-9.]*[0-9]\).*/\1/p' | head -n 1
}
tool() { # tool NAME VERSION
    if [ -n "$2" ]; then printf ', %s %s' "$1" "$2"; else printf ', no %s' "$1"; fi
}

printf 'found: %s %s' "$CC" "$({ $CC -dumpfullversion || $CC -dumpversion; } 2>/dev/null)"
case $OPENMP in
-fopenmp) printf ', OpenMP (%s threads)' "$(cores)" ;;
*) printf ', no OpenMP (one thread)' ;;
esac
tool Check "$(pkg-config --modversion check 2>/dev/null)"
tool gnuplot "$(version gnuplot --version)"
tool nvcc "$(${NVCC:-false} --version 2>/dev/null | sed -n 's/.*release \([0-9.]*\).*/\1/p')"
case $CUDA_FOR in
'') ;;
none) printf ' but no card (chapter 6: emulator; for a card elsewhere: make CUDA_ARCH=90 chapter6)' ;;
*) printf ' (chapter 6: %s)' "$CUDA_FOR" ;;
esac
[ -z "${1:-}" ] || printf ', with %s' "$1"
printf '\n'
