#!/bin/sh
# test_command_line.sh: chapter 5, chapter 1's ladder and chapter 6 on the emulator, as
# their users meet them: the options, what the program says and exits with, the files
# that it leaves. Run from the repository's root. No test needs the full data set, a
# GPU, or more than sh, dd, od, gzip and the like.
# shellcheck disable=SC2086,SC2059,SC2100 # lists of options are to be split
set -u
OMP_NUM_THREADS=2
export OMP_NUM_THREADS
# shellcheck source=tests/words.sh
. tests/words.sh
log=$scratch/log.csv
small="--dim 16 --depth 1 --heads 2 --mlp 32 --batch 32 --epochs 1 --threads 2"
small="$small --dropout 0.1 --shift 1"

# ---- words for tests ---------------------------------------------------------

# chapter5 OPTIONS...: the program, and what it says and exits with.
chapter5() {
    program=chapter5
    ./chapter5 "$@" >"$out" 2>"$err"
    status=$?
}

# chapter6 OPTIONS...: the same on the emulator, whether there is a GPU or not.
chapter6() {
    program=chapter6
    ./chapter6 --emulate "$@" >"$out" 2>"$err"
    status=$?
}

# chapter1_in FOLDER OPTIONS...: the same for chapter 1, which writes into plots/ of the
# folder that it runs in.
chapter1_in() {
    program=chapter1
    folder=$1
    shift
    chapter1=$root/chapter1
    (cd "$folder" && exec "$chapter1" "$@") >"$out" 2>"$err"
    status=$?
}

exited() {
    [ "$status" -eq "$1" ] || { echo "      exit status $status, want $1"; return 1; }
}

says() { # says PATTERN: on stdout
    grep -Eq -e "$1" "$out" || { echo "      nothing says $1"; return 1; }
}

says_not() {
    ! grep -Eq -e "$1" "$out"
}

last_line() { # last_line PATTERN
    tail -n 1 "$out" | grep -Eq -e "$1"
}

same() { # same FILE FILE: byte for byte
    cmp -s "$1" "$2" || { echo "      $1 and $2 differ"; return 1; }
}

differ() {
    ! cmp -s "$1" "$2"
}

not_there() {
    [ ! -e "$1" ]
}

# one_line STATUS PATTERN: what an error is: this exit status, and exactly one line on
# stderr, by the program's name, that fits the pattern.
one_line() {
    exited "$1" &&
        [ "$(wc -l <"$err")" -eq 1 ] && [ "$(grep -c '' "$err")" -eq 1 ] &&
        grep -Eq "^$program: ." "$err" && grep -Eq -e "$2" "$err"
}

# refuses STATUS PATTERN OPTIONS...: an error; and the checkpoint `kept`, where the run
# would have been saved, is as it was.
refuses() {
    wanted=$1
    pattern=$2
    shift 2
    chapter5 "$@"
    check "exit status $wanted, one line ($pattern): $*" one_line "$wanted" "$pattern"
    check "the checkpoint is untouched: $*" untouched
}

untouched() {
    same "$scratch/kept" "$scratch/good" && not_there "$scratch"/kept.*
}

# ---- data --------------------------------------------------------------------

images=images-idx3-ubyte
labels=labels-idx1-ubyte

# cut_images SET COUNT, cut_labels SET COUNT: the first COUNT of the sample (< 256).
cut_images() {
    printf '\000\000\010\003\000\000\000'
    printf "\\$(printf %o "$2")"
    printf '\000\000\000\034\000\000\000\034'
    gzip -dc "data/sample/$1-$images.gz" | tail -c +17 | head -c $(($2 * 784))
}

cut_labels() {
    printf '\000\000\010\001\000\000\000'
    printf "\\$(printf %o "$2")"
    gzip -dc "data/sample/$1-$labels.gz" | tail -c +9 | head -c "$2"
}

