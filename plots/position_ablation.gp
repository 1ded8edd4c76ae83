# position_ablation.gp: what position embeddings are worth, here and in the paper [ViT T.8].
#
#     gnuplot -c plots/position_ablation.gp notes/studies.csv out.png
#
# The data come from `make studies`; the paper's numbers are its table's.
width = 1000
height = 520
results = ARG1
picture = ARG2
load "plots/terminal.gp"
set multiplot layout 1,2 title "Without positions much is lost; the learned kinds are alike"
study = "positions"
variants = "none 1d 2d sinusoidal"
labels = variants
panel_key = 1
set title "here: Fashion-MNIST, 4 epochs, 3 seeds"
set xlabel "position embedding, and its mean" offset 0,-1
set ylabel "test accuracy"
load "plots/studies.gp"
set title "[ViT T.8]: ViT-B/16, one run each"
set ylabel "accuracy, ImageNet, 5 images a class"
set xlabel "position embedding, and its result" offset 0,-1
$paper << END
1,0.614,none
2,0.642,1-D
3,0.640,2-D
4,0.640,relative
END
set xtics ("none\n0.614" 1, "1-D\n0.642" 2, "2-D\n0.640" 3, "relative\n0.640" 4)
set yrange [0.605:0.650]
unset key
plot $paper using 1:2 with points pt 5 ps 1.1 lc rgb "#D55E00"
unset multiplot
