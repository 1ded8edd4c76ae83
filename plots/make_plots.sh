#!/bin/sh
# make_plots.sh OUT CHECK: every picture, as PNG and SVG, into OUT; from data that the chapters
# write. Run by `make plots` in the repository's root, where the chapters are built.
# CHECK looks at each: none may be empty or black. A picture whose data only a long run writes is left out, with the command that makes it.
set -eu
out=$1
check=$2
mkdir -p "$out" build/plots

echo "data: chapters 1 to 4, chapter 1's ladder, chapter 6's counts"
./chapter1 >build/plots/chapter1.txt
./chapter1 --ladder 512 >build/plots/ladder.txt
for n in 2 3 4; do
    "./chapter$n" >"build/plots/chapter$n.txt"
done
./chapter6 --counts | awk '
    /^(matmul|softmax|layer norm|bias and GELU|attention): / {
        ladder = $1 == "layer" ? "layer_norm" : $1 == "bias" ? "gelu" : $1
        sub(/:$/, "", ladder)
        if (/B\^T/) ladder = "matmul_NT"
    }
    /^  [a-z]/ && NF >= 7 { 
        x += ladder == last ? 1 : 2
        last = ladder
        print ladder, $1, $7, x
    }' >plots/access_counts.dat

drawn=0
draw() { # draw NAME DATA
    if [ ! -s "$2" ]; then
        echo "left out: $1: there is no $2; ./chapter5 writes it"
        return
    fi
    for format in png svg; do
        gnuplot -c "plots/$1.gp" "$2" "$out/$1.$format"
    done
    drawn=$((drawn + 1))
}
for name in gradcheck_curve roofline attention_cost positional_encoding \
    gradient_norms_by_depth access_counts; do
    draw "$name" "plots/$name.dat"
done
draw training_curves chapter5.csv
for name in position_ablation pooling norm_placement; do # `make studies` writes it
    draw "$name" notes/studies.csv
done
"$check" "$out"/*.png
echo "$drawn pictures, as PNG and SVG, in $out"
