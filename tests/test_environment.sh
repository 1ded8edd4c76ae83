#!/bin/sh
# test_environment.sh: what the environment may be: small stacks, odd OMP_* variables, few
# processors, another locale. What a run with --threads 2 computes is the same to the bit
# in all of them. Run from the repository's root, after `make`.
set -u
# shellcheck source=tests/words.sh
. tests/words.sh
unset OMP_NUM_THREADS OMP_STACKSIZE OMP_DYNAMIC OMP_THREAD_LIMIT

# A small run, in this environment, and its checkpoint.
train() { # train FILE [NAME=VALUE...]
    file=$1
    shift
    rm -f "$file"
    env "$@" ./chapter5 --data data/sample --dim 16 --depth 1 --heads 2 --mlp 32 \
        --batch 64 --steps 3 --threads 2 --dropout 0.1 --save "$file" \
        --log "$scratch/log.csv" >"$scratch/out" 2>"$scratch/err"
}
same_run() { # same_run [NAME=VALUE...]: the reference's bits?
    train "$scratch/now" "$@" && cmp -s "$scratch/now" "$scratch/reference"
}
one_step() { # one_step OPTIONS...: the shortest run
    ./chapter5 --data data/sample --dim 8 --depth 1 --heads 1 --mlp 8 --steps 1 \
        --save "$scratch/t" --log "$scratch/log.csv" "$@" >"$scratch/out" 2>"$scratch/err"
}
with_stack() { # with_stack KILOBYTES COMMAND...
    (
        # shellcheck disable=SC3045 # dash, bash, ksh and busybox know -s
        ulimit -s "$1" 2>/dev/null || exit 0 # not allowed here: nothing is tested
        shift
        "$@"
    )
}
few_files() { # a run that may have five files open, the standard ones among them
    (
        exec >"$scratch/out" 2>"$scratch/err" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
        # shellcheck disable=SC3045 # dash, bash, ksh and busybox know -n
        ulimit -n 5
        exec ./chapter5 --data data/sample --steps 1 --save "$scratch/t"
    )
    [ $? -eq 1 ] && [ "$(wc -l <"$scratch/err")" -eq 1 ] &&
        grep -q "labels.*it can't be opened: ." "$scratch/err"
}
quietly() {
    "$@" >"$scratch/out" 2>"$scratch/err"
}
emulated() { # emulated [NAME=VALUE...]: chapter 6 without a GPU
    quietly env OMP_NUM_THREADS=4 "$@" ./chapter6 --emulate --data data/sample --dim 16 \
        --depth 1 --heads 2 --mlp 32 --batch 16 --steps 1 --save "$scratch/six" \
        --log "$scratch/log.csv"
}

echo "-- a run to compare with"
check "a small run" train "$scratch/reference"

echo "-- stacks"
for kilobytes in unlimited 4096 1024 256; do
    check "chapter 5, ulimit -s $kilobytes" with_stack "$kilobytes" same_run
done
for size in 16k 64k 1M 1B nonsense; do
    check "chapter 5, OMP_STACKSIZE=$size" same_run OMP_STACKSIZE="$size"
done
check "chapter 1, ulimit -s 1024" with_stack 1024 quietly ./chapter1
check "chapter 6, ulimit -s unlimited" with_stack unlimited emulated
check "chapter 6, ulimit -s 1024" with_stack 1024 emulated
check "chapter 6, OMP_STACKSIZE=64k" emulated OMP_STACKSIZE=64k
# A thread's own variables take their room from its stack.
own_bytes() { # of the program's own thread-local variables, or 0
    bytes=$(readelf -lW "$1" 2>/dev/null | awk '$1 == "TLS" { print $6 }')
    echo $((${bytes:-0}))
}
for n in 1 2 3 4 5; do
    [ ! -x "./chapter$n" ] || check "chapter $n: thread-local variables of 4 KB at most" \
        [ "$(own_bytes "./chapter$n")" -le 4096 ]
done

echo "-- open files"
check "too few files: the line says so" few_files

echo "-- OMP_*"
for variable in OMP_NUM_THREADS=0 OMP_NUM_THREADS=1 OMP_NUM_THREADS=7 OMP_NUM_THREADS=2,3 \
    OMP_NUM_THREADS=abc OMP_NUM_THREADS=-1 OMP_NUM_THREADS= OMP_NUM_THREADS=3000 \
    OMP_THREAD_LIMIT=1 OMP_DYNAMIC=true OMP_NESTED=true OMP_MAX_ACTIVE_LEVELS=0 \
    OMP_PROC_BIND=spread OMP_PLACES=nonsense OMP_WAIT_POLICY=passive \
    OMP_CANCELLATION=true OMP_SCHEDULE=dynamic,3; do
    check "$variable" same_run "$variable"
done
threads() { # how many threads the last run had
    sed -n 's/.*on the CPU, \([0-9]*\) thread.*/\1/p' "$scratch/out"
}
takes() { # takes THREADS [COMMAND...]: does a run without --threads have as many?
    wanted=$1
    shift
    "$@" one_step && [ "$(threads)" = "$wanted" ]
}
with_threads() { # with_threads NUMBER COMMAND...
    (
        OMP_NUM_THREADS=$1
        export OMP_NUM_THREADS
        shift
        "$@"
        exit $?
    )
}
on_one_processor() {
    quietly taskset -c 0 ./chapter5 --data data/sample --dim 8 --depth 1 --heads 1 \
        --mlp 8 --steps 1 --save "$scratch/t" --log "$scratch/log.csv"
    [ "$(threads)" = 1 ]
}
with_threads 3 one_step
if [ "$(threads)" = 1 ]; then
    echo "   (built without OpenMP: one thread)"
else
    check "OMP_NUM_THREADS=3 is the default" takes 3 with_threads 3
    check "at most 1024 threads" takes 1024 with_threads 3000
    if command -v taskset >/dev/null 2>&1 && taskset -c 0 true 2>/dev/null; then
        check "one processor allowed: one thread" on_one_processor
    fi
fi

echo "-- locale"
german=$scratch/locale/de_DE.UTF-8
mkdir -p "$scratch/locale"
if localedef -i de_DE -f UTF-8 "$german" >/dev/null 2>&1 || [ -d "$german" ]; then
    LOCPATH=$scratch/locale
    export LOCPATH
    printf_has_comma=$(LC_ALL=de_DE.UTF-8 env printf %.1f 0.5 2>/dev/null)
    [ "$printf_has_comma" = 0,5 ] || echo "   (printf doesn't know this locale)"
fi
check "LC_ALL=de_DE.UTF-8: the same run" same_run LC_ALL=de_DE.UTF-8
LC_ALL=de_DE.UTF-8
export LC_ALL
quietly ./chapter5 --eval "$scratch/reference" --data data/sample
check "an evaluation's numbers have points" grep -q '^test accuracy: 0\.[0-9]*$' "$scratch/out"
refused() { # refused OPTIONS...: wrong usage, with the option's value in the line
    one_step "$@"
    [ $? -eq 2 ] && grep -q -e "$2" "$scratch/err"
}
check "0,5 is no number" refused --lr 0,5
LC_ALL=C

verdict
