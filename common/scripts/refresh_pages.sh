#!/bin/sh
# refresh_pages.sh: write the tables of equations in notes/ anew, after lines have moved.
# What is between `<!-- output: sh common/scripts/equations.sh ... -->` and the end of its
# fence is replaced by what the command prints. Run in the repository's root.
set -u
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/portable.sh"
for page in notes/vision_transformer.md notes/studies.md; do
    command=$(sed -n 's/^<!-- output: \(sh common.*\) -->$/\1/p' "$page" | head -n 1)
    sh -c "$command" >"$page.table" || { rm -f "$page.table"; exit 1; }
    awk -v table="$page.table" '
        /^<!-- output: sh common/ { print; wanted = 1; next }
        /^```/ && wanted { print; while ((getline line < table) > 0) print line
                           wanted = 0; skip = 1; next }
        /^```/ && skip { skip = 0 }
        !skip { print }' "$page" >"$page.new" && mv "$page.new" "$page"
    rm -f "$page.table"
done
