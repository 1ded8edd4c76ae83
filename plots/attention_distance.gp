# attention_distance.gp: how far each head looks, by depth [ViT fig.7]: right.
#
#     gnuplot -c plots/attention_distance.gp plots/attention_distance.dat out.png
#
# The data come from ./chapter5 --look FILE.
width = 760
height = 520
picture = ARG2
load "plots/terminal.gp"
stats ARG1 using 1:3 nooutput
layers = STATS_max_x
most = STATS_max_y
least = STATS_min_y
stats ARG1 using 4 name "EQUAL" nooutput
stats ARG1 using 5 name "IMAGES" nooutput
equal = EQUAL_max
margin = 0.25 * (most - least) + 0.2
low = (least < equal ? least : equal) - margin
high = (most > equal ? most : equal) + 2.5 * margin
set title sprintf("Mean attention distance of each head, over %d test images", \
                  int(IMAGES_max))
set xlabel "layer"
set ylabel "mean attention distance (pixels)"
set xrange [0.5:layers + 0.5]
set yrange [low:high]
set xtics 1
set tics out nomirror
set grid ytics lc rgb "#d0d0d0"
set key top left Left reverse
plot ARG1 using 1:3 with points pt 7 ps 1.6 lc rgb "#E69F00" title "a head", \
     ARG1 using 1:3 smooth unique with lines lw 2 lc rgb "#0072B2" \
         title "mean over a layer's heads", \
     equal with lines dt 2 lw 2 lc rgb "#000000" \
         title sprintf("equal weights for all patches: %.1f", equal)
