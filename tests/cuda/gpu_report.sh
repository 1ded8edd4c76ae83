#!/bin/sh
# gpu_report.sh MAKE FOLDER: measures a GPU in one command: every kernel's tests,
# compute-sanitizer, a short training compared with chapter 5's, every rung's time
# compared with cuBLASLt's and the card's limits, training compared with PyTorch, eager
# and compiled (torch.compile, bf16 by autocast, AdamW in one kernel). Writes
# FOLDER/gpu_report.log, with the raw output of each part, and the results as CSV. What
# follows from them is written by hand: notes/gpu_report.md.
#
# Called by `make gpu-report`, in the repository's root. Where there is no nvcc or no card
# nothing is written: a report has only what was measured.
#
#   REHEARSE=1   run on cuda_on_cpu, at sizes of a few hundred elements, to see that the
#                report is put together: its title says that no number in it is a GPU's
#   SECONDS_EACH=300   no part may take longer
#   PYTHON=FILE        the Python that has PyTorch; else python3 and /usr/bin/python3 are asked
set -u
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/../../common/scripts/portable.sh"
make=$1
folder=$2
: "${PYTHON:=}" "${REHEARSE:=}" "${SECONDS_EACH:=300}"

not_run() {
    echo "NOT RUN: make gpu-report: $1. Nothing was measured, nothing written."
    exit 0
}
if [ -z "$REHEARSE" ]; then
    [ -n "${NVCC:-}" ] || not_run "there is no nvcc"
    nvidia-smi -L 2>/dev/null | grep -q GPU || not_run "there is no NVIDIA card (nvidia-smi -L)"
fi
mkdir -p "$folder" || exit 1
report=$folder/gpu_report.log.new
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
    say "$(printf '$ %s' "$*" | sed "s#$parts#/tmp#g")"
    expand "$parts/out" | tail -n "${LINES_KEPT:-400}" >>"$report"
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
say "Written by \`make gpu-report\`. Times are medians; how they are taken is described in"
say "\`chapters/06_cuda_training/measuring/measuring.h\`."
say ""

# ---- correct? ----------------------------------------------------------------------------

if [ -n "$REHEARSE" ]; then
    tests=$BUILD/float/tests/cuda_run
else
    tests=$BUILD/cuda/tests/cuda_run
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

# ---- training, compared with chapter 5 -------------------------------------------------------

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
      if (d > max) max = d
      n++ }
    END { if (!n) { print "There are no losses to compare."; exit 1 }
      printf "%d steps; largest relative difference %.2g in the first 50, %.2g in all.\n",
             n, early, max
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
# peer MODEL BATCH STEPS HOW OPTIONS...: PyTorch; HOW is fp32, tf32, or compiled_ and one of
# tf32 and bf16.
peer() {
    model=$1 batch=$2 steps=$3 how=$4
    shift 4
    case $how in
    *tf32) set -- "$@" --tf32 ;;
    *bf16) set -- "$@" --bf16 ;;
    esac
    case $how in
    compiled_*)
        set -- "$@" --compile
        title="PyTorch compiled, $model, ${how#compiled_}"
        ;;
    *) title="PyTorch eager, $model, $how" ;;
    esac
    part "$title" "$python" tests/reference/pytorch_vit.py --device $device \
        --made-up --batch "$batch" --steps "$steps" --rounds 7 "$@"
    [ "$status" -ne 0 ] ||
        sed -n 's/^pytorch .* train \([0-9]*\) img.*/\1/p' "$parts/out" | while read -r speed; do
            echo "pytorch,$how,sdpa,$model,,$batch,,$speed,," >>"$training"
        done
}
# The Python that has PyTorch: the user's, or the first that has it. Debian's is in
# /usr/bin, even where another is the first in PATH.
device=cuda
[ -z "$REHEARSE" ] || device=cpu
python=
for one in ${PYTHON:-python3 /usr/bin/python3}; do
    "$one" - $device <<'END' 2>/dev/null && { python=$one; break; }
