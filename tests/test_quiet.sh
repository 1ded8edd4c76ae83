#!/bin/sh
# test_quiet.sh: no program of the course says a wrong thing quietly. What can't
# be, or contradicts itself, is refused in one line before anything is printed; what one
# may not expect has a line; status 0 is only for output and files that were written
# whole. Run in the repository's root, where the chapters are built.
# shellcheck disable=SC2031,SC2059,SC2086 # lists of options are to be split
set -u
# shellcheck source=tests/words.sh
. tests/words.sh
OMP_NUM_THREADS=2
export OMP_NUM_THREADS

# shellcheck source=tests/programs.sh
. tests/programs.sh
notes() { # notes PATTERN PROGRAM OPTIONS...: it runs, and says so
    pattern=$1
    shift
    run "$@"
    check "runs: $*" exits 0
    check "and says $pattern" says "^note: .*$pattern"
}
same() { cmp -s "$1" "$2"; }
is_not_there() { [ ! -e "$1" ]; }

# ---- data: 64 and 40 images of the sample; and the same with one other pixel ---------

head_of() { printf "\\000\\000\\010\\00$1\\000\\000\\000\\$(printf %o "$2")"; }
unpacked() { gzip -dc "$root/data/sample/$1.gz" | tail -c +"$2" | head -c "$3"; }
data=$scratch/data
mkdir "$data" "$scratch/plots"
for set in train:64 t10k:40; do
    n=${set#*:}
    images=${set%:*}-images-idx3-ubyte
    labels=${set%:*}-labels-idx1-ubyte
    { head_of 3 "$n"; printf '\000\000\000\034\000\000\000\034'; unpacked "$images" 17 $((n * 784)); } >"$data/$images"
    { head_of 1 "$n"; unpacked "$labels" 9 "$n"; } >"$data/$labels"
done
cp -R "$data" "$scratch/other"
printf '\377' | dd of="$scratch/other/train-images-idx3-ubyte" bs=1 seek=5000 conv=notrunc 2>/dev/null

model="--dim 8 --depth 1 --heads 1 --mlp 8 --patch 14 --threads 1"
tiny="--data $data $model --batch 16 --epochs 3" # 4 steps an epoch
train="chapter5 $tiny --save m --log m.csv"
run $train --steps 6
check 'six steps of twelve' exits 0
cp "$scratch/m" "$scratch/kept"
cp "$scratch/m.csv" "$scratch/kept.csv"
again() { # the checkpoint after six steps, and its log
    cp "$scratch/kept" "$scratch/m"
    cp "$scratch/kept.csv" "$scratch/m.csv"
}
resume="chapter5 --resume m --data $data --log m.csv"

# ---- going on --------------------------------------------------------------------------

refuses 2 'm counts steps of 16 images.*--batch 8' $resume --batch 8
refuses 2 '--epochs 1 are 4 steps: m has 6' $resume --epochs 1
refuses 2 '--steps 5: m has 6' $resume --steps 5
refuses 1 'other images' chapter5 --resume m --data other --log m.csv
refuses 2 'both the checkpoint and the log' chapter5 --resume m --data "$data" --log ./m
cp "$scratch/kept" "$scratch/m.txt"
refuses 1 'no log of' chapter5 --resume m --data "$data" --log m.txt
check 'and such a file stays as it is' same "$scratch/m.txt" "$scratch/kept"
run chapter5 $tiny --save m2 --log m2.csv --steps 6 --seed 2
refuses 1 "another run's log: its loss of step 6" chapter5 --resume m --data "$data" --log m2.csv
run chapter5 $tiny --save m2 --log m2.csv --steps 5 --lr 0.5
refuses 1 "another run's log: its rate of step 5" chapter5 --resume m --data "$data" --log m2.csv
check 'the checkpoint is as it was' same "$scratch/m" "$scratch/kept"
check 'and so is the log' same "$scratch/m.csv" "$scratch/kept.csv"
notes 'nothing is left to train' $resume --steps 6
check 'then nothing is written' same "$scratch/m" "$scratch/kept"
refuses 2 'nothing to train, and to --save' $resume --steps 6 --save n
notes 'lr is 0\.03 from here on, it was 0\.003' $resume --steps 7 --lr 0.03
check 'and the rate' says '^note: the rate of the next step is'
again
notes 'seed is 9 from here on, it was 1' $resume --steps 7 --seed 9
again
notes 'epochs is 20 from here on, it was 3' $resume --steps 7 --epochs 20 --shift 1
again
notes 'no lines in new.csv yet: they begin with step 7' chapter5 --resume m --data "$data" --log new.csv --steps 7
again
head -n 4 "$scratch/kept.csv" >"$scratch/m.csv"
notes 'ends with step 3: the lines up to 6 are missing' $resume --steps 7
again
run $resume
check 'without new settings' exits 0
if says '^note: '; then status='a note'; else status=none; fi
check 'there is no note' [ "$status" = none ]
notes 'm has step 12 of 12 behind it: nothing is left' $resume
notes 'm has step 12 of 12 behind it' chapter6 --emulate --resume m --data "$data" --log m.csv

# A checkpoint that has no checksum and no loss yet: their names are others in its header.
renamed() { # renamed SED-SCRIPT: `kept` with another header of the same length
    # shellcheck disable=SC2046 # four numbers
    set -- "$1" $(od -An -t u1 -N 4 "$scratch/kept")
    length=$(($2 + 256 * ($3 + 256 * ($4 + 256 * $5))))
    header=$(tail -c +9 "$scratch/kept" | head -c "$length" | sed "$1")
    head -c 8 "$scratch/kept"
    printf %s "$header"
    tail -c +$((9 + length)) "$scratch/kept"
}
again
renamed 's/"data_crc32":/"data_crc99":/; s/"last_loss":/"lost_loss":/' >"$scratch/m"
run $resume --steps 7
check "an older version's checkpoint goes on" exits 0
check "what isn't known has a note" says '^note: m has ".*", which this program doesn.t know'
again
renamed 's/"data_crc32":/"data_crc99":/' >"$scratch/m"
refuses 1 'other images' chapter5 --resume m --data other --log m.csv
again
# Whether images are mirrored follows classes.txt where nothing is said: the run keeps it.
cp -R "$data" "$scratch/named"
cp data/sample/classes.txt "$scratch/named"
run chapter5 --data named $model --batch 16 --epochs 3 --save f --log f.csv
run chapter5 --data named $model --batch 16 --epochs 3 --save f2 --log f2.csv --steps 5
run chapter5 --data "$data" --resume f2 --log f2.csv
check 'a run goes on without classes.txt' same "$scratch/f" "$scratch/f2"

# ---- what a run can't be, or does unexpectedly ------------------------------------------

refuses 2 'a run of one step would learn nothing' $train --epochs 1 --batch 64
refuses 2 '--shift 28 .* at most 27' $train --shift 28
refuses 2 '--smoothing can.t be 1' $train --smoothing 1
refuses 2 '--lr can.t be 0' $train --lr 0
refuses 2 'a batch of 65 images is more than the 64' $train --batch 65
refuses 2 'patch of 5' $train --patch 5
notes "warm-up of 50 steps doesn't end in a run of 12" $train --warmup 50 --steps 1
notes "noam's highest rate is 0\.25, of step 2" $train --schedule noam --lr 1 --warmup 2 --steps 1
notes '--steps 99 doesn.t make it longer' $train --steps 99
notes 'a patch of 28 is the whole image' $train --patch 28 --steps 1
notes '24 of 64 images fill no batch of 40' $train --batch 40 --steps 1
notes '--shift 20 leaves little' $train --shift 20 --steps 1
notes 'dropout 0\.999 leaves 0\.1%' $train --dropout 0.999 --steps 1
notes 'label smoothing 0\.99 leaves 1% of a label' $train --smoothing 0.99 --steps 1
check 'once' [ "$(grep -c '^note: .*smoothing' "$out")" -eq 1 ]
notes 'rate times weight decay is 2' $train --lr 4 --weight-decay 0.5 --steps 1
notes 'a rate of 1e-12 is too small' $train --lr 1e-12 --steps 1
notes '--clip 1e-07 makes gradients as small' $train --clip 1e-7 --steps 1
notes '--seed is given more than once' $train --seed 1 --seed 2 --steps 1
notes 'a token of one element' $train --dim 1 --steps 1
cp -R "$data" "$scratch/dull"
{ head_of 1 64; head -c 64 /dev/zero; } >"$scratch/dull/train-labels-idx1-ubyte"
notes 'all training images are of class 0' chapter5 --data dull $model --save m --log m.csv --steps 1
check 'once' [ "$(grep -c '^note: all' "$out")" -eq 1 ]
unpacked train-images-idx3-ubyte 17 784 >"$scratch/one"
for twice in 2 4 8 16 32 64; do
    cat "$scratch/one" "$scratch/one" >"$scratch/$twice" && mv "$scratch/$twice" "$scratch/one"
done
{ head_of 3 64; printf '\000\000\000\034\000\000\000\034'; cat "$scratch/one"; } >"$scratch/dull/train-images-idx3-ubyte"
notes 'all training images are the same' chapter5 --data dull $model --save m --log m.csv --steps 1
{ head_of 3 64; printf '\000\000\000\034\000\000\000\034'; head -c 50176 /dev/zero; } >"$scratch/dull/train-images-idx3-ubyte"
notes 'all pixels of the training images are the same' chapter5 --data dull $model --save m --log m.csv --steps 1
check 'and of the images no more' [ "$(grep -c '^note: all' "$out")" -eq 2 ]
run $train --steps 6
check 'a plain run is what it was' same "$scratch/m" "$scratch/kept"

# The words that go on are a shell's; the second Ctrl-C would end it at once.
mkdir "$scratch/it's a folder"
(cd "$scratch" && exec "$root/chapter6" --emulate --attention materialised $tiny --epochs 100000 \
    --save "it's a folder/m" --log z.csv --steps 99999) >"$out" 2>"$err" &
child=$!
tries=0
while [ ! -s "$scratch/it's a folder/m" ] && [ "$tries" -lt 100 ]; do
    sleep 0.1 2>/dev/null || sleep 1
    tries=$((tries + 1))
done
kill -TERM "$child"
wait "$child"
status=$?
check 'a stopped run' exits 143
again=$(sed -n 's/^ *\.\/chapter6 \(--resume .*\)/\1/p' "$out")
check 'goes on with its kernels, to its last step' says " --steps 99999 --emulate --attention materialised\$"
(cd "$scratch" && eval "exec \"$root/chapter6\" $again --steps 1") >"$out" 2>"$err"
status=$?
program=chapter6
check 'and its words are understood' one_line 2 "it's a folder/m has"

# ---- what would be ignored ---------------------------------------------------------------

for option in '--lr 0.1' '--epochs 2' '--save x' '--log x.csv' '--steps 3' '--shift 1'; do
    refuses 2 "--eval has no use for ${option%% *}" chapter5 --eval m --data "$data" $option
done
refuses 2 '--gradcheck has no use for --dim' chapter5 --gradcheck --dim 8
refuses 2 '--describe of a known model has no use for --dim' chapter5 --describe B/16 --dim 8
refuses 2 '--dump has no use for --depth' chapter5 --dump d --depth 3
refuses 2 '--dump and --gradcheck: one or the other' chapter5 --dump d --gradcheck
refuses 2 '--check and --look: one or the other' chapter6 --check --look m
refuses 2 '--brief is for --gradcheck' chapter5 --brief
refuses 2 '--brief is for ./chapter5 --gradcheck' chapter6 --gradcheck --brief
refuses 2 '--resume and --describe' chapter5 --resume m --describe B/16
refuses 2 '--check and --counts' chapter6 --emulate --check --counts
refuses 2 '--check has no use for --dim' chapter6 --emulate --check --dim 8
refuses 2 '--csv is for' chapter6 --emulate --csv x
refuses 2 '--counts takes every rung' chapter6 --counts --matmul naive
refuses 2 '--bench this has no use for --epochs' chapter6 --emulate --bench this --epochs 3
refuses 2 '--bench of a known model has no use for --dim' chapter6 --emulate --bench S/4 --dim 8
refuses 2 '--describe has no use for --matmul' chapter6 --describe B/16 --matmul naive
refuses 2 '--describe has no use for --attention' chapter6 --describe this --attention fused
run chapter6 --emulate --bench this $model --batch 2 --steps 1 --csv x --csv b.csv
check 'a second --csv' says '^note: --csv is given more than once'
run chapter6 --emulate --bench this $model --batch 2 --steps 1 --csv b.csv
check 'and --bench adds a line to it' [ "$(grep -c '^this,5,2,' "$scratch/b.csv")" -eq 2 ]
words=$(i=0; while [ $i -lt 130 ]; do printf -- '--seed 1 '; i=$((i + 1)); done)
refuses 2 'unknown option "--bogus"' chapter6 --emulate $words --bogus
refuses 2 'no model "B/17"' chapter6 --emulate --bench B/17
refuses 2 '64 heads don.t divide the width of 32' chapter6 --emulate --heads 64
refuses 2 '--norm is given twice' chapter4 --norm pre --norm post
run chapter6 --describe S/16
check 'chapter 6 describes models too' says 'published 22050664'

# A word that was forgotten: the next option is no name of a file.
refuses 2 '--save needs a value, not an option' chapter5 --save --gradcheck
refuses 2 '--log needs a value, not an option' chapter5 --log --steps
refuses 2 '--csv wants a value, not the option --emulate' chapter6 --times --csv --emulate
for n in 2 3 4; do
    refuses 2 'it is --dump FILE' chapter$n --dump --double
done
(cd "$root" && exec ./chapter5 --eval "$scratch/kept" --data ./data/sample/) >"$out" 2>"$err"
status=$?
check 'the sample by another name is the sample' says 'THIS IS THE SMALL SAMPLE'

# ---- numbers are read whole ---------------------------------------------------------------

for number in 1,5 1e 0x10 inf nan 1e400 12abc ' 12' '12 ' '٣' '' 1.5.2 --1; do
    refuses 2 'can.t be' $train --weight-decay "$number"
    refuses 2 'can.t be' $train --seed "$number"
    refuses 2 'can.t be' $train --steps "$number"
    refuses 2 'takes a size' chapter1 --ladder "$number"
done
refuses 2 '--steps can.t be' $train --steps 99999999999999999999
refuses 2 '--seed can.t be' $train --seed 18446744073709551616
"$root/chapter2" --dump "$scratch/dump" >"$out" 2>"$err"
for number in 1,5 1e 0x1p-3 inf nan '1e-5 ' ''; do
    "$compare" "$scratch/dump" "$scratch/dump" "$number" >"$out" 2>"$err"
    status=$?
    check "compare's tolerance is not \"$number\"" exits 2
done
for variable in CUDA_ON_CPU_ORDERS=yes CUDA_ON_CPU_MEMORY=1e9 CUDA_ON_CPU_MEMORY= 'CUDA_ON_CPU_FAIL=launch 3' \
    'CUDA_ON_CPU_FAIL=launch 3 700 x'; do
    (cd "$root" && env "$variable" ./chapter6 --emulate --check) >"$out" 2>"$err"
    status=$?
    check "$variable is refused" exits 2
done

# ---- said first, and alone ------------------------------------------------------------------

refuses 1 '/none: no such directory' chapter5 --data /none
refuses 1 'nowhere: No such file' chapter5 --resume nowhere --data "$data"
refuses 1 'nowhere: No such file' chapter5 --look nowhere --data "$data"
refuses 1 'no/m: ' chapter5 $tiny --save no/m
refuses 1 'no/m.csv: ' chapter5 $tiny --log no/m.csv
refuses 1 'data: can.t be written' chapter5 $tiny --log data
refuses 2 'classes.txt: can.t be written: it is one of the data' chapter5 $tiny --save data/classes.txt
refuses 2 '\.gz: can.t be written: it is one of the data' chapter5 $tiny --log data/train-labels-idx1-ubyte.gz
sed 's/\./,/g' "$scratch/kept.csv" >"$scratch/commas.csv"
refuses 1 'commas.csv: damaged: after step 0' chapter5 --resume kept --data "$data" --log commas.csv
refuses 1 'new/: can.t be written' chapter5 $tiny --log new/
refuses 2 'both the checkpoint and the log' chapter5 $tiny --save x --log "$scratch/x"
refuses 1 'no/d: ' chapter6 --emulate --dump no/d
refuses 1 'no/t: can.t be written' chapter6 --emulate --times --csv no/t
refuses 1 'kept: .*no file of --times' chapter6 --emulate --times --csv kept
refuses 1 'kept.csv: .*no file of --bench' chapter6 --emulate --bench this --csv kept.csv
refuses 1 'm: .*another kind, no "vit-course dump 2"' chapter5 --dump m
refuses 1 'm: .*another kind, no "vit-course dump 2"' chapter2 --dump m
refuses 1 'm: .*another kind, no "vit-course dump 2"' chapter6 --emulate --dump m
refuses 1 'dump: .*another kind, no "vit-course 1"' chapter5 $tiny --save dump
printf '\002\000\000\000\000\000\000\000{}' >"$scratch/silent" # it has no format: whose is it?
refuses 1 'silent: .*another kind, no "vit-course 1"' chapter5 $tiny --save silent
refuses 1 'silent: .*another kind, no "vit-course dump 2"' chapter5 --dump silent
refuses 2 'a head of 256 columns' chapter6 --emulate $tiny --dim 256 --heads 1
refuses 2 'a head of 192 columns' chapter6 --emulate --dim 384
refuses 2 'patch of 5' chapter6 --emulate $tiny --patch 5
refuses 1 'no such directory' chapter6 --emulate --data /none
refuses 2 '--attention can.t be "fussed"' chapter6 --emulate --attention fussed
if [ -d /proc/self ]; then # which root may write, but where no file can be made
    refuses 1 '/proc/m: can.t be written' chapter5 $tiny --save /proc/m
    refuses 1 '/proc/m.csv: can.t be written' chapter5 $tiny --log /proc/m.csv
    refuses 1 '/proc/t: can.t be written' chapter6 --emulate --times --csv /proc/t
    refuses 1 '/proc/self/mem: can.t be read' chapter5 --resume kept --data "$data" --log /proc/self/mem
fi
head -c 5000 "$scratch/kept" >"$scratch/half"
refuses 1 'half: ' chapter5 --eval half --data "$data"
mkdir "$scratch/odd"
cp "$data"/* "$scratch/odd"
mkdir "$scratch/odd/classes.txt"
refuses 1 'odd/classes.txt: ' chapter5 --data odd $model
mkdir -p "$scratch/lost/data/fashion-mnist" "$scratch/lost/data/sample"
cp "$data"/* "$scratch/lost/data/sample"
cp "$data/t10k-labels-idx1-ubyte" "$scratch/lost/data/fashion-mnist"
(cd "$scratch/lost" && exec "$root/chapter5") >"$out" 2>"$err"
status=$?
check 'data that lack files are not replaced by the sample' one_line 1 \
    'data/fashion-mnist: no file train-images'

# ---- paths and names of any length --------------------------------------------------------------

long=$(i=0; while [ $i -lt 20 ]; do printf 0123456789; i=$((i + 1)); done)
mkdir -p "$scratch/$long/$long/$long"
cp -R "$data" "$scratch/$long/$long/$long/data"
run chapter5 --eval kept --data "$long/$long/$long/data"
check 'data in a folder with a long name' exits 0
refuses 1 '\.\.\..*no such directory' chapter5 --eval kept --data "$long/$long/$long/none"
cp "$root/chapter5_double" "$scratch"
cp "$root/chapter5" "$scratch/$(echo "$long" | head -c 120)"
(cd "$scratch" && exec "./$(echo "$long" | head -c 120)" $tiny --steps 1) >"$out" 2>"$err"
status=$?
check "a program's long name" exits 0
check 'is whole in its files' [ -s "$scratch/$(echo "$long" | head -c 120).safetensors" ]

# ---- what another program does for it ---------------------------------------------------------------

mkdir "$scratch/bin" "$scratch/alone"
ln -s "$root/chapter2" "$root/chapter5" "$scratch/bin"
for words in 'chapter2 --gradcheck' 'chapter2 --dump d --double' 'chapter5 --gradcheck'; do
    program=${words%% *}
    (cd "$scratch" && PATH=$scratch/bin:$PATH && exec $words) >"$out" 2>"$err"
    status=$?
    check "by PATH and a link: $words" exits 0
    cp "$root/$program" "$scratch/alone"
    (cd "$scratch" && exec alone/$words) >"$out" 2>"$err"
    status=$?
    check "without the program in double: $words" one_line 1 "/alone/${program}_double is missing: make $program\$"
done
(cd "$scratch" && exec alone/chapter5 $tiny --steps 1 --save untouched) >"$out" 2>"$err"
status=$?
: >"$out"
check 'no training without it' one_line 1 '/alone/chapter5_double is missing: make chapter5$'
check 'and nothing is left' is_not_there "$scratch/untouched"
run chapter5_double --gradcheck --brief
check 'the program in double checks by itself' says '^PASS  gradients of all 32 tensors'

# ---- a status of 0 is for what was written ---------------------------------------------------------

for words in 'chapter5 --help' 'chapter5 --describe this' 'chapter5 --dump d' \
    "chapter5 --eval kept --data $data" 'chapter6 --help' 'chapter6 --emulate --check' \
    'chapter1 --help' 'chapter2 --help' 'chapter2 --dump d' 'chapter3 --dump d' \
    'chapter4 --dump d'; do
    program=${words%% *}
    (cd "$scratch" && exec "$root"/$words >&-) >"$out" 2>"$err"
    status=$?
    check "closed: $words" one_line 1 'output is closed'
    [ -w /dev/full ] || continue
    (cd "$scratch" && exec "$root"/$words) >/dev/full 2>"$err"
    status=$?
    : >"$out"
    check "full: $words" one_line 1 "output can't be written: No space"
done
for program in chapter1 chapter4; do
    (ulimit -f 1 && cd "$scratch" && exec "$root/$program") >"$scratch/limited" 2>"$err"
    status=$?
    : >"$out"
    check "beyond ulimit -f: $program" one_line 1 "output can't be written: File too large"
done
refuses 2 'unknown argument "--help"' chapter4 --help x
if [ -w /dev/full ]; then
    "$compare" "$scratch/dump" "$scratch/dump" >/dev/full 2>"$err"
    status=$?
    check 'full: compare' exits 2
    (cd "$scratch" && exec "$root/chapter5" $tiny --steps 1 --save full --log full.csv) >/dev/full 2>"$err"
    status=$?
    check 'full: a run' exits 1
    check 'and its checkpoint is there' [ -s "$scratch/full" ]
    ln -s /dev/full "$scratch/plots/confusion_matrix.dat"
    run chapter5 --look kept --data "$data"
    check '--look to a full disk' exits 1
    check 'says which file' says '^FAIL.*confusion_matrix.dat: can.t be written'
    rm -f "$scratch/plots/confusion_matrix.dat"
fi
rm -f "$scratch/plots"/*
echo older >"$scratch/plots/patch_filters.dat"
{ (ulimit -f 1 && cd "$scratch" && exec "$root/chapter5" --look kept --data "$data") 2>"$err"; } | cat >"$out"
check "a figure that grows too large fails" says '^FAIL.*patch_filters.dat: .*was there before is as it was'
check 'and it is' [ "$(cat "$scratch/plots/patch_filters.dat")" = older ]
rm -f "$scratch/plots"/*
mkdir "$scratch/plots/patch_filters.dat"
run chapter5 --look kept --data "$data"
check '--look where a figure can not be written' exits 1
rmdir "$scratch/plots/patch_filters.dat"
run chapter5 --look kept --data "$data"
check '--look elsewhere' exits 0
rm -f "$scratch/plots"/*
(cd "$scratch" && exec "$root/chapter2") >"$out" 2>"$err" &
child=$!
tries=0
while ! ls "$scratch"/plots/attention_cost.dat.*.tmp >/dev/null 2>&1 && [ "$tries" -lt 1000 ]; do
    sleep 0.01 2>/dev/null || sleep 1
    tries=$((tries + 1))
done
kill -TERM "$child"
wait "$child" 2>/dev/null
status=$?
check 'a lesson that is ended' exits 143
check 'leaves no half figure' is_not_there "$scratch"/plots/*.tmp

# ---- colours are for terminals -----------------------------------------------------------

on_terminal() { # on_terminal VARIABLE=VALUE: what ./chapter1 --gradcheck shows there
    env TERM=xterm "$1" script -qec "$root/chapter1 --gradcheck" "$scratch/typescript" \
        </dev/null >"$out" 2>"$err"
}
green=$(printf '\033[32mPASS\033')
if script -qec true "$scratch/typescript" </dev/null >"$out" 2>&1; then
    on_terminal X=
    check "PASS is green on a terminal" grep -qF "$green" "$out"
    on_terminal NO_COLOR=1
    check "it isn't with NO_COLOR" grep -q '^PASS' "$out"
    run chapter1 --gradcheck
    check "nor in a pipe" says '^PASS'
else
    echo "NOT RUN: colours on a terminal: there is no script(1) of util-linux"
fi

verdict
