#!/bin/sh
# need.sh WHAT FLAG...: one line that says what to do when WHAT (compiler, cxx, libraries,
# check, sanitizers, nvcc, mpi, patch, gnuplot) is missing or refuses these flags, instead of a
# compiler's errors. CC, COMPILER (the word of CC that compiles) and CXX come from make.
# shellcheck disable=SC2086 # CC and CXX may be several words
set -u
what=$1
shift
: "${CC:=cc}" "${COMPILER:=${CC##* }}" "${CXX:=c++}"
scratch=build/.need.$$
trap 'rm -f "$scratch" "$scratch".*' EXIT

say() {
    echo "make: $*" >&2
    exit 1
}
fail() { # fail WHAT PACKAGE: one that `make setup` installs
    say "$1 is missing: run 'make setup', or: sudo apt-get install $2"
}
there() {
    command -v "$1" >/dev/null 2>&1
}
build() { # build LANGUAGE FLAG...: does what comes on stdin compile and link?
    language=$1
    shift
    $tool -x "$language" - "$@" -o "$scratch" >"$scratch.log" 2>&1
}
complaint() { # the first error of that
    { grep -iE 'error|undefined|cannot' "$scratch.log" || cat "$scratch.log"; } | head -n 1 |
        sed 's/^<stdin>:[0-9:]* //'
}
words_of() { # words_of VARIABLE WHAT WORD...: is each command there, up to COMPILER?
    variable=$1
    title=$2
    shift 2
    for word in "$@"; do
        case $word in -* | *=*) continue ;; esac
        there "$word" || missing "$title $word" "$word"
        [ "$word" != "$COMPILER" ] || break
    done
}
missing() { # missing WHAT COMMAND: a compiler that was asked for; its package, if known
    case $2 in
    gcc | g++) fail "$1" "$2" ;;
    gcc-[0-9]* | g++-[0-9]* | clang | clang-[0-9]*) package=$2 ;;
    clang++*) package=clang${2#clang++} ;;
    cc) package=gcc ;;
    c++) package=g++ ;;
    musl-gcc) package=musl-tools ;;
    *-linux-*-gcc) package=gcc-${2%-gcc} ;;
    *-linux-*-g++) package=g++-${2%-g++} ;;
    *) say "$1 is missing: make $variable=... names another, or its path (without spaces)" ;;
    esac
    say "$1 is missing: sudo apt-get install $package"
}
of_target() { # of_target PACKAGE: for the machine that is compiled for
    case "$CC $($CC -dumpmachine 2>/dev/null)" in
    *-m32* | *\ i?86-*) other=i386 ;;
    *\ aarch64-*) other=arm64 ;;
    *\ arm*hf) other=armhf ;;
    *\ x86_64-*) other=amd64 ;;
    *) other=$($CC -dumpmachine | cut -d- -f1) ;;
    esac
    case "$other $(uname -m)" in
    "amd64 x86_64" | "arm64 aarch64" | "i386 i"*) echo "$1" ;;
    *) [ "$other" = "$(uname -m)" ] && echo "$1" || echo "$1:$other" ;;
    esac
}
library() { # library NAME PACKAGE HEADER FLAG...: does it compile and link?
    name=$1
    package=$(of_target "$2")
    header=$3
    shift 3
    printf '#include <stdio.h>\n#include <%s>\nint main(void) { return 0; }\n' "$header" |
        build c "$@" && return
    [ "$package" = "${package%:*}" ] || say "$name for CC='$CC' is missing: sudo apt-get install $package"
    fail "$name" "$package"
}

