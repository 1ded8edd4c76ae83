# |dL/dz_l| of 24 blocks: ./chapter4, section 4.5.
load "plots/figures/style.gp"
$depth << EOD
0  1.073 1.270
2  0.572 0.809
4  0.401 0.545
6  0.331 0.398
8  0.290 0.313
10 0.266 0.323
12 0.252 0.281
14 0.237 0.286
16 0.232 0.257
18 0.223 0.288
20 0.220 0.350
22 0.216 0.565
24 0.213 1.000
EOD
eval chart(13, 6.2)
set logscale y 2
set xrange [-0.5:24.5]
set yrange [0.145:2.1]
set xtics 4
set ytics ("1/4" 0.25, "1/2" 0.5, "1" 1, "2" 2)
set xlabel "depth l: 0 is the input, 24 the output"
set ylabel "|dL/dz_l|"
unset key
set label "post-norm" at 20.2,0.55 right tc rgb vermilion
set label "pre-norm" at 4.4,0.31 right tc rgb blue
set arrow from 17.5,1.45 to 12.5,1.45 filled size graph 0.018,20 lw 1.8 lc rgb black
set label "the gradient goes this way" at 15,1.65 center
set label "divided by the size of z_{24}" at 24,0.172 right
plot $depth using 1:2 with linespoints pt 7 ps 0.8 lw 2.5 dt 1 lc rgb blue notitle, \
    $depth using 1:3 with linespoints pt 6 ps 0.9 lw 2.5 dt 2 lc rgb vermilion notitle
