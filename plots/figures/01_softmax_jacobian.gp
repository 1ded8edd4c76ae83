# Row 0 of the softmax's Jacobian at s = (1, 2, 3): the values that ./chapter1 prints.
load "plots/figures/style.gp"
eval chart(11, 6)
$data << EOD
0  0.0819251 "+0.0819"
1 -0.0220330 "-0.0220"
2 -0.0598920 "-0.0599"
EOD
set yrange [-0.09:0.115]
set xrange [-0.7:2.7]
set xtics ("its own" 0, "the second" 1, "the third" 2) scale 0
set xlabel "the score that is raised"
set ylabel "derivative"
set xzeroaxis lt 1 lc rgb black dt 1
set boxwidth 0.5
set style fill solid 0.6 border lc rgb black
unset key
eval text(1.6, 0.062, small("what the first weight gains from its own,"))
eval text(1.6, 0.046, small("it loses to the two others: together 0"))
plot $data using 1:($1 == 0 ? $2 : NaN) with boxes lc rgb blue dt 1, \
    $data using 1:($1 > 0 ? $2 : NaN) with boxes lc rgb orange dt 1, \
    $data using 1:($2 + ($2 > 0 ? 0.008 : -0.008)):3 with labels
