#!/bin/sh
# run.sh MAKE READERS SECONDS RUNS: `make fuzz`. Each reader's target reads its
# seeds, the inputs of tests/fuzz/corpus/READER, and what earlier runs found. Then it
# reads new inputs, for so many seconds or so many times. The targets are built with
# clang's libFuzzer where CC or clang has it (FUZZ_FLAVOUR=asan-float: never). An input
# that ends a target is kept in build/fuzz/crashes. Exit status 1 if there is one.
set -u
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
make=$1
readers=$2
seconds=${3:-}
runs=${4:-}
for number in "$seconds" "$runs"; do
    case $number in
    *[!0-9]* | 0)
        echo "make fuzz: SECONDS and RUNS are whole numbers from 1, not \"$number\"" >&2
        exit 2
        ;;
    esac
done
[ -n "$(printf %s "$readers" | tr -d ' ')" ] || {
    echo "make fuzz: FUZZ names no reader: leave it out, or see tests/fuzz/fuzz_*.c" >&2
    exit 2
}
for reader in $readers; do
    if ! [ -f "tests/fuzz/fuzz_$reader.c" ]; then
        echo "make fuzz: there is no reader \"$reader\": see tests/fuzz/fuzz_*.c" >&2
        exit 2
    fi
done
if [ -n "$runs" ]; then
    limit="-runs=$runs"
    [ -z "$seconds" ] || limit="$limit -max_total_time=$seconds"
else
    limit="-max_total_time=${seconds:-60}"
fi
flavour=asan-float
main='int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }'
for compiler in $([ -n "${FUZZ_FLAVOUR:-}" ] || echo "$CC" clang); do
    if CC=$compiler MAIN=$main sh common/scripts/try.sh -fsanitize=fuzzer,address >/dev/null; then
        flavour=fuzzer
        break
    fi
done
if [ "$flavour" = fuzzer ]; then
    echo "fuzz: with clang's libFuzzer"
    set -- CC="$compiler" BUILD=build/fuzz OPENMP=-fopenmp-simd # nothing here computes
    folder=build/fuzz/fuzzer/tests/fuzz
else
    echo "fuzz: without clang's libFuzzer (make setup-faults): our own driver changes the seeds blindly"
    set -- CC="$CC"
    folder=$BUILD/asan-float/tests/fuzz
fi
"$make" --no-print-directory -s "$@" FUZZ="$readers" FUZZ_FLAVOUR="$flavour" fuzz-programs || exit 1

# In memory, where the system has a folder that is.
FUZZ_SCRATCH=$(mktemp -d /dev/shm/fuzz.XXXXXX 2>/dev/null || new_scratch) || exit 1
export FUZZ_SCRATCH
trap 'rm -rf "$FUZZ_SCRATCH"' EXIT
trap 'exit 1' HUP INT TERM
ASAN_OPTIONS=allocator_may_return_null=1:hard_rss_limit_mb=1024:quarantine_size_mb=8
UBSAN_OPTIONS=print_stacktrace=1
OMP_NUM_THREADS=1
export ASAN_OPTIONS UBSAN_OPTIONS OMP_NUM_THREADS
here=build/fuzz
log=$here/log
mkdir -p "$here/crashes"
bad=0
for reader in $readers; do
    program=$folder/fuzz_$reader
    found=$here/found/$reader
    seeds=$here/seeds/$reader
    rm -rf "$seeds"
    mkdir -p "$found" "$seeds"
    "$program" --seeds "$seeds" || { bad=1; continue; }
    set -- "$seeds"
    case $flavour in fuzzer) set -- "$found" "$@" ;; esac # it writes into the first
    [ -d "tests/fuzz/corpus/$reader" ] && set -- "$@" "tests/fuzz/corpus/$reader"
    # shellcheck disable=SC2086 # one or two words
    "$program" $limit -timeout=60 -rss_limit_mb=512 -malloc_limit_mb=256 -print_final_stats=0 \
        -artifact_prefix="$here/crashes/$reader-" "$@" >"$log" 2>&1
    status=$?
    done=$(sed -n 's/^Done \([0-9]*\) runs in \([0-9]*\) second.*/\1 inputs in \2 s/p' "$log" | tail -n 1)
    if [ $status -eq 0 ] && [ -n "$done" ]; then
        printf 'ok    %-12s %s\n' "$reader" "$done"
        continue
    fi
    bad=1
    printf 'FAIL  %-12s status %s\n' "$reader" "$status"
    grep -E 'ERROR|runtime error|fuzz: |bug: |SUMMARY' "$log" | head -n 4 | sed 's/^/      /'
    kept=$(sed -n 's/.*Test unit written to //p; s/.*the input is kept: [^ ]* //p' "$log" | tail -n 1)
    [ -z "$kept" ] || echo "      again: $program $kept"
done
exit $bad
