#!/bin/sh
# need.sh WHAT CC: one line naming the package when WHAT (compiler, libraries, check,
# patch, gnuplot) is missing, instead of the compiler's errors. Nothing is installed.
what=$1
cc=$2

fail() {
    echo "make: $1 is missing: run 'make setup', or: sudo apt-get install $2" >&2
    exit 1
}

header() {
    printf '#include <%s>\n' "$1" | $cc -E -x c - >/dev/null 2>&1
}

case $what in
compiler)
    command -v "$cc" >/dev/null 2>&1 || fail "the C compiler $cc" gcc
    command -v objcopy >/dev/null 2>&1 || fail "objcopy" binutils
    header stdio.h || fail "the C library's headers" libc6-dev
    ;;
libraries)
    header zlib.h || fail "zlib (it reads .gz files)" zlib1g-dev
    header jansson.h || fail "jansson (it reads checkpoints' JSON)" libjansson-dev
    ;;
check)
    command -v pkg-config >/dev/null 2>&1 || fail "pkg-config" pkg-config
    pkg-config --exists check 2>/dev/null || fail "Check (the tests' library)" check
    ;;
patch)
    command -v patch >/dev/null 2>&1 || fail "patch (it plants bugs)" patch
    ;;
gnuplot)
    command -v gnuplot >/dev/null 2>&1 || fail "gnuplot (it draws the pictures)" gnuplot-nox
    ;;
esac
