# norm_placement.gp: pre-norm beside post-norm, shallow; and deeper, with and without
# warm-up [ViT eq.2] [AIAYN 3.1].
#
#     gnuplot -c plots/norm_placement.gp notes/studies.csv out.png
#
# The data come from `make studies`.
width = 1000
height = 520
results = ARG1
picture = ARG2
load "plots/terminal.gp"
set multiplot layout 1,2 title "Where the norm stands: pre-norm and post-norm"
set ylabel "test accuracy (Fashion-MNIST)"
set xlabel "norm, warm-up, and the mean of the runs" offset 0,-2
study = "norm"
variants = "pre post"
labels = '"pre-norm|warm-up" "post-norm|warm-up"'
panel_key = 1
set title "depth 4, 4 epochs, warm-up of 374 steps"
load "plots/studies.gp"
study = "depth8"
variants = '"pre warmup=500" "pre warmup=0" "post warmup=500" "post warmup=0"'
labels = '"pre-norm|warm-up" "pre-norm|none" "post-norm|warm-up" "post-norm|none"'
panel_key = 0
set title "depth 8, 2 epochs, warm-up of 500 steps or none"
load "plots/studies.gp"
unset multiplot
