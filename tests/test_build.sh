#!/bin/sh
# test_build.sh: the build on machines that are not this one, in a copy of the sources:
# compilers by any name, other flags, tools that are missing, CUDA without a card. Compilers
# here are stand-ins that write who they are and what they were told. Run in the root.
set -u
# shellcheck source=tests/words.sh
. tests/words.sh
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CC CXX CFLAGS CPPFLAGS CXXFLAGS LDFLAGS LDLIBS N V \
    EXTRA BUILD TMPDIR
real=$(command -v "$make")

# ---- a machine of our own ------------------------------------------------------------

# A folder whose name a shell would take apart, with what the build reads.
tree="$scratch/a \$tree; with 'signs"
mkdir -p "$tree/data" "$scratch/bin" "$scratch/tmp"
cp -R Makefile common chapters tests "$tree"
cp data/get_fashion_mnist.sh "$tree/data"
for tool in sh env printf echo cat cp mv rm mkdir cmp sed grep awk head tail cut tr uname wc \
    sort find ls getconf dirname basename md5sum date touch chmod mktemp xargs git test dd; do
    for folder in $(echo "$PATH" | tr : ' '); do
        [ ! -x "$folder/$tool" ] || ln -s "$folder/$tool" "$scratch/bin" 2>/dev/null
    done
done
ln -s "$real" "$scratch/bin/make"

script() { # script FILE: a program, from stdin
    mkdir -p "$(dirname "$1")"
    { echo '#!/bin/sh'; cat; } >"$1"
    chmod +x "$1"
}
# compiler PATH [REFUSED [KIND [MACHINE]]]: a compiler, and its C++ sister of the same kind.
compiler() {
    script "$1" <<END
for word in "\$@"; do
    case \$word in
    --version) echo "\$0 1.2.3"; exit ;;
    -dumpmachine) echo "${4:-x86_64-linux-gnu}"; exit ;;
    -dump*version) echo 1.2.3; exit ;;
    ${2:-none}) echo "error: \$word is refused" >&2; exit 1 ;;
    -E) if [ "${3:-gcc}" = clang ]; then echo 1; else cat; fi; exit ;;
    esac
    [ "\${last:-}" != -o ] || out=\$word
    [ "\${last:-}" != -MF ] || : >"\$word"
    last=\$word