# new_data DIR: 96 and 40 images of 28x28, in plain files, as MNIST has them.
new_data() {
    rm -rf "$1"
    mkdir -p "$1" || exit 1
    cut_images train 96 >"$1/train-$images"
    cut_labels train 96 >"$1/train-$labels"
    cut_images t10k 40 >"$1/t10k-$images"
    cut_labels t10k 40 >"$1/t10k-$labels"
}

# poke FILE OFFSET BYTES: overwrite (printf's octal escapes); shorten FILE COUNT.
poke() {
    printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

shorten() {
    head -c "$2" "$1" >"$scratch/shorter" && mv "$scratch/shorter" "$1"
}

bytes_in() {
    wc -c <"$1" | tr -d ' '
}

# ---- a run -------------------------------------------------------------------

group 'a run on the sample'
data=$scratch/data
new_data "$data"
run="$small --log $log"
chapter5 --data data/sample $run --save "$scratch/sample"
check 'it exits with 0' exited 0
check 'and says nothing on stderr' [ ! -s "$err" ]
check 'its last line is the test accuracy' last_line '^test accuracy: 0\.[0-9]{4}$'
check 'all parameters are counted by formula' says '^PASS .*parameters, by the formula'
check 'the sample is called one' says 'SMALL SAMPLE'
check 'nothing failed' says_not '^FAIL'
tr -d '\r\033' <"$out" >"$scratch/plain"
check 'to a file, it writes plain lines' same "$out" "$scratch/plain"
check 'the epoch has a line' says 'epoch +1/1 +step +62/62 .* test 0\.[0-9]{4}$'
header='step,epoch,loss,accuracy,gradient_norm,lr,seconds'
check 'the log has a header' [ "$(head -n 1 "$log")" = "$header" ]
steps_in_log() { # steps_in_log N: 1 to N, a line each, seven numbers in every line
    awk -F, -v n="$1" 'NR > 1 && ($1 != NR - 1 || NF != 7) { bad = 1 }
                       END { exit bad || NR != n + 1 }' "$log"
}
check 'and a line for every step' steps_in_log 62
tail -n 1 "$out" >"$scratch/trained"
chapter5 --data data/sample --eval "$scratch/sample"
check 'testing the checkpoint exits with 0' exited 0
tail -n 1 "$out" >"$scratch/tested"
check 'and ends with the same line' same "$scratch/trained" "$scratch/tested"

group 'data in plain and in gzip files'
chapter5 --data "$data" $run --save "$scratch/good"
check 'plain files train' exited 0
check 'to a last line' last_line '^test accuracy: [01]\.[0-9]{4}$'
cp -R "$data" "$scratch/packed"
gzip "$scratch"/packed/*
chapter5 --data "$scratch/packed" $run --save "$scratch/from-gzip"
check 'gzip files train' exited 0
check 'to the same weights' same "$scratch/good" "$scratch/from-gzip"
cp "$scratch/good" "$scratch/kept"
chapter5 --data "$data" $run --seed 2 --save "$scratch/other-seed"
check 'another seed trains' exited 0
check 'to other weights' differ "$scratch/good" "$scratch/other-seed"

mkdir "$scratch/few"
cut_images train 9 >"$scratch/few/train-$images"
cut_labels train 9 >"$scratch/few/train-$labels"
cp "$data"/t10k-* "$scratch/few"
chapter5 --data "$data" --eval "$scratch/good"
tail -n 1 "$out" >"$scratch/tested"
chapter5 --data "$scratch/few" --eval "$scratch/good"
check 'testing needs no batch of training images' exited 0
tail -n 1 "$out" >"$scratch/tested-few"
check 'and none of their pixels' same "$scratch/tested" "$scratch/tested-few"

group 'the figures of a trained model'
mkdir "$scratch/figures" "$scratch/figures/plots"
# look_in FOLDER OPTIONS...: chapter 5 there; it writes into plots/ of that folder.
look_in() {
    program=chapter5
    folder=$1
    shift
    chapter5=$root/chapter5
    (cd "$folder" && exec "$chapter5" "$@") >"$out" 2>"$err"
    status=$?
}
look_in "$scratch/figures" --data "$data" --look "$scratch/good"
check 'looking exits with 0' exited 0
check 'and ends as testing does' says '^test accuracy: 0\.[0-9]{4}$'
check 'and trains nothing' says_not '^training:'
for name in patch_filters position_similarity attention_distance attention_rollout \
    attention_weights confusion_matrix learning_rates; do
    check "$name is written" [ -s "$scratch/figures/plots/$name.dat" ]
done
total=$(awk '!/^#/ { n += $3 } END { print n }' "$scratch/figures/plots/confusion_matrix.dat")
tested=$(sed -n 's/^[0-9]* of \([0-9]*\) test images.*/\1/p' "$out")
check 'every test image is in the confusion matrix' [ "$total" = "$tested" ]
# weights_say: of attention_weights.dat, which has "class" number layers heads on its first
# line: how many maps and matrices there are, how far a sum of weights is from 1 at most, and
# how far a matrix's row 0 is from its head's map.
weights_say() {
    awk 'BEGIN { RS = "\n\n\n"; FS = "\n" }
        function far(a, b) { return a > b ? a - b : b - a }
        function note(d) { if (d > worst) worst = d }
        NR == 1 { split($2, f, " "); n = split($2, f, " "); maps = f[n - 1] * f[n]; next }
        { split($1, head, " "); name = head[1] "." head[2] }
        NR <= maps + 1 {
            sum = head[3]
            for (i = 2; i <= NF; i++) { split($i, f, " "); sum += f[3]; map[name, i - 1] = f[3] }
            note(far(sum, 1))
            drawn++
            next
        }
        NF > 1 {
            for (r in row) delete row[r]
            for (i = 2; i <= NF; i++) {
                split($i, f, " ")
                row[f[1]] += f[3]
                if (f[1] == 0 && f[2] > 0) note(far(f[3], map[name, f[2]]))
            }
            for (r in row) note(far(row[r], 1))
            matrices++
        }
        END { print drawn == maps ? "all" : drawn, matrices, worst < 1e-4 ? "sum to 1" : worst }' \
        "$scratch/figures/plots/attention_weights.dat"
}
check 'every head has its map, two their matrix, and weights sum to 1' \
    [ "$(weights_say)" = 'all 2 sum to 1' ]
for other in '--positions none' '--positions 2d' '--positions sinusoidal' '--pool mean'; do
    # shellcheck disable=SC2086
    chapter5 --data "$data" $run $other --save "$scratch/other-model"
    look_in "$scratch/figures" --data "$data" --look "$scratch/other-model"
    check "a model with $other is looked at" exited 0
    check 'and what it lacks is left out' says '^Left out: position_similarity'
    check 'an older file of it is gone' [ ! -e "$scratch/figures/plots/position_similarity.dat" ]
done
rm -r "$scratch/figures/plots"
look_in "$scratch/figures" --data "$data" --look "$scratch/good"
check 'without a folder plots/ it says so' says 'Skipped: data for a plot'
check 'and that is no failure' exited 0

group 'what needs no data'
chapter5 --help
check 'help exits with 0' exited 0
check 'help tells of resuming' says '--resume FILE'
check 'help tells the exit statuses' says 'Exit status'
for model in Ti/16:5717416 S/16:22050664 B/16:86567656 B/32:88224232 L/16:304326632 \
    L/32:306535400 H/14:632045800; do
    chapter5 --describe "${model%:*}"
    check "${model%:*} is described" exited 0
    check "${model%:*} has ${model#*:} parameters" says "published ${model#*:}\$"
    check "${model%:*}: no check fails" says_not '^FAIL'
done
chapter5 --describe this --dim 32
check 'this model is described' exited 0
check 'with the given width' says 'D 32'
chapter5 --gradcheck
check 'the gradient check exits with 0' exited 0
check 'every tensor has its line' says '^PASS  blocks\.1\.attn\.qkv\.weight'
check 'none fails' says_not 'FAIL'

# ---- what is refused ---------------------------------------------------------

group 'wrong usage'
bad="--save $scratch/kept --log $log --data $data"
refuses 2 'unknown option "--bacth"' $bad --bacth 3
refuses 2 'unknown option "-x"' $bad -x
refuses 2 'unknown option "3"' $bad 3
refuses 2 '--data needs a value' --save "$scratch/kept" --data
refuses 2 '--batch needs a value' $bad --batch
refuses 2 '--batch .*"0"' $bad --batch 0
refuses 2 '--batch .*"-4"' $bad --batch -4
refuses 2 '--batch .*"many"' $bad --batch many
refuses 2 '--batch .*"8.5"' $bad --batch 8.5
refuses 2 '--lr .*"nan"' $bad --lr nan
refuses 2 '--lr .*"1e999"' $bad --lr 1e999
refuses 2 '--lr .*0' $bad --lr 0
refuses 2 '--dropout .*"1"' $bad --dropout 1
refuses 2 '--norm .*middle' $bad --norm middle
refuses 2 '--positions is 1d, none, 2d or sinusoidal' $bad --positions 3d
refuses 2 '--pool is class or mean' $bad --pool max
chapter6 --positions none
check 'chapter 6 says that it has no such positions' one_line 2 './chapter5 trains'
chapter6 --pool mean
check 'chapter 6 says that it has no such pooling' one_line 2 './chapter5 trains'
refuses 2 '--steps .*"0"' $bad --steps 0
refuses 2 '3 heads.*16' $bad --dim 16 --heads 3
refuses 2 '--eval and --resume' --eval "$scratch/kept" --resume "$scratch/kept"
refuses 2 '--look, and --eval' --eval "$scratch/kept" --look "$scratch/kept"
refuses 2 '--look needs a value' --look
refuses 2 'no model "B/17"' --describe B/17
check 'wrong usage prints nothing else' [ ! -s "$out" ]
refuses 2 'patch of 5.*28x28' $bad $small --patch 5
refuses 2 'batch of 97 .* 96' $bad $small --batch 97

group 'data that is missing or damaged'
refuses 1 "$scratch/nowhere: no such directory" --data "$scratch/nowhere" $small \
    --save "$scratch/kept" --log "$log"
# refuses_data PATTERN: with what is in $d now; afterwards $d is whole again.
d=$scratch/damaged
new_data "$d"
refuses_data() {
    refuses 1 "$1" --data "$d" $small --save "$scratch/kept" --log "$log"
    new_data "$d"
}
rm "$d/t10k-$labels"
refuses_data "$d: .*t10k-$labels"
shorten "$d/train-$images" 10
refuses_data "train-$images: truncated"
shorten "$d/train-$images" 60000
refuses_data "train-$images: truncated"
shorten "$d/train-$labels" 103
refuses_data "train-$labels: truncated"
printf x >>"$d/t10k-$images"
refuses_data "t10k-$images: too long"
poke "$d/train-$labels" 3 '\003'
refuses_data "train-$labels: wrong magic number 0x00000803"
ten_classes() { echo 'a b c d e f g h i j' | tr ' ' '\n' >"$d/classes.txt"; }
ten_classes
poke "$d/train-$labels" 20 '\012'
refuses_data 'classes.txt: it names 10 classes, but a training image has label 10'
ten_classes
poke "$d/t10k-$labels" 47 '\377'
refuses_data 'classes.txt: it names 10 classes, but a test image has label 255'
cut_labels train 95 >"$d/train-$labels"
refuses_data 'train.* 96 images but 95 labels'
cut_labels t10k 41 >"$d/t10k-$labels"
refuses_data 't10k.* 40 images but 41 labels'
poke "$d/train-$images" 4 '\000\000\000\000'
refuses_data "train-$images: dimension 0 is 0"
poke "$d/train-$images" 12 '\177\377\377\377'
refuses_data "train-$images: dimension 2 is 2147483647"
poke "$d/train-$images" 4 '\000\230\226\200\000\000\020\000\000\000\020\000'
refuses_data "train-$images: truncated"
poke "$d/t10k-$images" 4 '\000\000\000\050\000\000\000\070\000\000\000\016'
refuses_data '28x28.*56x14'
gzip "$d/train-$images"
poke "$d/train-$images.gz" $(($(bytes_in "$d/train-$images.gz") / 2)) '\377\000\377\000'
refuses_data "train-$images.gz: damaged"
gzip "$d/train-$images"
shorten "$d/train-$images.gz" $(($(bytes_in "$d/train-$images.gz") / 2))
refuses_data "train-$images.gz: damaged"
gzip "$d/train-$labels"
shorten "$d/train-$labels.gz" $(($(bytes_in "$d/train-$labels.gz") - 8))
refuses_data "train-$labels.gz: damaged"

group 'checkpoints that are missing or damaged'
# refuses_checkpoint PATTERN OPTIONS...: resuming `bad` fails and leaves it as it is.
bad=$scratch/bad
refuses_checkpoint() {
    pattern=$1
    shift
    cp "$bad" "$scratch/bad-before"
    chapter5 --resume "$bad" --data "$data" --log "$log" "$@"
    check "one line ($pattern) when resuming" one_line 1 "$pattern"
    check "and the file is as it was ($pattern)" same "$bad" "$scratch/bad-before"
    chapter5 --eval "$bad" --data "$data" "$@"
    check "one line ($pattern) when testing" one_line 1 "$pattern"
    cp "$scratch/good" "$bad"
}
chapter5 --resume "$scratch/nowhere" --data "$data" --log "$log"
check 'one line when there is none' one_line 1 "$scratch/nowhere: No such file"
whole=$(bytes_in "$scratch/good")
for length in 0 7 8 100 $((whole / 2)) $((whole - 1)); do
    head -c "$length" "$scratch/good" >"$bad"
    refuses_checkpoint 'truncated|wrong header length|damaged'
done
poke "$bad" 0 '\000\000\000\000\000\000\000\000'
refuses_checkpoint 'damaged header'
poke "$bad" 0 '\377\377\377\377\377\377\377\177'
refuses_checkpoint 'wrong header length'
header_bytes=$(od -An -t u4 -N 4 "$scratch/good" | tr -d ' ')
poke "$bad" 0 "\\$(printf %o $((header_bytes % 256 + 1)))"
refuses_checkpoint 'damaged'
poke "$bad" $((8 + header_bytes)) '\000\000\300\177'
refuses_checkpoint 'cls_token has NaN at \[0\]'
poke "$bad" $((whole - 4)) '\000\000\200\177'
refuses_checkpoint 'has infinity'
poke "$bad" 8 'x'
refuses_checkpoint 'damaged header'
refuses_checkpoint 'another shape: its dim is 16, not 32' --dim 32
refuses_checkpoint 'another shape: its depth is 1, not 2' --depth 2
chapter5 --resume "$bad" --data data/sample --log "$log"
check 'one line when the data are others' one_line 1 '96 images, here are 2000'
chapter5 --look "$scratch/nowhere" --data "$data"
check 'one line when there is none to look at' one_line 1 "$scratch/nowhere: No such file"
poke "$d/train-$images" 4 '\000\000\000\140\000\000\000\070\000\000\000\016'
poke "$d/t10k-$images" 4 '\000\000\000\050\000\000\000\070\000\000\000\016'
chapter5 --look "$scratch/good" --data "$d"
check 'one line when images have another size' one_line 1 'images of 28x28, .* are 56x14'
new_data "$d"

# ---- files that can't be written ---------------------------------------------

group 'files that cannot be written'
# As on a full disk: no file may grow beyond 16 blocks of 512 bytes. What is printed
# goes through a pipe, which has no such limit.
(
    ulimit -f 16
    trap '' XFSZ
    ./chapter5 --data "$data" $small --steps 1 --log "$log" --save "$scratch/kept" \
        2>"$err"
    echo $? >"$scratch/status"
) 2>/dev/null | cat >"$out"
status=$(cat "$scratch/status")
if [ "$status" -eq 0 ]; then
    echo 'skipped: this shell has no ulimit -f'
else
    check 'one line when the disk is full' one_line 1 "$scratch/kept: can't be written"
    check 'the checkpoint is untouched' untouched
fi
chapter5 --data "$data" $small --log "$log" --save "$scratch/no/where"
check 'one line when there is no such directory' one_line 1 "$scratch/no/where"
if [ -w /dev/full ]; then
    chapter5 --data "$data" $small --log /dev/full --save "$scratch/unlogged"
    check 'one line when the log is full' one_line 1 '/dev/full: '
fi

# ---- going on ----------------------------------------------------------------

group 'going on from a checkpoint'
run="$small --epochs 9 --data $data" # 3 steps an epoch
chapter5 $run --steps 12 --log "$log" --save "$scratch/whole"
check 'twelve steps in one go' exited 0
chapter5 $run --steps 7 --log "$log" --save "$scratch/parts"
check 'seven steps' exited 0
check 'have seven lines in the log' steps_in_log 7
chapter5 --resume "$scratch/parts" --data "$data" --steps 12 --log "$log"
check 'and five more' exited 0
check 'from where it was' says 'checkpoint: .*, after step 7$'
check 'give the same checkpoint, byte for byte' same "$scratch/whole" "$scratch/parts"
check 'and go on in the log' steps_in_log 12

group 'a run that is stopped'
# SIGTERM, as Ctrl-C's SIGINT is ignored by what a shell starts in the background; it is
# sent when the first epoch's checkpoint is there. More signals: test_files.sh.
./chapter5 $small --epochs 100000 --data "$data" --log "$log" \
    --save "$scratch/stopped" >"$out" 2>"$err" &
running=$!
tries=0
while [ ! -s "$scratch/stopped" ] && [ "$tries" -lt 200 ]; do
    sleep 0.1 2>/dev/null || sleep 1
    tries=$((tries + 1))
done
kill -TERM "$running"
wait "$running"
status=$?
running=
check 'the exit status is 143' exited 143
check 'nothing is said on stderr' [ ! -s "$err" ]
check 'it says how to go on' says "^ +\./chapter5 --resume $scratch/stopped"
step=$(sed -n 's/^stopped after step \([0-9]*\) of.*/\1/p' "$out")
check 'and after which step it stopped' [ "${step:-0}" -ge 3 ]
check 'the log is whole up to there' steps_in_log "${step:-0}"
more=$((${step:-0} + 4))
again=$(sed -n 's/^ *\.\/chapter5 \(--resume .*\)/\1/p' "$out")
chapter5 $again --steps "$more"
check 'its own words go on' exited 0
chapter5 $small --epochs 100000 --data "$data" --log "$scratch/unbroken.csv" \
    --steps "$more" --save "$scratch/unbroken"
check 'to the same bytes as an unbroken run' same "$scratch/stopped" "$scratch/unbroken"

# ---- chapter 1 ---------------------------------------------------------------

group "chapter 1's ladder"
mkdir "$scratch/without" "$scratch/with" "$scratch/with/plots"
chapter1_in "$scratch/with" --ladder 96
check 'it exits with 0' exited 0
check 'and says nothing on stderr' [ ! -s "$err" ]
for rung in '1 plain' '2 loop_order' '3 blocked' '4 packed' '5 matmul_nn' '6 matmul_nn'; do
    check "its table has $rung" says "^    $rung .* [0-9.]+%\$"
done
for rung in '2 loop_order' '3 blocked' '4 packed' '5 matmul_nn' '6 matmul_nn'; do
    check "$rung is compared" says "^PASS  $rung "
done
check 'nothing failed' says_not '^FAIL'
check 'it says how to draw the roofline' says '^ +gnuplot -c plots/roofline.gp'
points() { # points FILE N: N rungs, then the machine, as numbers above 0
    awk -v n="$2" '/^#/ { part++; next } NF == 0 { next }
                   !($1 > 0 && $2 > 0 && $3 > 0) { bad = 1 }
                   part == 1 { rungs++ } part == 2 { ways++ }
                   END { exit bad || (rungs != n && rungs != n - 1) || ways < 1 }' "$1"
}
check 'its data have 6 rungs' points "$scratch/with/plots/roofline.dat" 6
OMP_NUM_THREADS=1
chapter1_in "$scratch/without" --ladder 16
OMP_NUM_THREADS=2
check 'without plots/, on one thread, it exits with 0' exited 0
check 'every speed is a number' says_not '(inf|nan)( |%|$)'
check 'and it says that nothing was written' says '^Skipped: .*plots/roofline.dat'
check 'and nothing was' [ -z "$(ls -A "$scratch/without")" ]
for size in 0 -3 15 4097 99999 99999999999999999999 abc 96x 9.5 ''; do
    chapter1_in "$scratch/with" --ladder "$size"
    check "--ladder '$size' is refused" one_line 2 "from 16 to 4096, not \"$size\""
done
chapter1_in "$scratch/with" --ladder 96 97
check 'a second size is refused' one_line 2 'unknown argument "97"'
chapter1_in "$scratch/with" --lader
check 'a mistyped option is refused' one_line 2 'unknown argument "--lader"'
check 'what is refused prints nothing else' [ ! -s "$out" ]
chapter1_in "$scratch/with" --help
check 'help exits with 0' exited 0
check 'help tells of the ladder' says '--ladder \[N\]'

group 'chapters 2 to 4'
for n in 2 3 4; do
    program=chapter$n
    make -s CC="${CC:-cc}" ${BUILD:+BUILD="$BUILD"} "$program" >/dev/null || exit 1
    for words in '--dump' '--dump FILE --triple' '--dump FILE --double more'; do
        # shellcheck disable=SC2086 # words
        "./$program" $words >"$out" 2>"$err"
        status=$?
        check "$program $words is refused" one_line 2 'it is --dump FILE'
    done
    "./$program" --dmp >"$out" 2>"$err"
    status=$?
    check "$program: a mistyped option is refused" one_line 2 \
        "unknown argument \"--dmp\"; ./$program --help lists them"
    "./$program" --help >"$out" 2>"$err"
    status=$?
    check "$program: help exits with 0" exited 0
    check "$program: help has --dump" says '--dump FILE'
done

program=chapter3
./chapter3 --two-questions >"$out" 2>"$err"
status=$?
check 'two questions: exits with 0' exited 0
check 'two heads learn what one head cannot' says '^PASS  two heads: the loss is below 0.01'
check 'one head stays above its bound' says '^PASS  one head: above 5/16'
sed -n '/^\$losses <</,/^END_OF_LOSSES/p' plots/figures/03_two_questions.gp | sed '1d; $d' >"$scratch/drawn"
check 'the figure shows 12 losses' [ "$(wc -l <"$scratch/drawn")" -eq 12 ]
check 'the losses in the figure are these' \
    awk -v page=03_two_questions.gp -v command=--two-questions -f tests/same_output.awk "$out" "$scratch/drawn"
./chapter3 --two-questions 3 >"$out" 2>"$err"
status=$?
check 'two questions: a word behind it is refused' one_line 2 'unknown argument "3"'

group "chapter 6 on the emulator"
chapter6 --counts
if command -v g++ >/dev/null; then
    check 'the counts exit with 0' exited 0
    for rung in naive coalesced shared registers vectorised warp online one_pass separate \
        fused materialised; do
        check "$rung is counted" says "^  $rung +[0-9]+ k"
    done
    check 'naive loads 2 m n k times' says '^  naive +4194 k'
else
    check 'clang alone counts nothing, and says so' says '^not counted: .*g\+\+'
fi
chapter6 --check
check 'the check exits with 0' exited 0
check 'three models are compared' [ "$(grep -c '^PASS' "$out")" -ge 3 ]
check 'none differs' says_not '^FAIL'
chapter6 --help
check 'help exits with 0' exited 0
check 'help lists the products' says '--matmul NAME +naive coalesced shared registers vec'
check 'and the attentions' says '--attention NAME +materialised fused'
chapter6 --matmul fastest
check 'an unknown product is refused' one_line 2 "--matmul can't be \"fastest\""
chapter6 --emulate --matmul cublas --check
check 'what the emulator has not is refused, with or without nvcc' exited 2
chapter6 --attention
check 'a missing name is refused' one_line 2 "--attention can't be \"\""
chapter6 --bacth 3
check 'a mistyped option is refused' one_line 2 '--bacth'

# A program finds the others beside itself, from any folder, through PATH; or says which
# is missing.
beside=$root
mkdir "$scratch/alone"
cp ./chapter6 "$scratch/alone/chapter6"
(cd "$scratch/alone" && ./chapter6 --counts) >"$out" 2>"$err"
status=$?
check 'without its second program it says which is missing' one_line 1 \
    './chapter6_watched is missing: make chapter6'
(cd "$scratch/alone" && env PATH="$beside:$PATH" chapter6 --emulate --counts) >"$out" 2>"$err"
status=$?
check 'found beside the program, through PATH' says '^  naive +4194 k'
(cd "$scratch/alone" && "$beside/chapter6_on_cpu" --emulate --describe this) >"$out" 2>"$err"
status=$?
check 'the program for cuda_on_cpu takes the same words' exited 0

saved=$scratch/six.safetensors
tiny="--data data/sample --dim 16 --depth 1 --heads 2 --mlp 32 --patch 7 --batch 32"
tiny="$tiny --threads 2 --save $saved --log $log"
for choice in '--matmul naive --attention materialised' '--matmul shared'; do
    chapter6 $tiny --epochs 1 --steps 2 $choice
    check "$choice trains" exited 0
done
chapter6 $tiny --epochs 1 --steps 8
check 'a small model trains' exited 0
check 'it says what played the GPU' says '^device: .*cuda_on_cpu|cuda_on_cpu runs the'
cp "$saved" "$scratch/before.safetensors"
chapter5 --data data/sample --eval "$saved"
check 'chapter 5 can read what chapter 6 saved' exited 0

# CUDA_ON_CPU_FAIL: this call of this function fails so. An error over 600 is a device
# that is lost.
for failure in 'cudaMemcpyAsync 60 719' 'launch 700 700' 'cudaStreamSynchronize 9 999' \
    'cudaEventSynchronize 3 719'; do
    CUDA_ON_CPU_FAIL=$failure
    export CUDA_ON_CPU_FAIL
    chapter6 --data data/sample --resume "$saved" --log "$log"
    unset CUDA_ON_CPU_FAIL
    check "$failure: it exits with 1" exited 1
    check "$failure: one line" [ "$(wc -l <"$err")" -eq 1 ]
    check "$failure: which call, where, what to do" \
        grep -Eq "^chapter6: .*failed \(gpu.*[0-9]\): cudaError.*--resume" "$err"
    check "$failure: the checkpoint is whole" cmp -s "$saved" "$scratch/before.safetensors"
done
CUDA_ON_CPU_MEMORY=90000000
export CUDA_ON_CPU_MEMORY
chapter6 $tiny --epochs 1 --batch 2000
unset CUDA_ON_CPU_MEMORY
check 'too large a batch is told the one that fits' \
    one_line 1 'a batch of 2000 images.*the largest that fits is --batch [0-9]+'
CUDA_ON_CPU_DRIVER=12040
export CUDA_ON_CPU_DRIVER
chapter6 $tiny --epochs 1
unset CUDA_ON_CPU_DRIVER
check 'an old driver is told what to install' one_line 1 'knows CUDA 12.4.*newer NVIDIA dri'

verdict
