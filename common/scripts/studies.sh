#!/bin/sh
# studies.sh RESULTS [RUNS]: trains each variant of the studies below with ./chapter5, and
# writes a line per run to RESULTS: study,variant,seed,epochs,lr,accuracy,loss,parameters.
# Runs whose lines are there are left out, so that a stopped study goes on where it was.
# As many run at once as there are cores, each on one thread. RUNS is an extended regular
# expression: only runs whose "STUDY:VARIANT seed N" fits it (`make studies RUNS=norm`).
# Run in the repository's root, where chapter5 is built.
set -u
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/portable.sh"
SEEDS=${SEEDS:-1 2 3}
DATA=${DATA:-data/fashion-mnist} # full: the bundled sample is too small to tell
CORES=${CORES:-$(cores)}

# EPOCHS | STUDY:VARIANT, one or more that this run is part of | its options
studies() {
    cat <<'END'
4 | positions:1d pooling:class,lr=0.003 norm:pre | --lr 0.003
4 | positions:none                 | --lr 0.003 --positions none
4 | positions:2d                   | --lr 0.003 --positions 2d
4 | positions:sinusoidal           | --lr 0.003 --positions sinusoidal
4 | pooling:mean,lr=0.003          | --lr 0.003 --pool mean
4 | pooling:mean,lr=0.001          | --lr 0.001 --pool mean
4 | pooling:class,lr=0.001         | --lr 0.001
4 | norm:post                      | --lr 0.003 --norm post
2 | depth8:pre,warmup=500          | --lr 0.003 --depth 8 --warmup 500
2 | depth8:pre,warmup=0            | --lr 0.003 --depth 8 --warmup 0
2 | depth8:post,warmup=500         | --lr 0.003 --depth 8 --norm post --warmup 500
2 | depth8:post,warmup=0           | --lr 0.003 --depth 8 --norm post --warmup 0
END
}

all_runs() { # EPOCHS|SEED|NAMES|OPTIONS, a line per run
    studies | while IFS='|' read -r epochs names options; do
        for seed in $SEEDS; do
            echo "${epochs% }|$seed|$names|$options"
        done
    done
}
begin_line() { # begin_line STUDY:VARIANT: of this name, $seed and $epochs, in RESULTS
    echo "${1%%:*},$(echo "${1#*:}" | tr ',' ' '),$seed,$epochs,"
}

# ---- one run --------------------------------------------------------------------------

# Reads from the program's output the last epoch's loss, the parameters and the accuracy.
# A loss that is not a number ends the program: then there is no accuracy either.
numbers_of() { # numbers_of OUTPUT
    awk '
        /^epoch/ { for (i = 1; i < NF; i++) if ($i == "loss") loss = $(i + 1) }
        /^PASS .* parameters, by the formula/ { parameters = $2 }
        /^test accuracy: / { accuracy = $3 }
        END { if (accuracy == "" || loss == "" || parameters == "") exit 1
              print accuracy "," loss "," parameters }' "$1"
}

one_run() { # one_run RESULTS SCRATCH NUMBER: the run of that line of SCRATCH/runs
    own=$2/$3
    sed -n "$3p" "$2/runs" >"$own.run"
    IFS='|' read -r epochs seed names options <"$own.run"
    lr=$(echo "$options" | sed 's/.*--lr \([0-9.]*\).*/\1/')
    # shellcheck disable=SC2086 # options are words
    ./chapter5 --data "$DATA" --threads 1 --epochs "$epochs" --seed "$seed" $options \
        --save "$own.safetensors" --log "$own.csv" >"$own.txt" 2>&1
    if ! numbers=$(numbers_of "$own.txt"); then
        grep -q 'the loss is' "$own.txt" || {
            echo "studies:$names seed $seed: $(tail -n 1 "$own.txt")" >&2
            return 1
        }
        numbers="nan,nan,$(awk '/by the formula/ { print $2 }' "$own.txt")"
    fi
    for name in $names; do
        line=$(begin_line "$name")
        echo "$line$lr,$numbers" >>"$1" || return 1
        echo "${line%",$seed,$epochs,"}, seed $seed: $numbers" | sed 's/,/: /'
    done
    rm -f "$own".*
}

if [ "${1:-}" = --one ]; then
    shift
    one_run "$@"
    exit
fi

# ---- all of them ----------------------------------------------------------------------

results=${1:?usage: studies.sh RESULTS [RUNS]}
wanted=${2:-.}
case "$CORES:$SEEDS" in
*[!0-9\ :]* | 0:*)
    echo "studies: CORES and SEEDS are whole numbers, not \"$CORES\" and \"$SEEDS\"" >&2
    exit 2
    ;;
esac
echo | grep -qE -e "$wanted" 2>/dev/null
[ $? -le 1 ] || { echo "studies: RUNS is no regular expression: $wanted" >&2; exit 2; }
[ -x ./chapter5 ] || { echo "studies: there is no ./chapter5: make chapter5" >&2; exit 1; }
[ -f "$DATA/train-images-idx3-ubyte.gz" ] || [ -f "$DATA/train-images-idx3-ubyte" ] || {
    echo "studies: there is no $DATA: make data" >&2
    exit 1
}
if [ ! -s "$results" ]; then
    {
        echo "# Written by make studies: test accuracy and the last epoch's training loss."
        echo "# machine: $(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null |
            head -n 1), one thread a run; ${COMPILER:-compiler not said}"
        echo "study,variant,seed,epochs,lr,accuracy,loss,parameters"
    } >"$results" || exit 1
fi

scratch=$(new_scratch) || exit 1
trap 'rm -rf "$scratch"' EXIT
all_runs | while IFS='|' read -r epochs seed names options; do
    for name in $names; do
        echo "$name seed $seed"
    done | grep -qE -e "$wanted" || continue
    echo fits >"$scratch/some"
    for name in $names; do
        grep -qF "$(begin_line "$name")" "$results" && continue
        echo "$epochs|$seed|$names|$options"
        break
    done
done >"$scratch/runs"
[ -e "$scratch/some" ] || { echo "studies: no run fits $wanted" >&2; exit 2; }
echo "studies: $(wc -l <"$scratch/runs") runs to do, $CORES at once, into $results"
[ -s "$scratch/runs" ] || exit 0 # GNU's xargs would begin one without a name
awk '{ print NR }' "$scratch/runs" |
    xargs -P "$CORES" -n 1 sh "$0" --one "$results" "$scratch"
