#!/bin/sh
# test_files.sh: what becomes of files: checkpoints and logs that are written, replaced,
# shared, cut short or in the way; signals; and data/get_fashion_mnist.sh. Run from the
# repository's root.
# shellcheck disable=SC2086,SC2059,SC2012 # lists of options are to be split
set -u
OMP_NUM_THREADS=1
export OMP_NUM_THREADS
# shellcheck source=tests/words.sh
. tests/words.sh
scratch=$(new_scratch) || exit 1
chapter5=$root/chapter5
get_script=$PWD/data/get_fashion_mnist.sh

# ---- words for tests ---------------------------------------------------------

run() { # run OPTIONS...: a small run
    "$chapter5" --data data $small "$@" >"$out" 2>"$err"
    status=$?
}

evaluate() { # evaluate FILE
    "$chapter5" --data data --eval "$1" >"$out" 2>"$err"
    status=$?
}

exited() {
    [ "$status" -eq "$1" ] || { echo "      exit status $status, want $1"; return 1; }
}

says() {
    grep -Eq -e "$1" "$out" || { echo "      nothing says $1"; return 1; }
}

same() {
    cmp -s "$1" "$2" || { echo "      $1 and $2 differ"; return 1; }
}

one_line() { # one_line PATTERN [STATUS]: one line on stderr, and status 1
    exited "${2:-1}" && [ "$(grep -c '' "$err")" -eq 1 ] &&
        grep -Eq "^chapter5: .*($1)" "$err"
}

holds() { # holds FOLDER NAMES: exactly these files, in the order of ls
    there=$(cd "$1" && find . ! -name . | sed 's|^\./||' | sort | tr '\n' ' ')
    [ "$there" = "$2 " ] || { echo "      $1 holds $there"; return 1; }
}

holds_no() { # holds_no PATTERNS: nothing here is called so
    for pattern in "$@"; do
        found=$(find . -name "$pattern")
        [ -z "$found" ] || { echo "      there is $found"; return 1; }
    done
}

mode_is() { # mode_is FILE rw-------
    case $(ls -l "$1") in ?"$2"*) ;; *) ls -l "$1"; return 1 ;; esac
}

refused() { # refused STATUS PATTERN OPTIONS...: in one line; see untouched
    wanted=$1
    pattern=$2
    shift 2
    "$chapter5" --data data $small "$@" >"$out" 2>"$err" <"$root/README.md"
    status=$?
    check "refused ($pattern): $*" one_line "$pattern" "$wanted"
}

snapshot() {
    { find . -type f -exec cksum {} +; ls -R; } >"$1"
}
untouched() { # untouched: since the last snapshot nothing was written
    snapshot "$scratch/after"
    check 'and nothing is written by what is refused' same "$scratch/before" "$scratch/after"
}

steps_in() { # steps_in LOG N: a header and 1 to N, seven numbers in every line
    awk -F, -v n="$2" 'NR > 1 && ($1 != NR - 1 || NF != 7) { bad = 1 }
                       END { exit bad || NR != n + 1 }' "$1"
}

wait_for() { # wait_for FILE: until it isn't empty, 20 seconds at most
    tries=0
    while [ ! -s "$1" ] && [ "$tries" -lt 200 ]; do
        sleep 0.1 2>/dev/null || sleep 1
        tries=$((tries + 1))
    done
}

# ---- data --------------------------------------------------------------------

# images COUNT, labels COUNT (below 256): 7x7 pixels; labels 0 1 2 ... 7 again and again.
images() {
    printf '\000\000\010\003\000\000\000'
    printf "\\$(printf %o "$1")"
    printf '\000\000\000\007\000\000\000\007'
    gzip -dc data/sample/train-images-idx3-ubyte.gz | tail -c +5000 |
        head -c $(($1 * 49))
}
labels() {
    printf '\000\000\010\001\000\000\000'
    printf "\\$(printf %o "$1")"
    n=$1
    while [ "$n" -gt 0 ]; do
        printf '\000\001\002\003\004\005\006\007'
        n=$((n - 8))
    done
}
mkdir -p "$scratch/w/data"
images 64 >"$scratch/w/data/train-images-idx3-ubyte"
labels 64 >"$scratch/w/data/train-labels-idx1-ubyte"
images 16 >"$scratch/w/data/t10k-images-idx3-ubyte"
labels 16 >"$scratch/w/data/t10k-labels-idx1-ubyte"
small="--dim 8 --depth 1 --heads 2 --mlp 16 --patch 7 --batch 16 --threads 1"
cd "$scratch/w" || exit 1
run --epochs 2 --save good --log good.csv
check 'a small run' exited 0
cp good kept

