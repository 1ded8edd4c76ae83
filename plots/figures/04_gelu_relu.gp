# GELU and ReLU, and their slopes.
load "plots/figures/style.gp"
Phi(x) = norm(x)
phi(x) = exp(-x * x / 2) / sqrt(2 * pi)
eval chart(15, 6.4)
set samples 601
set xrange [-3:3]
set multiplot layout 1,2 margins 0.06,0.985,0.22,0.87 spacing 0.08,0
set key top left
set xlabel "x"
set title "what comes out"
set yrange [-0.5:3]
plot (x > 0 ? x : 0) with lines lw 2.5 dt 2 lc rgb vermilion title "ReLU", \
    x * Phi(x) with lines lw 2.5 dt 1 lc rgb blue title "GELU"
set title "its slope: what comes back"
set yrange [-0.25:1.5]
plot (x > 0 ? 1 : 0) with lines lw 2.5 dt 2 lc rgb vermilion title "ReLU", \
    Phi(x) + x * phi(x) with lines lw 2.5 dt 1 lc rgb blue title "GELU"
unset multiplot
