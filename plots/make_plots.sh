#!/bin/sh
# make_plots.sh OUT CHECK: every picture, as PNG and SVG, into OUT; from data that the chapters
# write. Run by `make plots` in the repository's root, where the chapters are built.
# CHECK looks at each: none may be empty or black. A picture whose data only a long run writes is left out, with the command that makes it.
set -eu
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
out=$1
check=$2

fail() {
    echo "make plots: $1" >&2
    exit 1
}
# writes FILE COMMAND...: its output to FILE; it must succeed.
writes() {
    file=$1
    shift
    "$@" >"$file" || fail "$1 failed: what it printed is in $file"
}
# anew NAME...: what is drawn below was written in this run.
anew() {
    for name in "$@"; do
        { rm -f "plots/$name.dat" && true >"plots/$name.dat" && rm "plots/$name.dat"; } 2>/dev/null ||
            fail "plots/$name.dat can't be written: delete it, or draw in a copy that is yours"
    done
}
{ mkdir -p "$out" build/plots && [ -w "$out" ] && [ -w build/plots ] && [ -w plots ]; } 2>/dev/null ||
    fail "plots/ or build/ can't be written: draw in a copy of the course that is yours"
from_chapters="gradcheck_curve roofline attention_cost positional_encoding
    gradient_norms_by_depth access_counts attention_scale layer_costs thread_scaling"
from_a_model="learning_rates confusion_matrix patch_filters position_similarity
    attention_distance attention_rollout attention_weights"
# shellcheck disable=SC2086 # names
anew $from_chapters gpu_ladders gpu_roofline

echo "data: chapters 1 to 4, chapter 1's ladder, chapter 6's counts"
for n in 1 2 3 4; do
    writes "build/plots/chapter$n.txt" "./chapter$n"
done
writes build/plots/ladder.txt ./chapter1 --ladder 512
writes build/plots/counts.txt ./chapter6 --counts
awk '
    /^(matmul|softmax|layer norm|bias and GELU|attention): / {
        ladder = $1 == "layer" ? "layer_norm" : $1 == "bias" ? "gelu" : $1
        sub(/:$/, "", ladder)
        if (/B\^T/) ladder = "matmul_NT"
    }
    /^  [a-z]/ && NF >= 7 {
        x += ladder == last ? 1 : 2
        last = ladder
        print ladder, $1, $7, x
    }' build/plots/counts.txt >plots/access_counts.dat

# Chapter 8 is there where MPI is.
[ ! -x ./chapter8 ] || {
    anew scale
    writes build/plots/scale.txt ./chapter8 --scale
}

# What `make gpu-report` timed. Flops for a byte, from the loads that gpu_matmul.cu states:
# 2 m n k of 4 bytes for 2 m n k flops, then 1/32, 1/64 and 1/128 of that.
if [ -s notes/gpu_ladders.csv ]; then
    awk -F, '
        $1 == "limit" && $2 == "multiply-add" { fma = $5 }
        $1 == "limit" && $2 == "copy" { copy = $6 }
        /4096 x 4096/ {
            speed[$1, $2] = $5
            if ($1 == "square Y = X W^T") rung[++rungs] = $2
        }
        $1 ~ /^(softmax|layer norm|bias and GELU|AdamW)/ {
            gsub(/ /, "_", $1)
            gsub(/ /, "_", $2)
            if (!($1 in count)) kernel[++kernels] = $1
            of[$1, ++count[$1]] = $1 " " $2 " " $6
        }
        END {
            for (i = 1; i <= rungs; i++)
                print rung[i], speed["square Y = X W^T", rung[i]],
                      speed["square dX = dY W", rung[i]], speed["square dW = dY^T X", rung[i]]
            printf "\n\n"
            for (i = 1; i <= kernels; i++) {
                x += 0.7
                for (j = 1; j <= count[kernel[i]]; j++) print of[kernel[i], j], ++x
            }
            printf "\n\n%s %s\n", fma, copy
        }' notes/gpu_ladders.csv >plots/gpu_ladders.dat
    awk -F, '
        $1 == "limit" && $2 == "multiply-add" { fma = $5 }
        $1 == "limit" && $2 == "copy" { copy = $6 }
        BEGIN { less["naive"] = less["coalesced"] = 1; less["shared"] = 32
                less["registers"] = 64; less["vectorised"] = 128 }
        $1 == "square dX = dY W" && /4096 x 4096/ && ($2 in less) {
            print $2, less[$2] / 4, $5 }
        END { printf "\n\n%s %s\n", fma, copy }' notes/gpu_ladders.csv >plots/gpu_roofline.dat
