# 05_adamw.gp: 24 steps down a valley that is 30 times steeper across than along:
# f = (a^2 + 30 b^2) / 2 from (-4, 1.2). Gradient descent with rate 0.06, AdamW with 0.25, no decay.
load "plots/figures/style.gp"
ga(a) = a
gb(b) = 30 * b
steps = 24
set print $descent
a = -4.0
b = 1.2
do for [t = 0:steps] {
    print sprintf("%g %g", a, b)
    x = a - 0.06 * ga(a)
    b = b - 0.06 * gb(b)
    a = x
}
set print $adamw
a = -4.0
b = 1.2
ma = mb = va = vb = 0.0
do for [t = 0:steps] {
    print sprintf("%g %g", a, b)
    ma = 0.9 * ma + 0.1 * ga(a)
    mb = 0.9 * mb + 0.1 * gb(b)
    va = 0.99 * va + 0.01 * ga(a) ** 2
    vb = 0.99 * vb + 0.01 * gb(b) ** 2
    k = t + 1
    a = a - 0.25 * (ma / (1 - 0.9 ** k)) / (sqrt(va / (1 - 0.99 ** k)) + 1e-8)
    b = b - 0.25 * (mb / (1 - 0.9 ** k)) / (sqrt(vb / (1 - 0.99 ** k)) + 1e-8)
}
set print
eval chart(13, 7.5)
set lmargin 9
set key top right opaque
set xrange [-4.8:1.6]
set yrange [-1.4:2.2]
set xlabel "a: small gradients"
set ylabel "b: large gradients"
set contour base
unset surface
set cntrparam levels discrete 0.3, 2, 6, 12, 20
set isosamples 80, 80
set table $valley
splot (x ** 2 + 30 * y ** 2) / 2
unset table
unset contour
set label "the bottom" at 0.1, -0.25 left front font ",13"
set label "both start here" at -4, 1.42 center front font ",13"
plot $valley using 1:2 with lines lt 1 dt 3 lw 1 lc rgb grey title "equal loss", \
     $descent using 1:2 with linespoints lt 2 dt 2 lw 1.5 lc rgb vermilion pt 6 ps 0.6 title "gradient descent", \
     $adamw using 1:2 with linespoints lt 1 dt 1 lw 2.5 lc rgb blue pt 7 ps 0.5 title "AdamW", \
     '+' using (0):(0) every ::0::0 with points pt 3 ps 1.6 lw 2 lc rgb black notitle
