#!/bin/sh
# test_exercises.sh: the exercises and their grader, in the repository's root.
#
# For every chapter: a student's copy is made, and never touched again; every exercise
# of it is "not written yet", at the line to be written; the sources' own solution
# passes. Every planted bug of tests/mutants that lies within an exercise is found to be
# wrong and is called by its name, and so is every fourth bug of bugs.txt (chapter 6: every
# eighth), each day others: DAY=N chooses. With LONG=1 all of them are, and every name that
# the grader knows is proved so.
set -u
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
make=${make:-make}
day=${DAY:-$(($(date +%s) / 86400))}
root=build/exercises # the students' folders, one a worker
rm -rf "$root"
mkdir -p "$root"
all=$root/log
: >"$all"

# shellcheck source=tests/exercises/planting.sh
. tests/exercises/planting.sh

report() { # report STATUS WHAT
    if [ "$1" -eq 0 ]; then echo "ok    $2"; else echo "FAIL  $2"; fi
}
# A bug within an exercise leaves the stubs as they are.
within_exercise() { # within_exercise PATCH SOURCE CHANGED
    cp "$2" "$3"
    patch -s "$3" <"$1" >/dev/null || return 1
    awk -f tests/exercises/stub.awk "$2" >"$3.stub"
    awk -f tests/exercises/stub.awk "$3" | cmp -s - "$3.stub"
}

# The exercise in which $root/$n/changed first differs from SOURCE.
changed_exercise() { # changed_exercise SOURCE
    line=$(diff "$1" "$root/$n/changed" | sed -n '1s/[^0-9].*//p')
    awk -v line="$line" 'NR > line { exit }
        /^ *\/\* exercise [1-8]\.[1-6a-f]/ { id = $3; sub(/,/, "", id) }
        END { print id }' "$1"
}

# expected NAME NUMBER: the "= exercise words" of that bug of bugs.txt stand in the reply;
# false: it has none.
expected() {
    awk -v bug="$2" '/^@ / { number++ } number == bug && /^= / { print substr($0, 3) }' \
        tests/exercises/bugs.txt >"$root/$n/expected"
    while read -r id words; do
        if [ "$words" = passed ]; then
            reply_of "$id" "$root/$n/wrong" | grep -q ' passed '
            report $? "$1: $id is right, in an unusual way"
            continue
        fi
        reply_of "$id" "$root/$n/wrong" | grep -E ' (wrong|waits for [1-8]\.[1-6a-f]) ' | grep -qF "$words"
        report $? "$1: $id says \"$words\""
    done <"$root/$n/expected"
    [ -s "$root/$n/expected" ]
}

# graded SOURCE COPY: what the grader says of $root/$n/changed in COPY's place; by the
# commands that make has shown.
graded() {
    cp "$root/$n/changed" "$2"
    grade_fast "$root/$n" "$n" "$grader" "${2##*/}" >"$root/$n/wrong"
    cp "$1" "$2"
    restore_fast "$root/$n" "$n"
}

# bug NAME SOURCE COPY [NUMBER]: grade $root/$n/changed in the copy's place; what it is
# called goes to $root/$n/named.
bug() {
    graded "$2" "$3"
    expected "$1" "${4:-0}" || {
        id=$(changed_exercise "$2")
        reply_of "$id" "$root/$n/wrong" | grep -F ' wrong ' | grep -q 'This is '
        report $? "$1: $id is wrong, and it is named there"
    }
    awk '/^        This is/ { text = $0; sub(/^ *This is /, "", text); inside = 1; next }
         inside && /^        (Think|Write|Read|Stuck|This)/ { inside = 0 }
         inside { line = $0; sub(/^ */, " ", line); text = text line }
         !inside && text != "" { print text; text = "" }
         END { if (text != "") print text }' "$root/$n/wrong" | sed 's/\.$//' >>"$root/$n/named"
}

# `make mine` shows what bug() said, and stops a suite that doesn't end.
mine_says() {
    solve 2 "$mine" "$grader"
    copy=$mine/attention.c
    run_make "$root/2" 2 mine >"$root/2/mine"
    grep -q '^  PASS  suite attention' "$root/2/mine"
    report $? "make mine N=2: the solution passes"
    sed 's/matmul_nn(A, V, O)/matmul_nn(A, Q, O)/' "$(source_of 2 attention.c)" >"$copy"
    run_make "$root/2" 2 mine >"$root/2/mine"
    grep -q '^  FAIL  suite attention' "$root/2/mine" &&
        grep -q "^ *bug: matmul_nn: sizes don't fit" "$root/2/mine"
    report $? "make mine N=2: what bug() said is shown"
    sed 's/softmax_fast_forward(A, A)/while (*(volatile int *)A.shape) d_k + 0/' \
        "$(source_of 2 attention.c)" >"$copy"
    run_make "$root/2" 2 mine >"$root/2/mine"
    grep -q '^  FAIL  suite attention' "$root/2/mine" &&
        grep -q 'It ran for 5 seconds and was stopped: an endless loop?' "$root/2/mine"
    report $? "make mine N=2: an endless loop is stopped"
}

