#!/bin/sh
# run.sh CC [PATTERN]: does the suite notice when the code is wrong?
#
# Each patch beside this script plants one bug. It is applied to a copy of the tree,
# the tests are built and run, and they must fail: in double; those of chapter 6, on
# cuda_on_cpu, in float. A bug that passes is a hole in the tests; one that doesn't build
# or apply is a patch to be mended.
# PATTERN (a shell pattern) chooses patches by name.
set -u
cc=${1:-cc}
pattern=${2:-*}
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
tree=$root/build/mutants
here=$root/tests/mutants

rm -rf "$tree"
mkdir -p "$tree/data"
cp -R "$root/Makefile" "$root/common" "$root/chapters" "$root/tests" "$tree" || exit 1
cp -R "$root/data/sample" "$tree/data" || exit 1
cd "$tree" || exit 1
of_layers=build/$(basename "$cc")/double/tests/run
of_kernels=build/$(basename "$cc")/float/tests/cuda_run

build() {
    make -s -j "$(getconf _NPROCESSORS_ONLN)" CC="$cc" "$tests" >build.log 2>&1
}
run_tests() {
    OMP_NUM_THREADS=2 timeout 300 "$tests" >run.log 2>&1
}

for tests in "$of_kernels" "$of_layers"; do
    build || { cat build.log; echo "mutants: the tests don't build"; exit 1; }
    run_tests || { tail -n 20 run.log; echo "mutants: the tests fail without a bug"; exit 1; }
done

caught=0
missed=0
for patch in "$here"/$pattern.patch; do
    name=$(basename "$patch" .patch)
    why=$(head -n 1 "$patch")
    tests=$of_layers
    grep -q '^--- a/chapters/06' "$patch" && tests=$of_kernels
    if ! patch -s -p1 <"$patch" >patch.log 2>&1; then
        echo "STALE   $name: the patch doesn't apply"
        missed=$((missed + 1))
        find . \( -name '*.rej' -o -name '*.orig' \) -exec rm -f {} +
        continue
    fi
    if ! build; then
        echo "BROKEN  $name: doesn't build: $(grep -m1 error build.log)"
        missed=$((missed + 1))
    elif run_tests; then
        echo "MISSED  $name: $why"
        missed=$((missed + 1))
    else
        first=$(grep -m1 -oE 'test_[a-z_]+\.c:[0-9]+:[EF]:[^:]*:[^:]*' run.log)
        printf 'caught  %-42s by %s\n' "$name" "${first:-the suite}"
        caught=$((caught + 1))
    fi
    patch -s -R -p1 <"$patch"
done
echo "$caught passed, $missed failed"
[ "$missed" -eq 0 ] && [ "$caught" -gt 0 ]
