#!/bin/sh
# run.sh PROGRAM FOLDER: `make test-faults`, with tools that $CC builds in FOLDER. What ./chapter5 does when something fails
# under it, in runs of a tiny model on made-up images:
#
#   allocations    each allocation fails once
#   calls          each system call fails once (strace)
#                  and the program is killed at each, and resumed
#   moments        the program is ended by a signal at random moments, and resumed
#
# What must hold: no crash; the checkpoint that was there before is whole, or the new one
# is; a status other than 0, and a line that says why, unless nothing that matters failed:
# then everything is as in a run without faults; a resumed run ends with the same bits.
#
#   LONG=1      every allocation and every call (without: some of each)
#   KILLS=500   how many kills at random moments (default 8), and a fifth as many of
#               each signal
#   SEED=1      of the random moments
#   ONLY=calls  this part only
# Exit status 1 if anything didn't hold, 2 if it can't be run.
set -u
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
OMP_NUM_THREADS=1
export OMP_NUM_THREADS
case $1 in /*) chapter5=$1 ;; *) chapter5=$PWD/$1 ;; esac
here=$PWD/tests/faults
case $2 in /*) tools=$2 ;; *) tools=$PWD/$2 ;; esac
shim=$tools/failing_malloc.so
at_moment=$tools/at_moment
long=${LONG:-}
kills=${KILLS:-8}
state=${SEED:-1}
for number in "$kills" "$state"; do
    case $number in
    *[!0-9]* | ??????????*)
        echo "test-faults: KILLS and SEED are whole numbers, not \"$number\"" >&2
        exit 2
        ;;
    esac
done

# shellcheck disable=SC2086 # CC may be several words
{
    mkdir -p "$tools" && rm -f "$shim"
    ${CC:-cc} -std=c11 -O2 -shared -fPIC "$here/failing_malloc.c" -o "$shim" 2>/dev/null
    ${CC:-cc} -std=c11 -D_XOPEN_SOURCE=700 -O2 "$here/at_moment.c" -o "$at_moment" || exit 2
}
scratch=$(mktemp -d /dev/shm/faults.XXXXXX 2>/dev/null || new_scratch) || exit 2
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
cd "$scratch" || exit 2
mkdir plots right

tried=0
failed=0
fail() { # fail WHAT: of the command and the fault that are being tried
    failed=$((failed + 1))
    echo "FAIL  $command, $fault: $1"
    [ "$failed" -lt 40 ] || { echo "too many: the rest is not tried"; exit 1; }
}

# ---- a tiny run -----------------------------------------------------------------

# Made-up images of 14x14 pixels: awk writes them as printf's octal.
numbers() { # numbers COUNT
    awk -v count="$1" 'BEGIN { for (i = 0; i < count; i++) {
        x = (x * 1103515245 + 12345) % 2147483648; printf "\\%03o", int(x / 65536) % 256 } }'
}
images() { # images NAME COUNT: count is below 256
    # shellcheck disable=SC2059 # these are formats
    {
        printf "\\0\\0\\010\\003\\0\\0\\0\\$(printf %o "$2")\\0\\0\\0\\016\\0\\0\\0\\016"
        printf "$(numbers $(($2 * 196)))"
    } >"data/$1-images-idx3-ubyte"
    # shellcheck disable=SC2059
    {
        printf "\\0\\0\\010\\001\\0\\0\\0\\$(printf %o "$2")"
        printf "$(awk -v n="$2" 'BEGIN { for (i = 0; i < n; i++) printf "\\%03o", i % 10 }')"
    } >"data/$1-labels-idx1-ubyte"
}
mkdir data
images train 64
images t10k 8

tiny="--data data --dim 8 --depth 1 --heads 1 --mlp 8 --patch 14 --batch 16 --threads 1"
tiny="$tiny --dropout 0.1 --shift 1"

# ours OPTIONS...: without faults; it must succeed.
ours() {
    "$chapter5" "$@" >out 2>err || {
        echo "faults: without any fault it fails: $chapter5 $*" >&2
        cat err >&2
        exit 2
    }
}
# What is printed, and the log, without times; where a lock can't be had, a run says so
# and goes on.
said() {
    sed -e 's/ *[0-9]* images\/s/ x images\/s/' -e '/ left$/d' \
        -e "/^note: .* can't be locked here/d" "$1"
}
logged() { cut -d, -f1-6 "$1"; }

# The run of three epochs: what is there after each.
for epochs in 1 2 3; do
    rm -f run.safetensors run.csv
    # shellcheck disable=SC2086
    ours $tiny --epochs 3 --steps $((4 * epochs)) --save run.safetensors --log run.csv
    cp run.safetensors "right/$epochs.safetensors"
    cp run.csv "right/$epochs.csv"
done
logged run.csv >right/log

# The commands. Each begins with the files that it finds.
begin() {
    rm -rf run.safetensors run.csv dump plots out err
    mkdir plots
    case $command in
    resume | eval | look)
        cp right/1.safetensors run.safetensors
        cp right/1.csv run.csv
        ;;
    esac
}
words() { # the command's options
    case $command in
    train) echo "$tiny --epochs 3 --save run.safetensors --log run.csv" ;;
    resume) echo "--data data --resume run.safetensors --log run.csv" ;;
    eval) echo "--data data --eval run.safetensors" ;;
    look) echo "--data data --look run.safetensors" ;;
    dump) echo "--dump dump" ;;
    esac
}
commands="train resume eval look dump"

files_of() { find . -path ./right -prune -o -path ./data -prune -o -type f -print | sort; }
rights() { # what each command says and leaves, without faults
    for command in $commands; do
        begin
        # shellcheck disable=SC2046
        ours $(words)
        said out >"right/$command.out"
        files_of | grep -v -e '^./err$' -e '^./out$' >"right/$command.files"
        mkdir "right/$command.plots"
        cp plots/* "right/$command.plots" 2>/dev/null
        [ "$command" = dump ] && cp dump right/dump
    done
    rm -f trace calls
}
rights

# ---- judging ----------------------------------------------------------------------

same() { cmp -s "$1" "$2"; }
# Is the checkpoint whole: none where there was none before, or one of the run's?
whole() {
    case $command in
    dump) return ;;
    train) [ -e run.safetensors ] || return 0 ;;
    esac
    same run.safetensors right/1.safetensors || same run.safetensors right/2.safetensors ||
        same run.safetensors right/3.safetensors
}
# Is everything as in a run without faults?
as_without() {
    said out | cmp -s - "right/$command.out" || { fail "status 0, and something else is printed"; return; }
    case $command in
    train | resume)
        same run.safetensors right/3.safetensors || fail "status 0, and another checkpoint"
        logged run.csv | cmp -s - right/log || fail "status 0, and another log"
        ;;
    eval | look) same run.safetensors right/1.safetensors || fail "the checkpoint has changed" ;;
    dump) same dump right/dump || fail "status 0, and another dump" ;;
    esac
    for plot in "right/$command.plots"/*; do
        [ ! -e "$plot" ] || same "$plot" "plots/$(basename "$plot")" ||
            fail "status 0, and another $(basename "$plot")"
    done
}
leftovers() { files_of | grep -v -e '^./err$' -e '^./out$' -e '^./trace$' -e '^./calls' -e '^./run' -e '^./dump$' -e '^./plots/[a-z_]*\.dat$'; }

# judge STATUS: after a fault; `quiet` is set where it may have no way to say why.
judge() {
    tried=$((tried + 1))
    if [ "$1" -ge 128 ]; then
        fail "it died: status $1"
    elif [ "$1" -eq 0 ]; then
        as_without
    elif ! [ -s err ] && ! grep -q '^FAIL' out && [ -z "$quiet" ]; then # a check's is a result
        fail "status $1, and not a word why"
    fi
    whole || fail "the checkpoint is damaged or gone (status $1)"
    left=$(leftovers)
    [ -z "$left" ] || [ -n "$quiet" ] || fail "it leaves $(echo "$left" | tr '\n' ' ')"
    [ -z "$left" ] || echo "$left" | xargs rm -f
}

# ---- allocations --------------------------------------------------------------------

allocations() {
    [ -e "$shim" ] || { echo "left out: failing allocations (they are for glibc)"; return; }
    quiet=
    for command in $commands; do
        begin
        fault=counting
        # shellcheck disable=SC2046
        LD_PRELOAD=$shim COUNT_ALLOCATIONS=calls "$chapter5" $(words) >out 2>err
        count=$(cat calls 2>/dev/null || echo 0)
        [ "$count" -gt 10 ] || { fail "no allocation was counted"; continue; }
        step=$((long ? 1 : count / 12 + 1))
        number=$((long ? 1 : step / 2 + 1))
        while [ "$number" -le "$count" ]; do
            begin
            fault="allocation $number of $count"
            # shellcheck disable=SC2046
            LD_PRELOAD=$shim FAIL_ALLOCATION=$number "$chapter5" $(words) >out 2>err
            judge $?
            number=$((number + step))
        done
        echo "      $command: $count allocations"
    done
}

# ---- system calls -------------------------------------------------------------------

# Calls that a program can't do without, or that nothing depends on; and brk, which never
# fails as strace lets it: the kernel answers with the old end, glibc relies on that.
ignored='execve|brk|exit|exit_group|futex|rt_sigreturn|arch_prctl|set_tid_address|set_robust_list|rseq'
error_for() {
    case $1 in
    mmap | brk | mprotect | clone | clone3) echo ENOMEM ;;
    write | writev | pwrite64 | fsync | fdatasync | rename | renameat | renameat2 | openat | open | ftruncate) echo ENOSPC ;;
    *) echo EIO ;;
    esac
}
# each_call HOW: for each of the command's calls, one at a time: inject_NAME_NUMBER
each_call() { # each_call TRY
    begin
    # shellcheck disable=SC2046
    strace -o trace "$chapter5" $(words) >out 2>err
    sed -n 's/^\([a-z_0-9]*\)(.*/\1/p' trace | grep -vxE "$ignored" | awk '{ print $1, ++n[$1] }' >calls.list
    rm -f trace
    all=$(wc -l <calls.list)
    step=$((long ? 1 : all / 12 + 1))
    awk -v step="$step" 'NR % step == int(step / 2) || step == 1' calls.list >calls.tried
    while read -r name number <&3; do
        begin
        "$1" "$name" "$number"
    done 3<calls.tried
    echo "      $command: $(wc -l <calls.tried) of $((all)) calls"
}
traced() { # traced INJECTION...: the command; $status
    # shellcheck disable=SC2046
    strace -qq -o /dev/null -e trace="$name" -e inject="$name:$1:when=$number" \
        "$chapter5" $(words) >out 2>err
    status=$?
}
fail_call() {
    for code in $(error_for "$name") ${long:+$(case $name in read | write | openat | close | fsync) echo EINTR ;; esac)}; do
        begin
        fault="$name $number fails: $code"
        quiet=
        case $name in write | unlink | mmap | mprotect | munmap) quiet=1 ;; esac
        traced "error=$code"
        # Is it the system's loader that dies? Then an empty program does too.
        if [ "$status" -ge 128 ] && ! [ -s out ] && ! grep -q : err &&
            ! strace -qq -o /dev/null -e trace="$name" -e inject="$name:error=$code:when=$number" \
                true 2>/dev/null; then
            status=1
            quiet=1
        fi
        judge "$status"
    done
}
resume_to_end() { # after a kill: on to the end, which must be the same
    tried=$((tried + 1))
    whole || fail "the checkpoint is damaged or gone"
    if [ -e run.safetensors ]; then
        "$chapter5" --data data --resume run.safetensors --log run.csv >out 2>err
    else
        # shellcheck disable=SC2086
        "$chapter5" $tiny --epochs 3 --save run.safetensors --log run.csv >out 2>err
    fi || fail "it can't be resumed: $(head -n 1 err)"
    same run.safetensors right/3.safetensors || fail "the resumed run ends with other bits"
    logged run.csv | cmp -s - right/log || fail "the resumed run's log is another one"
    leftovers | xargs rm -f
}
missed=0
kill_at_call() {
    fault="killed at $name $number"
    traced signal=KILL
    case $status in
    137) ;;
    0) missed=$((missed + 1)) ;; # this run made fewer such calls: some depend on the time
    *) fail "it isn't killed: status $status" ;;
    esac
    [ "$missed" -le 5 ] || fail "it isn't killed, for the ${missed}th time"
    resume_to_end
}
calls() {
    command=true
    fault=strace
    if ! strace -qq -o /dev/null -e inject=close:error=EIO:when=1 true 2>/dev/null; then
        echo "left out: failing system calls: strace is not there (make setup-faults), or may not trace"
        return
    fi
    for command in $commands; do
        each_call fail_call
    done
    echo "-- killed at each system call, and resumed"
    for command in train resume; do
        each_call kill_at_call
    done
}

