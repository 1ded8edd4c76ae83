# access_counts.gp: megabytes that each rung of chapter 6's ladders asks of memory.
#
#     gnuplot -c plots/access_counts.gp plots/access_counts.dat out.png
#
# The data come from ./chapter6 --counts: ladder, rung, MB, and where its bar stands.
width = 1000
height = 560
picture = ARG2
load "plots/terminal.gp"
set title "What each rung asks of global memory (counted; no cache)"
set ylabel "MB moved, logarithmic"
set logscale y
set yrange [0.1:200]
set xrange [-1:*]
set style fill solid 0.6 border lc rgb "black"
set boxwidth 0.8
set xtics rotate by 45 right nomirror
set tics out
set grid ytics lc rgb "gray70"
unset key
plot ARG1 using 4:3:xtic(stringcolumn(1) . ": " . stringcolumn(2)) with boxes \
         lc rgb "#56B4E9", \
     ARG1 using 4:3:(sprintf("%.3g", $3)) with labels offset 0,0.7
