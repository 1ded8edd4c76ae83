# training_curves.gp: loss and accuracy of every step, as the run's log has them, each
# with a mean that fades over 100 steps; and the learning rate [AIAYN eq.3] [ViT T.3].
#
#     gnuplot -c plots/training_curves.gp chapter5.csv out.png
#
# The data come from ./chapter5 (or ./chapter6): step,epoch,loss,accuracy,...,lr,seconds.
width = 1000
height = 800
picture = ARG2
load "plots/terminal.gp"
set datafile separator ","
set multiplot layout 3,1 title "Training, step by step"
set tics out nomirror
set grid ytics lc rgb "gray70"
set key top right
keep = 0.99
mean(x) = (n = n + 1, w = w * keep, s = s * keep + (1 - keep) * x, s / (1 - w))
set ylabel "loss (nats)"
n = 0; s = 0.0; w = 1.0
plot ARG1 using 1:3 every ::1 with dots lc rgb "gray60" title "of a step's batch", \
     ARG1 using 1:(mean($3)) every ::1 with lines lw 2 lc rgb "#0072B2" title "mean, fading over 100 steps"
set ylabel "accuracy (share)"
set key bottom right
n = 0; s = 0.0; w = 1.0
plot ARG1 using 1:4 every ::1 with dots lc rgb "gray60" title "of a step's batch", \
     ARG1 using 1:(mean($4)) every ::1 with lines lw 2 lc rgb "#0072B2" title "mean, fading over 100 steps"
set ylabel "learning rate"
set xlabel "step"
unset key
plot ARG1 using 1:6 every ::1 with lines lw 2 lc rgb "#0072B2"
unset multiplot
