# 05_p_minus_q.gp: the lesson's example of a loss: what is predicted, wanted, and the gradient.
load "plots/figures/style.gp"
$bars << EOD
0 0.125 0.05
1 0.25  0.05
2 0.5   0.85
3 0.125 0.05
EOD
eval chart(12, 6.5)
set bmargin 2
set yrange [-0.5:1.6]
set xrange [-0.6:3.6]
set xtics ("class 0" 0, "class 1" 1, "class 2, the label" 2, "class 3" 3) scale 0
set ytics 0.25
set xzeroaxis lt -1 lc rgb black
set boxwidth 0.24
set key top left reverse Left
set style fill solid border lc rgb black
signed(v) = sprintf("%+.3g", v)
plot $bars using ($1 - 0.26):2 with boxes dt 1 lw 1 fc rgb sky title "p, predicted", \
     $bars using 1:3 with boxes dt 1 lw 1 fs pattern 4 border lc rgb black fc rgb green title "q, wanted (smoothing 0.2)", \
     $bars using ($1 + 0.26):($2 - $3) with boxes dt 1 lw 1 fc rgb vermilion title "p - q, the gradient", \
     $bars using ($1 + 0.26):($2 - $3 > 0 ? $2 - $3 + 0.05 : $2 - $3 - 0.05):(signed($2 - $3)) \
         with labels font ",12" notitle