tool=$CC
case $what in
compiler)
    { mkdir -p build && true >"$scratch" && [ -w . ]; } 2>/dev/null ||
        say "nothing can be written into $PWD: build in a copy of it that is yours"
    words_of CC "the C compiler" $CC
    case ${COMPILER##*/} in
    *++*) say "CC=$CC is a C++ compiler: CC is for C, CXX for C++" ;;
    esac
    if ! printf '%s\n' '#include <stdio.h>' '#include <math.h>' \
        '#if __FAST_MATH__ || __FINITE_MATH_ONLY__' '#error no -ffast-math' '#endif' \
        '#if __ASSOCIATIVE_MATH__' '#error no -ffast-math' '#endif' \
        '_Static_assert(sizeof 1.0 == sizeof(double), "constants");' \
        '#if !defined __GNUC__ || defined __TINYC__' '#error other' '#endif' \
        'int main(void) { return 0; }' | build c "$@" -lm; then
        said=$(complaint)
        case $said in
        *'error other'*) say "CC=$CC is neither gcc nor clang: the course needs one of them" ;;
        *failed*constants*) say "-fsingle-precision-constant is not for this course: it checks" \
            "gradients in double" ;;
        *'no -ffast-math'*) say "-ffast-math, its parts and -Ofast are not for this course: they change" \
            "sums, and checks for NaN and infinity" ;;
        *"cannot execute"*as* | *"cannot find"*ld*) fail "the assembler or the linker" binutils ;;
        esac
        echo 'int x;' | build c -c || say "CC='$CC' doesn't compile C: $(complaint)"
        echo '#include <stdio.h>' | build c -c || case $CC in
        *-m32*) say "the C library for CC='$CC' is missing: sudo apt-get install gcc-multilib" ;;
        *) fail "the C library's headers" libc6-dev ;;
        esac
        say "CC='$CC' refuses these flags: $said"
    fi
    [ -s "$scratch" ] || say "CC='$CC' is not a C compiler: it makes nothing"
    ;;
cxx)
    [ "$CXX" != "$CC" ] || say "which C++ compiler belongs to CC=$CC? make CXX=... names it (chapter 6)"
    words_of CXX "chapter 6's C++ compiler" $CXX
    tool=$CXX
    echo 'int main() { return 0; }' | build c++ -c "$@" ||
        say "CXX='$CXX' refuses these flags: $(complaint)"
    ;;
libraries)
    library "zlib (it reads .gz files)" zlib1g-dev zlib.h "$@" -lz
    library "libpng (it reads PNG)" libpng-dev png.h "$@" -lpng -lz
    library "libjpeg (it reads JPEG)" libjpeg-dev jpeglib.h "$@" -ljpeg
    ;;
check)
    case "$*" in
    *check*) ;;
    *)
        there pkg-config || fail "pkg-config" pkg-config
        echo '#include <check.h>' | build c -c || fail "Check (the tests' library)" check
        say "pkg-config ($(command -v pkg-config)) doesn't know Check, though it is here:" \
            "make CHECK_FLAGS='-lcheck ...' says how to link it"
        ;;
    esac
    library "Check (the tests' library)" check check.h "$@"
    ;;
sanitizers)
    echo 'int main(void) { return 0; }' | build c "$@" && exit
    version=$($CC -dumpversion | cut -d. -f1)
    case $($CC --version) in
    *clang*) package=libclang-rt-$version-dev ;;
    *) package=$(of_target "libgcc-$version-dev") ;;
    esac
    say "CC='$CC' has no AddressSanitizer for make test-all: sudo apt-get install $package;" \
        "make test needs none"
    ;;
nvcc)
    nvcc=$1
    shift
    [ -n "$nvcc$*" ] || exit 0
    [ -n "$nvcc" ] || say "CUDA_ARCH is given, but there is no nvcc: without it, chapter 6 runs on the emulator"
    there "$nvcc" || say "NVCC=$nvcc is missing: make NVCC=... names another; NVCC= is for none"
    known=$("$nvcc" --list-gpu-code 2>/dev/null | sed 's/^sm_//' | tr '\n' ' ')
    for arch in "$@"; do
        case " $known all all-major " in
        *" $arch "* | '  all'*) ;;
        *) say "CUDA_ARCH=$arch: this nvcc compiles for ${known}and all-major" ;;
        esac
    done
    ;;
mpi) # as `make MPICC= ...` has it, too
    say "MPI is missing, which chapter 8 needs: run 'make setup-chapter8', or:" \
        "sudo apt-get install openmpi-bin libopenmpi-dev"
    ;;
patch) there patch || fail "patch (it plants bugs)" patch ;;
gnuplot) there gnuplot || fail "gnuplot (it draws the pictures)" gnuplot-nox ;;
esac
