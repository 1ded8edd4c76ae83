# 05_schedule.gp: the learning rate of ./chapter5's 11,244 steps: warm-up, then half a cosine.
load "plots/figures/style.gp"
peak = 0.003
warmup = 1000
total = 11244
rate(t) = t < warmup ? peak * t / warmup : peak * (1 + cos(pi * (t - warmup) / (total - warmup))) / 2
eval chart(13, 6)
set xrange [0:11600]
set yrange [0:0.0034]
set format x "%'.0f"
set xlabel "step"
set ylabel "learning rate"
set samples 1200
half = (warmup + total) / 2.0
set label "warm-up: a line" at 1250, 0.0006 left front
set arrow from 1230, 0.0006 to 260, 0.0006 filled size graph 0.015,20 lc rgb black
set label "the peak, 0.003, at step 1000" at 1250, 0.00315 left front
set label "half the peak, half way down" at half + 200, 0.00158 left front
set label "flat at the end: 0" at 11200, 0.00085 right front
set arrow from 10800, 0.00072 to 11150, 0.00008 filled size graph 0.015,20 lc rgb black
$marks << EOD
1000 0.003
6122 0.0015
11244 0
EOD
plot (x <= total ? rate(x) : NaN) with lines lt 1 dt 1 lw 3 lc rgb blue notitle, \
     $marks using 1:2 with points pt 7 ps 0.9 lc rgb vermilion notitle
