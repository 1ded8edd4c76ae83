# One row of a picture, columns of 0 and 255 in turn, from 640 pixels to 224: with a filter
# that becomes wider, and with one that doesn't (demo_resize.c prints both ranges).
load "plots/figures/style.gp"
s = 640.0 / 224
hat(t) = abs(t) < 1 ? 1 - abs(t) : 0
grey_of(j) = j % 2 == 0 ? 0 : 255
c(i) = (i + 0.5) * s
first(i, z) = int(floor(c(i) - z)) < 0 ? 0 : int(floor(c(i) - z))
of(i, z) = (sum [k = 0:7] hat((first(i, z) + k + 0.5 - c(i)) / z) * grey_of(first(i, z) + k)) / \
    (sum [k = 0:7] hat((first(i, z) + k + 0.5 - c(i)) / z))
eval chart(15, 5.4)
set xrange [0:60]
set yrange [-10:400]
set ytics 0, 51, 255
set xlabel "pixel of the small picture"
set ylabel "grey level"
set samples 61
plot [i = 0:60] "+" using (int($1)):(of(int($1), 1)) with linespoints lt 2 dt 2 pt 6 ps 0.5 title "without antialiasing: stripes that aren't there", \
     "+" using (int($1)):(of(int($1), s)) with linespoints lt 1 pt 7 ps 0.5 title "with: grey, as from afar"