# ---- random moments -------------------------------------------------------------------

random_below() { # random_below LIMIT: into $random
    state=$(((state * 1103515245 + 12345) % 2147483648))
    random=$((state / 8 % $1))
}
# A longer run, of 24 epochs, which saves often.
wide="$tiny --epochs 24"
# moments NAME NUMBER COUNT: chains of runs, each ended by a signal at a random moment,
# until one comes to its end. The moments' limit follows how long a run takes here.
moments() {
    command=train
    ended=0
    begin_wide
    sent=0
    in_vain=0
    limit=400
    while [ "$sent" -lt "$3" ]; do
        random_below $limit
        fault="signal $1, number $((sent + 1)), after $random ms"
        if [ -e run.safetensors ]; then
            "$at_moment" "$random" "$2" "$chapter5" --data data --resume run.safetensors \
                --log run.csv >out 2>err
        else
            # shellcheck disable=SC2086
            "$at_moment" "$random" "$2" "$chapter5" $wide --save run.safetensors \
                --log run.csv >out 2>err
        fi
        status=$?
        in_vain=$((in_vain + 1))
        case $status in
        0)
            whole_run_ended
            limit=$((limit * 3 / 4 + 40))
            ;;
        130 | $((128 + $2)))
            sent=$((sent + 1))
            tried=$((tried + 1))
            in_vain=0
            limit=$((limit + limit / 16))
            ;;
        *)
            fail "status $status: $(head -n 1 err)"
            begin_wide
            ;;
        esac
        if [ "$in_vain" -gt 50 ]; then
            fail "it doesn't end it"
            return
        fi
        [ "$1" = KILL ] || [ -z "$(leftovers)" ] || fail "it leaves $(leftovers | tr '\n' ' ')"
        leftovers | xargs rm -f
    done
    fault="$1, $sent times"
    if [ -e run.safetensors ]; then
        "$chapter5" --data data --resume run.safetensors --log run.csv >out 2>err ||
            fail "it can't be resumed: $(head -n 1 err)"
        whole_run_ended
    fi
    rm -f run.safetensors run.csv
    echo "      $1: $sent times; $ended runs came to their end, to the bit"
}
whole_run_ended() {
    ended=$((ended + 1))
    same run.safetensors right/wide.safetensors || fail "it ends with other bits"
    logged run.csv | cmp -s - right/wide.log || fail "it ends with another log"
    begin_wide
}
# Every other chain begins with its first epoch done, so that a kill always meets a
# checkpoint.
begin_wide() {
    rm -f run.safetensors run.csv
    if [ $((ended % 2)) -eq 0 ]; then
        cp right/wide1.safetensors run.safetensors
        cp right/wide1.csv run.csv
    fi
}
random_moments() {
    rm -f run.safetensors run.csv
    # shellcheck disable=SC2086
    ours $wide --steps 4 --save right/wide1.safetensors --log right/wide1.csv
    # shellcheck disable=SC2086
    ours $wide --save run.safetensors --log run.csv
    mv run.safetensors right/wide.safetensors
    logged run.csv >right/wide.log
    moments KILL 9 "$kills"
    moments HUP 1 $((kills / 5 + 1))
    moments INT 2 $((kills / 5 + 1))
    moments TERM 15 $((kills / 5 + 1))
}

quiet=
for part in ${ONLY:-allocations calls moments}; do
    case $part in
    allocations)
        echo "-- an allocation fails"
        allocations
        ;;
    calls)
        echo "-- a system call fails"
        calls
        ;;
    moments)
        echo "-- ended at random moments (SEED=$state), and resumed"
        random_moments
        ;;
    *)
        echo "test-faults: ONLY is allocations, calls or moments, not \"$part\"" >&2
        exit 2
        ;;
    esac
done
echo "$tried faults tried, $failed of them failed"
[ "$failed" -eq 0 ]
