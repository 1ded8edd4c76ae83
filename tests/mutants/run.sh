#!/bin/sh
# run.sh CC [PATTERN]: does the suite notice when the code is wrong?
#
# Each patch beside this script plants one bug. It is applied to a copy of the tree,
# the tests are built and run, and they must fail: in double; those of chapter 6, on
# cuda_on_cpu, in float. A bug that passes is a hole in the tests; one that doesn't build
# or apply is a patch to be mended.
# PATTERN (a shell pattern) chooses patches by name.
set -u
OMP_WAIT_POLICY=passive # two workers' tests run at once: a thread that waits, sleeps
export OMP_WAIT_POLICY
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/../../common/scripts/portable.sh"
cc=${1:-cc}
pattern=${2:-*}
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
here=$root/tests/mutants
workers=$(cores)
[ "$workers" -le 8 ] || workers=8
: "${BUILD:=build/$(basename "$cc")}"
of_layers=$BUILD/double/tests/run
of_kernels=$BUILD/float/tests/cuda_run

build() { # build JOBS
    make -s -j "$1" CC="$cc" "$tests" >build.log 2>&1
}
suites() { # the file with the names of $tests's suites: an unknown one would run nothing
    echo "$root/build/mutants/suites_of_$(basename "$tests")"
}
run_tests() { # run_tests [SUITE]: that one, or all
    if [ $# -gt 0 ]; then
        OMP_NUM_THREADS=2 CK_RUN_SUITE=$1 within 300 "$tests" >run.log 2>&1
    else
        OMP_NUM_THREADS=2 within 300 "$tests" >run.log 2>&1
    fi
}
# The suites that are most likely to notice, first: those that the patch says ("caught by:
# SUITE"); else the one of the file's name; of kernels, those that take less than a second.
# Only if they pass are all of them run.
said_suites() { # said_suites PATCH
    sed -n '/^--- /q; s/^caught by: //p' "$1" | grep .
}
likely() { # likely PATCH
    file=$(sed -n 's/^--- a\///p' "$1" | head -n 1)
    if ! said_suites "$1"; then
        basename "$file" | sed 's/\..*//; s/_file$//'
        case $file in *.cu | *.h) echo "gpu_gelu gpu_rows gpu_attention gpu_loss" ;; esac
    fi | tr ' ' '\n' | grep -xF -f "$(suites)"
}
notices() { # notices PATCH: do the tests, now that it is planted? $whole: only all of them
    whole=
    for suite in $(likely "$1"); do
        run_tests "$suite" || return 0
    done
    whole=yes
    ! run_tests
}

# One copy of the tree is built and tested without a bug, and stays without; the others are
# its copies. What is built already is copied too: make knows what is old.
first=$root/build/mutants/0
rm -rf "$root/build/mutants"
mkdir -p "$first/data" "$first/$BUILD/double" "$first/$BUILD/float"
cp -Rp "$root/Makefile" "$root/common" "$root/chapters" "$root/tests" "$first" || exit 1
cp -Rp "$root/data/sample" "$first/data" || exit 1
for built in flags cxx-flags double/common double/chapters double/tests float/common \
    float/chapters float/tests; do
    [ ! -e "$root/$BUILD/$built" ] || cp -Rp "$root/$BUILD/$built" "$first/$BUILD/$built" || exit 1
done
cd "$first" || exit 1
for tests in "$of_kernels" "$of_layers"; do
    build "$workers" || { cat build.log; echo "mutants: the tests don't build"; exit 1; }
    touch built
    run_tests || { tail -n 20 run.log; echo "mutants: the tests fail without a bug"; exit 1; }
    sed -n 's/^Running suite(s): / /; s/^ \([a-z0-9_]*\)$/\1/p' run.log >"$(suites)"
done
for worker in $(seq 1 "$workers"); do
    cp -Rp "$first" "$root/build/mutants/$worker" || exit 1
done

# Without the bug again: its file, and what was built of it, from the copy that never had one.
mend() {
    {
        echo "$file"
        find "$BUILD" -newer "$first/built" -type f
    } | while read -r changed; do
        if [ -e "$first/$changed" ]; then cp -p "$first/$changed" "$changed"; else rm -f "$changed"; fi
    done
}

# try PATCH: in this copy; prints a line.
try() {
    name=$(basename "$1" .patch)
    why=$(head -n 1 "$1")
    tests=$of_layers
    grep -qE '^--- a/chapters/(06|08_many_machines/gpus)' "$1" && tests=$of_kernels
    file=$(sed -n 's/^--- a\///p' "$1" | head -n 1)
    began=$(date +%s)
    if ! patch -s -p1 <"$1" >patch.log 2>&1; then
        echo "STALE   $name: the patch doesn't apply"
        find . \( -name '*.rej' -o -name '*.orig' \) -exec rm -f {} +
        mend
        return
    fi
    if ! build 1; then
        echo "BROKEN  $name: doesn't build: $(grep -m1 error build.log)"
    elif ! notices "$1"; then
        echo "MISSED  $name: $why"
    elif [ -n "$whole" ] && said_suites "$1" >/dev/null; then
        echo "STALE   $name: not caught by the suite that it names"
    else
        found=$(grep -m1 -oE 'test_[a-z_]+\.c:[0-9]+:[EF]:[^:]*:[^:]*' run.log)
        printf 'caught  %-42s by %s, %s s\n' "$name" "${found:-the suite}" $(($(date +%s) - began))
    fi
    mend
}

# Each worker has every n-th patch.
work() { # work NUMBER
    cd "$root/build/mutants/$1" || exit 1
    turn=0
    for patch in "$here"/$pattern.patch; do
        turn=$((turn + 1))
        [ $((turn % workers)) -eq $(($1 % workers)) ] && try "$patch"
    done
}
for worker in $(seq 1 "$workers"); do
    work "$worker" &
done >"$root/build/mutants/log"
wait
sort -k2 "$root/build/mutants/log"

caught=$(grep -c '^caught' "$root/build/mutants/log")
missed=$(grep -vc '^caught' "$root/build/mutants/log")
all=$(find "$here" -name "$pattern.patch" | wc -l)
echo "$caught passed, $missed failed"
[ "$missed" -eq 0 ] && [ "$caught" -eq "$all" ] && [ "$caught" -gt 0 ]
