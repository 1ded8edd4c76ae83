# thread_scaling.gp: speed of training against the number of threads.
#
#     gnuplot -c plots/thread_scaling.gp plots/thread_scaling.dat out.png
#
# The data come from short runs of ./chapter5, by plots/make_plots.sh: threads, images/s.
width = 760
height = 480
picture = ARG2
load "plots/terminal.gp"
stats ARG1 using 1 name "THREADS" nooutput
stats ARG1 using 2 nooutput
most = THREADS_max
stats ARG1 using ($1 == most ? $2 : NaN) name "ALL" nooutput
stats ARG1 using ($1 == 1 ? $2 : NaN) name "ONE" nooutput
set title sprintf("Training on %d threads: %.2f times as fast as on one", int(most), \
                  ALL_max / ONE_max)
set xlabel "threads"
set ylabel "training (images a second)"
set xrange [0:most + 1]
set yrange [0:1.15 * most * ONE_max]
set xtics 1 * ceil(most / 16)
set tics out nomirror
set grid lc rgb "#d0d0d0"
set key top left Left reverse
plot x <= most ? x * ONE_max : NaN with lines dt 2 lc rgb "#505050" \
         title "as many times as fast as there are threads", \
     ARG1 using 1:2 with linespoints pt 7 ps 1.3 lw 2 lc rgb "#0072B2" title "measured", \
     ARG1 using 1:2:(sprintf("%.0f", $2)) with labels offset 3.2,-0.7 notitle
