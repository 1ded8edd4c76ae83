#!/bin/sh
# grade.sh N|EXERCISE FOLDER MAKE GRADER: what passes, and what is wrong and why. Exit
# status 0 only when all that was asked for passed. See folder.sh.
# shellcheck source=tests/exercises/folder.sh
. tests/exercises/folder.sh
case $asked in
*.*)
    want_exercise E
    [ "${#asked}" -eq 3 ] || fail 2 "which exercise? make grade E=${asked%?}, say"
    set -- "$asked"
    ;;
*)
    want_chapter
    set --
    ;;
esac
want_folder
build || exit 1
explain warnings
"$grader" "$folder" "$@" || end $?
