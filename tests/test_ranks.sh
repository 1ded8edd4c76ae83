#!/bin/sh
# test_ranks.sh: chapter 8 as people start it, with mpirun and 2 to 4 ranks on this machine:
# what they agree on before they train, the same bits for any number of ranks, signals, and
# ranks that are killed, hang or fail. Run in the repository's root, where the chapters are
# built. KILLS=N: so many at random moments (default 4; LONG=1: 50), SEED=N of the moments.
# shellcheck disable=SC2086,SC2154 # lists of options are to be split; words.sh sets names
set -u
# shellcheck source=tests/words.sh
. tests/words.sh
OMP_NUM_THREADS=1
OMPI_ALLOW_RUN_AS_ROOT=1
OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMP_NUM_THREADS OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM
kills=${KILLS:-$(if [ -n "${LONG:-}" ]; then echo 50; else echo 4; fi)}

if ! command -v mpirun >/dev/null 2>&1 || [ ! -x chapter8 ]; then
    echo "NOT RUN: MPI isn't here, or ./chapter8 isn't built: make setup-chapter8 chapter8"
    exit 0
fi

cd "$scratch" || exit 1
ln -s "$root/chapter8" "$root/chapter5" .
ln -s "$root/data/sample" data
small="--dim 16 --depth 2 --heads 2 --mlp 32 --patch 7 --batch 40"
tiny="--data data $small"
first= # words before the command: "unshare -n ..."

# limited COMMAND...: within ten minutes (others use the machine too), what it says, and its
# status; 124: it hung
limited() {
    timeout -k 5 600 "$@" >"$out" 2>"$err"
    status=$?
    [ "$status" -ne 137 ] || status=124
}
# ranks P OPTIONS...: the program on P ranks
ranks() {
    P=$1
    shift
    limited $first mpirun --oversubscribe -n "$P" ./chapter8 "$@"
}
# each MORE OPTIONS...: two ranks with the same options, but that rank 1 has MORE, or another
# program.
program=./chapter8
each() {
    more=$1
    shift
    limited mpirun --oversubscribe -n 1 ./chapter8 "$@" : -n 1 $program "$@" $more
}
exits() { [ "$status" -eq "$1" ] || { echo "      exit status $status, want $1"; return 1; }; }
says() { grep -Eq -e "$1" "$out" || { echo "      nothing says $1"; return 1; }; }
# one_line PATTERN: it failed, in time, with one line of ours (and mpirun's own around it).
one_line() {
    [ "$status" -ne 0 ] && [ "$status" -ne 124 ] && [ "$(grep -c '^chapter8: ' "$err")" -eq 1 ] &&
        grep -Eq -e "^chapter8: $1" "$err" ||
        { echo "      exit status $status, want one line: $1"; grep '^chapter8: ' "$err"; return 1; }
}
fails() { # fails WHAT PATTERN: after ranks or each
    check "$1" one_line "$2"
}
same() { cmp -s "$1" "$2" || { echo "      $1 and $2 differ"; return 1; }; }
host='\([^)]+\)'

