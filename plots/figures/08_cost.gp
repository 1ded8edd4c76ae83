# The alpha-beta model's times for six ranks: alpha 0.1 ms, beta 80 ns per byte.
load "plots/figures/style.gp"
eval chart(13, 6.4)
alpha = 1e-4
beta = 8e-8
P = 6.0
gather(m) = 2 * (P - 1) * (alpha + m * beta)
ring(m) = 2 * (P - 1) * (alpha + m / P * beta)
halving(m) = 2 * (alpha + m * beta) + 4 * alpha + 1.5 * m * beta
set logscale xy
set xrange [100:1e6]
set yrange [4e-4:1]
set xlabel "bytes of the vector"
set ylabel "seconds"
set format x "10^{%T}"
set format y "10^{%T}"
set key top left Left reverse
cross = 4 * alpha / ((2 + 1.5 - 2 * (1 - 1 / P)) * beta)
set arrow from cross, 4e-4 to cross, ring(cross) nohead dt 3 lc rgb black
set label "halving below, ring above" at cross * 1.25, 6e-4 left front font ",13"
plot gather(x) lt 1 dt 1 lc rgb vermilion title "gather", \
     ring(x) lt 2 dt 1 lc rgb blue title "ring", \
     halving(x) lt 3 dt 2 lc rgb orange title "halving (4 ranks, and 2 partners)"
