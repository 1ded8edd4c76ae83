# How wrong the variance is in float: ./chapter4, section 4.1.
load "plots/figures/style.gp"
$errors << EOD
1     1e-7  1e-6
10    9e-8  4e-5
100   1e-7  4e-3
1000  1e-7  4e-1
10000 8e-7  4e1
EOD
eval chart(13, 6.8)
set logscale xy
set xrange [0.7:15000]
set yrange [1e-8:1e6]
set xtics ("1" 1, "10" 10, "100" 100, "1000" 1000, "10000" 10000)
set ytics ("10^{-8}" 1e-8, "10^{-6}" 1e-6, "10^{-4}" 1e-4, "1%%" 1e-2, "100%%" 1, "10^2" 1e2, "10^4" 1e4, "10^6" 1e6)
set xlabel "mean / standard deviation of a token's elements"
set ylabel "relative error of the variance"
set key top left Left reverse samplen 2
plot 1 with lines dt 3 lw 1.5 lc rgb grey title "as wrong as it is large", \
    $errors using 1:3 with linespoints pt 7 ps 0.9 lw 2.5 dt 1 lc rgb vermilion title "one pass: E[x^2] - mean^2", \
    $errors using 1:2 with linespoints pt 4 ps 0.9 lw 2.5 dt 2 lc rgb blue title "two passes: layer norm"
