# gpu_ladders.gp: how fast each rung of chapter 6's ladders is on a GPU.
#
#     gnuplot -c plots/gpu_ladders.gp plots/gpu_ladders.dat out.png
#
# The data come from notes/gpu_ladders.csv (`make gpu-report`), three blocks: the matrix
# product's rungs (rung, then a column for each layout, GFLOP/s), the row kernels (kernel,
# rung, GB/s, where its bar stands), the limits (GFLOP/s, GB/s).
width = 1100
height = 640
picture = ARG2
load "plots/terminal.gp"
stats ARG1 index 2 using 1 name "FMA" nooutput
stats ARG1 index 2 using 2 name "COPY" nooutput
stats ARG1 index 1 using 4 name "AT" nooutput
set multiplot layout 1,2 margins 0.07,0.99,0.335,0.89 spacing 0.075,0 \
    title "Every rung on one H200: what it reaches, and the limit (dashed)"
set tics out nomirror
set grid ytics lc rgb "#d0d0d0"
set style fill solid border lc rgb "black"
set xtics rotate by 40 right

set title "4096 x 4096 x 4096"
set ylabel "TFLOP/s, logarithmic"
set logscale y
set format y "%g"
set yrange [0.3:700]
set xrange [-0.6:6.6]
set key top left Left reverse samplen 2
set boxwidth 0.26
plot FMA_max/1e3 with lines dt 2 lw 2 lc rgb "#000000" \
         title sprintf("fp32 multiply-adds: %.0f", FMA_max/1e3), \
     ARG1 index 0 using ($0-0.27):($2/1e3) with boxes lc rgb "#56B4E9" title "Y = X W^T", \
     ARG1 index 0 using 0:($3/1e3):xtic(1) with boxes lc rgb "#E69F00" title "dX = dY W", \
     ARG1 index 0 using ($0+0.27):($4/1e3) with boxes lc rgb "#009E73" title "dW = dY^T X", \
     ARG1 index 0 using 0:($3/1e3 > $4/1e3 ? $3/1e3 : $4/1e3):(sprintf($3 < 9500 ? "%.1f" : "%.0f", $3/1e3)) \
         with labels offset 0,0.6 notitle

set title "Kernels that memory limits, B/16's sizes"
set ylabel "TB/s of what must be read and written"
unset logscale
set yrange [0:5.2]
set xtics rotate by 90 right font "sans,11"
spaces(name) = system("printf %s '" . name . "' | sed 's,_, ,g; s,backward,back,'")
set xrange [0:AT_max+1]
set boxwidth 0.8
set key top left
plot COPY_max/1e3 with lines dt 2 lw 2 lc rgb "#000000" \
         title sprintf("a copy: %.2f TB/s", COPY_max/1e3), \
     ARG1 index 1 using 4:($3/1e3):xtic(spaces(stringcolumn(1) . ": " . stringcolumn(2))) with boxes \
         lc rgb "#56B4E9" notitle, \
     ARG1 index 1 using 4:($3/1e3):(sprintf("%.1f", $3/1e3)) with labels offset 0,0.6 \
         font "sans,10" notitle
unset multiplot
