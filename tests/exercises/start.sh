#!/bin/sh
# start.sh N FOLDER MAKE GRADER: copies the files of chapter N that have exercises into
# FOLDER, each exercise cut out. What is there already is never touched. See folder.sh.
# shellcheck source=tests/exercises/folder.sh
. tests/exercises/folder.sh

copies() { # each of them, without its exercises
    made=0
    kept=0
    mkdir -p "$folder" 2>/dev/null || :
    { [ -w "$folder" ] && [ -d "$folder" ]; } ||
        fail 1 "$folder can't be made, or not be written: what is in its place?"
    for file in $(files); do
        copy=$folder/$(basename "$file")
        if [ -e "$copy" ] || [ -h "$copy" ]; then
            kept=$((kept + 1))
            continue
        fi
        awk -f tests/exercises/stub.awk "$file" >"$copy.new"
        mv "$copy.new" "$copy"
        made=$((made + 1))
        awk -F'"' '/^ *NOT_WRITTEN\("/ { print "  " $2 "  " FILENAME ":" FNR }' "$copy"
    done
    [ ! -e "$folder/answers.txt" ] || kept=$((kept + 1))
    [ "$kept" -eq 0 ] || echo "  $kept files were there already; they are as you left them"
    [ $((made + kept)) -gt 0 ]
}

# FOLDER's Makefile passes every target on, so that `make grade` works there too.
passes_on() {
    case $folder in # the way back; links may lead elsewhere
    /* | *..* | .* | */./* | *//*) back=$PWD ;;
    *) back=$(echo "$folder" | sed 's,[^/][^/]*,..,g') ;;
    esac
    [ "$(cd "$folder/$back" 2>/dev/null && pwd -P)" = "$(pwd -P)" ] || back=$PWD
    cat <<END
# Made by \`make start\`: \`make grade\` here is \`make grade N=$n\` in the course's folder.
N := $n
.DEFAULT_GOAL := grade
\$(if \$(filter-out start grade watch hint progress mine,\$(or \$(MAKECMDGOALS),grade)),,\$(eval MAKEFLAGS += -q))
%: FORCE
	+@\$(MAKE) --no-print-directory -C '$back' WORK='${folder%/*}' N='\$(N)' \$@
FORCE Makefile: ;
.PHONY: FORCE
END
}

want_chapter
copies
if [ ! -e "$folder/Makefile" ] || grep -q '^# Made by .make start.: ' "$folder/Makefile"; then
    passes_on >"$folder/Makefile.new" && mv "$folder/Makefile.new" "$folder/Makefile"
fi
build || end 1
[ -e "$folder/answers.txt" ] || {
    "$grader" --tasks >"$folder/answers.new" && mv "$folder/answers.new" "$folder/answers.txt"
}
echo "$folder is yours: write what is marked there, and answer answers.txt;"
echo "then: make grade N=$n"
