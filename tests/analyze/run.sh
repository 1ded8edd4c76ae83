#!/bin/sh
# run.sh MAKE CC: `make analyze`. Four tools look for what tests can't see, each at first
# for a fault that is planted: threads that race (ThreadSanitizer, with clang's OpenMP),
# memory that is used unset, or lost (valgrind), and what two compilers find by reading
# (gcc -fanalyzer, clang --analyze). ONLY="race memory" chooses among race, memory, gcc
# and clang. A tool that isn't there is named. Exit status 1 if one finds something.
set -u
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
make=$1
here=tests/analyze
out=build/analyze
mkdir -p "$out" || exit 1
scratch=$(new_scratch) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
bad=0
verdict() { # verdict TOOL STATUS
    if [ "$2" -eq 0 ]; then
        echo "ok    $1: nothing"
    else
        echo "FAIL  $1: see above"
        bad=1
    fi
}
left_out() {
    echo "left out: $1"
}
built() { # built FOLDER VARIABLES... -- TARGETS: by make, into a folder of its own
    "$make" --no-print-directory -s NVCC= FETCH=no "$@" >"$out/build.log" 2>&1 || {
        cat "$out/build.log"
        echo "FAIL  it isn't built: make $*"
        bad=1
        return 1
    }
}

# ---- runs -------------------------------------------------------------------------

# A small run on the sample: trained, resumed, tested, looked at, dumped.
small="--data data/sample --dim 8 --depth 1 --heads 2 --mlp 8 --patch 14 --batch 24 --threads 3"
runs() { # runs COMMAND...: chapter5, run by that command
    run=$scratch/run
    # shellcheck disable=SC2086
    "$@" $small --dropout 0.1 --shift 1 --steps 6 --save "$run.safetensors" --log "$run.csv" &&
        "$@" --data data/sample --resume "$run.safetensors" --log "$run.csv" --steps 9 &&
        "$@" --data data/sample --eval "$run.safetensors" && "$@" --dump "$scratch/dump"
}

race() {
    clang=$(for c in clang "$cc"; do
        "$c" -fsanitize=thread -fopenmp -x c "$here/planted.txt" -o "$scratch/planted" 2>/dev/null &&
            echo "$c" && break
    done)
    if [ -z "$clang" ]; then
        left_out "races: no clang with ThreadSanitizer and OpenMP (make setup-faults)"
        return
    fi
    # libomp's archer tells ThreadSanitizer where threads wait for each other.
    TSAN_OPTIONS="ignore_noninstrumented_modules=1 suppressions=$PWD/$here/tsan.supp exitcode=66"
    OMP_NUM_THREADS=3
    export TSAN_OPTIONS OMP_NUM_THREADS
    "$scratch/planted" race >/dev/null 2>&1
    if [ $? -ne 66 ]; then
        echo "FAIL  ThreadSanitizer doesn't find a race that is planted"
        bad=1
        return
    fi
    folder=build/tsan
    built CC="$clang" BUILD=$folder EXTRA='-fsanitize=thread -O1' $folder/chapter5 \
        $folder/chapter5_double $folder/float/tests/run || return
    runs $folder/chapter5 >"$out/race" 2>&1
    status=$?
    for suite in matmul adamw workspace; do
        CK_FORK=no CK_RUN_SUITE=$suite $folder/float/tests/run >>"$out/race" 2>&1
    done
    grep -A12 'WARNING: ThreadSanitizer' "$out/race" && status=1
    [ "$status" -eq 0 ] || tail -n 3 "$out/race"
    verdict "ThreadSanitizer ($clang), a run on 3 threads and the products' tests" "$status"
}