# ---- checkpoints ---------------------------------------------------------------

group 'what is written can be read'
steps=1
while [ $steps -le 12 ]; do # moments become infinite somewhere on the way
    cp good d
    run --depth 4 --norm pre --warmup 0 --clip 0 --lr 100 --epochs 20 --steps $steps \
        --save d --log l
    if [ "$status" -eq 0 ]; then
        evaluate d
        check "a diverging run's checkpoint after $steps steps is good" \
            [ "$(grep -c 'd: ' "$err")" -eq 0 ]
    else
        check "or one line says why ($steps steps)" one_line 'lower --lr'
        evaluate d
        check "and the last good one is there ($steps steps)" exited 0
    fi
    steps=$((steps + 1))
done
rm -f d l

group 'names, links and modes'
echo precious >precious
ln -s precious kept.tmp
ln -s precious kept.lock
run --steps 1 --save kept --log l
check 'a link in the way of a temporary name is not followed' \
    [ "$(cat precious)" = precious ]
check 'the run is saved' exited 0
check 'and both links are as they were' [ -h kept.tmp ]
rm -f kept.tmp kept.lock
mkdir far
cp good far/real
ln -s far/real link
run --steps 1 --save link --log l
check 'a link stays a link' [ -h link ]
check 'and its target is written' [ "$(cmp far/real good 2>/dev/null | wc -c)" -gt 0 ]
check 'beside which nothing is left' holds far real
ln -s far/new dangling
run --steps 1 --save dangling --log l
check 'so is the target that was not there' [ -f far/new ]
cp good private
chmod 600 private
run --steps 1 --save private --log l
check 'a private file stays private' mode_is private rw-------
(umask 027 && "$chapter5" --data data $small --steps 1 --save by-umask --log l) >"$out" 2>"$err"
check 'a new one follows the umask' mode_is by-umask rw-r-----
ln private other-name
run --steps 1 --seed 2 --save private --log l
check "a hard link's other name keeps the old file" [ other-name -ot private ]
long=$(printf '%0250d' 0)
run --steps 1 --save "$long" --log l
check 'a name as long as can be' exited 0
rm -f "$long"
newline='two
lines'
run --steps 1 --save "$newline" --log l
check 'a name of two lines' exited 0
cp good protected
chmod 444 protected
mkfifo pipe
mkdir folder
ln -s new also-new
ln -s /dev/fd/1 my-stdout # devices themselves are left alone: a fault would replace them
ln data/t10k-labels-idx1-ubyte hard
snapshot "$scratch/before"
refused 1 'what is there is no safetensors file' --steps 1 --save precious --log l
refused 1 'write-protected' --steps 1 --save protected --log l
refused 1 'write-protected' --steps 1 --save new --log protected
for bad in pipe folder far/ - my-stdout nowhere/new; do
    refused 1 "^$bad: |$bad: can't be written" --steps 1 --save $bad --log l
done
for bad in pipe folder far/ - my-stdout nowhere/new; do
    refused 1 "$bad: " --steps 1 --save new --log $bad
done
for bad in pipe folder /dev/null; do
    refused 1 "$bad: " --resume $bad --log l --save new
    refused 1 "$bad: " --eval $bad
done
refused 2 'can.t be both' --steps 1 --save new --log new
refused 2 'can.t be both' --steps 1 --save new --log ./far/../new
refused 2 'can.t be both' --steps 1 --save also-new --log new
refused 2 "both the checkpoint's lock and the log" --steps 1 --save also-new --log new.lock
refused 2 "one of the data's files" --steps 1 --save data/train-images-idx3-ubyte --log l
refused 2 "one of the data's files" --steps 1 --save new --log hard
untouched
run --steps 1 --save new --log /dev/null
check 'a log that nobody wants' exited 0
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
    script -qec "'$chapter5' --data data $small --steps 1 --save new --log /dev/tty" \
        /dev/null >"$out" 2>"$err" </dev/null
    check 'a terminal is no log' says 'dev/tty: .*a terminal is no place for a log'
fi

# ---- the log ---------------------------------------------------------------------

