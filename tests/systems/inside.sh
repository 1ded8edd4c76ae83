#!/bin/sh
# inside.sh PART: one part of what run.sh proves, inside the system, in the course's folder.
# What it prints goes to run.sh's log; its exit status is the result.
#
#   SHORT=yes   one epoch of training
set -u
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh

readme_command() { # readme_command N: the Nth of README's shell commands that stand alone
    awk -v wanted="$1" '/^```sh$/ { inside = ++n == wanted; next } /^```/ { inside = 0 }
        inside' README.md
}
typed() { # typed COMMAND: shown, and run as a reader's shell would
    echo "\$ $1"
    sh -c "$1"
}
says() { # says FILE PATTERN
    grep -Eq -e "$2" "$1" || { echo "nothing says: $2"; return 1; }
}

# chapter NAME COMMAND...: it ends well, and each check that it made holds.
chapter() {
    name=$1
    shift
    echo "\$ $*"
    "$@" >"$name.out" 2>&1 </dev/null || { tail -n 5 "$name.out"; echo "$name: it failed"; return 1; }
    echo "$name: $(grep -c '^PASS' "$name.out") PASS, $(grep -c '^FAIL' "$name.out") FAIL"
    grep -q '^PASS' "$name.out" && ! grep '^FAIL' "$name.out"
}

# An ordinary user on a bare machine: the first command says in one line what an
# administrator has to type; that line goes to administrator.sh, for run.sh to type.
told() {
    command=$(readme_command 1)
    echo "\$ $command"
    sh -c "$command" >told.out 2>&1 && { cat told.out; echo "it should have failed"; return 1; }
    cat told.out
    [ "$(wc -l <told.out)" -eq 1 ] || { echo "not one line"; return 1; }
    sed -n 's/.*types: *\(apt-get .*\)/\1/p' told.out >administrator.sh
    [ -s administrator.sh ] || { echo "the line has no command"; return 1; }
}

readme() { # README's first command: from nothing to a trained model
    command=$(readme_command 1)
    [ "${SHORT:-}" != yes ] || command=$(echo "$command" | sed 's|\./chapter5$|./chapter5 --epochs 1|')
    typed "$command" >readme.out 2>&1
    status=$?
    tail -n 5 readme.out
    [ "$status" -eq 0 ] && says readme.out '^test accuracy: 0\.[6-9]'
}

tests() { # README's second command
    typed "$(readme_command 2)"
}

chapters() { # chapters 1 to 7
    typed "make all" || return 1
    for n in 1 2 3 4; do
        chapter "chapter$n" "./chapter$n" || return 1
    done
    chapter chapter5 ./chapter5 --data data/sample --epochs 1 --save systems.safetensors \
        --log systems.csv || return 1
    chapter chapter5 ./chapter5 --gradcheck || return 1
    chapter chapter6 ./chapter6 --save systems.safetensors --log systems.csv || return 1
    chapter chapter7 ./chapter7
}

ranks() { # chapter 8: lesson 8's first command, for a few steps; by root, as it says for root
    command=$(sed -n 's/^\(make setup-chapter8 chapter8 && mpirun .*chapter8\)$/\1/p' \
        chapters/08_many_machines/README.md | head -n 1)
    [ -n "$command" ] || { echo "lesson 8 has no such command"; return 1; }
    if [ "$(id -u)" = 0 ]; then
        OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
        export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM
    fi
    command=$(echo "$command" | sed 's/mpirun/mpirun --oversubscribe/')
    typed "$command --data data/sample --steps 20 --save ranks.safetensors --log ranks.csv" \
        >ranks.out 2>&1
    status=$?
    tail -n 5 ranks.out
    [ "$status" -eq 0 ] && [ -s ranks.safetensors ]
}

plots() { # twice: the second run finds the first one's files
    for time in first second; do
        typed "make plots" >plots.out 2>&1
        status=$?
        tail -n 3 plots.out
        [ "$status" -eq 0 ] || { echo "the $time time: exit status $status"; return 1; }
        says plots.out '^[1-9][0-9] pictures, as PNG and SVG' || return 1
    done
}

# ---- arm64: cross-built, run by qemu ----------------------------------------------------