group 'what ranks agree on'
ranks 2 $tiny --lr x
fails 'wrong options of all: said once, without a rank' '--lr can.t be "x"'
check 'status 2' exits 2
each --lr=1 $tiny
fails 'wrong options of one: which rank' "rank 1 $host: unknown option \"--lr=1\""
each '--lr 0.1' $tiny
fails 'another setting' "rank 1 $host differs from rank 0 $host: its lr is 0.1, not 0.003"
each '--sum gather' $tiny
fails 'another way to sum' "rank 1 .* its --sum is gather, not ring"
each '--threads 2' $tiny
fails 'other threads' 'rank 1 .*threads'
each '--data nowhere' $tiny
fails 'no data at one rank' "rank 1 $host: nowhere: "
ranks 2 $small --data nowhere
fails 'no data at any: said once' 'nowhere: '
mkdir other
cp data/* other
gzip -dc data/t10k-images-idx3-ubyte.gz >other/t10k-images-idx3-ubyte
rm other/t10k-images-idx3-ubyte.gz
each '--data other' $tiny --steps 3 --save a --log a.csv
check 'the same data in another form' exits 0
printf '\377' | dd of=other/t10k-images-idx3-ubyte bs=1 seek=100000 conv=notrunc 2>/dev/null
each '--data other' $tiny --steps 3 --save a --log a.csv
fails 'one other pixel' "rank 1 .* its test data's checksum is"
ranks 1 $tiny --steps 3 --save a --log a.csv
ranks 1 $tiny --steps 3 --seed 2 --save b --log b.csv
each '--resume b' $tiny --resume a --log c.csv --steps 6
fails 'another checkpoint' 'rank 1 .* its (seed|checkpoint) is'
each '--resume nothing' $tiny --resume a --log c.csv
fails 'no checkpoint at one rank' 'rank 1 .*: nothing: '
cp "$root/chapter8" changed
printf ' ' >>changed
program=./changed each '' $tiny --steps 3
program=./chapter8
fails 'another program' "rank 1 .* its program's checksum is"
each --help $tiny
fails 'another task' 'rank 1 .* its task is --help, not training'
# A rank that ends by itself waits, in MPI_Finalize, for those that wait for it.
differ() { # differ WORDS OF RANK 0 : WORDS OF RANK 1
    limited mpirun --oversubscribe -n 1 ./chapter8 ${1% : *} : -n 1 ./chapter8 ${1#* : }
}
differ "--scale : $tiny --steps 2"
fails '--scale and training' 'rank 1 .* its task is training, not --scale'
differ "$tiny --steps 2 : --by-hand"
fails 'training and --by-hand' 'rank 1 .* its task is --by-hand, not training'
differ "--measure --largest 4 : $tiny --steps 2"
fails '--measure and training' 'rank 1 .* its task is training, not --measure --largest 4'
differ '--measure --largest 4 --batch 8 : --measure --largest 4 --batch 9'
fails '--measure of two models' 'rank 1 .* --batch 9, not --measure --largest 4 --batch 8'
ranks 2 --measure --largest x
fails '--measure: a wrong word, said once' '--largest is in KB, from 4 to 1048576, not "x"'
check 'status 2' exits 2
ranks 2 --measure --table --largest 4
fails "--measure: a word isn't a value" '--table needs a value'
ranks 2 --measure --largest 4 --table nowhere/table.csv
fails '--measure: rank 0 has no table' "rank 0 $host, at the start: nowhere/table.csv: "
ranks 2 --measure --largest 4 --batch 1
fails '--measure: fewer images than ranks, said once' 'a batch of 1 images .*2 ranks'
for words in '--save --deterministic' '--resume --shard-optimiser' '--log --sum ring'; do
    ranks 2 --data data $words
    fails "$words: a word isn't a file" "${words%% *} needs a value, not an option: .*/--"
    check 'status 2' exits 2
    check 'and no file' [ ! -e "./$(echo "$words" | cut -d ' ' -f 2)" ]
done
ranks 4 $tiny --batch 3
fails 'more ranks than images in a batch' 'a batch of 3 images .*4 ranks'
ranks 3 $tiny --deterministic --shards 2
fails 'more ranks than shards' '3 ranks, but the batch has 2 shards'
sed 's/^\(model name\|CPU part\).*: .*/\1 : Another 1000/' /proc/cpuinfo >cpuinfo
cat >elsewhere <<'END'
#!/bin/sh
mount --bind cpuinfo /proc/cpuinfo && exec ./chapter8 "$@"
END
chmod +x elsewhere
if unshare -m ./elsewhere --help >/dev/null 2>&1 && ! cmp -s cpuinfo /proc/cpuinfo; then
    program='unshare -m ./elsewhere' each '' $tiny --steps 3
    program=./chapter8
    fails 'another processor' 'rank 1 .* its processor is Another 1000, not '
else
    echo 'NOT RUN: another processor: this needs unshare -m, and a /proc/cpuinfo with names'
fi

group 'training'
./chapter8 $tiny --steps 12 --save one --log one.csv >"$out" 2>"$err"
status=$?
check 'without mpirun it is one rank, and trains' exits 0
check 'and says so' says 'on 1 rank of 1 thread'
last_loss() { awk -F, 'END { print $3 }' "$1"; }
n=$(sed -n 's/.* \([0-9]*\) parameters, by the formula.*/\1/p' "$out")
near() { # near LOSS: of the same run, to rounding
    awk -v a="$1" -v b="$(last_loss one.csv)" 'BEGIN { d = a - b
        exit !(a > 0 && d < 2e-5 && d > -2e-5) }'
}
for way in ring at-end gather halving mpi mpi-at-end; do
    ranks 3 $tiny --steps 12 --sum $way --save w --log w.csv
    check "--sum $way trains" exits 0
    check 'to the same loss' near "$(last_loss w.csv)"
    case $way in
    ring | at-end)
        bytes=$((2 * 2 * n * 4))
        check 'the ring sends 2 (P - 1) n 4 bytes' says "[^0-9]$bytes bytes by all; .* = $bytes\$"
        ;;
    esac
