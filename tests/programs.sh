# programs.sh: a chapter's program is run in $scratch, and what it says is looked at. After
# words.sh, which has the names out, err and check.
# shellcheck shell=sh
# shellcheck disable=SC2154 # words.sh sets them
run() { # run PROGRAM OPTIONS...: what it says and exits with
    program=$1
    shift
    (cd "$scratch" && exec "$root/$program" "$@") >"$out" 2>"$err"
    status=$?
}
says() { grep -Eq -e "$1" "$out"; }
exits() { [ "$status" -eq "$1" ]; }
one_line() { # one_line STATUS PATTERN: on stderr, by the program's name; nothing on stdout
    exits "$1" && [ ! -s "$out" ] && [ "$(grep -c '' "$err")" -eq 1 ] &&
        grep -Eq -e "^$program: .*$2" "$err"
}
refuses() { # refuses STATUS PATTERN PROGRAM OPTIONS...
    wanted=$1
    pattern=$2
    shift 2
    run "$@"
    check "refused: $*" one_line "$wanted" "$pattern"
}
