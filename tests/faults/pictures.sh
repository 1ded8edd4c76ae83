#!/bin/sh
# pictures.sh CHAPTER5 CHAPTER7 FOLDER: part of `make test-faults`, with the tools that
# run.sh has built in FOLDER. What fails under the readers and writers of weights,
# pictures and data of one's own: each allocation, each system call, one at a time.
#
# What must hold: no crash; status 1 and one line that says why, or status 0, and all is
# as in a run without faults; what is written is whole, or isn't there; nothing else is
# left behind.
#
#   LONG=1           every allocation and every call (without: some of each)
#   ONLY=calls       this part only (run.sh's others are none of this script's)
#   COMMANDS=export  this command only; COMMANDS="look export": these
# Exit status 1 if anything didn't hold, 2 if it can't be run.
set -u
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
OMP_NUM_THREADS=1
export OMP_NUM_THREADS
root=$PWD
absolute() { case $1 in /*) echo "$1" ;; *) echo "$root/$1" ;; esac; }
chapter5=$(absolute "$1")
chapter7=$(absolute "$2")
shim=$(absolute "$3")/failing_malloc.so
long=${LONG:-}

scratch=$(mktemp -d /dev/shm/faults.XXXXXX 2>/dev/null || new_scratch) || exit 2
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
cd "$scratch" || exit 2
mkdir in out right temporary
TMPDIR=$scratch/temporary
export TMPDIR

tried=0
failed=0
fail() { # fail WHAT: of the command and the fault that are being tried
    failed=$((failed + 1))
    echo "FAIL  $command, $fault: $1"
    [ "$failed" -lt 40 ] || { echo "too many: the rest is not tried"; exit 1; }
}

# ---- what is read -----------------------------------------------------------------

weights=$root/tests/reference/weights
pictures=$root/tests/reference/pictures
mkdir -p in/photos/a in/photos/b in/cifar
cp "$pictures/colour_420.jpg" in/cat.jpg
cp "$pictures/colour_8.png" in/dog.png
for i in 1 2 3; do
    cp "$pictures/orientation_$i.jpg" in/photos/a/
    cp "$pictures/orientation_$i.jpg" in/photos/b/
done
cp "$pictures/palette_8.png" in/photos/b/
cp -R "$weights/transformers_vit" in/hf # with its config.json
printf '{"size": 12, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.2]}' \
    >in/hf/preprocessor_config.json
for file in data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch; do
    for k in 0 1 2 3; do
        printf '%b' "\\000$k"
        head -c 3072 /dev/zero | tr '\000' "\\${k}77"
    done >in/cifar/$file.bin
done
tiny="--dim 8 --depth 1 --heads 1 --mlp 8 --patch 8 --batch 4 --threads 1 --epochs 2"
# shellcheck disable=SC2086 # a list of options
"$chapter5" --data in/photos --size 8 $tiny --save in/run.safetensors --log in/run.csv >said 2>&1 ||
    { cat said; exit 2; }

commands="look numpy export features folder streamed decoded cifar image"
words() { # the command
    case $command in
    look) echo "$chapter7 --weights $weights/timm_class/model.safetensors --heads 3 --out out in/cat.jpg in/dog.png" ;;
    numpy) echo "$chapter7 --weights $weights/authors/model.npz --layer 1 --head 2 --out out in/dog.png" ;;
    export) echo "$chapter7 --weights in/hf/model.safetensors --export out/ours.safetensors" ;;
    features) echo "$chapter7 --weights in/hf/model.safetensors --features out/y.npy --out out in/cat.jpg" ;;
    folder) echo "$chapter5 --data in/photos --size 8 $tiny --save out/run --log out/log" ;;
    streamed | decoded) echo "$chapter5 --data in/photos --size 8 $tiny --memory 0.0001 --save out/run --log out/log" ;;
    cifar) echo "$chapter5 --data in/cifar $tiny --save out/run --log out/log" ;;
    image) echo "$chapter5 --image in/cat.jpg --eval in/run.safetensors" ;;
    esac
}
# run_with NAME=VALUE...: the command, in this environment; or behind another program.
run_with() {
    # shellcheck disable=SC2046 # a list of words
    env "$@" $(words) >said 2>err
}
begin() {
    rm -rf out said err
    mkdir out
    TMPDIR=$scratch/temporary
    [ "$command" != decoded ] || TMPDIR=$scratch/nowhere
}

# ---- judging ----------------------------------------------------------------------

# What is printed, without times and what is said of labels, which may be left out;
# pictures that can't be kept in a temporary file are
# decoded again, and all else is the same; so it is where a lock can't be had.
said() {
    sed -e 's/ [0-9.]* ms/ x ms/g' -e 's/ *[0-9]* images\/s/ x images\/s/' \
        -e 's/(--memory): .*/(--memory)/' -e 's/them [0-9.]*%/them/' \
        -e 's/^labels: .*/labels:/' -e '/ left$/d' -e "/^note: .* can't be locked here/d" said
}
logged() { cut -d, -f1-6 "$1"; }
# A lock that is left is taken over.
files_in() { (cd "$1" && find . -type f ! -name run.lock | sed 's/^..//' | sort | tr '\n' ' '); }
same_file() { # same_file NAME: as without faults?
    case $1 in
    run) "$chapter5" --image in/cat.jpg --eval out/run >/dev/null 2>&1 ;; # of any epoch
    log) logged out/log | cmp -s - "right/$command/log" ;;
    *) cmp -s "out/$1" "right/$command/$1" ;;
    esac
}
rights() {
    for command in $commands; do
        begin
        run_with || {
            echo "faults: without any fault it fails: $(words)" >&2
            cat err >&2
            exit 2
        }
        cp -R out "right/$command"
        [ ! -e out/log ] || logged out/log >"right/$command/log"
        said >"right/$command.said"
    done
}

