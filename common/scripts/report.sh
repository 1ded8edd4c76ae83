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

# run NAME COMMAND...: its output to $scratch/NAME, its status and seconds beside it.
run() {
    name=$1
    shift
    from=$(now)
    "$@" >"$scratch/$name" 2>&1 </dev/null
    echo "$?" >"$scratch/$name.status"
    echo "$from $(now)" | awk '{ printf "%.1f\n", $2 - $1 }' >"$scratch/$name.time"
    echo "  $name: $(grep -c '^PASS' "$scratch/$name") PASS, $(grep -c '^FAIL' "$scratch/$name") FAIL"
}
count() { # count WORD NAME
    grep -c "^$1" "$scratch/$2"
}

for n in 1 2 3 4; do
    run "chapter$n" "./chapter$n"
done
run chapter5 ./chapter5 --gradcheck
run chapter6 ./chapter6 --check
if [ -e "$model" ]; then
    run eval ./chapter5 --eval "$model"
fi

# A chapter has failed if it says FAIL, or ends with another status than 0, or checks
# nothing at all.
failed=
for n in 1 2 3 4 5 6; do
    if [ "$(cat "$scratch/chapter$n.status")" -ne 0 ] || [ "$(count FAIL "chapter$n")" -gt 0 ] ||
        [ "$(count PASS "chapter$n")" -eq 0 ]; then
        failed="$failed $n"
    fi
done
if [ -e "$model" ] && [ "$(cat "$scratch/eval.status")" -ne 0 ]; then
    failed="$failed evaluation"
fi

title_of() { # of chapter N
    case $1 in
    5) echo "gradient checks of a small ViT (\`./chapter5 --gradcheck\`)" ;;
    6) echo "kernels beside the CPU (\`./chapter6 --check\`)" ;;
    *) sed -n '1s/^Chapter [0-9]: //p' "$scratch/chapter$1" ;;
    esac
}
from_proc() { # from_proc FILE NAME: the first line "NAME : value"
    sed -n "s/^$2[[:space:]]*:[[:space:]]*//p" "$1" 2>/dev/null | head -n 1
}
processor() {
    name=$(from_proc /proc/cpuinfo 'model name')
    echo "${name:-$(sysctl -n machdep.cpu.brand_string 2>/dev/null || uname -m)}"
}
machine() {
    echo "| | |"
    echo "| --- | --- |"
    echo "| processor | $(processor) |"
    echo "| cores | $(cores) |"
    echo "| memory | $(from_proc /proc/meminfo MemTotal | awk '{ printf "%.1f GB", $1 * 1024 / 1e9 }') |"
    echo "| system | $(uname -sm)$(sed -n 's/^PRETTY_NAME="\(.*\)"/, \1/p' /etc/os-release 2>/dev/null) |"
    echo "| compiler | $($compiler --version | head -n 1) |"
    echo "| flags | \`$flags\` |"
    echo "| CUDA | $(if [ -n "$nvcc" ]; then "$nvcc" --version | grep release; else echo none; fi) |"
    echo "| GPU | $(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | grep . || echo none: cuda_on_cpu) |"
}
gradients() {
    echo "| chapter | gradients checked | elements | worst relative error |"
    echo "| --- | --- | --- | --- |"
    for n in 1 2 3 4 5; do
        grep '^PASS.* elements, worst relative error' "$scratch/chapter$n" |
            awk -v n="$n" '{
                for (i = 2; i <= NF; i++) if ($i ~ /^elements/) elements += $(i - 1)
                if ($NF + 0 >= worst + 0) worst = $NF
                count++
            } END { if (count) printf "| %d | %d | %d | %s |\n", n, count, elements, worst }'
    done
}
accuracy() {
    if [ ! -e "$model" ]; then
        echo "No trained model is here: \`./chapter5\` trains one in two minutes, then"
        echo "\`make report\` again."
        return
    fi
    # The head of a safetensors file is text; the settings come first.
    head -c 4096 "$model" | tr -d '\000' |
        grep -aoE '"(patch|depth|dim|heads|mlp|epochs|batch|lr|seed|threads|step)":"[^"]*"' |
        tr -d '"' | awk -F: '{ printf "%s%s %s", (NR > 1 ? ", " : "Settings: "), $1, ($1 == "lr" ? $2 + 0 : $2) }
            END { print ".\n" }'
    echo '```'
    grep -E '^(data|model|seed|test accuracy|class |[A-Z].* 0\.[0-9]{4} |[0-9]+ of )' "$scratch/eval"
    echo '```'
    if [ -s chapter5.csv ]; then
        awk -F, 'NR > 1 && NF >= 7 { step = $1; epoch = $2; seconds = $7 } END {
            if (step) printf "\nIts last training run: %d steps, %d epochs, %.0f s.\n", step, epoch, seconds }' chapter5.csv
    fi
}
pictures() {
    found=no
    for picture in plots/pictures/*.png; do
        [ -e "$picture" ] || continue
        found=yes
        name=$(basename "$picture" .png | tr _ ' ')
        echo "![$name]($up/$picture)"
        echo
    done
    [ "$found" = yes ] || echo "None yet: \`make plots\` draws them."
}
# From the page's folder back to the root: ".." for each folder.
up=$(dirname "$out" | awk -F/ '{ for (i = 1; i <= NF; i++) printf "%s..", (i > 1 ? "/" : "") }')

mkdir -p "$(dirname "$out")" || exit 1
if ! {
    echo "# Report of the course's programs"
    echo
    if [ -n "$failed" ]; then
        echo "**Checks FAIL in:$failed.**"
        echo
        grep -H '^FAIL' "$scratch"/chapter? | sed "s|^$scratch/|    |"
    else
        echo "Every check holds."
    fi
    echo
    echo "$(date -u '+%Y-%m-%d %H:%M') UTC"
    printf '\n## The machine\n\n'
    machine
    printf '\n## The chapters\n\n'
    echo "| chapter | PASS | FAIL | exit status | seconds |"
    echo "| --- | --- | --- | --- | --- |"
    for n in 1 2 3 4 5 6; do
        echo "| $n: $(title_of $n) | $(count PASS "chapter$n") | $(count FAIL "chapter$n") | $(cat "$scratch/chapter$n.status") | $(cat "$scratch/chapter$n.time") |"
    done
    printf '\n## Gradients, in double\n\n'
    gradients
    printf '\n## The trained model\n\n'
    accuracy
    printf '\n## Pictures\n\n'
    pictures
    printf '\n## Every check, to lay beside another report\n\n'
    echo "Times are left out; errors near rounding differ from machine to machine."
    for n in 1 2 3 4 5 6; do
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
