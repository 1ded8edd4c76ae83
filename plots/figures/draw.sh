#!/bin/sh
# draw.sh [FOLDER [NAME...]]: draws the lessons' figures, plots/figures/NN_name.gp, into
# figures/name.svg of chapter NN (00: into plots/shown), or all into FOLDER as NN_name.svg;
# NAME: these only.
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
        case $name in
        00_*) figures=plots/shown ;;
        *) figures=$(echo chapters/"${name%%_*}"_*)/figures ;;
        esac
        mkdir -p "$figures"
        drawn=$figures/${name#*_}.svg
    }
    gnuplot -e "output = '$drawn.new'" "$script" 2>"$drawn.said" || { cat "$drawn.said" >&2; exit 1; }
    # In the locale C it warns that it has no degree sign, which no figure needs.
    if grep -v -e 'iconv failed to convert degree sign' -e '^$' "$drawn.said" >&2; then exit 1; fi
    rm -f "$drawn.said"
    mv "$drawn.new" "$drawn"
done
