# position_similarity.gp: how alike each position's embedding is to all others, on the
# grid of the patches [ViT fig.7]: centre.
#
#     gnuplot -c plots/position_similarity.gp plots/position_similarity.dat out.png
#
# The data come from ./chapter5 --look FILE.
width = 820
height = 740
picture = ARG2
load "plots/terminal.gp"
stats ARG1 using 1:2 nooutput
rows = STATS_max_x + 1
columns = STATS_max_y + 1
set title "Cosine similarity of a patch's position embedding (its row, its column) with all"
set palette defined (0 "#440154", 1 "#3B528B", 2 "#21918C", 3 "#5EC962", 4 "#FDE725")
set cbrange [-0.4:1]
set cblabel "cosine similarity"
gap = 2 # of cells between maps
wide = columns + gap
high = rows + gap
set size ratio -1
set xrange [-1.5:columns * wide - gap + 0.5]
set yrange [rows * high - gap + 0.5:-1.5]
set tics scale 0
set xtics ("1" (columns - 1) / 2.0)
set ytics ("1" (rows - 1) / 2.0)
set for [i = 2:columns] xtics add (sprintf("%d", i) (i - 1) * wide + (columns - 1) / 2.0)
set for [i = 2:rows] ytics add (sprintf("%d", i) (i - 1) * high + (rows - 1) / 2.0)
set xlabel "column of the patch"
set ylabel "row of the patch"
unset key
unset border
plot for [r = 0:rows - 1] for [c = 0:columns - 1] ARG1 \
         index r * columns + c using (c * wide + $4):(r * high + $3):5 \
         with image pixels
