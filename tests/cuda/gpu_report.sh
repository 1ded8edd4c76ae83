#!/bin/sh
# gpu_report.sh MAKE FOLDER: everything that can be known of a GPU, in one command: every
# kernel's tests, compute-sanitizer, a short training beside chapter 5, the time of every
# rung of every ladder beside cuBLASLt and the card's limits, training beside PyTorch.
# Writes FOLDER/gpu_report.md, with the raw output of each part, and the numbers as CSV.
#
# Called by `make gpu-report`, in the repository's root. Where there is no nvcc or no card
# nothing is written: a report has only what was measured.
#
#   REHEARSE=1   run on cuda_on_cpu, at sizes of a few hundred numbers, to see that the
#                report is put together: its title says that no number in it is a GPU's
#   SECONDS_EACH=300   no part may take longer
set -u
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/../../common/scripts/portable.sh"
make=$1
folder=$2
: "${PYTHON:=python3}" "${REHEARSE:=}" "${SECONDS_EACH:=300}"

not_run() {
    echo "NOT RUN: make gpu-report: $1. Nothing was measured, nothing written."
    exit 0
}
if [ -z "$REHEARSE" ]; then
    [ -n "${NVCC:-}" ] || not_run "there is no nvcc"
    nvidia-smi -L 2>/dev/null | grep -q GPU || not_run "there is no NVIDIA card (nvidia-smi -L)"
fi
mkdir -p "$folder" || exit 1
report=$folder/gpu_report.md.new
parts=$(new_scratch) || exit 1
trap 'rm -rf "$parts" "$report"' EXIT
failures=0

# ---- words --------------------------------------------------------------------------

say() {
    printf '%s\n' "$*" >>"$report"
}

# part TITLE COMMAND...: a heading, the command, what it printed, how it ended.
part() {
    title=$1
    shift
    echo "== $title"
    within "$SECONDS_EACH" "$@" >"$parts/out" 2>&1
    status=$?
    say "## $title"
    say ""
    say '<!-- measured: make gpu-report -->'
    say '```'
    say "$(printf '$ %s' "$*" | sed "s#$parts#/tmp#g")"
    expand "$parts/out" | tail -n "${LINES_KEPT:-400}" >>"$report"
    say '```'
    say ""
    case $status in
    0) say "Exit status 0." ;;
    124) say "**Stopped after $SECONDS_EACH seconds.**" ;;
    *) say "**FAILED: exit status $status.**" ;;
    esac
    say ""
    [ "$status" -eq 0 ] || { failures=$((failures + 1)); echo "   exit status $status"; }
}

left_out() { # left_out TITLE WHY
    echo "== $1: NOT RUN: $2"
    say "## $1"
    say ""
    say "NOT RUN: $2."
    say ""
}

# ---- the machine ----------------------------------------------------------------------

card() { # card FIELD: of nvidia-smi
    nvidia-smi --query-gpu="$1" --format=csv,noheader 2>/dev/null | head -n 1
}

: >"$report"
if [ -n "$REHEARSE" ]; then
    say "# REHEARSAL on cuda_on_cpu: no number here is a measurement of a GPU"
    emulate=--emulate
else
    say "# Measured on $(card name)"
    emulate=
fi
say ""
say "| | |"
say "|---|---|"
[ -n "$REHEARSE" ] || {
    say "| card | $(card name), $(card memory.total) |"
    say "| compute capability | $(card compute_cap) |"
    say "| driver | $(card driver_version) |"
    say "| nvcc | $("$NVCC" --version | sed -n 's/.*release \([^,]*\),.*/\1/p') |"
    say "| clocks now, most | $(card clocks.sm), $(card clocks.max.sm) |"
}
say "| processor | $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(cores) cores |"
say "| date | $(date -u +%Y-%m-%d) |"
if [ -z "${COMMIT:-}" ]; then # a tree without its history can be told
    COMMIT=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
    git diff --quiet HEAD 2>/dev/null || COMMIT="$COMMIT, with changes"
