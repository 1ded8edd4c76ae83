#!/bin/sh
# test_numbers.sh: chapters 5 and 6 with weights whose logits are no finite numbers: such
# images belong to no class, no figure is drawn of them, and the last good checkpoint
# stays. Run from the repository's root.
# shellcheck disable=SC2086,SC2059 # lists of options are to be split; bytes are formats
set -u
OMP_NUM_THREADS=2
export OMP_NUM_THREADS

# shellcheck source=tests/words.sh
. tests/words.sh

# chapter N OPTIONS...: the program, in a folder with plots/; what it says and exits with.
chapter() {
    n=$1
    shift
    emulate=
    [ "$n" -eq 5 ] || emulate=--emulate
    (cd "$scratch" && exec "$root/chapter$n" $emulate "$@") >"$scratch/out" 2>"$scratch/err"
    status=$?
}

# one_line PATTERN: exit status 1, one line on stderr, and no accuracy on stdout.
one_line() {
    [ "$status" -eq 1 ] && [ "$(grep -c '' "$scratch/err")" -eq 1 ] &&
        grep -Eq "^chapter$n: .*$1" "$scratch/err" && ! grep -q '^test acc' "$scratch/out"
}

# first COUNT FILE BYTES_EACH HEADER: the sample's first images or labels.
first() {
    printf "$4"
    gzip -dc "data/sample/$2.gz" | tail -c +$((${#4} / 4 + 1)) | head -c $(($1 * $3))
}
mkdir "$scratch/plots" "$scratch/data"
for set in train:64:100 t10k:24:030; do
    count=${set#*:}
    octal=${count#*:}
    count=${count%:*}
    name=${set%%:*}
    size="\\000\\000\\000\\$octal"
    first "$count" "$name-images-idx3-ubyte" 784 \
        "\\000\\000\\010\\003$size\\000\\000\\000\\034\\000\\000\\000\\034" \
        >"$scratch/data/$name-images-idx3-ubyte"
    first "$count" "$name-labels-idx1-ubyte" 1 "\\000\\000\\010\\001$size" \
        >"$scratch/data/$name-labels-idx1-ubyte"
done

# every_weight FILE TENSOR BYTES: all of its numbers become this one (printf's octal).
every_weight() {
    header=$(od -An -t u4 -N 4 "$1" | tr -d ' ')
    at=$(head -c $((8 + header)) "$1" | tail -c "$header" | sed \
        "s/.*\"$2\":{[^}]*\"data_offsets\":\[\([0-9]*\),\([0-9]*\)\].*/\1 \2/")
    end=${at#* }
    at=${at% *}
    number=0
    while [ $((at + 4 * number)) -lt "$end" ]; do
        printf "$3"
        number=$((number + 1))
    done | dd of="$1" bs=1 seek=$((8 + header + at)) conv=notrunc 2>/dev/null
}

# other_text FILE BEFORE AFTER: the first such bytes of its header become as many others.
other_text() {
    header=$(od -An -t u4 -N 4 "$1" | tr -d ' ')
    at=$(head -c $((8 + header)) "$1" | tail -c "$header" | sed "s/$2.*//" |
        tr -d '\n' | wc -c)
    printf '%s' "$3" | dd of="$1" bs=1 seek=$((8 + at)) conv=notrunc 2>/dev/null
}

small="--data data --dim 16 --depth 1 --heads 2 --mlp 32 --patch 7 --batch 32 --epochs 3"
small="$small --threads 2 --log log.csv"

echo '-- weights that are finite, logits that are not'
chapter 5 $small --save good
check 'a small model trains' [ "$status" -eq 0 ]
cp "$scratch/good" "$scratch/overflows"
every_weight "$scratch/overflows" 'head\.weight' '\346\261\141\177' # 3e38
for n in 5 6; do
    chapter $n --data data --eval overflows
    check "chapter $n tests none of them" \
        one_line 'overflows: 24 of 24 test images have no finite logits.*lower --lr'
    chapter $n --data data --look overflows
    check "chapter $n looks at none of them" one_line '24 of 24 test images have no finite'
    check 'and writes no figures' [ -z "$(ls -A "$scratch/plots")" ]
    chapter $n --data data --eval good
    check "chapter $n tests the good one" [ "$status" -eq 0 ]
    check 'to an accuracy' grep -Eq '^test accuracy: [01]\.[0-9]{4}$' "$scratch/out"
    cp "$scratch/overflows" "$scratch/resumed"
    chapter $n --data data --resume resumed --epochs 4 --log log.csv
    check "chapter $n does not go on from them" one_line 'step 7: the loss is'
    check 'and leaves the file as it was' cmp -s "$scratch/overflows" "$scratch/resumed"
done

echo '-- numbers that no run leaves'
for tensor in adamw.v.head.weight adamw.v.norm.weight; do
    cp "$scratch/good" "$scratch/negative"
    every_weight "$scratch/negative" "$tensor" '\000\000\200\277' # -1
    cp "$scratch/negative" "$scratch/resumed"
    for n in 5 6; do
        chapter $n --data data --resume resumed --epochs 4 --log log.csv
        check "chapter $n: a negative mean of squares" \
            one_line "damaged: $tensor has -1 at .0., a mean of squares"
    done
    check 'is left as it was' cmp -s "$scratch/negative" "$scratch/resumed"
done
cp "$scratch/good" "$scratch/other-mean"
other_text "$scratch/other-mean" '"mean":"0\.' '"mean":"0.9'
for how in eval resume; do
    chapter 5 --data data --$how other-mean
    check "--$how: a mean that is not the data's" one_line 'damaged.*: mean'
done

echo '-- images that show nothing'
chapter 5 $small --save s
check 'of images that differ there is no note' [ "$(grep -c '^note: all' "$scratch/out")" -eq 0 ]
check 'nor of classes' [ "$(grep -c '^[0-9].* - *-$' "$scratch/out")" -eq 0 ]
cp -R "$scratch/data" "$scratch/alike"
for set in train-images-idx3:16:50176 train-labels-idx1:8:64 t10k-labels-idx1:8:24; do
    bytes=${set#*:}
    head -c "${bytes#*:}" /dev/zero | dd of="$scratch/alike/${set%%:*}-ubyte" bs=1 \
        seek="${bytes%:*}" conv=notrunc 2>/dev/null
done
echo 'a b c d e f g h i j' | tr ' ' '\n' >"$scratch/alike/classes.txt"
chapter 5 $small --data alike --save s
check 'a run on black images' [ "$status" -eq 0 ]
check 'says that they are' grep -q '^note: all pixels of the training images are the same' \
    "$scratch/out"
check 'and all of one class' grep -q '^note: all training images are of class a:' "$scratch/out"
check 'a class without an image has no accuracy' \
    [ "$(grep -c '^[b-j]  *-  -$' "$scratch/out")" -eq 9 ]

echo '-- a step after which no image has finite logits'
# An epoch of one step of 64 images: its loss is finite, what it leaves is not.
for n in 5 6; do
    cp "$scratch/good" "$scratch/kept"
    chapter $n $small --batch 64 --lr 1e6 --weight-decay 1e6 --warmup 0 --save kept
    check "chapter $n says so after the epoch" \
        one_line 'after step 1: [0-9]* of 24 test images have no finite.*nothing was saved'
    check 'and the last good file stays' cmp -s "$scratch/good" "$scratch/kept"
    chapter $n $small --lr 1e6 --weight-decay 1e6 --warmup 0 --steps 1 --save kept
    check "chapter $n says so when it stops within an epoch" \
        one_line 'after step 1: [0-9]* of 24 test images have no finite'
    check 'and the last good file stays' cmp -s "$scratch/good" "$scratch/kept"
done

echo "-- scores that are all far below 0"
# A rate of 10 drives scores below -88 in two steps, where exp(-score) is infinite.
for attention in fused materialised; do
    chapter 6 --data data --lr 10 --warmup 1 --batch 8 --epochs 1 --steps 5 --threads 2 \
        --attention $attention --log $attention.csv --save diverging
    check "$attention attention goes on" [ "$status" -eq 0 ]
done
loss_of_step_3() {
    sed -n 's/^3,[^,]*,\([0-9]*\.[0-9]\).*/\1/p' "$scratch/$1.csv"
}
check 'and both have the same loss in step 3' \
    [ "$(loss_of_step_3 fused)" = "$(loss_of_step_3 materialised)" ]

verdict
