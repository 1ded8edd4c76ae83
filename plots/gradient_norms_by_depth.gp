# Sizes of gradients by depth when training begins, pre-norm beside post-norm.
#   gnuplot -c plots/gradient_norms_by_depth.gp IN.dat OUT.png
width = 1000
height = 480
picture = ARG2
load "plots/terminal.gp"
set multiplot layout 1,2 title "Gradient norms by depth, at initialisation"
set xlabel "depth l (blocks)"
set xrange [-0.5:24.5]
set xtics 4
set tics out nomirror
set grid ytics lc rgb "gray70"
set logscale y 2
set key top center
set style line 1 lc rgb "#0072B2"  lw 2 pt 7 dt 1
set style line 2 lc rgb "#D55E00" lw 2 pt 6 dt 2
set yrange [0.125:2]
set ylabel "|dL/dz_l|, for |dL/dy| = 1 (no unit)"
plot ARG1 using 1:2 with linespoints ls 1 title "pre-norm", \
     ARG1 using 1:3 with linespoints ls 2 title "post-norm"
set key bottom left
set yrange [2:17]
set ylabel "|dL/dW|, all weights of block l (no unit)"
plot ARG1 using 1:4 with linespoints ls 1 title "pre-norm", \
     ARG1 using 1:5 with linespoints ls 2 title "post-norm"
unset multiplot
