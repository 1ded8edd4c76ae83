# gpu_roofline.gp: chapter 6's matrix product under a GPU's roof.
#
#     gnuplot -c plots/gpu_roofline.gp plots/gpu_roofline.dat out.png
#
# The data come from notes/gpu_ladders.csv: name, flops for a byte asked of global memory
# (gpu_matmul.cu says how many loads each rung makes), GFLOP/s for C = A B; then the limits.
width = 900
height = 600
picture = ARG2
load "plots/terminal.gp"
stats ARG1 index 1 using 1 name "FMA" nooutput
stats ARG1 index 1 using 2 name "COPY" nooutput
roof(x) = COPY_max*x < FMA_max ? COPY_max*x : FMA_max
set title "C = A B, 4096 x 4096 x 4096, on one H200: a rung asks memory for less, and gets faster"
set xlabel "flops for each byte that the threads ask of global memory"
set ylabel "speed (GFLOP/s)"
set logscale xy
set format "%g"
set xrange [0.1:300]
set yrange [200:200000]
set samples 500
set grid lc rgb "#d0d0d0"
set key top left Left reverse
plot roof(x) with lines lw 2 lc rgb "#000000" \
         title sprintf("the roof: %.0f GB/s from memory, %.0f GFLOP/s", COPY_max, FMA_max), \
     ARG1 index 0 using 2:3 with points pt 7 ps 1.5 lc rgb "#0072B2" title "a rung", \
     ARG1 index 0 using 2:3:1 with labels left offset 1.2,-0.3 notitle
