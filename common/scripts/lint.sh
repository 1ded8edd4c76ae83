#!/bin/sh
# lint.sh [format]: is every source formatted, and do the checkers find nothing?
# It runs clang-format (14: others format otherwise), cppcheck, clang-tidy, shellcheck,
# and looks for lines over 88 columns. A missing tool is named and left out; without any,
# lint fails. With `format`: formats every source. Run in the repository's root.
set -u
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/portable.sh"
bad=0
checked=0
sources() { # sources PATTERN: tracked files, or, outside a checkout, all files
    { { [ -e .git ] && git ls-files 2>/dev/null; } ||
        find . -type f | sed 's|^./||'; } | grep -E "$1" |
        grep -v '^build/' | grep -v '^work/'
}
there() { # there TOOL
    command -v "$1" >/dev/null 2>&1 && return
    echo "lint: left out: $1 is not installed"
    return 1
}
found() { # found TOOL STATUS
    case $1 in "88 columns" | "make 3.81") ;; *) checked=$((checked + 1)) ;; esac
    [ "$2" -eq 0 ] && echo "lint: $1: nothing" && return
    echo "lint: $1: see above"
    bad=1
}
formatter() { # clang-format 14's name here
    for name in clang-format-14 clang-format; do
        case $("$name" --version 2>/dev/null) in
        *' 14.'*) echo "$name" && return ;;
        esac
    done
    return 1
}

if [ "${1:-}" = format ]; then
    name=$(formatter) || {
        echo "make: clang-format 14 is missing (others format otherwise): sudo apt-get install clang-format-14" >&2
        exit 1
    }
    sources '\.(c|h|cu|cpp)$' | xargs "$name" -i
    exit
fi

if name=$(formatter); then
    sources '\.(c|h|cu|cpp)$' | xargs "$name" --dry-run --Werror
    found "clang-format (make format mends it)" $?
elif there clang-format; then
    echo "lint: left out: clang-format is not version 14"
fi
sources '\.(c|h|cu|cpp)$' | xargs awk 'length > 88 {
    print FILENAME ":" FNR ": a line of " length " columns, at most 88"; bad = 1 }
    END { exit bad }'
found "88 columns" $?
# macOS has GNU make 3.81.
! grep -nE '(^|[^a-z])private |\.ONESHELL|!=|&:|::=|\$\((file|intcmp|let) ' Makefile common/make/*.mk
found "make 3.81" $?

if there cppcheck; then
    # What it can't know: a vector may be read element by element; the sum of exp is
    # at least exp(0); a union or a buffer is filled byte by byte; ck_assert ends a test;
    # a declaration of functions by macro has commas; a name may have no number to print;
    # an Error is there to be written
    # (ctuuninitvar).
    # shellcheck disable=SC2086 # options are to be split
    sources '\.c$' | xargs cppcheck -q --std=c11 --enable=warning,performance,portability \
        --error-exitcode=1 \
        --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
        --suppress=ctuuninitvar --suppress=objectIndex:common/matmul.c \
        --suppress=invalidFunctionArg:chapters/05_vision_transformer/model/cross_entropy.c \
        --suppress=invalidFunctionArg:tests/exercises/exercises_6_attention.c \
        --suppress=uninitvar:common/files/safetensors.c \
        --suppress=uninitvar:tests/fuzz/fuzz_options.c --suppress=deallocuse:tests/scratch.c \
        --suppress=nullPointerOutOfMemory --suppress=nullPointerOutOfResources \
        --suppress=ctunullpointerOutOfMemory --suppress=ctunullpointerOutOfResources \
        --suppress=constStatement:tests/bench/blas.c \
        --suppress=wrongPrintfScanfArgNum:tests/exercises/exercises_8.c \
        --suppress=syntaxError:chapters/06_cuda_training/cuda_on_cpu/cuda_runtime.h \
        -I.
    found cppcheck $?
fi
if there clang-tidy; then
    checks='-*,bugprone-*,clang-analyzer-*,performance-*,misc-redundant-expression'
    # matrices have neighbouring arguments of one type; -Wconversion looks at widths
    checks="$checks,-bugprone-easily-swappable-parameters,-bugprone-narrowing-conversions"
    checks="$checks,-bugprone-implicit-widening-of-multiplication-result"
    checks="$checks,-bugprone-reserved-identifier" # _XOPEN_SOURCE
    # strcpy is used where the length was checked; errno, set to 0, tells which call
    # failed; after rewind, what is read says whether it worked;
    # !(p = allocate(...)) || ... stops at the first; arrays of pointers are copied as bytes
    checks="$checks,-clang-analyzer-security.insecureAPI.strcpy,-clang-analyzer-unix.Errno"
    checks="$checks,-bugprone-unsafe-functions,-bugprone-assignment-in-if-condition"
    checks="$checks,-bugprone-multi-level-implicit-pointer-conversion"
    checks="$checks,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling"
    # shellcheck disable=SC2086
    # *_mpi.c includes mpi.h, which may not be here.
    mpi=$(mpicc -show 2>/dev/null | tr ' ' '\n' | grep '^-I')
    without=$(if [ -n "$mpi" ]; then echo '^$'; else echo '_mpi\.c$'; fi)
    # shellcheck disable=SC2086
    sources '^(common|chapters)/.*\.c$' | grep -v "$without" | xargs -P "$(cores)" -I FILE \
        clang-tidy --quiet --warnings-as-errors='*' -checks="$checks" FILE -- -std=c11 \
        -D_XOPEN_SOURCE=700 -I. $mpi 2>/dev/null
    found clang-tidy $?
fi
if there shellcheck; then
    # `[ ... ]; ok "what" $?` is meant (SC2319).
    sources '\.sh$' | xargs shellcheck -S warning -e SC2319
    found shellcheck $?
fi
if [ "$checked" -eq 0 ]; then
    echo "lint: no tool is here that could check: run 'make setup-lint', or:" \
        "sudo apt-get install clang-format clang-tidy cppcheck shellcheck" >&2
    exit 1
fi
exit $bad
