# 05_training.gp: loss and accuracy of each epoch of ./chapter5, as it prints them
# (tests/test_training.sh compares the page's lines of that run).
load "plots/figures/style.gp"
# epoch, loss and accuracy over its training images, accuracy on the test images
$run << EOD
1 1.1770 0.7180 0.7993
2 0.8926 0.8212 0.8208
3 0.8535 0.8361 0.8293
4 0.8232 0.8506 0.8367
5 0.7985 0.8609 0.8603
6 0.7742 0.8713 0.8598
7 0.7512 0.8805 0.8693
8 0.7302 0.8911 0.8806
9 0.7084 0.9018 0.8864
10 0.6868 0.9121 0.8918
11 0.6711 0.9206 0.8953
12 0.6618 0.9249 0.8947
EOD
eval chart(15, 6)
set multiplot layout 1,2
set lmargin 8
set xrange [0:12.6]
set xtics 0, 2, 12
set xlabel "epoch"
set yrange [0:2.5]
set ylabel "loss"
set label "log 10: knows nothing" at 0.6, 2.15 left front font ",13"
set label "the least that smoothing allows" at 12.2, 0.36 right front font ",13"
least = -0.91 * log(0.91) - 0.09 * log(0.01)
plot log(10) with lines dt 3 lc rgb black notitle, least with lines dt 3 lc rgb black notitle, \
     $run using 1:2 with linespoints lt 1 dt 1 lw 2.5 lc rgb blue pt 7 ps 0.6 notitle
unset label
set yrange [0.7:0.95]
set ytics 0.05
set ylabel "share that is right"
set key bottom right
plot $run using 1:3 with linespoints lt 1 dt 1 lw 2.5 lc rgb blue pt 7 ps 0.6 title "training images", \
     $run using 1:4 with linespoints lt 2 dt 2 lw 2.5 lc rgb vermilion pt 6 ps 0.8 title "test images"
unset multiplot
