# words.sh: read by the test scripts (`. tests/words.sh`), in the repository's root, where
# the chapters are built: a scratch folder, and what was tried and how it ended. The
# environment may have `make` (the program), CC, and the tools `compare` and `bench`.
# shellcheck shell=sh disable=SC2034 # for the scripts that read it
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
: "${make:=make}" "${compare:=build/gcc/double/tests/compare/compare}" "${bench:=build/gcc/float/tests/bench/run}"
root=$PWD
scratch=$(new_scratch) || exit 1
running= # a process that ends with this one
trap 'rm -rf "$scratch"' EXIT
trap '[ -z "$running" ] || kill -9 "$running"; exit 1' HUP INT TERM
out=$scratch/out
err=$scratch/err
passed=0
failed=0

group() {
    echo "-- $1"
}
ok() { # ok WHAT STATUS: a test that passes if the status is 0
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL  $1"
        [ ! -s "$err" ] || head -n 5 "$err" | sed 's/^/      stderr: /'
    fi
}
check() { # check WHAT COMMAND...: a test that passes if the command succeeds
    what=$1
    shift
    "$@"
    ok "$what" $?
}
verdict() { # the last line, and the script's exit status
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