done
echo "\$0 \$*" >>"$scratch/calls"
case \${out:-/dev/null} in /dev/*) ;; *) echo "\$0 \$*" >"\$out" ;; esac
END
}
bin=$scratch/bin
compiler "$bin/gcc"
compiler "$bin/g++"
script "$bin/pkg-config" <<'END'
echo -lcheck
END
compiler "$scratch/other/gcc"
compiler "$scratch/other/g++"
compiler "$bin/clang-15" '' clang x86_64-pc-linux-gnu
compiler "$bin/clang++-15" '' clang x86_64-pc-linux-gnu
compiler "$bin/arm-linux-gnueabihf-gcc" -march=native gcc arm-linux-gnueabihf
compiler "$bin/mcpu-gcc" -march=native gcc ppc64
compiler "$bin/cross-gcc" '-m*=native' gcc s390x
compiler "$bin/refuses" -O3
ln -s gcc "$bin/my-cc"
script "$bin/ccache" <<'END'
exec "$@"
END

# run_with VARIABLE=VALUE WORD...: make them on that machine, with this in its environment.
run_with() {
    variable=$1
    shift
    (cd "$tree" && env PATH="$bin" "$variable" "$real" NVCC= FETCH=no "$@") >"$out" 2>"$err"
    status=$?
}
run() {
    run_with X= "$@"
}
made_by() { # made_by COMPILER WORDS: of ./chapter1, if it was linked so
    case $(cat "$tree/chapter1") in
    "$1 "*"${2:-}"*) ;;
    *) return 1 ;;
    esac
}
refused() { # refused STATUS WORDS: one line, beside make's own
    [ "$status" -eq 2 ] && grep -v ' \*\*\* ' "$err" >"$scratch/said" &&
        [ "$(wc -l <"$scratch/said")" -eq 1 ] && grep -qF -e "$1" "$scratch/said"
}

# ---- compilers by any name ---------------------------------------------------------------

echo "-- compilers"
run chapter1
made_by "$bin/gcc" ' -march=native '
ok "a compiler, and a folder with spaces and signs in its name" $?
grep -q '^found: gcc 1\.2\.3' "$out"
ok "what was found is said first" $?
cmp -s "$tree/chapter1_double" "$tree/build/gcc/chapter1_double" && ! cmp -s "$tree/chapter1_double" "$tree/chapter1" &&
    grep -q -e ' -DREAL_IS_DOUBLE ' "$tree/build/gcc/double/common/tensor.o" &&
    ! grep -q REAL_IS_DOUBLE "$tree/build/gcc/float/common/tensor.o"
ok "the program in double is built with it" $?
run CC=clang-15 chapter1
made_by "$bin/clang-15"
ok "a second compiler in the same tree: ./chapter1 is its program" $?
run chapter1
made_by "$bin/gcc" && ! grep -q '^  cc' "$out"
ok "and the first one's again, without compiling" $?
run_with PATH="$scratch/other:$bin" chapter1
made_by "$scratch/other/gcc" && grep -q '^  cc' "$out"
ok "another compiler of the same name" $?
run CC="ccache gcc" chapter1
made_by "$bin/gcc" && [ ! -e "$tree/build/ccache" ]
ok "CC='ccache gcc'" $?
run CC="$scratch/other/gcc" chapter1
made_by "$scratch/other/gcc"
ok "a compiler by its path" $?
for flags in ARCH=x86-64-v3:-march=x86-64-v3 OPENMP=-fopenmp-simd:-fopenmp-simd EXTRA=-Werror:-Werror \
    CFLAGS=-O1:-std=c11 CPPFLAGS=-DX:-DX LDFLAGS=-L/x:-L/x LDLIBS=-lx:-lx; do
    run "${flags%%:*}" chapter1
    made_by "$bin/gcc" "${flags##*:}" && grep -q -e "${flags##*:}" "$tree/build/gcc/chapter1"
    ok "${flags%%:*}: everything is compiled and linked anew" $?
done
run_with CFLAGS=-DMINE chapter1
made_by "$bin/gcc" ' -DMINE ' && made_by "$bin/gcc" ' -std=c11 ' && grep -q 'with -DMINE' "$out"
ok "flags of the environment come after the course's, and are named" $?
run_with CC=clang-15 -R chapter1
made_by "$bin/clang-15"
ok "CC of the environment" $?
run_with MAKEFLAGS=R chapter1
made_by "$bin/gcc"
ok "make without built-in variables" $?
run CC=arm-linux-gnueabihf-gcc chapter1
made_by "$bin/arm-linux-gnueabihf-gcc" ' -mcpu=native '
ok "a compiler that knows native by its other name" $?
run CC=cross-gcc chapter1
made_by "$bin/cross-gcc" && ! made_by "$bin/cross-gcc" native
ok "a compiler for another machine: its own default" $?
run CC=cross-gcc ARCH=z14 chapter1
made_by "$bin/cross-gcc" ' -march=z14 '
ok "or what ARCH says" $?

# A compiler that writes half of its files and ends make, when there is a file `half`.
script "$bin/halting" <<END
if [ -e "$scratch/half" ]; then
    for word in "\$@"; do
        case \${last:-} in -o | -MF) printf 'build/x.o: common/no' >"\$word" ;; esac
        last=\$word
    done
    case "\$*" in *'-c common/error.c'*) kill -9 "\$(cat "$scratch/pid")"; exit 1 ;; esac
fi
exec "$bin/gcc" "\$@"
END
{
    touch "$scratch/half"
    (
        cd "$tree" && PATH=$bin exec sh -c 'echo $$ >"$1/pid"
            exec "$2" NVCC= FETCH=no CC=halting chapter1' sh "$scratch" "$real"
    )
    status=$?
} >"$out" 2>"$err"
[ "$status" -eq 137 ] &&
    ! find "$tree/build" -name '*.[od]' -exec grep -l common/no {} + | grep -q .
ok "a make that is killed while it compiles leaves no half object" $?
rm -f "$scratch/half"
run CC=halting chapter1
made_by "$bin/gcc"
ok "the next one goes on" $?

cat >"$tree/show.mk" <<'END'
include Makefile
show:
	@echo '$(CXX) $(BUILD)'
END
shows() { # shows CC CXX BUILD
    run -s -f show.mk CC="$1" show
    [ "$(cat "$out")" = "$2 build/$3" ]
    ok "CC='$1' belongs with CXX='$2', in build/$3: $(cat "$out")" $?
}
shows gcc g++ gcc
shows gcc-14 g++-14 gcc-14
shows clang-19 clang++-19 clang-19
shows cc c++ cc
shows x86_64-linux-gnu-gcc-12 x86_64-linux-gnu-g++-12 x86_64-linux-gnu-gcc-12
shows aarch64-conda-linux-gnu-cc aarch64-conda-linux-gnu-c++ aarch64-conda-linux-gnu-cc
shows /opt/gcc/12/bin/gcc /opt/gcc/12/bin/g++ opt-gcc-12-bin-gcc
shows /opt/clang-16/bin/clang /opt/clang-16/bin/clang++ opt-clang-16-bin-clang
shows 'ccache gcc' 'ccache g++' gcc
shows '/usr/bin/ccache clang -m32' '/usr/bin/ccache clang++ -m32' clang-m32
shows 'gcc -march=x86-64 -DA' 'g++ -march=x86-64 -DA' gcc-march-x86-64-DA

# ---- what is missing or wrong ------------------------------------------------------------

echo "-- refusals"
run CC=nonesuch chapter1
refused 'the C compiler nonesuch is missing'
ok "a compiler that isn't there" $?
run CC=clang-99 chapter1
refused 'sudo apt-get install clang-99'
ok "and its package, where it has one" $?
run CC='/opt/my gcc/bin/gcc' chapter1
refused 'its path (without spaces)'
ok "a path with a space" $?
run CC=g++ chapter1
refused 'CC=g++ is a C++ compiler'
ok "a C++ compiler" $?
run CC="$(command -v true)" chapter1
refused 'is not a C compiler'
ok "something that is no compiler" $?
run CC=refuses chapter1
refused "refuses these flags: error: -O3 is refused"
ok "a flag that the compiler refuses" $?
run chapter9
refused 'there is no chapter9'
ok "a chapter that there isn't" $?
run start N=9
! [ "$status" -eq 0 ] && grep -q 'which chapter? make start N=1' "$err"
ok "exercises of a chapter that there isn't" $?
run start N='1 2'
[ "$status" -eq 1 ] && grep -q 'which chapter? make start N=1' "$err"
ok "or of two at once" $?
run start N="1'"
[ "$status" -eq 1 ] && grep -q 'which chapter? make start N=1' "$err"
ok "or of a name with a sign in it" $?
run -s mine N=3
[ "$status" -eq 1 ] && [ "$(cat "$err")" = "there is no work/chapter3: make start N=3" ]
ok "a chapter of one's own that wasn't started" $?
script "$bin/no-as" <<'END'
case $1 in -*version) echo 1.2.3; exit ;; esac
echo "gcc: fatal error: cannot execute 'as': execvp: No such file or directory" >&2
exit 1
END
run CC=no-as chapter1
refused 'sudo apt-get install binutils'
ok "a compiler without its assembler" $?
KILLS=8x sh tests/faults/run.sh ./chapter5 tools >"$out" 2>"$err"
[ $? -eq 2 ] && [ "$(wc -l <"$err")" -eq 1 ] && grep -q 'not "8x"' "$err"
ok "make test-faults with half a number" $?
rm "$bin/g++"
run chapter1 chapter4
[ "$status" -eq 0 ]
ok "chapters 1 to 4 without a C++ compiler" $?
run chapter6
refused "chapter 6's C++ compiler g++ is missing: run 'make setup'"
ok "chapter 6 says what is missing" $?
run CC=my-cc chapter6
refused "chapter 6's C++ compiler my-c++ is missing: make CXX=... names another"
ok "or how to name another" $?
run test
refused 'g++ is missing'
ok "and so do the tests" $?
compiler "$bin/g++"
compiler "$bin/no-asan" '-fsanitize=address*'
run CC=no-asan CXX=g++ test-all
refused "CC='no-asan' has no AddressSanitizer for make test-all"
ok "the tests without AddressSanitizer" $?
run chapter8
refused "MPI is missing, which chapter 8 needs: run 'make setup-chapter8'"
ok "chapter 8 says what is missing" $?
run -n all
[ "$status" -eq 0 ] && grep -q 'need.sh mpi || :' "$out"
ok "and everything else is built without it" $?
for show in 'gcc -I/mpi/include -L/mpi/lib -lmpi' \
    'gcc -Wl,-z,relro -I/mpi/include -L/mpi/lib -lmpich'; do
    echo "echo '$show'" | script "$bin/mpicc"
    run chapter8
    [ "$status" -eq 0 ] && grep -q -e ' -I/mpi/include ' "$tree/build/gcc/float/$(cd "$tree" && \
        ls chapters/08*/collectives/mpi_group_mpi.c | sed 's/c$/o/')" &&
        grep -q -e " -L/mpi/lib ${show##* } " "$tree/chapter8"
    ok "with MPI that says: $show" $?