done
ranks 4 $tiny --steps 12 --sum ring --bucket 1 --save w --log w.csv
check 'in small buckets' near "$(last_loss w.csv)"
ranks 2 $tiny --steps 12 --shard-optimiser --save w --log w.csv
check '--shard-optimiser' near "$(last_loss w.csv)"
check 'says what it saves' says '^AdamW.s moments: .* are saved$'
check 'each rank says what it has' eval 'says "^memory of rank 0" && says "^memory of rank 1"'
check 'and sends, weights too' says "[^0-9]$((2 * n * 4)) bytes by all; .* = $((2 * n * 4))\$"
check 'half of it is weights' says "^ +gradients $((n * 4)), new weights $((n * 4));"
ranks 3 $tiny --steps 2 --deterministic --save w --log w.csv
largest_memory() { # of the ranks, as each says it in the end
    sed -n 's/^memory of rank [0-9].* \([0-9.]*\) for training.*/\1/p' "$out" | sort -n | tail -n 1
}
check 'the memory of the rank that has most' says " $(largest_memory) MB each\$"
check 'where the time went is said' says '^ranks: per step compute .*, waited .*, update '
./chapter5 $tiny --steps 12 --threads 8 --save five --log five.csv >"$out" 2>"$err"
for P in 1 2 4; do
    ranks $P $tiny --steps 12 --deterministic --save w --log w.csv
    check "--deterministic on $P ranks has the bits of chapter 5 with 8 threads" same w five
done
ranks 2 $tiny --steps 5 --deterministic --save w --log w.csv
ranks 4 --data data --steps 12 --deterministic --resume w --log w.csv
check 'and goes on with another number of ranks' same w five
ranks 2 $tiny --steps 5 --deterministic --shards 4 --save w --log w.csv
ranks 3 --data data --steps 12 --deterministic --resume w --log w.csv
ranks 1 $tiny --steps 12 --deterministic --shards 4 --save v --log v.csv
check 'with the shards of its checkpoint' same w v
ranks 2 $tiny --steps 5 --save w --log w.csv
ranks 3 --data data --steps 12 --resume w --log w.csv
check 'without --deterministic, to rounding' near "$(last_loss w.csv)"
if unshare -n true 2>/dev/null && unshare -n ip link set lo up 2>/dev/null; then
    cat >no_network <<'END'
#!/bin/sh
ip link set lo up && exec "$@"
END
    chmod +x no_network
    first='unshare -n ./no_network'
    ranks 2 $tiny --steps 12 --save w --log w.csv
    first=
    check 'without a network' exits 0
    check 'too' near "$(last_loss w.csv)"
else
    echo 'NOT RUN: without a network: this needs unshare -n'
fi

group 'other tasks'
accuracy=$(ranks 2 --data data --eval five; grep '^test accuracy' "$out")
./chapter5 --data data --eval five >"$out" 2>"$err"
check '--eval on two ranks is chapter 5.s' says "^$accuracy\$"
ranks 2 --help
check '--help once' [ "$(grep -c '^usage: ./chapter8' "$out")" -eq 1 ]
ranks 2 --describe Ti/16
check '--describe once' [ "$(grep -c 'every check holds' "$out")" -eq 1 ]
ranks 2 --image "$root/tests/reference/pictures/rgb.jpg" --eval five
check '--image' exits 0
ranks 2 --dump x
fails '--dump is refused' '--dump is for ./chapter5'

# ---- runs that are ended ---------------------------------------------------------------

