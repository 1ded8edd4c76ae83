#!/bin/sh
# reading.sh LESSON...: a chapter has to fit an evening. A lesson links the files that have
# to be read in the list below its mark,
#
#     <!-- reading: at most 1000 lines -->
#
# which ends at the first empty line. Prints how many lines they have. Fails where they have
# more, where a file isn't there, and where a lesson has no mark or no links.
set -u
status=0
fail() {
    echo "$page: $1"
    status=1
}
for page in "$@"; do
    most=$(sed -n 's/^<!-- reading: at most \([0-9]*\) lines -->$/\1/p' "$page")
    case $most in
    '' | *[!0-9]*)
        fail "must say once how many lines of source are to be read"
        continue
        ;;
    esac
    lines=0
    files=0
    for link in $(sed -n '/^<!-- reading: /,/^$/p' "$page" | grep -oE '\]\([^) ]+\)' |
        sed 's/^](//; s/)$//' | sort -u); do
        file=$(dirname "$page")/$link
        if [ -f "$file" ]; then
            files=$((files + 1))
            lines=$((lines + $(wc -l <"$file")))
        else
            fail "tells to read $link, which isn't a file"
        fi
    done
    echo "$page: $lines lines in $files files to read, of at most $most"
    [ "$files" -gt 0 ] || fail "links no files below its mark"
    [ "$lines" -le "$most" ] || fail "$((lines - most)) lines too many"
done
exit $status
