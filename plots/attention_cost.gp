# attention_cost.gp: time of attention, forward and backward, against n.
#
#     gnuplot -c plots/attention_cost.gp plots/attention_cost.dat out.png
#
# The data come from ./chapter2, section 2.6.
width = 900
height = 600
picture = ARG2
load "plots/terminal.gp"
set title "Scaled dot-product attention, d_k = d_v = 64, one thread"
set xlabel "n, tokens"
set ylabel "time (ms)"
set logscale x 2
set logscale y 10
set xrange [12:1400]
set format y "%g"
set grid lc rgb "#d0d0d0"
set key top left Left reverse

# n^2, through the largest n's forward time
stats ARG1 using 1:2 nooutput
n_last = STATS_max_x
ms_last = STATS_max_y

plot ARG1 using 1:3 with linespoints pt 4 lw 2 lc rgb "#0072B2" title "backward", \
     ARG1 using 1:2 with linespoints pt 7 lw 2 lc rgb "#D55E00" title "forward", \
     ms_last*(x/n_last)**2 with lines dt 2 lc rgb "#505050" \
         title "n^2: four times for twice the tokens"