fi
say "| commit | $COMMIT |"
say ""
say "Written by \`make gpu-report\`. Times are medians; how they are taken stands in"
say "\`chapters/06_cuda_training/ladder_times.h\` and \`made_up_run.h\`."
say ""

# ---- correct? ----------------------------------------------------------------------------

if [ -n "$REHEARSE" ]; then
    tests=$REHEARSE_TESTS
else
    tests=$GPU_TESTS
fi
$make --no-print-directory "$tests" chapter5 chapter6 >"$parts/build" 2>&1 || {
    cat "$parts/build"
    exit 1
}
LINES_KEPT=20 part "Every kernel's tests" "$tests"
part "The whole model beside chapter 5" ./chapter6 $emulate --check
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
for tool in memcheck racecheck; do
    if [ -n "$REHEARSE" ]; then
        left_out "compute-sanitizer: $tool" "this is a rehearsal"
    elif [ -z "$sanitizer" ]; then
        left_out "compute-sanitizer: $tool" "it is not installed"
    else
        LINES_KEPT=20 part "compute-sanitizer: $tool" "$sanitizer" --tool "$tool" \
            --error-exitcode 1 ./chapter6 --check
    fi
done

# ---- training beside chapter 5 ---------------------------------------------------------------

data=data/sample
[ -n "$REHEARSE" ] || for d in data/fashion-mnist /usr/share/datasets/fashion-mnist; do
    [ -f "$d/train-images-idx3-ubyte" ] || [ -f "$d/train-images-idx3-ubyte.gz" ] &&
        { data=$d; break; }
done
steps=200
small=
[ -z "$REHEARSE" ] || { steps=4; small="--dim 16 --depth 1 --heads 2 --mlp 32 --patch 7"; }
# every setting that the emulator would choose smaller is said
run="--data $data --epochs 12 --steps $steps --batch 64 $small"
# shellcheck disable=SC2086 # options are to be split
{
    LINES_KEPT=3 part "Chapter 5, $steps steps" ./chapter5 $run --log "$parts/5.csv" \
        --save "$parts/5.safetensors"
    LINES_KEPT=3 part "Chapter 6, the same steps" ./chapter6 $emulate $run \
        --log "$parts/6.csv" --save "$parts/6.safetensors"
}
say "## Losses beside each other"
say ""
awk -F, 'FNR == 1 { for (i = 1; i <= NF; i++) if ($i == "loss") column = i; next }
    NR == FNR { loss[FNR] = $column; next }
    { d = ($column - loss[FNR]) / loss[FNR]; d = d < 0 ? -d : d
      if (FNR <= 51 && d > early) early = d
      if (d > most) most = d
      n++ }
    END { if (!n) { print "There are no losses to compare."; exit 1 }
      printf "%d steps; largest relative difference %.2g in the first 50, %.2g in all.\n",
             n, early, most
      exit early > 1e-4 }' "$parts/5.csv" "$parts/6.csv" >>"$report" 2>&1 || {
    say ""
    say "**FAILED: the first 50 losses were to agree to 1e-4.**"
    failures=$((failures + 1))
}
say ""

if [ -n "$REHEARSE" ]; then
    left_out "The default training, all of it" "this is a rehearsal"
else
    LINES_KEPT=3 part "The default training, all of it" ./chapter6 --data "$data" \
        --log "$parts/whole.csv" --save "$parts/whole.safetensors"
fi

# ---- fast? -------------------------------------------------------------------------------------

part "Every rung's time" ./chapter6 $emulate --times --csv "$folder/gpu_ladders.csv"
training=$folder/gpu_training.csv
echo "program,matmul,attention,model,tokens,batch,parameters,images_per_s,slowest,fastest" \
    >"$training"

