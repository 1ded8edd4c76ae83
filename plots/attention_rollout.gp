# attention_rollout.gp: test images, and over each where the class token's result comes
# from [ViT fig.6].
#
#     gnuplot -c plots/attention_rollout.gp plots/attention_rollout.dat out.png
#
# The data come from ./chapter5 --look FILE: a block for each image.
width = 1000
height = 340
picture = ARG2
load "plots/terminal.gp"
stats ARG1 using 1:2 nooutput
side = STATS_max_x + 1
tall = STATS_max_y + 1
images = int(STATS_records / (side * tall))
across = 5 # pairs in a row: the image, and its map drawn over it
wide = 2.1 * side + 0.35 * side
high = 1.42 * tall
left(i) = (i % across) * wide
top(i) = (i / across) * high
lines = (images + across - 1) / across
set title "Attention rollout: from which patches the class token's result comes (the stronger the orange, the more)"
set palette defined (0 "#ffffff", 1 "#000000")
set cbrange [0:1]
set size ratio -1
set xrange [-0.1 * side:across * wide - 0.25 * side]
set yrange [lines * high - 0.1 * tall:-0.35 * tall]
unset xtics
unset ytics
unset border
unset colorbox
unset key
set lmargin 1
set rmargin 1
set bmargin 1
# A pixel, black on white, seen through a sheet that is white where the weight is 0, and
# vermilion (D5 5E 00) where it is 1.
tint(pixel, weight, channel) = (1 - 0.8 * pixel) * (255 - weight * (255 - channel))
says(name, wrong) = wrong eq "" ? name : sprintf("%s (taken for: %s)", name, wrong)
plot for [i = 0:images - 1] ARG1 index i using (left(i) + $1):(top(i) + $2):3 \
         every ::1 with image, \
     for [i = 0:images - 1] ARG1 index i \
         using (left(i) + 1.1 * side + $1):(top(i) + $2):(tint($3, $4, 0xD5)): \
         (tint($3, $4, 0x5E)):(tint($3, $4, 0)) every ::1 with rgbimage, \
     for [i = 0:images - 1] ARG1 index i every ::0::0 \
         using (left(i) + 1.05 * side - 0.5):(top(i) - 0.13 * tall): \
         (says(stringcolumn(1), stringcolumn(2))) with labels center font ",11"