import sys
import torch
sys.exit(sys.argv[1] == "cuda" and not torch.cuda.is_available())
END
done
eager="fp32 tf32" compiled="compiled_tf32 compiled_bf16"
if [ -n "$python" ] && ! "$python" -c 'import torch; torch.compile' 2>/dev/null; then
    left_out "PyTorch compiled" "this PyTorch has no torch.compile"
    compiled=
fi
peers_of_all() { # the models of `bench this`, S/4 and B/16
    for how in $eager $compiled; do
        peer this 512 16 "$how"
        peer S/4 256 16 "$how" --size 32 --channels 3 --dim 384 --depth 12 --heads 6 --mlp 1536
        peer B/16 64 4 "$how" --size 224 --channels 3 --patch 16 --dim 768 --depth 12 \
            --heads 12 --mlp 3072 --classes 1000
    done
}
if [ -n "$REHEARSE" ]; then
    bench this 2 1 vectorised fused
else
    for matmul in vectorised cublas cublas_tf32; do
        ./chapter6 --help | grep -q -- "--matmul NAME .* $matmul\\b" || continue
        bench this 512 16 $matmul fused
        bench S/4 256 16 $matmul fused
        bench B/16 64 4 $matmul fused
    done
    bench S/4 256 8 cublas_tf32 materialised
    bench B/16 64 4 cublas_tf32 materialised
fi
if [ -z "$python" ]; then
    [ -z "$REHEARSE" ] && what="PyTorch that finds a GPU" || what=PyTorch
    left_out "PyTorch" "there is no $what in ${PYTHON:-python3 or /usr/bin/python3}"
elif [ -n "$REHEARSE" ]; then
    for how in fp32 $compiled; do
        # shellcheck disable=SC2086 # options are to be split
        peer this 2 1 "$how" --warmup 1 --threads 1 $small
    done
else
    peers_of_all
fi

# ---- what was asked -----------------------------------------------------------------------------

say "## Ratios"
say ""
say "Matrix products beside cuBLASLt in fp32, attention fused beside materialised (times as"
say "fast), from \`gpu_ladders.csv\`; training from \`gpu_training.csv\`."
say ""
awk -F, 'NR == 1 { next }
    { key = $1 " " $3; if (!(key in seen)) { seen[key] = 1; order[++n] = key }
      ms[key, $2] = $4 }
    END { for (i = 1; i <= n; i++) { k = order[i]
        if ((k, "cublas") in ms)
            printf "%-52s vectorised / cublas     %.2f\n", k, ms[k, "cublas"] / ms[k, "vectorised"]
        if ((k, "fused") in ms && (k, "materialised") in ms)
            printf "%-52s fused / materialised    %.2f\n", k, ms[k, "materialised"] / ms[k, "fused"]
    } }' "$folder/gpu_ladders.csv" >>"$report"
awk -F, '
    function ratio(what, a, b) {
        if (a > 0 && b > 0) printf "training %-8s %-52s %.2f\n", m, what, a / b
        else printf "training %-8s %-52s not measured\n", m, what
    }
    NR == 1 { next }
    { if (!($4 in seen)) { seen[$4] = 1; order[++n] = $4 } }
    $1 == "chapter6" && $3 == "fused" { ours[$4, $2] = $8; if ($8 > best[$4]) best[$4] = $8 }
    $1 == "pytorch" { peer[$4, $2] = $8 }
    END { for (i = 1; i <= n; i++) { m = order[i]
        ratio("fp32: vectorised / PyTorch eager", ours[m, "vectorised"], peer[m, "fp32"])
        ratio("TF32: cublas_tf32 / PyTorch eager", ours[m, "cublas_tf32"], peer[m, "tf32"])
        ratio("TF32: cublas_tf32 / PyTorch compiled", ours[m, "cublas_tf32"], peer[m, "compiled_tf32"])
        ratio("our fastest / PyTorch compiled in bf16", best[m], peer[m, "compiled_bf16"]) } }' \
    "$training" >>"$report"
say ""
say "$failures parts failed."
mv "$report" "$folder/gpu_report.log" || exit 1
echo "written: $folder/gpu_report.log, gpu_ladders.csv, gpu_training.csv; $failures parts failed"
[ "$failures" -eq 0 ]