fi

# A trained model's figures, and how training scales with threads.
model=chapter5.safetensors
if [ -s "$model" ]; then
    echo "data: what $model has learned"
    # shellcheck disable=SC2086 # names
    anew $from_a_model
    writes build/plots/look.txt ./chapter5 --look "$model"
fi
echo "data: training on 1, 2, 4 ... threads"
cores=$(cores)
: >plots/thread_scaling.dat
threads=1
while [ "$threads" -le "$cores" ]; do
    # Images a second of each 50 steps, their median; the best of three runs, for what
    # else the machine does makes a run slower, never faster.
    : >build/plots/scaling.dat
    for round in 1 2 3; do
        writes "build/plots/scaling$round.txt" ./chapter5 --steps 200 --epochs 2000 \
            --threads "$threads" --save build/plots/scaling.safetensors \
            --log build/plots/scaling.csv
        awk -F, 'NR > 1 && $1 % 50 == 0 { if (last) print 50 * 64 / ($7 - last); last = $7 }' \
            build/plots/scaling.csv | sort -n |
            awk '{ speed[NR] = $1 } END { print speed[int((NR + 1) / 2)] }' >>build/plots/scaling.dat
    done
    sort -n build/plots/scaling.dat | tail -n 1 | sed "s/^/$threads /" >>plots/thread_scaling.dat
    if [ "$threads" -lt "$cores" ] && [ $((threads * 2)) -gt "$cores" ]; then
        threads=$cores
    else
        threads=$((threads * 2))
    fi
done

drawn=0
left_out() { # left_out NAME WHY
    [ -e "$out/$1.png" ] && older="; $out/$1.png is from an earlier run" || older=
    echo "left out: $1: $2$older"
}
whole() { # whole PICTURE: an SVG has its end; what a PNG shows is looked at below
    [ -s "$1" ] && case $1 in *.svg) tail -n 3 "$1" | grep -q '</svg>' ;; esac
}
draw() { # draw NAME DATA COMMAND: which writes the data
    if ! grep -v '^[a-z_]*,[a-z_,]*$' "$2" 2>/dev/null | grep -q '^[^#]'; then
        [ -s "$2" ] && why="there are no numbers in $2" || why="there is no $2"
        left_out "$1" "$why; $3 writes it"
        return
    fi
    for format in png svg; do
        rm -f "$out/$1.$format"
        # -d: without the user's own settings
        gnuplot -d -c "plots/$1.gp" "$2" "$out/$1.$format" 2>build/plots/gnuplot.txt &&
            whole "$out/$1.$format" || {
            rm -f "$out/$1.$format"
            cat build/plots/gnuplot.txt >&2
            fail "gnuplot can't draw $out/$1.$format from $2"
        }
    done
    pictures="$pictures $out/$1.png"
    drawn=$((drawn + 1))
}
pictures=
for name in $from_chapters; do
    draw "$name" "plots/$name.dat" "a chapter"
done
draw training_curves chapter5.csv ./chapter5
for name in position_ablation pooling norm_placement; do
    draw "$name" notes/studies.csv "make studies"
done
for name in network_sums network_steps; do
    draw "$name" notes/network.csv "make network, on Linux as root,"
done
draw scale plots/scale.dat "./chapter8 --scale"
for name in $from_a_model; do
    if [ -s "$model" ]; then
        draw "$name" "plots/$name.dat" "./chapter5 --look $model"
    else
        left_out "$name" "there is no $model; ./chapter5 trains it in two minutes"
    fi
done
for name in gpu_ladders gpu_roofline; do
    draw "$name" "plots/$name.dat" "make gpu-report, on a machine with a GPU,"
done
# shellcheck disable=SC2086 # names
"$check" $pictures || fail "a picture shows nothing, as said above"
echo "$drawn pictures, as PNG and SVG, in $out"
