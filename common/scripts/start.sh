#!/bin/sh
# start.sh N FOLDER: copy chapter N's files that have exercises into FOLDER, each exercise
# cut out. What is there already is never touched. Run in the repository's root.
set -eu
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/portable.sh"
n=$1
folder=$2
mkdir -p "$folder"
made=0
kept=0
for file in $(grep -lE "^ */\\* exercise $n\\.[1-6]" common/*.[ch] chapters/0"$n"_*/*.[ch]* |
    sort); do
    copy=$folder/$(basename "$file")
    if [ -e "$copy" ] || [ -h "$copy" ]; then
        kept=$((kept + 1))
        continue
    fi
    awk -f common/scripts/stub.awk "$file" >"$copy.new"
    mv "$copy.new" "$copy"
    made=$((made + 1))
    awk -v mode=list -f common/scripts/stub.awk "$file" | while read -r exercise line; do
        echo "  $exercise  $copy:$line"
    done
done
[ ! -e "$folder/answers.txt" ] || kept=$((kept + 1))
[ "$kept" -eq 0 ] || echo "  $kept files were there already; they are as you left them"
[ $((made + kept)) -gt 0 ]