done
rm "$bin/mpicc"
(cd "$scratch" && "$real" -f "$tree/Makefile" chapter1) >"$out" 2>"$err"
[ $? -eq 2 ] && grep -q 'make -C' "$err" && [ "$(wc -l <"$err")" -eq 1 ]
ok "a makefile that is run from elsewhere" $?
run -s chapter1 chapter2
[ ! -s "$out" ] && [ ! -s "$err" ]
ok "make -s is silent" $?
rm -rf "$tree/build" "$tree/chapter1"
run -n chapter1
[ "$status" -eq 0 ] && [ ! -e "$tree/chapter1" ] && ! find "$tree/build" -name '*.o' 2>/dev/null | grep -q .
ok "make -n builds nothing" $?

run -n test-all
[ "$status" -eq 0 ] && grep -q 'echo sh tests/run_scripts.sh exercises ' "$out"
ok "make -n test runs no test" $?

# With this machine's compiler: flags that would make the numbers wrong.
run_with PATH="$PATH" CFLAGS=-ffast-math chapter1
refused 'not for this course'
ok "-ffast-math" $?
run_with PATH="$PATH" CFLAGS=-fsingle-precision-constant chapter1
refused '-fsingle-precision-constant is not for this course'
ok "constants in float" $?
if echo | gcc -fassociative-math -fno-signed-zeros -fno-trapping-math -dM -E - 2>/dev/null | grep -q ASSOCIATIVE; then
    run_with PATH="$PATH" CC=gcc CFLAGS='-fassociative-math -fno-signed-zeros' chapter1
    refused 'not for this course'
    ok "a part of -ffast-math" $?
