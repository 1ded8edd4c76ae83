# attention_weights.gp: the attention weights of one test image: of the class token in
# every head [AIAYN fig.3] [AIAYN fig.5], and two whole matrices [AIAYN fig.4].
#
#     gnuplot -c plots/attention_weights.gp plots/attention_weights.dat out.png
#
# The data come from ./chapter5 --look FILE: a block for the image, one for each head, and
# two for the matrices. Each block begins with a line of its own.
picture = ARG2
stats ARG1 using 1:2 index 0 every ::1 nooutput
side = int(STATS_max_x) + 1
tall = int(STATS_max_y) + 1
stats ARG1 using 3 index 0 every ::0::0 nooutput
layers = int(STATS_max)
stats ARG1 using 4 index 0 every ::0::0 nooutput
heads = int(STATS_max)
maps = layers * heads
stats ARG1 using 1:2 index 1 every ::1 nooutput
across = int(STATS_max_x) + 1
down = int(STATS_max_y) + 1
stats ARG1 using 1 index maps + 1 every ::1 nooutput
tokens = int(STATS_max) + 1

# The unit is a patch of a map: 7 x 7 of them, the gaps, and the image and the matrices
# drawn as large as there is room.
wide = across + 1.6
high = down + 3.4
maps_at = 21
matrix_at = maps_at + heads * wide + 2.8
matrix = 18.0
gap = 4.8 # between the matrices, for their titles
last = layers * high
last = last < 2 * (matrix + gap) ? 2 * (matrix + gap) : last
right = matrix_at + matrix + 1
width = int(13.5 * right / 0.915)
height = int(13.5 * (last + 0.4) / 0.94)
load "plots/terminal.gp"
set title "Attention weights of one test image, in a trained model"
set palette defined (0 "#ffffff", 1 "#d55e00")
set cbrange [0:1]
set cbtics ("0" 0, "0.02" sqrt(0.02), "0.1" sqrt(0.1), "0.25" 0.5, "0.5" sqrt(0.5), "1" 1)
set cbtics font ",10"
set cblabel "attention weight (the colour is its square root)" font ",10"
set colorbox user origin screen 0.93, 0.1 size screen 0.012, 0.76
set size ratio -1
set xrange [-0.5:right]
set yrange [last - 3:-3.4]
unset xtics
unset ytics
unset border
unset key
set lmargin at screen 0.005
set rmargin at screen 0.92
set bmargin at screen 0.01
set tmargin at screen 0.95
pixel = 16.0 / side
do for [i = 0:across] {
    set arrow from i * 16.0 / across, 0 to i * 16.0 / across, tall * pixel \
        nohead front lc rgb "#b0b0b0" lw 0.5
}
do for [i = 0:down] {
    set arrow from 0, i * tall * pixel / down to 16, i * tall * pixel / down \
        nohead front lc rgb "#b0b0b0" lw 0.5
}
do for [m = 0:maps - 1] {
    x = maps_at + (m % heads) * wide
    y = (m / heads) * high
    set object rectangle from x, y to x + across, y + down fillstyle empty \
        border lc rgb "#808080" lw 0.5 front
}
do for [m = 0:1] {
    set object rectangle from matrix_at, m * (matrix + gap) \
        to matrix_at + matrix, m * (matrix + gap) + matrix \
        fillstyle empty border lc rgb "#808080" lw 0.5 front
}
set label 1 "Each small map: what the class\ntoken looks at in one head, drawn\nover the image." \
    at 0, tall * pixel + 2 left font ",11"
set label 2 "breadth: over how many of the\ntokens the weights are spread,\nexp of their entropy." \
    at 0, tall * pixel + 7 left font ",11"
set label 3 "Right, two whole matrices: row i\nis what token i looks at. Token 0\nis the class token, the others\nthe patches, row by row. A full\ncolumn is a token at which all\nothers look." \
    at 0, tall * pixel + 12 left font ",11"
cell = matrix / tokens
grey(pixel) = 255 * (1 - 0.8 * pixel)
small = across / (1.0 * side) # of a map's pixels
left(m) = maps_at + (m % heads) * wide
top(m) = (m / heads) * high
# vermilion, the more opaque the larger the weight; the highest byte is transparency
sheet(weight) = int(255 * (1 - sqrt(weight))) * 2 ** 24 + 0xD55E00
plot ARG1 index 0 every ::1 using (($1 + 0.5) * pixel):(($2 + 0.5) * pixel): \
         (grey($3)):(grey($3)):(grey($3)) with rgbimage, \
     for [m = 0:maps - 1] ARG1 index 0 every ::1 \
         using (left(m) + ($1 + 0.5) * small):(top(m) + ($2 + 0.5) * small): \
         (grey($3)):(grey($3)):(grey($3)) with rgbimage, \
     for [m = 0:maps - 1] ARG1 index m + 1 every ::1 \
         using (left(m) + $1 + 0.5):(top(m) + $2 + 0.5):(left(m) + $1):(left(m) + $1 + 1): \
         (top(m) + $2):(top(m) + $2 + 1):(sheet($3)) \
         with boxxyerror fs solid noborder lc rgb variable, \
     for [m = 0:1] ARG1 index maps + 1 + m every ::1 \
         using (matrix_at + ($2 + 0.5) * cell): \
         (m * (matrix + gap) + ($1 + 0.5) * cell):(sqrt($3)) with image pixels, \
     ARG1 index 0 every ::0::0 using (8):(-0.8): \
         (sprintf("test image %d: %s", $2, stringcolumn(1))) with labels font ",11", \
     for [m = 0:maps - 1] ARG1 index m + 1 every ::0::0 \
         using (maps_at + (m % heads) * wide + across / 2.0):((m / heads) * high - 2.0): \
         (sprintf("layer %d, head %d", $1, $2)) with labels font ",10", \
     for [m = 0:maps - 1] ARG1 index m + 1 every ::0::0 \
         using (maps_at + (m % heads) * wide + across / 2.0):((m / heads) * high - 0.8): \
         (sprintf("breadth %.1f", $4)) with labels font ",10", \
     for [m = 0:1] ARG1 index maps + 1 + m every ::0::0 \
         using (matrix_at + matrix / 2):(m * (matrix + gap) - 2.0): \
         (sprintf("layer %d, head %d: the %s rows", $1, $2, m ? "broadest" : "narrowest")) \
         with labels font ",10", \
     for [m = 0:1] ARG1 index maps + 1 + m every ::0::0 \
         using (matrix_at + matrix / 2):(m * (matrix + gap) - 0.8): \
         (sprintf("mean breadth %.1f of %d", $3, tokens)) with labels font ",10"
