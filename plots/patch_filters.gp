# patch_filters.gp: the principal components of the patches' filters [ViT fig.7]: left.
#
#     gnuplot -c plots/patch_filters.gp plots/patch_filters.dat out.png
#
# The data come from ./chapter5 --look FILE. The first twelve; the middle colour is 0.
width = 900
height = 400
picture = ARG2
load "plots/terminal.gp"
stats ARG1 using 1:3 nooutput
count = STATS_max_x < 12 ? int(STATS_max_x) : 12
P = STATS_max_y + 1
across = 6
wide = P * 1.25 # from one little picture to the next
high = P * 1.65
left(i) = ((i - 1) % across) * wide
top(i) = ((i - 1) / across) * high
array scale[count]
do for [i = 1:count] {
    stats ARG1 index i - 1 using (abs($5)) name "C" nooutput
    scale[i] = C_max > 0 ? C_max : 1
}
set title sprintf("The first %d principal components of the filters: what a patch is " \
                  . "seen through", count)
set palette defined (0 "#440154", 1 "#3B528B", 2 "#21918C", 3 "#5EC962", 4 "#FDE725")
set size ratio -1
set xrange [-1:across * wide]
set yrange [2 * high:-1]
unset xtics
unset ytics
unset border
unset colorbox
unset key
set lmargin 2
set rmargin 2
set cbrange [-1:1]
plot for [i = 1:count] ARG1 index i - 1 using (left(i) + $3):(top(i) + $4):($5 / scale[i]) \
         with image pixels notitle, \
     for [i = 1:count] ARG1 index i - 1 every ::0::0 \
         using (left(i) - 0.5):(top(i) - 0.5):(left(i) - 0.5):(left(i) + P - 0.5): \
         (top(i) - 0.5):(top(i) + P - 0.5) with boxxyerror fs empty \
         border lc rgb "#606060" lc rgb "#606060" notitle, \
     for [i = 1:count] ARG1 index i - 1 every ::0::0 \
         using (left(i) + (P - 1) / 2.0):(top(i) + P + 0.25 * P / 4 - 0.2): \
         (sprintf("%d: %.1f%%", i, 100 * $2)) with labels center notitle