fi
script "$bin/asked-gcc" <<'END'
case "${DEPENDENCIES_OUTPUT:-} $*" in
headers*' -c '*) echo "error: headers go elsewhere" >&2; exit 1 ;;
esac
exec gcc "$@"
END
run_with DEPENDENCIES_OUTPUT=headers CC=asked-gcc chapter1
[ "$status" -eq 0 ]
ok "DEPENDENCIES_OUTPUT of the environment" $?
run_with PATH="$PATH" ARCH=nonesuch chapter1
refused 'nonesuch'
ok "an ARCH that the compiler doesn't know" $?

# ---- CUDA ----------------------------------------------------------------------------------

echo "-- CUDA"
script "$scratch/cuda/bin/nvcc" <<END
case \$1 in
--version) echo 'Cuda compilation tools, release 13.0, V13.0.1'; exit ;;
--list-gpu-code) printf 'sm_80\nsm_90\n'; exit ;;
esac
echo "\$*" >>"$scratch/nvcc"
for word in "\$@"; do out=\$word; done
echo nvcc >"\$out"
END
with_nvcc() { # with_nvcc WORD...
    rm -f "$scratch/nvcc"
    touch "$scratch/nvcc"
    (cd "$tree" && PATH="$bin" "$real" NVCC="$scratch/cuda/bin/nvcc" FETCH=no "$@") >"$out" 2>"$err"
    status=$?
}
with_nvcc chapter6
[ "$status" -eq 0 ] && [ ! -s "$scratch/nvcc" ] && grep -q 'no card (chapter 6: emulator' "$out"
ok "nvcc without a card: the emulator alone, and a word about it" $?
with_nvcc CUDA_ARCH="8.0 sm_90" chapter6
grep -q 'compute_80,code=sm_80.*compute_90,code=sm_90' "$scratch/nvcc" &&
    grep -q 'lcudart' "$tree/chapter6" && grep -q '(chapter 6: sm_80 sm_90)' "$out"
