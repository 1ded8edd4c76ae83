# network_steps.gp: a training step on the network of `make network`, predicted and measured.
#
#     gnuplot -c plots/network_steps.gp notes/network.csv out.png
#
# The data: kind,ranks,what,bytes,predicted_ms,measured_ms.
width = 820
height = 520
picture = ARG2
load "plots/terminal.gp"
set datafile separator ","
set datafile commentschars "#"
set datafile missing NaN # lines go on between the rows that fit
stats ARG1 using (strcol(1) eq "step" ? $2 : NaN) name "RANKS" nooutput
is(what) = strcol(1) eq "step" && strcol(3) eq what
set title "A step on ranks of one thread: measured (points), predicted (lines)"
set xlabel "ranks"
set ylabel "time of a step (ms)"
set xrange [RANKS_min - 0.5:RANKS_max + 0.5]
set yrange [0:*]
set xtics (2, 4, 8)
set grid lc rgb "#d0d0d0"
set key top left Left reverse
plot for [i = 1:4] ARG1 using (is(word("gather halving ring compute", i)) ? $2 : NaN):5 \
         with lines lw 2 dt i lc rgb word("#D55E00 #009E73 #0072B2 #505050", i) notitle, \
     for [i = 1:4] ARG1 using (is(word("gather halving ring compute", i)) ? $2 : NaN):6 \
         with points pt int(word("7 5 9 6", i)) ps 1.5 \
         lc rgb word("#D55E00 #009E73 #0072B2 #505050", i) \
         title word("gather halving ring compute", i)
