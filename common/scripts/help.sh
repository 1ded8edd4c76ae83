#!/bin/sh
# help.sh MAKEFILE...: prints what can be made: chapters, and targets that have a line.
echo "make TARGET, where TARGET is"
for page in chapters/0*/README.md; do
    chapter=${page#chapters/0}
    printf '  %-22s %s\n' "chapter${chapter%%_*}" \
        "build ./chapter${chapter%%_*}: $(sed -n '1s/^# *//p' "$page")"
done
sed -e :join -e '/\\$/N; s/\\\n */ /; t join' "$@" |
    sed -n 's/^command-\([a-z0-9_.-]*\) = .*## \(.*\)/\1|\2/p; s/^\([a-z][a-z_. -]*\):.*## \(.*\)/\1|\2/p' |
    while IFS='|' read -r name text; do printf '  %-22s %s\n' "$name" "$text"; done