# start P OPTIONS...: in the background, for long; each rank leaves its number.
cat >a_rank <<'END'
#!/bin/sh
echo $$ >"pid.${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}}"
exec ./chapter8 "$@"
END
chmod +x a_rank
start() {
    P=$1
    shift
    rm -f pid.*
    mpirun --oversubscribe -n "$P" ./a_rank "$@" >"$out" 2>"$err" &
    running=$!
}
pid() { cat "pid.$1"; }
until_log() { # until_log FILE LINES: it trains
    tries=0
    until [ "$(grep -c '' "$1" 2>/dev/null)" -ge "$2" ] 2>/dev/null || [ $tries -ge 1800 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
}
# Ranks are there still. (A process that has ended and isn't waited for has no command line.)
ranks_run() {
    for file in pid.*; do
        [ -z "$(tr -d '\0' 2>/dev/null <"/proc/$(cat "$file")/cmdline")" ] || return 0
    done
    return 1
}
# ended SECONDS: waits for mpirun, so long; sets status, 124 if it hung. Open MPI 4.1's mpirun
# itself can hang when a process dies within MPI_Init, though no rank is left: 125.
ended() {
    limit=$1
    tries=0
    while kill -0 "$running" 2>/dev/null && [ $tries -lt $((limit * 10)) ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    if kill -0 "$running" 2>/dev/null; then
        hung=124
        ranks_run || ! grep -q 'PMIX ERROR: UNREACHABLE' "$err" || hung=125
        for file in pid.*; do kill -9 "$(cat "$file")" 2>/dev/null; done
        kill -9 "$running"
        wait "$running" 2>/dev/null
        status=$hung
    else
        wait "$running" 2>/dev/null
        status=$?
    fi
    running=
}
long="$tiny --epochs 2000 --deterministic"
whole() { # the checkpoint that is there can be read
    ./chapter8 --data data --eval "$1" >"$scratch/whole" 2>&1 || {
        tail -n 1 "$scratch/whole"
        return 1
    }
}

group 'a rank that dies, hangs or fails'
begin_long() { # begin_long P OPTIONS...: until a checkpoint is there
    rm -f k k.csv
    number=$1
    shift
    start "$number" $long --save k --log k.csv "$@"
    until_log k.csv 60
}
for victim in 0 1 2; do
    begin_long 3
    kill -9 "$(pid $victim)"
    ended 30
    fails "rank $victim is killed" "rank $victim $host, in (step|the test after step) [0-9]+: its process has ended|rank $victim $host, while it was saved"
    check 'the checkpoint is whole' whole k
done
for victim in 0 1; do
    begin_long 2 --patience 2
    kill -STOP "$(pid $victim)"
    ended 30
    fails "rank $victim is stopped" "rank $victim $host, .*: nothing heard of it for [0-9]+ s"
    check 'the checkpoint is whole' whole k
done
${CC:-cc} -O1 -o hold "$root/tests/faults/hold_thread.c" 2>"$err"
for victim in 0 1; do
    begin_long 2 --patience 2
    ./hold "$(pid $victim)" 40 >held 2>&1 &
    holder=$!
    sleep 1
    if grep -q '^held' held; then
        ended 30
        fails "rank $victim computes without end" "rank $victim $host, .*: it has been there for [0-9]+ s"
        check 'the checkpoint is whole' whole k
    else
        echo 'NOT RUN: a rank that computes without end: ptrace is not permitted here'
        kill -9 "$(pid 0)"
        ended 30
    fi
    kill "$holder" 2>/dev/null
    wait "$holder" 2>/dev/null
done
cat >a_rank_with_a_small_disk <<'END'
#!/bin/sh
ulimit -f "$BLOCKS" && exec ./chapter8 "$@"
END
chmod +x a_rank_with_a_small_disk
rm -f k k.csv
BLOCKS=$(($(wc -c <five) / 1024))
export BLOCKS
limited mpirun --oversubscribe -n 2 ./a_rank_with_a_small_disk $long --save k --log k.csv
fails "rank 0's disk is full" "rank 0 $host, while it was saved after step 50: k: can.t be written"
check 'nothing half-written stays' [ ! -e k ]
mkdir -p photos/a photos/b
for i in 1 2 3 4 5 6 7 8; do
    cp "$root/tests/reference/pictures/orientation_$i.jpg" photos/a
done
for name in colour_420 colour_422 colour_444 progressive restarts rgb; do
    cp "$root/tests/reference/pictures/$name.jpg" photos/b
done
cp -R photos photos_of_1
cat >a_rank_of_its_own <<'END'
#!/bin/sh
[ "$OMPI_COMM_WORLD_RANK" != 1 ] || set -- "$@" --data photos_of_1
TMPDIR=/nowhere exec ./a_rank "$@" # no place for decoded pictures: they are read again
END
chmod +x a_rank_of_its_own
rm -f k k.csv pid.*
mpirun --oversubscribe -n 2 ./a_rank_of_its_own --data photos --size 16x16 --memory 0.001 --dim 16 \
    --depth 1 --heads 2 --mlp 16 --patch 8 --batch 4 --epochs 100000 --save k --log k.csv \
    >"$out" 2>"$err" &
running=$!
until_log k.csv 30
for file in photos_of_1/*/*; do echo broken >"$file"; done
ended 30
fails "rank 1's pictures break" "rank 1 $host, in .* [0-9]+: photos_of_1/"
ranks 2 $tiny --lr 1e6 --save k --log k.csv --epochs 30
fails 'a loss that is no number: said once' 'step [0-9]+: the loss is '

group signals
ranks 1 $tiny --epochs 400 --deterministic --save whole_run --log whole_run.csv
# goes_on WHAT STATUS: it stopped by itself, and what it says one has to type goes on to the
# same bits. mpirun's own status is 1 if it is it that was told to stop.
goes_on() {
    ended 30
    check "$1: status $2" exits "$2"
    check 'nothing of ours on stderr' eval '! grep -q "^chapter8: " "$err"'
    typed=$(sed -n 's/^    \(mpirun -n .*\)/\1/p' "$out")
    check 'it says what to type' eval 'echo "$typed" | grep -q "^mpirun -n 2 ./chapter8 --resume k "'
    limited sh -c "$(echo "$typed" | sed 's/^mpirun/mpirun --oversubscribe/')"
    check 'which goes on' exits 0
    check 'to the same bits' same k whole_run
}
signal_run() {
    rm -f k k.csv
    start 2 $tiny --epochs 400 --deterministic --save k --log k.csv
    until_log k.csv 60
}
signal_run
kill -INT "$(pid 1)"
goes_on 'SIGINT to rank 1' 130
signal_run
kill -TERM "$(pid 0)" "$(pid 1)"
goes_on 'SIGTERM to all ranks' 143
signal_run
kill -TERM "$running"
goes_on 'SIGTERM to mpirun' 1

group "$kills kills at random moments"
state=${SEED:-1}
random() { # random BELOW
    state=$(((state * 1103515245 + 12345) % 2147483648))
    drawn=$((state / 65536 % $1))
}
ranks 2 $tiny --epochs 60 --deterministic --save right --log right.csv
began=$(now)
ranks 2 $tiny --epochs 60 --deterministic --save again --log again.csv
took_ms=$(echo "$began $(now)" | awk '{ printf "%d", ($2 - $1) * 1000 }')
check 'two runs have the same bits' same right again
early=0
late=0
hangs=0
i=1
while [ "$i" -le "$kills" ]; do
    rm -f k k.csv k.lock
    random 3
    P=$((2 + drawn % 3))
    random $P
    victim=$drawn
    random $((took_ms > 0 ? took_ms : 1))
    start $P $tiny --epochs 60 --deterministic --save k --log k.csv
    sleep "$(echo $drawn | awk '{ print $1 / 1000 }')"
    moment="kill $i: rank $victim of $P after $drawn ms"
    if [ ! -s "pid.$victim" ] || ! kill -9 "$(pid $victim)" 2>/dev/null; then
        late=$((late + 1)) # it hadn't begun, or has ended
        ended 600
        check "$moment, which was too early or too late" exits 0
        continue
    else
        ended 30
        [ "$status" -ne 125 ] || hangs=$((hangs + 1))
        check "$moment: it ends in time" [ "$status" -ne 124 ]
        check "$moment: one line at most" [ "$(grep -c '^chapter8: ' "$err")" -le 1 ]
        check "$moment: of that rank" eval '! grep "^chapter8: " "$err" | grep -qv "rank $victim "'
        if [ -e k ]; then
            check "$moment: the checkpoint is whole" whole k
        else
            early=$((early + 1))
        fi
    fi
    random 3
    P=$((1 + drawn))
    if [ -e k ]; then
        ranks $P --data data --deterministic --resume k --log k.csv
    else
        ranks $P $tiny --epochs 60 --deterministic --save k --log k.csv
    fi
    check "$moment: it goes on, on $P ranks" exits 0
    check "$moment: to the same bits" same k right
    i=$((i + 1))
done
echo "$kills kills: $early before the first checkpoint; and $late runs that had ended before"
[ $hangs -eq 0 ] ||
    echo "$hangs times mpirun itself was left, without a rank, by a kill within MPI_Init"

cd "$root" || exit 1
verdict
