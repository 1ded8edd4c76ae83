# Where each of four stacks of 24 blocks lands: ./chapter4, section 4.0.
load "plots/figures/style.gp"
$stacks << EOD
3.9e-11 1.000
2.4e9   1.000
1.6     1.000
5.0     0.864
EOD
eval chart(14, 7.5)
set logscale x
set xrange [1e-16:1e15]
set yrange [0.78:1.08]
set xtics ("10^{-16}" 1e-16, "10^{-12}" 1e-12, "10^{-8}" 1e-8, "10^{-4}" 1e-4, "1" 1, "10^4" 1e4, "10^8" 1e8, "10^{12}" 1e12)
set ytics 0.8, 0.05, 1
set xlabel "gradient that reaches the bottom, |dL/dz_0|  (1 went in at the top)"
set ylabel "how alike tokens are at the top"
unset key
set object rectangle from 1e-7,0.785 to 1e7,0.975 behind fc rgb green fs solid 0.2 border lc rgb green
set label "here a stack can learn:" at 1,0.945 center
set label "gradients arrive, tokens differ" at 1,0.922 center
set label "neither:" at 3.9e-11,1.052 center
set label "it dies" at 3.9e-11,1.028 center
set label "residual only:" at 2.4e9,1.052 center
set label "it explodes" at 2.4e9,1.028 center
set label "layer norm only:" at 1.6,1.052 center
set label "all tokens the same" at 1.6,1.028 center
set label "both" at 5,0.838 center
plot $stacks using 1:2 with points pt 7 ps 1.6 lc rgb blue
