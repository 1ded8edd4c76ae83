#!/bin/sh
# run_flavour.sh FLAVOUR BINARY: run the tests of one flavour under a heading that
# names it. Exits as they do; the last lines then say which suites failed, of which chapter,
# and how to run one alone. ONLY=layer_norm: that suite.
set -u

if [ $# -ne 2 ]; then
    echo "usage: run_flavour.sh FLAVOUR BINARY" >&2
    exit 2
fi
case $1 in
asan-*) name="${1#asan-}, with ASan and UBSan" ;;
watched)
    name='float, kernels watched for races, and run in several orders'
    export CUDA_ON_CPU_ORDERS=1
    ;;
*) name=$1 ;;
esac
OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
OMP_WAIT_POLICY=passive # two flavours may run at once: a thread that waits, sleeps
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
given=${TMPDIR:-}
TMPDIR=/tmp
case $(place=$(new_scratch) && rmdir "$place" && echo "$place") in
/tmp/*) ;;
*)
    echo "tests: /tmp is full or can't be written, and Check, which runs them, writes there" >&2
    exit 1
    ;;
esac
TMPDIR=$given
TMPDIR=$(new_scratch) || exit 1
export OMP_NUM_THREADS OMP_WAIT_POLICY TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 1' HUP INT TERM

echo "== tests in $name${ONLY:+: $ONLY}"
[ -z "${ONLY:-}" ] || export CK_RUN_SUITE="$ONLY"
# With ASan each suite is a process of its own. In one process for all, each test's search
# for lost memory looks at whatever the tests before it have freed: three times the time.
list=tests/suites.h
main=tests/main.c
case $2 in */cuda_run) list=tests/cuda/cuda_suites.h main=tests/cuda/main.c ;; esac
least() { # how many tests there should be: main.c has double's first, then float's
    sed -n 's/.* MINIMUM_TESTS = \([0-9]*\).*/\1/p' "$main" | case $1 in
    asan-double) head -n 1 ;;
    *) tail -n 1 ;;
    esac
}
each_suite() { # each_suite FLAVOUR BINARY
    ended=0
    for suite in $(sed -n 's/^Suite \*\([a-z0-9_]*\)_suite(void);.*/\1/p' "$list"); do
        CK_RUN_SUITE=$suite "$2" || ended=1
    done
    ran=$(awk '/^[0-9]+%: Checks: / { sum += $3 } END { print sum + 0 }' "$TMPDIR/log")
    echo "$ran tests ran in all"
    [ "$ran" -ge "$(least "$1")" ] || {
        echo "FAIL: $ran tests ran, there should be $(least "$1") or more"
        return 1
    }
    return "$ended"
}
case $1-${ONLY:-} in
asan-*-) each_suite "$1" "$2" ;;
*) "$2" ;;
esac >"$TMPDIR/log" 2>&1
status=$?
cat "$TMPDIR/log"
[ "$status" -ne 0 ] || exit 0
chapter_of() { # chapter_of SUITE: the heading that it has in the list of suites
    awk -v suite="$1_suite(void)" '/^\/\* / { heading = $0; gsub(/\/\* | \*\//, "", heading) }
        index($0, suite) { print heading }' tests/suites.h tests/cuda/cuda_suites.h
}
for suite in $(sed -n 's|^tests/.*test_\([a-z_]*\)\.c:[0-9]*:[FE]:.*|\1|p' "$TMPDIR/log" | sort -u); do
    echo "FAILED: suite $suite in $name ($(chapter_of "$suite")); alone: make test ONLY=$suite"
done
exit "$status"
