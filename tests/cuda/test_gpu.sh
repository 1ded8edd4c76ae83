#!/bin/sh
# test_gpu.sh MAKE BINARY: runs chapter 6's tests on a GPU. If there is no nvcc or no
# card, it reports that so many tests were not run; that is no failure, and no pass.
make=$1
binary=$2
tests() { # how many there are, at least
    sed -n 's/.*MINIMUM_TESTS = \([0-9]*\).*/\1/p' tests/cuda/main.c
}
not_run() {
    echo "NOT RUN: $(tests) tests on a GPU: $1"
    exit 0
}
[ -n "$NVCC" ] || not_run "there is no nvcc"
nvidia-smi -L 2>/dev/null | grep -q GPU || not_run "there is no NVIDIA card (nvidia-smi -L)"
$make --no-print-directory "$binary" || exit 1
echo "== tests on $(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1)"
exec "$binary"
