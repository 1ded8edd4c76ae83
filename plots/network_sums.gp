# network_sums.gp: chapter 8's all-reduces on the network of `make network`: their time
# against the length of the vector, measured (points) and predicted (lines).
#
#     gnuplot -c plots/network_sums.gp notes/network.csv out.png
#
# Of the largest number of ranks in the table: kind,ranks,what,bytes,predicted_ms,measured_ms.
width = 820
height = 560
picture = ARG2
load "plots/terminal.gp"
set datafile separator ","
set datafile commentschars "#"
set datafile missing NaN # lines go on between the rows that fit
stats ARG1 using (strcol(1) eq "sum" ? $2 : NaN) name "RANKS" nooutput
P = int(RANKS_max)
is(what) = strcol(1) eq "sum" && int($2) == P && strcol(3) eq what
set title sprintf("The sum of %d ranks' vectors: measured, and predicted from alpha and beta", P)
set xlabel "length of the vector (KB)"
set ylabel "time (ms)"
set logscale xy
set format "%g"
set xrange [0.8:22000]
set xtics (1, 4, 16, 64, 256, 1024, 4096, 16384)
set grid lc rgb "#d0d0d0"
set key top left Left reverse
plot for [i = 1:3] ARG1 using (is(word("gather halving ring", i)) ? $4 / 1024 : NaN):5 \
         with lines lw 2 dt i lc rgb word("#D55E00 #009E73 #0072B2", i) notitle, \
     for [i = 1:3] ARG1 using (is(word("gather halving ring", i)) ? $4 / 1024 : NaN):6 \
         with points pt int(word("7 5 9", i)) ps 1.4 lc rgb word("#D55E00 #009E73 #0072B2", i) \
         title word("gather halving ring", i), \
     ARG1 using (is("MPI_Allreduce") ? $4 / 1024 : NaN):6 with points pt 2 ps 1.2 lw 2 \
         lc rgb "#000000" title "MPI_Allreduce"
