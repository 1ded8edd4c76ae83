# confusion_matrix.gp: what images of each class are taken for, over the test set.
#
#     gnuplot -c plots/confusion_matrix.gp plots/confusion_matrix.dat out.png
#
# The data come from ./chapter5 --look FILE. Colour is the share's logarithm, so that few
# mistakes are seen beside many right answers.
width = 860
height = 760
picture = ARG2
load "plots/terminal.gp"
stats ARG1 using 3 nooutput
total = STATS_sum
stats ARG1 using ($1 == $2 ? $3 : 0) name "RIGHT" nooutput
set title sprintf("Of %d test images %d are right: what the others are taken for", \
                  int(total), int(RIGHT_sum))
set palette defined (0 "#440154", 1 "#3B528B", 2 "#21918C", 3 "#5EC962", 4 "#FDE725")
set logscale cb
set cbrange [0.001:1]
set cbtics ("0.1%%" 0.001, "1%%" 0.01, "10%%" 0.1, "100%%" 1)
set cblabel "share of the class's images, logarithmic"
set xrange [-0.5:9.5]
set yrange [9.5:-0.5]
set tics scale 0
set xtics rotate by 40 right
set xlabel "the model says"
set ylabel "it is" offset -1,0
set lmargin 18
set bmargin 8
unset key
light(share) = share > 0.06
plot ARG1 using 2:1:($4 > 0.001 ? $4 : 0.001):ytic(5) with image, \
     "" using 1:1:xtic(5) with dots lc rgb "#ffffff", \
     "" using 2:1:(!light($4) ? "" : sprintf("%d", int($3))) with labels \
         textcolor rgb "#000000", \
     "" using 2:1:(light($4) || $3 == 0 ? "" : sprintf("%d", int($3))) with labels \
         textcolor rgb "#ffffff"
