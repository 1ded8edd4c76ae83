#!/bin/sh
# test_training.sh [OUTPUT]: do the pages show what two minutes of training print? Every
# fence below <!-- training output: ./chapter5 --> is compared with one run of it on the
# whole data set; without OUTPUT the run is made here, and left in build/training*: what
# it printed, its log and its model. Where the data isn't: NOT RUN. Run from the
# repository's root, where chapter 5 is built (make test-training).
#
# The same machine, compiler and number of threads give the same bits; another gives
# another run, as another seed would: accuracies may differ by 0.01, losses by 2%, the
# test's mean loss by 6% (two processors: 0.3662 and 0.3572), an accuracy after one epoch
# by 0.03, one class's by 0.06. What the pages show of a class's
# mistakes, of the model's opinion on one image, and of its attention is one run's own.
set -u
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
said_mark='<!-- training output: ./chapter5 -->'
out=${1:-build/training.out}
scratch=$(new_scratch) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0

if [ $# -eq 0 ]; then
    if [ ! -e data/fashion-mnist/train-images-idx3-ubyte.gz ]; then
        echo "NOT RUN: there is no data/fashion-mnist: make data"
        exit 0
    fi
    mkdir -p build
    ./chapter5 --save build/training.safetensors --log build/training.csv >"$out" || {
        tail -n 3 "$out"
        exit 1
    }
fi

# Without what is one run's own.
steady() {
    sed -e 's/|.*/|/' -e 's/; the model says .*//' \
        -e 's/^\([A-Z][A-Za-z/ -]* 0\.[0-9]*\)  .*([0-9]* of [0-9]*)$/\1/'
}
one_class='^[A-Z][A-Za-z/ -]* 0\.[0-9]*$'
steady <"$out" >"$scratch/got"

held() { # held PAGE ROOM LINES WHAT [LOSS]: those lines of $scratch/page are printed
    lines=$(wc -l <"$3")
    awk -v page="$1" -v command=./chapter5 -v room="$2" -v loss="${5:-}" -v least=1 -f tests/same_output.awk \
        "$scratch/got" "$3" || {
        echo "FAIL  $1: $4"
        failed=1
    }
    compared=$((compared + lines))
}

pages=0
compared=0
for page in README.md chapters/0*/README.md notes/*.md; do
    grep -qxF -e "$said_mark" "$page" || continue
    pages=$((pages + 1))
    awk -v mark="$said_mark" -f tests/fenced.awk "$page" | steady >"$scratch/page"
    grep -E "$one_class" "$scratch/page" >"$scratch/classes"
    grep -E '^epoch +1/' "$scratch/page" >"$scratch/first"
    grep -E ', mean loss ' "$scratch/page" >"$scratch/tested"
    grep -vE "$one_class|^epoch +1/|, mean loss " "$scratch/page" >"$scratch/rest"
    [ -s "$scratch/tested" ] && held "$page" 0.01 "$scratch/tested" "how many are right" 0.06
    held "$page" 0.01 "$scratch/rest" "what ./chapter5 prints"
    [ -s "$scratch/classes" ] && held "$page" 0.06 "$scratch/classes" "the classes' accuracies"
    [ -s "$scratch/first" ] && held "$page" 0.03 "$scratch/first" "the first epoch"
done
if [ "$pages" -lt 2 ] || [ "$compared" -lt 40 ]; then
    echo "FAIL  $pages pages and $compared lines were compared: the marks are lost"
    failed=1
fi
[ "$failed" -eq 0 ] && echo "$compared lines of $pages pages are what ./chapter5 prints:" \
    "$(tail -n 1 "$out")"
exit "$failed"
