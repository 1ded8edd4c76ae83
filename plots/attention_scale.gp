# attention_scale.gp: what 1/sqrt(d_k) does to the softmax's weights [AIAYN fn.4].
#
#     gnuplot -c plots/attention_scale.gp plots/attention_scale.dat out.png
#
# The data come from ./chapter2, section 2.3: a table by d_k, then a query's weights.
width = 1000
height = 760
picture = ARG2
load "plots/terminal.gp"
set multiplot layout 2,2 margins 0.11,0.97,0.09,0.91 spacing 0.12,0.16 \
    title "Without 1/sqrt(d_k) one key takes all, and the softmax passes no gradient"
set style line 1 lc rgb "#0072B2" lw 2 pt 7 dt 1
set style line 2 lc rgb "#D55E00" lw 2 pt 6 dt 2
set tics out nomirror
set grid lc rgb "#d0d0d0"
set logscale x 2
set xrange [3:1400]
set xtics (4, 16, 64, 256, 1024)
set xlabel "d_k (components of a query and a key)"

set ylabel "entropy of a query's weights (nats)"
set yrange [0:4.8]
set key at graph 1, graph 0.74
plot ARG1 index 0 using 1:5 with linespoints ls 1 title "softmax(q.k / sqrt(d_k))", \
     ARG1 index 0 using 1:2 with linespoints ls 2 title "softmax(q.k)", \
     log(64) with lines dt 3 lc rgb "#000000" title "64 keys alike: log 64"
unset key
set ylabel "largest weight (share)"
set yrange [0:1]
plot ARG1 index 0 using 1:6 with linespoints ls 1, \
     ARG1 index 0 using 1:3 with linespoints ls 2
set ylabel "|J|, the Jacobian's size (median)"
set logscale y
set format y "%g"
set yrange [1e-4:1]
plot ARG1 index 0 using 1:7 with linespoints ls 1, \
     ARG1 index 0 using 1:4 with linespoints ls 2
unset logscale
set format y "%g"
set yrange [0:*]
set xrange [0:65]
set xtics 8
set xlabel "key (of 64), for one query at d_k = 64"
set ylabel "weight"
set style fill solid border lc rgb "#707070"
set boxwidth 0.8
set key top center
plot ARG1 index 1 using 1:2 with boxes fc rgb "#56B4E9" lc rgb "#707070" \
         title "softmax(q.k)", \
     ARG1 index 1 using 1:3 with points pt 7 ps 0.7 lc rgb "#000000" \
         title "softmax(q.k / sqrt(d_k))"
unset multiplot
