#!/bin/sh
# watch.sh N|EXERCISE FOLDER MAKE GRADER: grades whenever a file of FOLDER is saved: the
# next exercise in full, the others in a line each. It ends with status 0 when all pass, by
# Ctrl-C with 130, and after WATCH_TURNS gradings, for tests. See folder.sh.
# shellcheck source=tests/exercises/folder.sh
. tests/exercises/folder.sh
case $asked in
*.*)
    want_exercise N
    [ "${#asked}" -eq 3 ] || fail 2 "which exercise? make watch N=${asked%?}, say"
    set -- "$asked"
    ;;
*)
    want_chapter
    set --
    ;;
esac
want_folder
plan=$grader.plan
trap 'stopped' INT TERM
stopped() {
    trap '' INT TERM
    passed=$(awk -v n="$n" '$3 ~ "^" n "[.]" { last[$3] = $4 }
        END { for (e in last) passed += last[e] == "passed"; print passed + 0 }' \
        "${folder%/*}/progress" 2>/dev/null) || passed=0
    printf '\n%s\n' "Chapter $n: $passed passed so far. make watch N=$n goes on."
    end 130
}

# What there is: each file with a checksum.
state() {
    cksum "$folder"/*.[ch] "$folder"/*.cu "$folder/answers.txt" 2>/dev/null || :
}
# quick_build: compiles what was saved since the last build, as make said that it would.
# 1: it doesn't compile; 2: make must do it (the first time, another file, a header).
quick_build() {
    [ "$(printf '%s\n' "$is" | sed 's/.* //')" = "$names" ] && [ -s "$plan" ] || return 2
    : >"$plan.now"
    for file in $(printf '%s\n' "$is" | grep -vxF -e "$known" | sed 's/.* //'); do
        case $file in
        *answers.txt) continue ;;
        *.h) return 2 ;;
        esac
        grep -F -e " -c $file " "$plan" >>"$plan.now" || return 2
    done
    [ ! -s "$plan.now" ] || cat "$plan.link" >>"$plan.now"
    sh -e "$plan.now" >"$grader.log" 2>&1 || refused "$grader.log"
}
make_build() {
    build || return 1
    names=$(printf '%s\n' "$is" | sed 's/.* //')
    # shellcheck disable=SC2046 # names without spaces
    "$make" -n V=1 --no-print-directory N="$n" E= \
        $(printf '%s\n' "$names" | sed -n '/[.]c/s/^/-W/p') "$grader" >"$plan" 2>/dev/null || : >"$plan"
    grep -F -e " -o $grader." -e "_in_float." "$plan" | grep -vF -e ' -c ' >"$plan.link" || : >"$plan"
}
lost() { # is a file gone?
    for file in $(files); do
        [ -f "$folder/${file##*/}" ] || {
            echo "$folder has no ${file##*/}: make start N=$n copies it anew"
            return 0
        }
    done
    return 1
}
turn() {
    ! lost || return 1
    status=0
    quick_build || status=$?
    [ "$status" -ne 2 ] || { make_build && status=0 || status=1; }
    [ "$status" -eq 0 ] || return 1
    known=$is
    explain warnings
    "$grader" "$folder" --watch "$@"
}

names= # of the files that the plan is for, and their state when all was built
known=
turns=0
waiter=$(command -v inotifywait || :)
nap=0.2 # where sleep knows fractions
sleep "$nap" 2>/dev/null || nap=1
while :; do
    is=$(state)
    if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then printf '\033[H\033[2J'; fi
    if turn "$@"; then
        echo "  Nothing is left to watch."
        exit 0
    fi
    turns=$((turns + 1))
    [ "$turns" != "${WATCH_TURNS:-}" ] || exit 1
    [ "$turns" -gt 1 ] || printf '\n%s\n' "Watching $folder: save a file to grade again; Ctrl-C ends."
    while [ "$(state)" = "$is" ]; do
        if [ -n "$waiter" ]; then # it may miss what was saved before it began: a second at most
            status=0
            inotifywait -qq -t 1 -e close_write -e moved_to -e delete "$folder" >/dev/null 2>&1 || status=$?
            case $status in
            0 | 2) ;;
            *) waiter= ;;
            esac
        else
            sleep "$nap"
        fi
    done
done