# bench MODEL BATCH STEPS MATMUL ATTENTION
bench() {
    model=$1 batch=$2 steps=$3
    shift 3
    rm -f "$parts/bench.csv"
    # shellcheck disable=SC2086
    LINES_KEPT=3 part "Training $model, matmul $1, attention $2" ./chapter6 $emulate \
        --bench "$model" --batch "$batch" --steps "$steps" --matmul "$1" --attention "$2" \
        ${REHEARSE:+$small} --csv "$parts/bench.csv"
    [ -f "$parts/bench.csv" ] && sed "s/^/chapter6,$1,$2,/" "$parts/bench.csv" >>"$training"
}
# peer MODEL BATCH STEPS PRECISION OPTIONS...
peer() {
    model=$1 batch=$2 steps=$3 precision=$4
    shift 4
    part "PyTorch eager, $model, $precision" "$PYTHON" tests/reference/pytorch_vit.py \
        --device cuda --made-up --batch "$batch" --steps "$steps" --rounds 7 "$@"
    sed -n 's/^pytorch .* train \([0-9]*\) img.*/\1/p' "$parts/out" | while read -r speed; do
        echo "pytorch,$precision,sdpa,$model,,$batch,,$speed,," >>"$training"
    done
}
if [ -n "$REHEARSE" ]; then
    bench this 2 1 vectorised fused
    left_out "PyTorch" "this is a rehearsal"
else
    for matmul in vectorised cublas cublas_tf32; do
        ./chapter6 --help | grep -q -- "--matmul NAME .* $matmul\\b" || continue
        bench this 512 16 $matmul fused
        bench S/4 256 16 $matmul fused
        bench B/16 64 4 $matmul fused
    done
    bench S/4 256 8 cublas_tf32 materialised
    bench B/16 64 4 cublas_tf32 materialised
    if "$PYTHON" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
        for precision in fp32 tf32; do
            tf32=
            [ "$precision" = fp32 ] || tf32=--tf32
            # shellcheck disable=SC2086
            {
                peer this 512 16 $precision $tf32
                peer S/4 256 16 $precision $tf32 --size 32 --channels 3 --dim 384 \
                    --depth 12 --heads 6 --mlp 1536
                peer B/16 64 4 $precision $tf32 --size 224 --channels 3 --patch 16 --dim 768 \
                    --depth 12 --heads 12 --mlp 3072 --classes 1000
            }
        done
    else
        left_out "PyTorch" "there is no PyTorch that finds a GPU"
    fi
fi

# ---- what was asked -----------------------------------------------------------------------------

say "## Ratios"
say ""
say "Matrix products beside cuBLASLt in fp32, attention fused beside materialised (times as"
say "fast), from \`gpu_ladders.csv\`; training from \`gpu_training.csv\`."
say ""
say '<!-- measured: make gpu-report -->'
say '```'
awk -F, 'NR == 1 { next }
    { key = $1 " " $3; if (!(key in seen)) { seen[key] = 1; order[++n] = key }
      ms[key, $2] = $4 }
    END { for (i = 1; i <= n; i++) { k = order[i]
        if ((k, "cublas") in ms)
            printf "%-52s vectorised / cublas     %.2f\n", k, ms[k, "cublas"] / ms[k, "vectorised"]
        if ((k, "fused") in ms && (k, "materialised") in ms)
            printf "%-52s fused / materialised    %.2f\n", k, ms[k, "materialised"] / ms[k, "fused"]
    } }' "$folder/gpu_ladders.csv" >>"$report"
awk -F, 'NR == 1 { next }
    $1 == "chapter6" && $3 == "fused" { ours[$4, $2] = $8 }
    $1 == "pytorch" { peer[$4, $2] = $8; if (!($4 in seen)) { seen[$4] = 1; order[++n] = $4 } }
    END { for (i = 1; i <= n; i++) { m = order[i]
        printf "training %-8s TF32: ours (cublas_tf32) / PyTorch %.2f    fp32: ours (vectorised) / PyTorch %.2f\n",
            m, ours[m, "cublas_tf32"] / peer[m, "tf32"], ours[m, "vectorised"] / peer[m, "fp32"] } }' \
    "$training" >>"$report" 2>/dev/null
say '```'
say ""
say "$failures parts failed."
mv "$report" "$folder/gpu_report.md" || exit 1
echo "written: $folder/gpu_report.md, gpu_ladders.csv, gpu_training.csv; $failures parts failed"
[ "$failures" -eq 0 ]
