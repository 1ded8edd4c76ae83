#!/bin/sh
# test_figures.sh: the lessons' figures are what their scripts draw; each is shown in a page,
# and its words can be read. Run from the repository's root.
set -u
# shellcheck source=tests/words.sh
. tests/words.sh

figures=$(find chapters/*/figures plots/shown -name '*.svg' 2>/dev/null | sort)
script_of() { # script_of FIGURE
    case $1 in
    plots/shown/*) echo "plots/figures/00_$(basename "$1" .svg).gp" ;;
    *) echo "$1" | sed 's|^chapters/\(0[0-9]\)_[^/]*/figures/\(.*\)\.svg$|plots/figures/\1_\2.gp|' ;;
    esac
}
words_of() {
    LC_ALL=C awk -v WORDS=1 -f tests/figure_words.awk "$1"
}

echo "-- scripts, figures, pages"
for script in plots/figures/[0-9][0-9]_*.gp; do
    echo "$figures" | while read -r figure; do
        [ "$(script_of "$figure")" != "$script" ] || echo "$figure"
    done >"$scratch/drawn"
    [ -s "$scratch/drawn" ]
    ok "$script: its figure is there" $?
    ! grep -nE '#[0-9A-Fa-f]{6}' "$script"
    ok "$script: colours by the names of style.gp" $?
done
for figure in $figures; do
    [ -f "$(script_of "$figure")" ]
    ok "$figure: its script is there" $?
    grep -rqF "/$(basename "$figure"))" README.md notes chapters --include='*.md'
    ok "$figure: a page shows it" $?
    [ "$(words_of "$figure" | wc -l)" -ge 2 ]
    ok "$figure: has words, so that it can be read without its colours" $?
    LC_ALL=C awk -f tests/figure_words.awk "$figure"
    ok "$figure: no words overlap, none is cut off" $?
done
[ "$(echo "$figures" | wc -l)" -ge 18 ]
ok "figures were looked at ($(echo "$figures" | wc -l))" $?

echo "-- drawn again"
if ! command -v gnuplot >/dev/null 2>&1; then
    echo "NOT RUN: gnuplot isn't there"
else
    mkdir "$scratch/again"
    sh plots/figures/draw.sh "$scratch/again"
    ok "every script draws, and says nothing" $?
    for figure in $figures; do
        again=$scratch/again/$(basename "$(script_of "$figure")" .gp).svg
        if [ "$(grep Produced "$again" 2>/dev/null)" = "$(grep Produced "$figure")" ]; then
            cmp -s "$again" "$figure"
            ok "$figure: is what its script draws, to the byte" $?
        else # another version of gnuplot writes other bytes
            words_of "$again" >"$scratch/words"
            words_of "$figure" | cmp -s - "$scratch/words"
            ok "$figure: has the words that its script writes" $?
        fi
    done
fi

echo "-- what would be found"
label() { # label X Y WORDS
    printf '<g transform="translate(%s,%s)" font-size="15.00" text-anchor="middle">\n' "$1" "$2"
    printf '<text><tspan font-family="DejaVu Sans" >%s</tspan></text>\n</g>\n' "$3"
}
found() { # found WHAT WORDS: in the drawing of stdin
    { echo ' viewBox="0 0 300 100"' && cat; } >"$scratch/planted.svg"
    ! LC_ALL=C awk -f tests/figure_words.awk "$scratch/planted.svg" >"$scratch/said" && grep -qF "$2" "$scratch/said"
    ok "$1 is found" $?
}
{ label 100 50 queries && label 130 55 keys; } | found "a label over another" 'these overlap: queries | keys'
label 290 50 "the largest" | found "a label over the edge" 'runs over the edge: the largest'
{ label 100 50 queries && label 200 50 keys; } | { echo ' viewBox="0 0 300 100"' && cat; } >"$scratch/planted.svg"
LC_ALL=C awk -f tests/figure_words.awk "$scratch/planted.svg"
ok "labels side by side are fine" $?

verdict