# What is said of an answer that is nearly one: 2.1a is 0.731.
answers_say() {
    while IFS='|' read -r text words; do
        "$grader" --answers | sed "s|^2\.1a = .*|2.1a = $text|" >"$mine/answers.txt"
        "$grader" "$mine" | tr -s ' \n' ' ' | grep -qF "$words"
        report $? "2.1a = $text: $words"
    done <<'END'
0,731|is 0.731 meant?
73.1%|is 0.731 meant?
40 blocks|is 40 meant?
2/3|is 0.6666666667 meant?
1.5 e3|is 1500 meant?
1.5 x 10^3|is 1500 meant?
1e3|1e3 is not it
12 345 kB|is 12345 meant?
0.731 of it|is 0.731 meant?
1,234,567|is 1234567 meant?
0.74|0.74 is near it: more digits are wanted
0.5|0.5 is not it
many|"many" is not a number
END
}

chapter() { # chapter N
    n=$1
    mine=$root/$n/chapter$n
    mkdir -p "$root/$n"
    run_make "$root/$n" "$n" start >"$root/$n/start"
    report $? "make start N=$n"
    grader=$(grader_of "$mine")
    exercises=$(grep -rhoE "^ */\\* exercise $n\\.[1-6a-f] \\*/" common chapters/0"$n"_* |
        awk '{ print $3 }' | sort -u)
    run_make "$root/$n" "$n" grade >"$root/$n/graded"
    for e in $exercises; do
        grep -qE "^  $e +(not written yet .*:[0-9]+|waits for )" "$root/$n/graded"
        report $? "$e: the stub is not written yet"
    done
    grep -oE "$mine/[a-z_]+\.(c|cu):[0-9]+" "$root/$n/graded" | while IFS=: read -r file line; do
        sed -n "${line}p" "$file" | grep -q NOT_WRITTEN
        report $? "$file:$line is a line to be written"
    done
    [ "$(grep -c 'not written yet .*answers.txt' "$root/$n/graded")" -ge 1 ]
    report $? "chapter $n: answers are missing"
    ! grep -q ' passed ' "$root/$n/graded"
    report $? "chapter $n: nothing passes before it is written"

    # What a student wrote stays.
    first=$(find "$mine" -name '*.c*' | head -n 1)
    echo '/* mine */' >>"$first"
    echo '# mine' >>"$mine/answers.txt"
    run_make "$root/$n" "$n" start >"$root/$n/again"
    grep -q "^  $(find "$mine" -name '*.c*' -o -name answers.txt | grep -c '') files were there already" \
        "$root/$n/again"
    report $? "chapter $n: make start counts what is there, the answers too"
    tail -n 1 "$first" | grep -q mine && tail -n 1 "$mine/answers.txt" | grep -q mine
    report $? "chapter $n: make start leaves what is there"

    solve "$n" "$mine" "$grader"
    run_make "$root/$n" "$n" grade >"$root/$n/solved"
    [ "$(grep -cE '^  [1-8]\.[1-6a-f]   passed ' "$root/$n/solved")" -eq "$(grep -c '^# [1-8]\.' "$mine/answers.txt")" ]
    report $? "chapter $n: the solutions pass"
    "$grader" --mistakes >"$root/$n/mistakes"
    learn_commands "$root/$n" "$n" "$grader"
    : >"$root/$n/named"

    share=4
    [ "$n" != 6 ] || share=8
    [ -z "${LONG:-}" ] || share=1

    # Bugs in code: of tests/mutants, then of bugs.txt.
    for patch in tests/mutants/*.patch; do
        file=$(sed -n 's/^--- a\///p' "$patch")
        copy=$mine/${file##*/}
        [ -e "$copy" ] || continue
        [ "$(source_of "$n" "${file##*/}")" = "$file" ] || continue
        within_exercise "$patch" "$file" "$root/$n/changed" || continue
        bug "$(basename "$patch" .patch)" "$file" "$copy"
    done
    number=0
    grep '^@ ' tests/exercises/bugs.txt | while read -r _ name; do
        number=$((number + 1))
        copy=$mine/$name
        [ -e "$copy" ] || continue
        [ $(((number + day) % share)) -eq 0 ] || continue
        file=$(source_of "$n" "$name")
        [ -n "$file" ] || continue
        awk -v bug="$number" -f tests/exercises/plant.awk tests/exercises/bugs.txt "$file" \
            >"$root/$n/changed" &&
            bug "bug $number of bugs.txt ($name)" "$file" "$copy" "$number"
    done
    # Right answers that nobody expects.
    number=0
    grep '^@ ' tests/exercises/right.txt | while read -r _ name; do
        number=$((number + 1))
        copy=$mine/$name
        [ -e "$copy" ] || continue
        [ "$n" != 6 ] || continue
        file=$(source_of "$n" "$name")
        awk -v bug="$number" -f tests/exercises/plant.awk tests/exercises/right.txt "$file" \
            >"$root/$n/changed" && graded "$file" "$copy"
        [ "$(grep -cE '^  [1-8]\.[1-6]   passed ' "$root/$n/wrong")" -eq "$(grep -c '^# [1-8]\.' "$mine/answers.txt")" ]
        report $? "right answer $number of right.txt ($name) passes"
    done
    # Wrong answers.
    grep ' = .* | ' "$root/$n/mistakes" | while IFS='|' read -r answer text; do
        id=${answer%% =*}
        "$grader" --answers | sed "s/^$id = .*/$answer/" >"$mine/answers.txt"
        "$grader" "$mine" >"$root/$n/wrong"
        tr -s ' \n' ' ' <"$root/$n/wrong" | grep -qF "This is${text}."
        report $? "$answer: named"
    done
    "$grader" --answers | sed "s/^\($n\.[1-6]a = \).*/\1soon/" >"$mine/answers.txt"
    "$grader" "$mine" | grep -q '"soon" is not a number'
    report $? "chapter $n: an answer that is no number is wrong"
    [ "$n" = 2 ] && answers_say
    [ "$n" = 7 ] && {
        "$grader" --answers | sed 's/^7\.5b = .*/7.5b = 120/' >"$mine/answers.txt"
        ! "$grader" "$mine" | grep -q '7\.5b'
        report $? "7.5b: 120.44 to three digits is 120"
    }
    rm -f "$mine/answers.txt"
    mkfifo "$mine/answers.txt"
    "$grader" "$mine" | grep -q "answers.txt can't be read"
    report $? "chapter $n: a pipe of answers isn't waited for"
    rm -f "$mine/answers.txt"
    lost=$(basename "$(find "$mine" -name '*.[ch]*' | sort | head -n 1)")
    mv "$mine/$lost" "$root/$n/lost"
    run_make "$root/$n" "$n" grade | grep -q "has no $lost: make start N=$n"
    report $? "chapter $n: a file that is gone is not the course's"
    mv "$root/$n/lost" "$mine/$lost"
    { "$grader" --answers; printf '# %01000d %s.1a = 5\n' 0 "$n"; } >"$mine/answers.txt"
    ! "$grader" "$mine" | grep -q 'more than one'
    report $? "chapter $n: a long line is one line"
    [ "$share" -gt 1 ] || grep -v ' = .* | ' "$root/$n/mistakes" | cut -d'|' -f2- | sed 's/^ //' | sort -u |
        while read -r text; do
            grep -qxF "$text" "$root/$n/named"
            report $? "chapter $n: a planted bug is \"$text\""
        done

    [ "$n" = 2 ] && mine_says
}

# Marks that don't fit together are refused.
printf '/* exercise 2.1 */\n' >"$root/open.c"
! awk -f tests/exercises/stub.awk "$root/open.c" >/dev/null 2>&1
report $? "an exercise without an end is refused" >>"$all"
printf '/* exercise 2.1 */\n/* end of exercise 2.2 */\n' >"$root/other.c"
! awk -f tests/exercises/stub.awk "$root/other.c" >/dev/null 2>&1
report $? "an end of another exercise is refused" >>"$all"

chapters=${2:-1 2 3 4 5 6 7 8}
# Two at a time, chapter 6 beside all others: its kernels take longest to compile.
(for n in $chapters; do [ "$n" = 6 ] || chapter "$n" >"$root/log$n" 2>&1; done) &
(for n in $chapters; do [ "$n" != 6 ] || chapter "$n" >"$root/log$n" 2>&1; done) &
wait
for n in $chapters; do
    cat "$root/log$n"
done >>"$all"
grep -v '^ok ' "$all" && echo "(with DAY=$day)"
passed=$(grep -c '^ok ' "$all")
failed=$(grep -vc '^ok ' "$all")
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