group 'the log'
run --epochs 9 --steps 6 --save whole --log whole.csv
cp whole part
cp whole.csv part.csv
printf '7,2,2.1' >>part.csv
before=$(ls -i part.csv | cut -d p -f 1)
run --resume part --steps 9 --log part.csv
check 'a line cut short by a kill is cut off' steps_in part.csv 9
check 'the log is the same file' [ "$(ls -i part.csv | cut -d p -f 1)" = "$before" ]
cp whole part
sed '4s/.*/hello/' part.csv >bad.csv
refused 1 'damaged: after step 2' --resume part --steps 9 --log bad.csv
for change in 's/$/,1/' 's/^\([0-9]*\),/\1.5,/' 's/,/;/6' 's/^/ /' 's/,[^,]*$//' 's/,0/,0x0/'; do
    sed "2,\$$change" whole.csv >bad.csv # no line is one: none is taken away
    refused 1 'damaged: after step 0' --resume part --steps 9 --log bad.csv
    sed "7$change" whole.csv >bad.csv
    refused 1 'damaged: after step 5' --resume part --steps 9 --log bad.csv
done
echo 'my notes' >notes
refused 1 'no log of a run' --steps 1 --save new --log notes
refused 1 'no log of a run' --resume part --log notes
printf '\000\001binary' >binary
refused 1 'no log of a run' --steps 1 --save new --log binary
printf 'step,epo' >begun.csv
run --epochs 9 --steps 3 --save new --log begun.csv
check 'a header cut short is written anew' steps_in begun.csv 3
printf 'step,epo' >begun.csv
cp whole part
run --resume part --steps 9 --log begun.csv
check 'also by a run that goes on' [ "$(grep -c '^[7-9],' begun.csv)" -eq 3 ]
run --epochs 9 --steps 2 --save new --log begun.csv
check 'a new run begins its log anew' steps_in begun.csv 2
rm -f new
# As on a full disk: no file may grow beyond 1 block, and the log has more than that.
run --epochs 20 --steps 40 --save whole --log whole.csv
cp whole part
cp whole.csv kept.csv
if (ulimit -f 1) 2>/dev/null; then
    mkfifo status_pipe
    cat status_pipe >"$scratch/status.copy" &
    (
        ulimit -f 1
        "$chapter5" --data data --resume part --steps 60 --log kept.csv
        echo $? >status_pipe
    ) 2>&1 | cat >"$out"
    wait
    status=$(cat "$scratch/status.copy")
    check 'a full disk ends the run with 1' exited 1
    check 'and a line that says so' says "^chapter5: .*can't be written: File too large"
    check 'the checkpoint is as it was' same part whole
    check "and none of the log's history is lost" same kept.csv whole.csv
else
    echo 'skipped: this shell has no ulimit -f'
fi
if [ -w /dev/full ]; then
    run --steps 2 --save new --log /dev/full
    check 'a full log says so at once' one_line '/dev/full: .*No space left'
fi

# ---- two writers -------------------------------------------------------------------

group 'two runs on one file'
rm -f first first.csv
"$chapter5" --data data $small --epochs 1000000 --save first --log first.csv >"$out" 2>"$err" &
running=$!
wait_for first
run --steps 1 --save first --log second.csv
check 'the second run on a checkpoint is told of the first' one_line "process $running, is writing"
ln -s first another-name
run --steps 1 --save another-name --log second.csv
check 'by whatever name' one_line "process $running, is writing"
run --steps 1 --save second --log first.csv
check 'so is the second on a log' one_line "first.csv: another run, process $running"
run --steps 1 --save second --log second.csv
check 'files of its own are no matter' exited 0
evaluate first
check 'and a run that goes on can be looked at' exited 0
kill -9 "$running"
wait "$running" 2>/dev/null
running=
gone=$(sh -c 'echo $$')
touch "first.$gone-0.tmp" first.tmp "first.$$-0.tmp"
run --steps 1 --save first --log third.csv
check 'a run that was killed leaves no lock' exited 0
check 'nor its file' [ ! -e first.lock ]
check 'what it left half written is removed' [ ! -e "first.$gone-0.tmp" ]
check 'and nothing else' [ -e first.tmp ]
check "nor what a running process writes" [ -e "first.$$-0.tmp" ]
rm first.tmp "first.$$-0.tmp"

# ---- signals -------------------------------------------------------------------------

