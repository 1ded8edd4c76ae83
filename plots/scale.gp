# scale.gp: chapter 8's prediction: the time of a step against the number of GPUs, when the
# batch stays as it is.
#
#     gnuplot -c plots/scale.gp plots/scale.dat out.png
#
# The data come from ./chapter8 --scale: GPUs, ms of compute, ms of a step in eight ways
# (ring, halving; fp32, bf16; without overlap, with it), and the model; two models.
width = 1100
height = 520
picture = ARG2
load "plots/terminal.gp"
set multiplot layout 1, 2 title "A step of 4,096 images on GPUs with a 400 Gb/s link each (predicted)"
set xlabel "GPUs"
set ylabel "time of a step (ms)"
set logscale xy
set xtics ("1" 1, "8" 8, "64" 64, "512" 512, "4096" 4096)
set grid lc rgb "#d0d0d0"
set key top right
do for [i = 0:1] {
    set title i == 0 ? "ViT-B/16" : "ViT-H/14"
    set yrange [i == 0 ? 0.05 : 0.5:*]
    plot ARG1 index i using 1:2 with lines dt 2 lw 2 lc rgb "#505050" title "compute alone", \
         ARG1 index i using 1:3 with linespoints pt 7 lw 2 lc rgb "#D55E00" \
             title "ring, fp32", \
         ARG1 index i using 1:7 with linespoints pt 6 lw 2 lc rgb "#E69F00" \
             title "the same, with overlap", \
         ARG1 index i using 1:10 with linespoints pt 5 lw 2 lc rgb "#0072B2" \
             title "halving, bf16, with overlap"
}
unset multiplot