# The lines that say why; --features adds that therefore it writes nothing.
reasons() { grep . err | grep -v "isn't written: it would lack rows"; }

# judge STATUS; `quiet` is set where it may have no way to say why.
judge() {
    tried=$((tried + 1))
    if [ "$1" -eq 0 ]; then
        said | cmp -s - "right/$command.said" || fail "status 0, and something else is printed"
        [ -n "$quiet" ] || [ "$(files_in out)" = "$(files_in "right/$command")" ] ||
            fail "status 0, and other files: $(files_in out)"
    elif [ "$1" -gt 1 ] && [ -z "$quiet" ]; then
        fail "status $1: $(tail -n 1 err)"
    elif [ -z "$quiet" ] && [ "$(reasons | wc -l)" -ne 1 ]; then
        fail "status $1, and $(reasons | wc -l) lines: $(head -n 2 err | tr '\n' ' ')"
    fi
    for file in $(files_in out); do
        [ -e "right/$command/$file" ] || [ "$file" = run.lock ] || { [ -n "$quiet" ] || fail "it leaves $file"; continue; }
        [ "$file" = run.lock ] || same_file "$file" || { [ "$file" = log ] && [ "$1" -ne 0 ]; } || fail "$file isn't whole (status $1)"
    done
    left=$(files_in temporary)
    [ -z "$left" ] || [ -n "$quiet" ] || fail "it leaves temporary/$left"
    rm -rf temporary && mkdir temporary
}

# ---- allocations --------------------------------------------------------------------

allocations() {
    [ -e "$shim" ] || { echo "left out: failing allocations (they are for glibc)"; return; }
    quiet=
    for command in $commands; do
        begin
        fault=counting
        run_with LD_PRELOAD="$shim" COUNT_ALLOCATIONS=calls
        count=$(cat calls 2>/dev/null || echo 0)
        rm -f calls
        [ "$count" -gt 10 ] || { fail "no allocation was counted"; continue; }
        step=$((long ? 1 : count / 8 + 1))
        number=$((long ? 1 : step / 2 + 1))
        while [ "$number" -le "$count" ]; do
            begin
            fault="allocation $number of $count"
            run_with LD_PRELOAD="$shim" FAIL_ALLOCATION="$number"
            judge $?
            number=$((number + step))
        done
        echo "      $command: $count allocations"
    done
}

# ---- system calls -------------------------------------------------------------------

# See run.sh.
ignored='execve|brk|exit|exit_group|futex|rt_sigreturn|arch_prctl|set_tid_address|set_robust_list|rseq'
error_for() {
    case $1 in
    mmap | mprotect | clone | clone3) echo ENOMEM ;;
    write | writev | pwrite64 | fsync | fdatasync | rename | renameat | renameat2 | openat | open | ftruncate) echo ENOSPC ;;
    *) echo EIO ;;
    esac
}
fail_call() { # fail_call NAME NUMBER
    begin
    fault="$1 $2 fails: $(error_for "$1")"
    quiet=
    case $1 in write | unlink | mmap | mprotect | munmap) quiet=1 ;; esac
    run_with strace -qq -o /dev/null -e trace="$1" \
        -e inject="$1:error=$(error_for "$1"):when=$2"
    status=$?
    # The system's loader has its own words, and statuses.
    if [ "$status" -gt 1 ] && ! [ -s said ] &&
        { grep -q 'shared librar' err || ! strace -qq -o /dev/null -e trace="$1" \
            -e inject="$1:error=$(error_for "$1"):when=$2" true 2>/dev/null; }; then
        status=1
        quiet=1
    fi
    judge "$status"
}
calls() {
    if ! strace -qq -o /dev/null -e inject=close:error=EIO:when=1 true 2>/dev/null; then
        echo "left out: failing system calls: strace is not there (make setup-faults), or may not trace"
        return
    fi
    for command in $commands; do
        begin
        run_with strace -o trace
        sed -n 's/^\([a-z_0-9]*\)(.*/\1/p' trace | grep -vxE "$ignored" | awk '{ print $1, ++n[$1] }' >calls.list
        rm -f trace
        all=$(wc -l <calls.list)
        step=$((long ? 1 : all / 8 + 1))
        awk -v step="$step" 'NR % step == int(step / 2) || step == 1' calls.list >calls.tried
        while read -r name number <&3; do
            fail_call "$name" "$number"
        done 3<calls.tried
        echo "      $command: $(wc -l <calls.tried) of $all calls"
    done
}

commands=${COMMANDS:-$commands}
rights
for part in ${ONLY:-allocations calls}; do
    case $part in
    allocations | calls)
        echo "-- pictures and weights: $part fail"
        $part
        ;;
    esac
done
echo "$tried faults tried, $failed of them failed"
[ "$failed" -eq 0 ]
