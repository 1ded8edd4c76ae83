# The error of a central difference against its step: the table that ./chapter1 prints in 1.7.
load "plots/figures/style.gp"
eval chart(11, 6.6)
$data << EOD
1e-01   1.3e-03    1.3e-03
1e-02   1.3e-05    1.3e-05
1e-03   2.2e-05    1.3e-07
1e-04   1.8e-04    1.3e-09
1e-05   2.3e-03    1.4e-11
1e-06   2.5e-02    3.1e-11
1e-07   2.0e-01    4.4e-10
1e-08   NaN        4.1e-09
1e-09   NaN        3.9e-08
1e-10   NaN        4.1e-07
1e-11   NaN        3.8e-06
1e-12   NaN        4.1e-05
EOD
set logscale xy
set xrange [1e-12:0.3]
set yrange [1e-13:10]
set format "10^{%T}"
set xtics 100
set ytics 1000
set xlabel "step"
set ylabel "relative error"
unset key
eval text(3e-5, 3e-2, "in float")
eval text(3e-10, 1e-5, "in double")
unset mxtics
unset mytics
eval text(1.5e-10, 4e-9, small("rounding"))
eval text(0.01, 2e-9, small("truncation"))
plot $data using 1:2 with linespoints pt 7 lc rgb vermilion dt 2 title "in float", \
    $data using 1:3 with linespoints pt 5 lc rgb blue dt 1 title "in double"