# signalled SIGNALS OPTIONS...: a long run, that gets these signals one after the other
# when it has saved, or has begun its log. In the foreground: what a shell starts in the
# background ignores SIGINT.
signalled() {
    signals=$1
    shift
    rm -f stopped stopped.csv pid
    (
        wait_for "$watched"
        for s in $signals; do
            kill -"$s" "$(cat pid)"
            sleep 0.3 2>/dev/null || sleep 1
        done
    ) 2>/dev/null &
    sh -c 'echo $$ >pid; exec "$@"' sh "$chapter5" --data data $small --epochs 1000000 \
        --save stopped --log stopped.csv "$@" >"$out" 2>"$err"
    status=$?
    wait
}
goes_on() { # goes_on: the log has the steps of the checkpoint, which can be resumed
    step=$(sed -n 's/^stopped after step \([0-9]*\) of.*/\1/p' "$out")
    steps_in stopped.csv "${step:-0}" || return 1
    "$chapter5" --data data --resume stopped --log stopped.csv \
        --steps $((${step:-0} + 2)) >"$out" 2>"$err" &&
        steps_in stopped.csv $((${step:-0} + 2))
}
# What this script was started to ignore, the programs that it starts ignore too: SIGINT
# in what a shell starts in the background, SIGHUP below nohup.
ignored() { # ignored SIGNAL
    sh -c 'kill -"$1" $$; exit 0' sh "$1" 2>/dev/null || return 1
    echo "NOT RUN: SIG$1 is ignored here"
}
group 'signals'
watched=stopped
for signal in TERM:143 HUP:129 XCPU:152 INT:130; do
    ! ignored ${signal%:*} || continue
    signalled ${signal%:*}
    check "SIG${signal%:*} stops the run with ${signal#*:}" exited ${signal#*:}
    check 'it is saved, and goes on' goes_on
done
for signal in USR1 USR2; do # Slurm's and others': the time is nearly up
    signalled $signal
    check "SIG$signal stops the run" [ "$(kill -l "$status")" = "$signal" ]
    check 'and it is saved, and goes on' goes_on
done
signalled 'TERM TERM'
check 'SIGTERM twice, as timeout sends it' exited 143
check 'and the run is saved' goes_on
cp "$chapter5" "my own"
cp "${chapter5}_double" chapter5_double
./my\ own --data data $small --epochs 1000000 --save "it's mine" --log 'my log.csv' \
    >"$out" 2>"$err" &
running=$!
wait_for "it's mine"
kill -TERM "$running"
wait "$running"
running=
step=$(sed -n 's/^stopped after step \([0-9]*\) of.*/\1/p' "$out")
words=$(sed -n "s/^ *'\.\/my own' --resume/&/p" "$out")
eval "set -- $words"
"$@" --steps $((${step:-0} + 2)) >"$out" 2>"$err"
status=$?
check 'what it says to type is right for any name' exited 0
check 'and goes on in that log' steps_in 'my log.csv' $((${step:-0} + 2))
(
    trap '' HUP INT
    signalled 'HUP INT TERM'
    check 'SIGHUP and SIGINT that were ignored stay so' exited 143
    exit $failed
) || failed=$((failed + 1))
if ! ignored INT; then
    watched=stopped.csv
    signalled 'INT INT' --dim 128 --depth 6 --mlp 512 --batch 64
    check 'two Ctrl-Cs end the program with 130' exited 130
    check 'and leave no temporary file' holds_no '*.tmp' '*.lock'
fi
rm -f stopped stopped.csv
if ! ignored PIPE; then
    mkfifo status_pipe2
    cat status_pipe2 >"$scratch/status.copy" &
    (
        "$chapter5" --data data $small --epochs 1000000 --save stopped --log stopped.csv 2>"$err"
        echo $? >status_pipe2
    ) | while read -r line; do
        case $line in epoch*) break ;; esac
    done
    wait
    status=$(cat "$scratch/status.copy")
    check 'when nobody reads the output any more, the run stops with 141' exited 141
    evaluate stopped
    check 'and is saved' exited 0
fi

# ---- data ------------------------------------------------------------------------------

group 'hostile data'
cp -R data bomb
# A header that announces 10 million images of 4096x4096, and nothing behind it.
printf '\000\000\010\003\000\230\226\200\000\000\020\000\000\000\020\000' |
    gzip >bomb/train-images-idx3-ubyte.gz
