# layer_costs.gp: attention, a recurrence and a convolution against n [AIAYN T.1].
#
#     gnuplot -c plots/layer_costs.gp plots/layer_costs.dat out.png
#
# The data come from ./chapter2, section 2.7.
width = 1000
height = 520
picture = ARG2
load "plots/terminal.gp"
d = 256 # of section 2.7
set multiplot layout 1,2 margins 0.1,0.98,0.13,0.89 spacing 0.12,0 \
    title "Attention's work grows with n^2: cheap while n < d = 256, dear beyond; one thread"
set style line 1 lc rgb "#0072B2" lw 2 pt 7 dt 1
set style line 2 lc rgb "#D55E00" lw 2 pt 4 dt 2
set style line 3 lc rgb "#009E73" lw 2 pt 8 dt 4
set xlabel "n (tokens)"
set logscale xy
set format y "%g"
set xrange [50:2600]
set xtics (64, 128, 256, 512, 1024, 2048)
set tics out nomirror
set grid lc rgb "#d0d0d0"
set key top left Left reverse
set arrow from d, graph 0 to d, graph 0.62 nohead dt 3 lc rgb "#000000"
set label "n = d" at d * 1.06, graph 0.04
set ylabel "work (MFLOP, by the formula)"
set yrange [2:20000]
plot ARG1 using 1:($5/1e6) with linespoints ls 1 title "self-attention, 4 n^2 d", \
     ARG1 using 1:($6/1e6) with linespoints ls 2 title "recurrence, 4 n d^2", \
     ARG1 using 1:($7/1e6) with linespoints ls 3 title "convolution of 3, 6 n d^2"
set ylabel "time (ms, measured)"
set yrange [0.01:100]
plot ARG1 using 1:2 with linespoints ls 1 title "self-attention: 1 step", \
     ARG1 using 1:3 with linespoints ls 2 title "recurrence: n steps in a row", \
     ARG1 using 1:4 with linespoints ls 3 title "convolution: 1 step"
unset multiplot