ok "CUDA_ARCH: for cards elsewhere" $?
with_nvcc CUDA_ARCH=all-major chapter6
grep -q -e '-arch=all-major' "$scratch/nvcc" && ! grep -q gencode "$scratch/nvcc"
ok "CUDA_ARCH=all-major: for every card" $?
with_nvcc chapter6
! grep -q 'lcudart' "$tree/chapter6"
ok "and the emulator alone again" $?
with_nvcc CUDA_ARCH=35 chapter6
refused 'CUDA_ARCH=35: this nvcc compiles for 80 90 and all-major'
ok "a card that this nvcc doesn't know" $?
(cd "$tree" && PATH="$bin" "$real" NVCC=/no/nvcc CUDA_ARCH=80 chapter6) >"$out" 2>"$err"
status=$?
refused 'NVCC=/no/nvcc is missing'
ok "an nvcc that isn't there" $?
run CUDA_ARCH=80 chapter6
refused 'CUDA_ARCH is given, but there is no nvcc'
ok "CUDA_ARCH without nvcc" $?
script "$bin/nvidia-smi" <<'END'
printf '9.0\n8.0\n9.0\n'
END
with_nvcc chapter6
grep -q 'compute_80,code=sm_80.*compute_90,code=sm_90' "$scratch/nvcc"
ok "nvcc and cards: for each of these" $?
run chapter6
[ "$status" -eq 0 ] && ! grep -q 'lcudart' "$tree/chapter6"
ok "cards without nvcc: the emulator" $?

# ---- installing ----------------------------------------------------------------------------

