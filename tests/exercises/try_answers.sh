#!/bin/sh
# try_answers.sh LIST [CHAPTERS]: plants each answer of LIST (bugs.txt's form) into a
# solved folder, grades it, and counts: what passed, what was refused and how. An
# answer's exercise is told by a line "# 1.2 words" before its "@", or by one
# "= 1.2 words" after it. Run in the repository's root; the replies are kept in
# build/try/replies, to be read: whether a hint fits, no program can say.
set -u
here=$(dirname "$0")
# shellcheck source=tests/exercises/planting.sh
. "$here/planting.sh"
make=${MAKE:-make}
list=$1
chapters=${2:-1 2 3 4 5}
root=build/try

# The kind of a reply: named ("This is"), located (a line of the student's), guessed
# ("Perhaps": what is seen of the result), hint (the exercise's own only), passed.
kind_of() { # kind_of EXERCISE REPLY
    text=$(reply_of "$1" "$2")
    case $text in
    " $1 passed "*)
        if grep -qE '^  [1-8]\.[1-6a-f] +(wrong|waits)' "$2"; then
            echo ELSEWHERE
        else
            echo PASSED
        fi
        ;;
    *'This is '*) echo named ;;
    *'Perhaps '*) echo guessed ;;
    *chapter[1-8]/*.c*:[0-9]*) echo located ;;
    *Think:*) echo hint ;;
    *' wrong '* | *'waits for'*) echo shown ;;
    *) echo LOST ;;
    esac
}

worker() { # worker WHICH OF: each OF-th answer
    mine=$root/$1
    rm -rf "$mine"
    mkdir -p "$mine"
    for n in $chapters; do
        run_make "$mine" "$n" start >"$mine/start" || cat "$mine/start"
        grader=$(grader_of "$mine/chapter$n")
        solve "$n" "$mine/chapter$n" "$grader"
        learn_commands "$mine" "$n" "$grader"
        "$grader" "$mine/chapter$n" | grep -qE '^  [1-8]\.[1-6a-f] +(wrong|waits|not)' &&
            echo "chapter $n: the solution doesn't pass" >&2
        awk 'function say() { if (id) print n, file, id, words; id = "" }
            /^# [1-8]\.[1-6a-f] / { next_id = $2; next_words = substr($0, 7) }
            /^@ / { say(); n++; file = $2; id = next_id; words = next_words; next_id = "" }
            /^= [1-8]\.[1-6a-f] / && !id { id = $2; words = substr($0, 7) }
            END { say() }' "$list" | while read -r number name id words; do
            [ "${id%.*}" = "$n" ] || continue
            [ $((number % $2)) -eq "$1" ] || continue
            file=$(source_of "$n" "$name")
            awk -v bug="$number" -f "$here/plant.awk" "$list" "$file" \
                >"$mine/chapter$n/$name" || continue
            if grade_fast "$mine" "$n" "$grader" "$name" >"$mine/reply"; then
                kind=$(kind_of "$id" "$mine/reply")
            else
                kind=BROKEN
            fi
            cp "$file" "$mine/chapter$n/$name"
            echo "$number $kind $id $words"
            { echo "==== $number $kind $id $words"
                if [ "$kind" = BROKEN ]; then
                    head -n 20 "$mine/reply"
                else
                    awk '/^  [1-8]\.[1-6a-f] +(wrong|waits)/ { p = 1 }
                         /^  [1-8]\.[1-6a-f] +passed/ || /^  chapter/ { p = 0 } p' "$mine/reply"
                fi; } >"$mine/kept$number"
            restore_fast "$mine" "$n"
        done
    done
}
mkdir -p "$root"
worker 0 2 >"$root/verdicts0" &
worker 1 2 >"$root/verdicts1" &
wait
sort -n "$root/verdicts0" "$root/verdicts1" >"$root/verdicts"
cut -d' ' -f1 "$root/verdicts" | while read -r number; do
    cat "$root"/[01]/kept"$number"
done >"$root/replies"
awk '{ count[$2]++ } END { for (kind in count) print count[kind], kind }' "$root/verdicts" |
    sort -rn
