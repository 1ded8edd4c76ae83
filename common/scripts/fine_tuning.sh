#!/bin/sh
# fine_tuning.sh RESULTS: the study of notes/07_fine_tuning.md. Two ways to a model for
# images of 56x56, Fashion-MNIST's enlarged, with the same number of multiply-adds:
#
#     on       EPOCHS epochs at 28x28 by AdamW, then steps of 512 images at 56x56 by SGD
#              [ViT T.4], as many as cost the same together
#     scratch  SCRATCH epochs at 56x56, by AdamW
#
# Each with the seeds SEEDS, as many at once as there are cores, each on one thread: some
# ten minutes on two. Writes a line per model to RESULTS, which is made anew:
# way,seed,steps at 28,steps at 56,GFLOP forward,accuracy,seconds. "at 28" is the model
# that `on` begins with, tested at 28x28. Then prints the table.
# Run in the repository's root, where chapters 5 and 7 are built.
set -u
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/portable.sh"
SEEDS=${SEEDS:-1 2 3}
DATA=${DATA:-data/fashion-mnist}
CORES=${CORES:-$(cores)}
EPOCHS=${EPOCHS:-3}
SCRATCH=${SCRATCH:-1}
LR=${LR:-0.1} # of SGD: in a trial of 20 steps better than 0.03 (0.780, 0.763)
batch=64 # of training from scratch, at 28x28 too; --fine-tune has 512
small=15.8
large=91.8 # MFLOP an image, forward, as ./chapter7 prints them

# ---- one run --------------------------------------------------------------------------

train() { # train OUTPUT COST PROGRAM WORDS: $accuracy, $seconds; COST: MFLOP of an image
    output=$1
    cost=$2
    program=$3
    shift 3
    begun=$(date +%s)
    "./$program" "$@" --data "$DATA" --threads 1 --seed "$seed" --save "$output.safetensors" \
        --log "$output.csv" >"$output.txt" 2>&1 || {
        echo "fine_tuning: $way, seed $seed: $(tail -n 1 "$output.txt")" >&2
        return 1
    }
    seconds=$(($(date +%s) - begun))
    accuracy=$(awk '/^test accuracy: / { print $3 }' "$output.txt")
    grep -q "$cost MFLOP an image" "$output.txt" || {
        echo "fine_tuning: an image should cost $cost MFLOP: $(grep '^model' "$output.txt")" >&2
        return 1
    }
}
result() { # result WAY STEPS_28 STEPS_56 IMAGES_28 IMAGES_56
    awk -v way="$1" -v a="$2" -v b="$3" -v seed="$seed" -v accuracy="$accuracy" -v s="$seconds" \
        -v flop="$(awk "BEGIN { print ($4 * $small + $5 * $large) / 1000 }")" \
        'BEGIN { printf "%s,%d,%d,%d,%.0f,%s,%d\n", way, seed, a, b, flop, accuracy, s }' \
        >>"$results"
}
one_run() { # one_run WAY SEED: $own is the beginning of its files' names
    way=$1 seed=$2
    if [ "$way" = on ]; then
        train "$own.28" $small chapter5 --epochs "$EPOCHS" --batch $batch || return 1
        result 'at 28' "$steps_28" 0 $((steps_28 * batch)) 0
        train "$own" $large chapter7 --fine-tune "$own.28.safetensors" --size 56 \
            --steps "$steps_on" --lr "$LR" || return 1
        result on "$steps_28" "$steps_on" $((steps_28 * batch)) $((steps_on * 512))
    else
        train "$own" $large chapter5 --size 56 --epochs "$SCRATCH" --batch $batch || return 1
        result scratch 0 "$steps_56" 0 $((steps_56 * batch))
    fi
    rm -f "$own".*
}

# Of the same cost: steps_28 batch small + steps_on 512 large = steps_56 batch large.
epoch=$((60000 / batch)) # steps: what doesn't fill a batch waits
steps_28=$((epoch * EPOCHS))
steps_56=$((epoch * SCRATCH))
steps_on=$(awk "BEGIN { printf \"%.0f\", ($steps_56 - $steps_28 * $small / $large) * $batch / 512 }")
if [ "${1:-}" = --one ]; then
    results=$2
    own=$3/$4-$5
    one_run "$4" "$5"
    exit
fi

# ---- all of them, and the table ---------------------------------------------------------

results=${1:?usage: fine_tuning.sh RESULTS}
for program in chapter5 chapter7; do
    [ -x ./$program ] || {
        echo "fine_tuning: there is no ./$program: make $program" >&2
        exit 1
    }
done
[ -f "$DATA/train-images-idx3-ubyte.gz" ] || [ -f "$DATA/train-images-idx3-ubyte" ] || {
    echo "fine_tuning: there is no $DATA: make data" >&2
    exit 1
}
[ "$steps_on" -ge 2 ] || {
    echo "fine_tuning: EPOCHS=$EPOCHS cost more than SCRATCH=$SCRATCH" >&2
    exit 2
}
scratch=$(new_scratch) || exit 1
trap 'rm -rf "$scratch"' EXIT
export SEEDS DATA CORES EPOCHS SCRATCH LR
echo "way,seed,steps at 28,steps at 56,GFLOP forward,accuracy,seconds" >"$results" || exit 1
for seed in $SEEDS; do
    echo on "$seed"
    echo scratch "$seed"
done | xargs -P "$CORES" -n 2 sh "$0" --one "$results" "$scratch" || exit 1
awk -F, '
    NR == 1 { next }
    { n[$1]++; sum[$1] += $6; square[$1] += $6 ^ 2; steps[$1] = $3 " + " $4; flop[$1] = $5; s[$1] += $7 }
    function line(way,   mean, sd) {
        if (!n[way]) return
        mean = sum[way] / n[way]
        sd = n[way] > 1 ? sqrt((square[way] - n[way] * mean ^ 2) / (n[way] - 1)) : 0
        printf "%-8s %4d  %-12s %8d %9.4f %7.4f %8.0f\n", way, n[way], steps[way], flop[way],
            mean, sd, s[way] / n[way]
    }
    END {
        printf "%-8s %4s  %-12s %8s %9s %7s %8s\n", "way", "runs", "steps 28+56", "GFLOP",
            "accuracy", "sd", "seconds"
        line("at 28"); line("on"); line("scratch")
    }' "$results"
