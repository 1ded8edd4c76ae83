#!/bin/sh
# test_pictures_in.sh: data of your own, from files to an answer: pictures in folders,
# CIFAR's files, --size, --split, --memory, --image, in chapters 5 and 6. Run in the
# repository's root, where the chapters are built.
# shellcheck disable=SC2086 # lists of options are to be split
set -u
# shellcheck source=tests/words.sh
. tests/words.sh
OMP_NUM_THREADS=2
OMP_WAIT_POLICY=passive
export OMP_NUM_THREADS OMP_WAIT_POLICY

# shellcheck source=tests/programs.sh
. tests/programs.sh
same() { cmp -s "$scratch/$1" "$scratch/$2"; }

# Eight pictures each of two classes, of two sizes, JPEG and PNG.
pictures=$root/tests/reference/pictures
mkdir -p "$scratch/photos/turned dogs" "$scratch/photos/wide"
for i in 1 2 3 4 5 6 7 8; do
    cp "$pictures/orientation_$i.jpg" "$scratch/photos/turned dogs/"
done
for name in colour_420.jpg colour_422.jpg colour_444.jpg progressive.jpg restarts.jpg rgb.jpg \
    colour_8.png palette_8.png; do
    cp "$pictures/$name" "$scratch/photos/wide/"
done
echo 'a text' >"$scratch/photos/wide/notes.txt"
model="--dim 16 --depth 1 --heads 2 --mlp 16 --patch 8 --threads 2 --batch 4 --epochs 3"
train="chapter5 --data photos --size 32x16 $model"

group pictures
refuses 1 'pixels wide and .* high, others are .*--size' chapter5 --data photos $model
run $train --save a --log a.csv
check 'a folder of pictures is trained on' exits 0
check 'the data are described' says \
    '^data: photos: 12 training and 4 test images of 16x32 \(height x width\) in colour, 2 classes'
check 'what was held out is told' says '0\.2 of each class are held out'
check 'what is no picture is named' says '^note: skipped, .*photos/wide/notes\.txt'
check 'classes have their names' says '^turned dogs '
cp "$out" "$scratch/first"
run $train --save b --log b.csv --memory 0.001
check 'pictures that memory has no room for are streamed' says 'again from a temporary file in '
check 'the wait is measured' says '^pictures: training waited for them [0-9.]+% of its time'
check 'training on them gives the same bits' same a b
TMPDIR=$scratch/nowhere
export TMPDIR
run $train --save b --log b.csv --memory 0.001
unset TMPDIR
check 'without room for that they are decoded again' says \
    'decoded again when they are needed \(.*/nowhere: a temporary file can.t be made: No such file'
check 'and training gives the same bits' same a b
run $train --save c --log c.csv --seed 2
check 'another seed holds out others' [ "$status" -eq 0 ]
check 'and makes another model' eval '! same a c'

group 'going on and testing'
accuracy=$(grep '^test accuracy' "$scratch/first")
run chapter5 --eval a --data photos
check 'a test has the size, the split and the seed of the run' says "^$accuracy\$"
check 'and no note that its images are others' eval '! says "trained on other images"'
run $train --save d --log d.csv --steps 5
run chapter5 --resume d --data photos --log d.csv
check 'a run that was stopped goes on to the same bits' same a d
run chapter5 --resume d --data photos --log d.csv --memory 0.001
check 'a run that is done is only tested' says "^$accuracy\$"
cp -R "$scratch/photos" "$scratch/renamed"
mv "$scratch/renamed/wide" "$scratch/renamed/broad"
refuses 1 'class 0 is turned dogs; in renamed it is broad' chapter5 --eval a --data renamed
refuses 1 'a model for 2 classes, the data in .* have 10' \
    chapter5 --eval a --data "$root/data/sample" --size 32x16
refuses 1 'for images of 16x32, the data.s are 28x28' chapter5 --eval a --data "$root/data/sample"

group 'one picture'
run chapter5 --image photos/wide/rgb.jpg --eval a
check 'a picture is classified' exits 0
check 'seen as the model sees' says \
    '^photos/wide/rgb\.jpg: [0-9]+ x [0-9]+ pixels, seen as 32 x 16 in colour, by a$'
