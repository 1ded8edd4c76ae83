#!/bin/sh
# run.sh: the tensor core, the layers of chapters 2 to 5, a training step, the schedule
# and checkpoints in memory need nothing but a C library. core.c is compiled with their
# sources alone, without a warning, and run: by $CC for this machine, without OpenMP; by
# clang for WebAssembly (wasm32-wasi), where Debian's wasi-libc is (make setup-wasm), and
# run by node where that is. WASI_CC names another compiler for it.
# shellcheck disable=SC2086 # compilers, flags and sources are words
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
: "${CC:=cc}" "${WASI_CC:=clang --target=wasm32-wasi}"
scratch=$(new_scratch) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
    cat "$scratch/log"
    echo "FAIL  $*"
    exit 1
}
not_run() {
    echo "NOT RUN: the core in WebAssembly: $*"
    exit 0
}

# core.c, and what it doesn't use or has no header of its own; then what those include: x.c
# belongs to x.h.
sources=tests/wasm/core.c
for name in gradcheck gelu softmax_fast linear attention other_layers positions encoder_block; do
    sources="$sources $(find common chapters -name "$name.c")"
done
before=
while [ "$sources" != "$before" ]; do
    before=$sources
    $CC -MM -I. $sources >"$scratch/log" 2>&1 || fail "what the core includes"
    sources=$(tr ' ' '\n' <"$scratch/log" | sed -n 's/\.[ch]$//p' | sort -u |
        while read -r name; do [ ! -f "$name.c" ] || echo "$name.c"; done | tr '\n' ' ')
done

# What C11 has; and OpenMP's, where there is OpenMP.
standard='assert|errno|float|inttypes|limits|math|omp|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string'
grep -HE '^#include <' $sources | grep -vE "<($standard)\.h>" >"$scratch/log" &&
    fail "the core includes what isn't C's"

build() { # build OUTPUT COMPILER FLAG...
    output=$1
    shift
    "$@" -std=c11 -O2 -ffp-contract=fast -fno-math-errno -fno-trapping-math -Wall -Wextra \
        -Wshadow -Wconversion -Wdouble-promotion -Wno-unknown-pragmas -Werror -I. \
        $sources -o "$output" -lm >"$scratch/log" 2>&1
}
learned() { # what the program says between its PASS
    sed -n 's/^  *//p' "$scratch/log"
}

build "$scratch/core" $CC || fail "the core doesn't build without OpenMP: CC='$CC'"
"$scratch/core" >"$scratch/log" || fail "the core, without OpenMP"
echo "ok    the core without OpenMP:  $(learned)"

echo 'int main(void) { return 0; }' >"$scratch/try.c"
$WASI_CC "$scratch/try.c" -o "$scratch/try.wasm" 2>/dev/null ||
    not_run "'$WASI_CC' doesn't link here: make setup-wasm"
# A stack as other systems have it: a product's tiles are on it.
build "$scratch/core.wasm" $WASI_CC -Wl,--stack-first,-z,stack-size=1048576 \
    -Wno-pass-failed -Wno-enum-float-conversion || fail "the core doesn't build for WebAssembly"
command -v node >/dev/null 2>&1 || not_run "it builds; there is no node to run it: make setup-wasm"
node --no-warnings --experimental-wasi-unstable-preview1 tests/wasm/run.mjs \
    "$scratch/core.wasm" >"$scratch/log" 2>&1 || fail "the core in WebAssembly"
echo "ok    the core in WebAssembly:  $(learned)"
