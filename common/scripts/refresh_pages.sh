#!/bin/sh
# refresh_pages.sh: draw the lessons' figures anew, and write the table of notes/studies.md
# from its CSV. Run in the repository's root; needs gnuplot.
set -eu
sh plots/figures/draw.sh
page=notes/studies.md
sh common/scripts/studies_table.sh >"$page.table"
awk -v table="$page.table" '
    /^<!-- output: sh common/ { print; wanted = 1; next }
    /^```/ && wanted { print; while ((getline line < table) > 0) print line
                       wanted = 0; skip = 1; next }
    /^```/ && skip { skip = 0 }
    !skip { print }' "$page" >"$page.new"
mv "$page.new" "$page"
rm -f "$page.table"
