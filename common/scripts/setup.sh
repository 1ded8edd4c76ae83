#!/bin/sh
# setup.sh [GROUP...]: installs what is missing of build, test, plots, chapter8, lint, faults,
# wasm and book; without a name, of the first three. Only this, and `make setup`, which runs it,
# install packages.
#
# It works on Debian and Ubuntu, as root or through sudo. When nothing is missing it asks
# nothing of the network. Where it can't install, it prints the line to type.
set -u
# shellcheck source=common/scripts/portable.sh
. "$(dirname "$0")/portable.sh"
[ $# -gt 0 ] || set -- build test plots

missing=""
want() { # want "COMMAND THAT WORKS IF IT IS THERE" PACKAGE...
    probe=$1
    shift
    sh -c "$probe" >/dev/null 2>&1 || missing="$missing $*"
}
tools() { # tools COMMAND...: each in a package of its name
    for tool in "$@"; do
        want "command -v $tool" "$tool"
    done
}
header() { # the command that works if a compiler finds this header
    echo "{ echo '#include <$1>' | gcc -E -x c - || echo '#include <$1>' | clang -E -x c -; }"
}

for group in "$@"; do
    case $group in
    build)
        want 'command -v gcc || command -v clang' gcc
        want 'command -v g++ || { ! command -v gcc && command -v clang++; }' g++
        tools make
        want 'command -v as' binutils
        want "$(header stdio.h)" libc6-dev
        want "$(header zlib.h)" zlib1g-dev
        want "$(header png.h)" libpng-dev
        want "$(header jpeglib.h)" libjpeg-dev
        ;;
    test)
        tools pkg-config
        want "$(header check.h)" check
        tools patch
        ;;
    plots) want 'command -v gnuplot' gnuplot-nox ;;
    chapter8)
        want 'command -v mpirun' openmpi-bin
        want 'command -v mpicc' libopenmpi-dev
        ;;
    lint) tools clang-format clang-tidy cppcheck shellcheck ;;
    faults) # what make fuzz, make test-faults and make analyze use
        tools clang strace valgrind
        want "CC=clang sh '$(dirname "$0")/try.sh' -fopenmp" libomp-dev
        ;;
    wasm) # what make test-wasm uses
        want "CC=clang sh '$(dirname "$0")/try.sh' --target=wasm32-wasi" \
            clang lld wasi-libc libclang-rt-dev-wasm32
        want 'command -v node' nodejs
        ;;
    book) # what make book uses, and its tests: a browser
        want 'command -v pandoc' pandoc
        want "CC=clang sh '$(dirname "$0")/try.sh' --target=wasm32-wasi" \
            clang lld wasi-libc libclang-rt-dev-wasm32
        want 'command -v chromium || command -v google-chrome' chromium
        want 'command -v chromedriver' chromium-driver
        want "/usr/bin/python3 -c 'import selenium'" python3-selenium
        tools unzip
        ;;
    *)
        echo "setup: unknown group $group: it is build, test, plots, chapter8, lint, faults, wasm or" \
            "book" >&2
        exit 2
        ;;
    esac
done

[ -n "$missing" ] || { echo "setup: nothing is missing ($*)"; exit 0; }

by_hand() { # by_hand WHY: the line to type
    echo "setup: $1. An administrator types: apt-get update && apt-get install -y$missing" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 || {
    echo "setup: no apt-get here: with this system's package manager, install what" \
        "Debian calls:$missing" >&2
    exit 1
}
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    as_root="sudo"
else
    by_hand "this needs root, or sudo"
fi

# If no new list of packages can be fetched, the old one may still do.
echo "setup: installing$missing"
$as_root apt-get update -qq || echo "setup: apt-get update failed; trying without" >&2
# shellcheck disable=SC2086 # package names are words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    -o DPkg::Lock::Timeout=300 --no-install-recommends $missing >/dev/null ||
    by_hand "apt-get install failed"
echo "setup: done"
