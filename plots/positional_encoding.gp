# The sinusoids of [AIAYN 3.5] as a picture: one row a position, one column a
# dimension. Fast waves at the left, slow ones at the right.
#   gnuplot -c plots/positional_encoding.gp IN.dat OUT.png
width = 900
height = 600
picture = ARG2
load "plots/terminal.gp"
set title "Position encodings PE(pos, j): even j sine, odd j cosine"
set xlabel "dimension j (number of the column)"
set ylabel "position pos (tokens)"
set cblabel "PE(pos, j), no unit"
set cbrange [-1:1]
set palette defined (0 "#440154", 1 "#3B528B", 2 "#21918C", 3 "#5EC962", 4 "#FDE725")
set xrange [-0.5:127.5]
set yrange [99.5:-0.5]
set tics out nomirror
plot ARG1 matrix using 1:2:3 with image pixels notitle