rm bomb/train-images-idx3-ubyte
"$chapter5" --data bomb $small --steps 1 --save new --log l >"$out" 2>"$err"
status=$?
check 'a few bytes of gzip are not trusted with terabytes' one_line 'gzip can be trusted with'
rm bomb/*images*
mkfifo bomb/train-images-idx3-ubyte
cp data/t10k-images-idx3-ubyte bomb
"$chapter5" --data bomb $small --steps 1 --save new --log l >"$out" 2>"$err"
status=$?
check 'a pipe is no data' one_line 'no regular file'
cp -R data named
mkfifo named/classes.txt
"$chapter5" --data named $small --steps 1 --save new --log l >"$out" 2>"$err"
status=$?
check 'nor a list of classes' one_line 'classes.txt: it is no regular file'

group 'get_fashion_mnist.sh'
mkdir -p "$scratch/tree/data" "$scratch/tree/common/scripts" "$scratch/empty"
cp "$root/common/scripts/portable.sh" "$scratch/tree/common/scripts"
cp "$get_script" "$scratch/tree/data"
cd "$scratch/tree/data" || exit 1
get() {
    FETCH=no INSTALLED=$installed sh get_fashion_mnist.sh >"$out" 2>"$err"
    status=$?
}
as_it_was() { # as_it_was WHAT: after get, on what is in fashion-mnist
    (ls -lR . && cat fashion-mnist/*) >"$scratch/before" 2>/dev/null
    get
    (ls -lR . && cat fashion-mnist/*) >"$scratch/after" 2>/dev/null
    check "$1 is left as it is" same "$scratch/before" "$scratch/after"
    check "and a line says so ($1)" says '^data: .*fashion-mnist'
    check "and no failure ($1)" exited 0
}
installed=$scratch/nowhere
get
check 'without data it is the sample' says 'the sample in data/sample'
check 'and nothing is made' holds . get_fashion_mnist.sh
mkdir fashion-mnist
echo mine >fashion-mnist/train-images-idx3-ubyte.gz
as_it_was 'a file of mine'
chmod 0 fashion-mnist/train-images-idx3-ubyte.gz
if [ ! -r fashion-mnist/train-images-idx3-ubyte.gz ]; then
    get
    check "a file that can't be read" says "can't be read; it is left as it is"
fi
chmod 644 fashion-mnist/train-images-idx3-ubyte.gz
mv fashion-mnist/train-images-idx3-ubyte.gz fashion-mnist/t10k-labels-idx1-ubyte
as_it_was 'an unpacked file of mine'
rm fashion-mnist/*
mkdir fashion-mnist/classes.txt
as_it_was 'a folder in place of the names'
rmdir fashion-mnist/classes.txt
for file in classes.txt train-labels-idx1-ubyte.gz; do
    ln -s nowhere "fashion-mnist/$file"
    as_it_was "a link to nothing, $file,"
    rm "fashion-mnist/$file"
done
echo mine >fashion-mnist/notes
get
check 'a folder without data is no reason against the sample' says 'run on the sample'
FETCH=No sh get_fashion_mnist.sh >"$out" 2>"$err"
status=$?
check 'FETCH is yes or no' exited 2
check 'and a line says so' grep -q '^data: FETCH is yes or no, not "No"$' "$err"
mv fashion-mnist elsewhere
ln -s elsewhere fashion-mnist
as_it_was 'a link'
rm fashion-mnist
ln -s "$scratch/nothing" fashion-mnist
as_it_was 'a link to nothing'
rm fashion-mnist
echo text >fashion-mnist
as_it_was 'a file of that name'
rm -r fashion-mnist elsewhere
installed=$scratch/empty
get
check 'a package without files is no data' says 'the sample in data/sample'
for place in "$root/data/fashion-mnist" /usr/share/datasets/fashion-mnist; do
    [ -f "$place/train-images-idx3-ubyte.gz" ] && installed=$place
done
if [ "$installed" != "$scratch/empty" ]; then
    get
    check 'what is installed is taken' [ -f fashion-mnist/classes.txt ]
    rm fashion-mnist/train-labels-idx1-ubyte.gz
    echo mine >fashion-mnist/notes
    FETCH=no INSTALLED=$scratch/empty sh get_fashion_mnist.sh >"$out" 2>"$err"
    check 'without it the sample is not what is read' says 'data/fashion-mnist lacks files'
    get
    check 'a file that lacks is added' [ -f fashion-mnist/train-labels-idx1-ubyte.gz ]
    rm fashion-mnist/classes.txt
    FETCH=no INSTALLED=$scratch/empty sh get_fashion_mnist.sh >"$out" 2>"$err"
    check 'what lacks the names alone gets them' [ -f fashion-mnist/classes.txt ]
    check 'and mine stays' [ "$(cat fashion-mnist/notes)" = mine ]
    rm -r fashion-mnist
    get &
    get
    wait
    check 'two at once make it once' holds fashion-mnist "classes.txt \
t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz train-images-idx3-ubyte.gz \
train-labels-idx1-ubyte.gz"
    check 'and leave nothing beside it' [ -z "$(ls -d fashion-mnist.* 2>/dev/null)" ]
fi

cd "$root" || exit 1
verdict
