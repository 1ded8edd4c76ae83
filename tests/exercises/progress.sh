#!/bin/sh
# progress.sh - FOLDER: every exercise of the course: passed, tried or not begun, when, and
# after how many attempts. WORK/progress has a line for each: date, time, exercise, verdict
# (see progress.c); what isn't such a line counts as nothing.
# shellcheck source=tests/exercises/folder.sh
. tests/exercises/folder.sh
work=${folder%/*}
[ -d "$work" ] || fail 1 "there is no $work yet: make start N=1"
progress=$work/progress
[ -f "$progress" ] && [ -r "$progress" ] || progress=/dev/null
old=
for n in 1 2 3 4 5 6 7 8; do # before there was this file, a chapter kept how many passed
    [ ! -f "$work/chapter$n/passed" ] || old="$old $n:$(head -n 1 "$work/chapter$n/passed" | tr -cd 0-9)"
    [ ! -d "$work/chapter$n" ] || for file in $(files); do
        [ -f "$work/chapter$n/${file##*/}" ] || old="$old $n:gone:${file##*/}"
    done
done
{
    for page in chapters/0*/README.md; do
        n=${page#chapters/0}
        echo "chapter ${n%%_*} $(sed -n '1s/^# *//p' "$page")"
        cat tests/exercises/exercises_"${n%%_*}"*.c
    done
} | awk '
    /^chapter [1-8] / { print; next }
    /^ *\{"[1-8]\.[1-6a-f]",/ { open = 1; row = "" }
    open { row = row " " $0 }
    open && split(row, part, "\"") >= 5 { print "exercise " part[2] " " part[4]; open = 0 }' |
    awk -v work="$work" -v old="$old" -f tests/exercises/progress.awk - "$progress"
