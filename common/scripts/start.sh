#!/bin/sh
# start.sh N FOLDER: copy chapter N's files that have exercises into FOLDER, each exercise
# cut out. What is there already is never touched. start.sh --lacks N FOLDER: is each of
# those files there? Run in the repository's root.
set -eu
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/portable.sh"
lacks=no
[ "$1" != --lacks ] || { lacks=yes; shift; }
n=$1
folder=$2
files=$(grep -lE "^ */\\* exercise $n\\.[1-6]" common/*.[ch] chapters/0"$n"_*/*.[ch]* | sort)
if [ $lacks = yes ]; then
    for file in $files; do
        [ -f "$folder/${file##*/}" ] || {
            echo "$folder has no ${file##*/}: make start N=$n copies it anew" >&2
            exit 1
        }
    done
    exit
fi
mkdir -p "$folder" 2>/dev/null && [ -w "$folder" ] || {
    echo "$folder can't be made, or not be written: what is in its place?" >&2
    exit 1
}
made=0
kept=0
for file in $files; do
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
