# terminal.gp: loaded by each script, with `width` and `height` in pixels, and `picture`,
# the file to write: PNG or SVG, as its name ends. One font; Okabe and Ito's colours, which grey tells apart by dash or mark.
if (strlen(picture) < 5) {
    print "usage: gnuplot -c plots/NAME.gp plots/NAME.dat OUT.png (or OUT.svg)"
    exit status 2
}
if (picture[strlen(picture) - 3:] eq ".svg") {
    set terminal svg size width, height noenhanced font "sans,12" background rgb "white"
} else {
    set terminal pngcairo size width, height noenhanced font "sans,12"
}
set output picture