memory() {
    if ! command -v valgrind >/dev/null 2>&1; then
        left_out "memory: no valgrind (make setup-faults)"
        return
    fi
    set -- valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect \
        --errors-for-leak-kinds=definite,indirect
    "$cc" -g -x c "$here/planted.txt" -o "$scratch/planted" 2>/dev/null
    for fault in unset leak; do
        "$@" "$scratch/planted" $fault >/dev/null 2>&1
        if [ $? -ne 9 ]; then
            echo "FAIL  valgrind doesn't find what is planted: $fault"
            bad=1
            return
        fi
    done
    # It knows no AVX-512.
    folder=build/valgrind
    case $(uname -m) in x86_64) arch=x86-64-v3 ;; *) arch=native ;; esac
    built CC="$cc" BUILD=$folder ARCH=$arch EXTRA=-O1 $folder/chapter5 \
        $folder/chapter5_double $folder/float/tests/run || return
    runs "$@" $folder/chapter5 >"$out/memory" 2>&1
    status=$?
    for suite in safetensors checkpoint dataset options settings dump; do
        CK_FORK=no CK_RUN_SUITE=$suite "$@" $folder/float/tests/run >"$out/memory.$suite" 2>&1
        case $? in 9) status=1 ;; esac
        grep -h '^==[0-9][0-9]*==' "$out/memory.$suite" && status=1
    done
    grep -h '^==[0-9][0-9]*==' "$out/memory" && status=1
    [ "$status" -eq 0 ] || tail -n 3 "$out/memory"
    verdict "valgrind, a run and the readers' tests" "$status"
}

# ---- reading ------------------------------------------------------------------------

flags="-std=c11 -D_XOPEN_SOURCE=700 -fopenmp-simd -I."
sources() { # sources WHERE
    { { [ -e .git ] && git ls-files 2>/dev/null; } || find . -name '*.c' | sed 's|^./||'; } | grep '\.c$' |
        grep -E "^($1)/"
}
# each_source WHERE COMMAND...: with every source there; what it says
each_source() {
    where=$1
    shift
    sources "$where" | grep -vx common/error.c |
        xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 1 "$@" -include "$here/error_set.h" 2>&1
    "$@" common/error.c 2>&1
}

gcc_reads() {
    gcc=$(for c in "$cc" gcc; do
        "$c" -fanalyzer -c -x c /dev/null -o "$scratch/none" 2>/dev/null &&
            ! "$c" --version | grep -q clang && echo "$c" && break
    done)
    if [ -z "$gcc" ]; then
        left_out "gcc -fanalyzer: no gcc that has it"
        return
    fi
    # It takes what memcpy copies from a variable, and OpenMP's own variables, for unset;
    # valgrind and clang look for that.
    set -- "$gcc" -fanalyzer -Wno-analyzer-use-of-uninitialized-value -O0 -c -o "$scratch/none"
    # shellcheck disable=SC2086
    if ! "$@" $flags -x c "$here/planted.txt" 2>&1 | grep -q 'Wanalyzer'; then
        echo "FAIL  gcc -fanalyzer doesn't find what is planted"
        bad=1
        return
    fi
    # shellcheck disable=SC2086
    # Not the tests, which may die without memory.
    each_source 'common|chapters|tests/(bench|compare|exercises|pictures)' "$@" $flags \
        >"$out/gcc"
    cat "$out/gcc"
    [ ! -s "$out/gcc" ]
    verdict "gcc -fanalyzer ($gcc)" $?
}

clang_reads() {
    clang=$(for c in "$cc" clang; do
        "$c" --version 2>/dev/null | grep -q clang && echo "$c" && break
    done)
    if [ -z "$clang" ]; then
        left_out "clang --analyze: no clang (make setup-faults)"
        return
    fi
    set -- "$clang" --analyze -Xclang -analyzer-output=text
    # shellcheck disable=SC2086
    if ! "$@" $flags -x c "$here/planted.txt" 2>&1 | grep -q 'core.NullDereference'; then
        echo "FAIL  clang --analyze doesn't find what is planted"
        bad=1
        return
    fi
    # shellcheck disable=SC2086
    each_source 'common|chapters|tests' "$@" $flags >"$out/clang"
    # It doesn't know that a tensor of shape (1, 4) has one row, and one label; nor that
    # what strncmp has compared was there.
    grep 'warning:' "$out/clang" | grep -vE \
        -e 'exercises_5_training.c.*array index out of bounds' \
        -e "bench/peer.c.*left operand of '!=' is a garbage value" \
        >"$out/clang.left" && cat "$out/clang"
    [ ! -s "$out/clang.left" ]
    verdict "clang --analyze ($clang)" $?
}

cc=$2
for part in ${ONLY:-race memory gcc clang}; do
    case $part in
    race | memory) $part ;;
    gcc | clang) "${part}_reads" ;;
    *)
        echo "make analyze: ONLY is race, memory, gcc or clang, not \"$part\"" >&2
        exit 2
        ;;
    esac
done
exit $bad