triple=aarch64-linux-gnu
cross_make() {
    PKG_CONFIG_LIBDIR=/usr/lib/$triple/pkgconfig
    export PKG_CONFIG_LIBDIR
    typed "make -j$(cores) CC=$triple-gcc ARCH=armv8-a NVCC= FETCH=no $*"
}
run_arm64() { # run_arm64 COMMAND...: by whichever name qemu has
    if command -v qemu-aarch64 >/dev/null 2>&1; then
        qemu-aarch64 "$@"
    else
        qemu-aarch64-static "$@"
    fi
}

arm64_build() {
    cross_make chapter1 chapter2 chapter3 chapter4 chapter5 \
        "build/$triple-gcc/float/tests/run build/$triple-gcc/double/tests/run"
}
arm64_neon() { # the matrix product multiplies and adds four floats at once
    objects=build/$triple-gcc/float/common
    count=$(for object in "$objects"/matmul*.o; do
        "$triple-objdump" -d "$object"
    done | grep -cE 'fmla[[:space:]]+v[0-9]+\.4s')
    echo "$count instructions fmla on four floats in $objects/matmul*.o"
    [ "$count" -ge 8 ]
}
arm64_chapters() {
    # What a program starts is started by this machine, which has to be told of qemu.
    for n in 1 2 3 4 5; do
        mv "chapter${n}_double" "chapter${n}_double.arm64" || return 1
        printf '#!/bin/sh\nexec %s "$0.arm64" "$@"\n' \
            "$(command -v qemu-aarch64 || command -v qemu-aarch64-static)" >"chapter${n}_double"
        chmod +x "chapter${n}_double"
    done
    for n in 1 2 3 4; do
        chapter "chapter$n" run_arm64 "./chapter$n" || return 1
    done
    chapter chapter5 run_arm64 ./chapter5 --gradcheck || return 1
    chapter chapter5 run_arm64 ./chapter5 --data data/sample --epochs 1 --dim 16 --depth 1 \
        --save systems.safetensors --log systems.csv
}
arm64_tests() {
    OMP_NUM_THREADS=2
    CK_TIMEOUT_MULTIPLIER=50 # an emulated processor is slow
    export OMP_NUM_THREADS CK_TIMEOUT_MULTIPLIER
    for flavour in float double; do
        run_arm64 "build/$triple-gcc/$flavour/tests/run" >tests.out 2>&1
        status=$?
        tail -n 3 tests.out
        [ "$status" -eq 0 ] || { grep -aE ':[EF]:' tests.out; return 1; }
    done
}

# ---- musl: another C library, one thread -------------------------------------------------

musl_make() {
    typed "make -j$(cores) CC=musl-gcc OPENMP=-fopenmp-simd NVCC= FETCH=no $*"
}
musl_chapters() {
    musl_make chapter1 chapter2 chapter3 chapter4 || return 1
    readelf -l chapter1 | grep 'ld-musl' || { echo "that isn't musl's"; return 1; }
    for n in 1 2 3 4; do
        chapter "chapter$n" "./chapter$n" || return 1
    done
}
musl_grade() { # chapter 1's exercises, before and after they are solved
    musl_make start N=1 || return 1
    musl_make grade N=1 >graded.out 2>&1 || :
    [ "$(grep -cE '^  1\.[1-6] +(not written yet|waits for)' graded.out)" -eq 6 ] || {
        cat graded.out
        return 1
    }
    for file in work/chapter1/*.[ch]; do
        cp "$(find common chapters/01_* -name "${file##*/}")" "$file"
    done
    "$(find build -path '*chapter1/grade' -type f)" --answers >work/chapter1/answers.txt
    musl_make grade N=1 >graded.out 2>&1 || :
    cat graded.out
    [ "$(grep -cE '^  1\.[1-6] +passed' graded.out)" -eq 6 ]
}

musl_core() { # chapter 5's model, training step and checkpoints; zlib isn't musl's
    typed "make CC=musl-gcc test-wasm"
}

case $1 in
told | readme | tests | chapters | ranks | plots | arm64_build | arm64_neon | arm64_chapters | \
    arm64_tests | musl_chapters | musl_grade | musl_core) "$1" ;;
*)
    echo "inside.sh: there is no part $1" >&2
    exit 2
    ;;
esac
