#!/bin/sh
# mine.sh N FOLDER MAKE GRADER: chapter N's program and its tests, built of what FOLDER
# has. See folder.sh.
# shellcheck source=tests/exercises/folder.sh
. tests/exercises/folder.sh
want_chapter
want_folder
build mine-built || end 1
sh tests/exercises/mine_tests.sh "$n" "$folder/my_chapter$n" "$(dirname "$grader" |
    sed 's,/watched/,/float/,')/tests" || end $?
