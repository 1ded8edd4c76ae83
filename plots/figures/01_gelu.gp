# GELU and ReLU, by their formulas.
load "plots/figures/style.gp"
eval chart(11, 5.6)
set samples 401
set xrange [-4:3]
set yrange [-0.4:3]
set xlabel "x"
set key top left
set xzeroaxis lt 1 lc rgb black dt 1
eval text(-1.9, 0.55, small("below 0 a little is let through"))
eval arrow(-1.4, 0.4, -0.9, -0.1, black)
plot x * norm(x) title "GELU: x Phi(x)" lw 3 lc rgb blue dt 1, \
    (x > 0 ? x : 0) title "ReLU: max(0, x)" lc rgb vermilion dt 2
