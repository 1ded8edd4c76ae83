#!/bin/sh
# exercises.sh start|grade|mine N FOLDER MAKE GRADER: chapter N's exercises. `start` copies
# the files that have some into FOLDER, each exercise cut out; what is there already is
# never touched. `grade` builds and runs GRADER; `mine` builds the chapter's program, and
# its tests, of what FOLDER has. Run in the repository's root, by make.
set -eu
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/portable.sh"
task=$1
n=$2
folder=$3
make=$4
grader=$5

fail() { # fail STATUS WHY
    echo "$2"
    exit "$1"
}
files() { # those that have exercises
    find common chapters/0"$n"_* -name '*.[ch]*' -exec \
        grep -lE "^ */\\* exercise $n\\.[1-6a-f]" {} + | sort
}
copies() { # each of them, without its exercises
    made=0
    kept=0
    mkdir -p "$folder" 2>/dev/null && [ -w "$folder" ] ||
        fail 1 "$folder can't be made, or not be written: what is in its place?" >&2
    for file in $(files); do
        copy=$folder/$(basename "$file")
        if [ -e "$copy" ] || [ -h "$copy" ]; then
            kept=$((kept + 1))
            continue
        fi
        awk -f common/scripts/stub.awk "$file" >"$copy.new"
        mv "$copy.new" "$copy"
        made=$((made + 1))
        awk -F'"' '/^ *NOT_WRITTEN\("/ { print "  " $2 "  " FILENAME ":" FNR }' "$copy"
    done
    [ ! -e "$folder/answers.txt" ] || kept=$((kept + 1))
    [ "$kept" -eq 0 ] || echo "  $kept files were there already; they are as you left them"
    [ $((made + kept)) -gt 0 ]
}

case $n in
[1-6]) ;;
*) fail 2 "which chapter? make $task N=1 ... N=6" ;;
esac
if [ "$task" != start ]; then
    [ -d "$folder" ] || fail 1 "there is no $folder: make start N=$n"
    for file in $(files); do # one that isn't there would be the course's own, solved
        [ -f "$folder/${file##*/}" ] ||
            fail 1 "$folder has no ${file##*/}: make start N=$n copies it anew" >&2
    done
fi
case $task in
start)
    copies
    "$make" --no-print-directory N="$n" "$grader"
    [ -e "$folder/answers.txt" ] || {
        "$grader" --tasks >"$folder/answers.new" && mv "$folder/answers.new" "$folder/answers.txt"
    }
    echo "$folder is yours: write what is marked there, and answer answers.txt;"
    echo "then: make grade N=$n"
    ;;
grade)
    "$make" --no-print-directory N="$n" "$grader" ||
        fail 1 "What you wrote doesn't compile yet: the first error above says where."
    "$grader" "$folder" || [ $? -eq 1 ] # 1: not all is written yet
    ;;
mine) exec "$make" --no-print-directory N="$n" mine-tests ;;
esac