echo "-- installing"
# (tests/systems/ installs into the systems that it makes.)
! grep -nE '^[^#]*(setup\.sh|apt-get)' Makefile common/make/*.mk | grep -vE ':command-setup(-[a-z0-9]+)? = ' &&
    ! grep -l -e 'setup\.sh' -e apt-get tests/*/*.sh plots/*.sh | grep -v '^tests/systems/'
ok "make setup and make setup-... alone install" $?
sed -n '/^```sh/,/^```/p' README.md | grep -qx 'make setup test'
ok "the README's test command installs first" $?
script "$bin/apt-get" <<END
echo "\$*" >>"$scratch/apt"
END
set_up() { # set_up USER: what setup.sh does on a machine without packages
    rm -f "$scratch/apt"
    script "$bin/id" <<END
echo $1
END
    (cd "$tree" && PATH="$bin" TMPDIR="$scratch/tmp" "$real" setup) >"$out" 2>"$err" </dev/null
    status=$?
}
compiler "$bin/gcc" -E # finds no header
set_up 0
[ "$status" -eq 0 ] && grep -q '^install .*libc6-dev zlib1g-dev .*gnuplot-nox' "$scratch/apt"
ok "root: installs" $?
grep -q setup "$scratch/calls"
[ $? -eq 1 ]
ok "and writes no file for a compiler to read" $?
set_up 1000
refused 'An administrator types: apt-get update && apt-get install -y binutils libc6-dev' && [ ! -e "$scratch/apt" ]
ok "a user without sudo: the line for an administrator" $?
rm -f "$bin/g++" "$scratch/apt"
compiler "$bin/clang++"
set_up 0
grep -q '^install .* g++ ' "$scratch/apt"
ok "gcc's g++ is installed though clang++ is there" $?
rm "$bin/apt-get"
set_up 0
refused "install what Debian calls: g++ binutils"
ok "no apt-get: the packages' names" $?
compiler "$bin/gcc"
(cd "$tree" && PATH="$bin" sh common/scripts/need.sh gnuplot) 2>"$err"
[ $? -eq 1 ] && grep -q "gnuplot .* is missing: run 'make setup'" "$err"
ok "no gnuplot: one line" $?

echo "-- lint"
run lint
[ "$status" -ne 0 ] && grep -q "no tool is here that could check: run 'make setup-lint'" "$err"
ok "lint without its tools is no pass" $?
for tool in clang-format cppcheck clang-tidy shellcheck; do
    grep -q "left out: $tool is not installed" "$out"
    ok "and $tool is named" $?
done
script "$bin/shellcheck" <<'END'
[ $# -gt 4 ] # -S warning -e SC2319, and files
END
(cd "$scratch" && git init -q) 2>"$err"
run lint
grep -q 'shellcheck: nothing' "$out" && ! grep -q 'no tool is here' "$err"
ok "with one of them, that one's word; also within another checkout of git's" $?
for new in 'x != echo' 'a b &: c' 'private x = 1' '.ONESHELL:' '$(file >x)'; do
    cp "$tree/common/make/rules.mk" "$scratch/rules.mk"
    echo "# $new" >>"$tree/common/make/rules.mk"
    run lint
    [ "$status" -ne 0 ] && grep -q '^common/make/rules.mk:[0-9]*:# ' "$out"
    ok "lint finds what GNU make 3.81 doesn't know: $new" $?
    cp "$scratch/rules.mk" "$tree/common/make/rules.mk"
done
script "$bin/clang-format" <<'END'
echo 'clang-format version 19.1.7'
END
run format
refused 'clang-format 14 is missing'
ok "another clang-format formats nothing" $?

mkdir -p "$scratch/a \"b\"/common"
touch "$scratch/a \"b\"/common/x.c"
(
    cd "$scratch/a \"b\"" &&
        CC=cc CFLAGS='-DX="y"' CXX=c++ CXXFLAGS='' sh "$tree/common/scripts/compile_commands.sh"
) >"$out" 2>"$err"
grep -qF '/a \"b\"", "file": "common/x.c"' "$out" && grep -qF '"cc -DX=\"y\" ' "$out"
ok "compile_commands.json: quotes in names and flags" $?

# ---- a checkout on Windows -------------------------------------------------------------------

echo "-- core.autocrlf"
if [ -e .git ] && git rev-parse HEAD >/dev/null 2>&1; then
    git clone -q -c core.autocrlf=true -c core.eol=crlf . "$scratch/clone" 2>"$err" &&
        cd "$scratch/clone" && git ls-files >"$scratch/names" &&
        git hash-object --no-filters --stdin-paths <"$scratch/names" >"$scratch/hashes" &&
        git ls-files -s | awk '{ print $2 }' | cmp -s - "$scratch/hashes"
    ok "a checkout with core.autocrlf=true has the same bytes" $?
else
    echo "NOT RUN: this is no checkout of git's"
fi

verdict