check 'by the names of the classes' says '^ *[0-9.]+%  turned dogs$'
cp "$out" "$scratch/of5"
run chapter6 --image photos/wide/rgb.jpg --eval a
check 'chapter 6 says the same' cmp -s "$out" "$scratch/of5"
cp "$scratch/a" "$scratch/chapter5.safetensors"
run chapter5 --image "$pictures/grey_8.png"
check 'the model is the one that was saved last' says 'by chapter5.safetensors$'
refuses 1 'notes\.txt: neither a JPEG nor a PNG' chapter5 --image photos/wide/notes.txt --eval a
refuses 1 'nowhere' chapter5 --image nowhere --eval a
refuses 1 'first: wrong header length' chapter5 --image photos/wide/rgb.jpg --eval first
refuses 2 'image has no use for --data' chapter5 --image x --data photos
head -c 600 "$pictures/rgb.jpg" >"$scratch/short.jpg"
refuses 1 'short\.jpg: ' chapter5 --image short.jpg --eval a

group 'bad folders'
cp "$scratch/short.jpg" "$scratch/photos/wide/short.jpg"
refuses 1 'photos/wide/short\.jpg: ' $train
rm "$scratch/photos/wide/short.jpg"
mkdir "$scratch/photos/empty"
refuses 1 'photos/empty: there is no picture' $train
rmdir "$scratch/photos/empty"
mkdir "$scratch/nothing"
refuses 1 'no data: no IDX files .* no CIFAR' chapter5 --data nothing $model
refuses 2 'no pictures, .*leave --memory out' chapter5 --data "$root/data/sample" --memory 1
refuses 2 'a test set: leave --split out' chapter5 --data "$root/data/sample" --split 0.3
refuses 2 'patch of 7' chapter5 --data photos --size 32x16 --patch 7 --batch 4

# Records of class 0, 1, ..., 9 whose pixels are all the same, by their class.
group CIFAR
cifar() { # cifar RECORDS COARSE
    i=0
    while [ $i -lt "$1" ]; do
        k=$((i % 10))
        printf "$2\\$(printf %03o $k)"
        head -c 3072 /dev/zero | tr '\000' "\\$(printf %03o $((20 * k + 9)))"
        i=$((i + 1))
    done
}
mkdir "$scratch/ten" "$scratch/ten/cifar-10-batches-bin"
for i in 1 2 3 4 5; do
    cifar 10 '' >"$scratch/ten/cifar-10-batches-bin/data_batch_$i.bin"
done
cifar 20 '' >"$scratch/ten/cifar-10-batches-bin/test_batch.bin"
run chapter5 --data ten $model --save e --log e.csv
check 'CIFAR-10 is found in its folder' says '^data: ten: 50 training and 20 test images of 32x32 in colour$'
run chapter5 --data ten $model --size 16 --save f --log f.csv
check 'and made smaller' says 'images of 16x16 in colour$'
refuses 1 'for images of 16x16, the data.s are 32x32' chapter5 --eval f --data ten
run chapter5 --eval f --data ten --size 16
check 'but if asked for' exits 0
mkdir "$scratch/h"
cifar 30 '\003' >"$scratch/h/train.bin"
cifar 20 '\003' >"$scratch/h/test.bin"
run chapter5 --data h $model --save g --log g.csv
check 'CIFAR-100 has 100 classes' says 'in colour, 100 classes$'
check 'of which the best and worst are shown' says '^\.\.\. |^9 '
refuses 2 'can.t be written: it is one of the data' chapter5 --data h $model --log h/test.bin
run chapter6_on_cpu --data h --dim 16 --depth 1 --heads 2 --mlp 16 --patch 8 --batch 8 --epochs 1 \
    --save i --log i.csv
check 'chapter 6 trains on it' says '^test accuracy: 0'
refuses 1 'a model for images in colour|images of' chapter5 --eval g --data "$root/data/sample"
cut=$scratch/h/test.bin
head -c 5000 "$cut" >"$cut.new" && mv "$cut.new" "$cut"
refuses 1 'h/test\.bin: 5000 bytes are no records of 3074' chapter5 --data h $model

verdict
