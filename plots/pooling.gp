# pooling.gp: the class token beside the mean of the patches, each at two learning rates
# [ViT fig.9].
#
#     gnuplot -c plots/pooling.gp notes/studies.csv out.png
#
# The data come from `make studies`.
width = 800
height = 520
results = ARG1
picture = ARG2
load "plots/terminal.gp"
set title "What the head reads: the class token or the mean, at two learning rates"
study = "pooling"
variants = '"class lr=0.003" "mean lr=0.003" "class lr=0.001" "mean lr=0.001"'
labels = '"class token|lr 0.003" "mean|lr 0.003" "class token|lr 0.001" "mean|lr 0.001"'
panel_key = 1
set xlabel "pooling and learning rate, and the mean of the runs" offset 0,-2
set ylabel "test accuracy after 4 epochs (Fashion-MNIST)"
load "plots/studies.gp"
