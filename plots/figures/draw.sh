#!/bin/sh
# draw.sh [FOLDER [NAME...]]: draws the lessons' figures, plots/figures/NN_name.gp, into
# figures/name.svg of chapter NN, or all into FOLDER as NN_name.svg; NAME: these only.
# Run in the repository's root; needs gnuplot.
set -eu
folder=${1:-}
[ $# -eq 0 ] || shift
command -v gnuplot >/dev/null 2>&1 || { echo "draw.sh: gnuplot isn't there: make setup" >&2; exit 1; }
for script in plots/figures/[0-9][0-9]_*.gp; do
    name=$(basename "$script" .gp)
    [ $# -eq 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
    drawn=${folder:+$folder/$name.svg}
    [ -n "$drawn" ] || {
        chapter=$(echo chapters/"${name%%_*}"_*)
        mkdir -p "$chapter/figures"
        drawn=$chapter/figures/${name#*_}.svg
    }
    gnuplot -e "output = '$drawn.new'" "$script" 2>"$drawn.said" || { cat "$drawn.said" >&2; exit 1; }
    [ ! -s "$drawn.said" ] || { cat "$drawn.said" >&2; exit 1; }
    rm -f "$drawn.said"
    mv "$drawn.new" "$drawn"
done
