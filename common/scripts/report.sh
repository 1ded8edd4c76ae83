#!/bin/sh
# report.sh OUT COMPILER FLAGS NVCC: one page (Markdown) for a study group: the machine,
# the compiler, every chapter's checks, gradient checks, times, accuracy and pictures.
# Everything in it is what the programs print in this run. Run in the repository's root,
# where the chapters are built. Exit status 1 if a check fails; the page says so first.
set -u
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/portable.sh"
out=$1
compiler=$2
flags=$3
nvcc=$4
model=chapter5.safetensors
scratch=$(new_scratch) || exit 1
trap 'rm -rf "$scratch"' EXIT

# run NAME COMMAND...: its output to $scratch/NAME; sets status, seconds, passed and bad.
run() {
    name=$1
    shift
    from=$(now)
    "$@" >"$scratch/$name" 2>&1 </dev/null
    status=$?
    seconds=$(echo "$from $(now)" | awk '{ printf "%.1f", $2 - $1 }')
    passed=$(grep -c '^PASS' "$scratch/$name")
    bad=$(grep -c '^FAIL' "$scratch/$name")
    echo "  $name: $passed PASS, $bad FAIL"
}
title_of() { # of chapter N
    case $1 in
    5) echo "gradient checks of a small ViT (\`./chapter5 --gradcheck\`)" ;;
    6) echo "kernels beside the CPU (\`./chapter6 --check\`)" ;;
    *) sed -n '1s/^Chapter [0-9]: //p' "$scratch/chapter$1" ;;
    esac
}

# A chapter has failed if it says FAIL, or ends with another status than 0, or checks
# nothing at all.
failed=
for n in 1 2 3 4 5 6 7; do
    case $n in 5) option=--gradcheck ;; 6) option=--check ;; *) option= ;; esac
    run "chapter$n" "./chapter$n" ${option:+"$option"}
    [ "$status" -eq 0 ] && [ "$bad" -eq 0 ] && [ "$passed" -gt 0 ] || failed="$failed $n"
    echo "| $n: $(title_of $n) | $passed | $bad | $status | $seconds |" >>"$scratch/rows"
done
if [ -e "$model" ]; then
    run eval ./chapter5 --eval "$model"
    [ "$status" -eq 0 ] || failed="$failed evaluation"
fi

from_proc() { # from_proc FILE NAME: the first line "NAME : value"
    sed -n "s/^$2[[:space:]]*:[[:space:]]*//p" "$1" 2>/dev/null | head -n 1
}
machine() {
    processor=$(from_proc /proc/cpuinfo 'model name')
    cat <<END
| | |
| --- | --- |
| processor | ${processor:-$(sysctl -n machdep.cpu.brand_string 2>/dev/null || uname -m)} |
| cores | $(cores) |
| memory | $(from_proc /proc/meminfo MemTotal | awk '{ printf "%.1f GB", $1 * 1024 / 1e9 }') |
| system | $(uname -sm)$(sed -n 's/^PRETTY_NAME="\(.*\)"/, \1/p' /etc/os-release 2>/dev/null) |
| compiler | $($compiler --version | head -n 1) |
| flags | \`$flags\` |
| CUDA | $(if [ -n "$nvcc" ]; then "$nvcc" --version | grep release; else echo none; fi) |
| GPU | $(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | grep . || echo none: cuda_on_cpu) |
END
}
gradients() {
    echo "| chapter | gradients checked | elements | worst relative error |"
    echo "| --- | --- | --- | --- |"
    for n in 1 2 3 4 5; do
        awk -v n="$n" '/^PASS.* elements, worst relative error/ {
            for (i = 2; i <= NF; i++) if ($i ~ /^elements/) elements += $(i - 1)
            if ($NF + 0 >= worst + 0) worst = $NF
            count++
        } END { if (count) printf "| %d | %d | %d | %s |\n", n, count, elements, worst }' \
            "$scratch/chapter$n"
    done
}
accuracy() {
    if [ ! -e "$model" ]; then
        echo "No trained model is here: \`./chapter5\` trains one in two minutes, then"
        echo "\`make report\` again."
        return
    fi
    # A safetensors file begins with text, in which the settings come first.
    head -c 4096 "$model" | tr -d '\000' |
        grep -aoE '"(patch|depth|dim|heads|mlp|epochs|batch|lr|seed|threads|step)":"[^"]*"' |
        tr -d '"' | awk -F: '{ printf "%s%s %s", (NR > 1 ? ", " : "Settings: "), $1, ($1 == "lr" ? $2 + 0 : $2) }
            END { print ".\n" }'
    echo '```'
    grep -E '^(data|model|seed|test accuracy|class |[A-Z].* 0\.[0-9]{4} |[0-9]+ of )' "$scratch/eval"
    echo '```'
    [ ! -s chapter5.csv ] || awk -F, 'NR > 1 && NF >= 7 { step = $1; epoch = $2; seconds = $7 } END {
        if (step) printf "\nIts last training run: %d steps, %d epochs, %.0f s.\n", step, epoch, seconds }' chapter5.csv
}
pictures() {
    # From the page's folder back to the root: ".." for each folder.
    up=$(dirname "$out" | sed 's|[^/][^/]*|..|g')
    for picture in plots/pictures/*.png; do
        [ -e "$picture" ] || { echo "None yet: \`make plots\` draws them."; return; }
        printf '![%s](%s)\n\n' "$(basename "$picture" .png | tr _ ' ')" "$up/$picture"
    done
}

mkdir -p "$(dirname "$out")" || exit 1
if ! {
    printf '# Report of the course'"'"'s programs\n\n'
    if [ -n "$failed" ]; then
        printf '**Checks FAIL in:%s.**\n\n' "$failed"
        grep -H '^FAIL' "$scratch"/chapter? | sed "s|^$scratch/|    |"
    else
        echo "Every check holds."
    fi
    printf '\n%s UTC\n' "$(date -u '+%Y-%m-%d %H:%M')"
    printf '\n## The machine\n\n'
    machine
    printf '\n## The chapters\n\n'
    echo "| chapter | PASS | FAIL | exit status | seconds |"
    echo "| --- | --- | --- | --- | --- |"
    cat "$scratch/rows"
    printf '\n## Gradients, in double\n\n'
    gradients
    printf '\n## The trained model\n\n'
    accuracy
    printf '\n## Pictures\n\n'
    pictures
    printf '\n## Every check, to lay beside another report\n\n'
    echo "Times are left out; errors near rounding differ from machine to machine."
    for n in 1 2 3 4 5 6 7; do
        printf '\n### Chapter %s\n\n```\n' "$n"
        grep -E '^(PASS|FAIL)' "$scratch/chapter$n" | grep -vE ' [0-9.]+ (ns|us|ms|s)\b'
        echo '```'
    done
} >"$out.new" || ! mv "$out.new" "$out"; then
    rm -f "$out.new"
    echo "report: $out can't be written" >&2
    exit 1
fi
echo "$out" || exit 1
[ -z "$failed" ]
