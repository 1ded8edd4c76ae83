# gradcheck_curve.gp: the error of a central difference against its step eps.
#
#     gnuplot -c plots/gradcheck_curve.gp plots/gradcheck_curve.dat out.png
#
# The data come from ./chapter1, section 1.7.
width = 900
height = 600
picture = ARG2
load "plots/terminal.gp"
set title "How well a central difference knows GELU'(x)"
set xlabel "step eps (no unit)"
set ylabel "relative error (no unit)"
set logscale xy
set format "%.0e"
set xrange [1e-12:1e-1]
set yrange [1e-13:1e1]
set xtics 1e-12, 10
set ytics 1e-12, 100
set grid lc rgb "#d0d0d0"
set key top left Left reverse

float_eps = 1.2e-7   # distance from 1 to the next float
double_eps = 2.2e-16 # and to the next double
set arrow from float_eps**(1.0/3), 1e-13 rto 0, graph 0.08 nohead lw 2 lc rgb "#707070"
set arrow from double_eps**(1.0/3), 1e-13 rto 0, graph 0.08 nohead lw 2 lc rgb "#707070"
set label "cube root of\nfloat's epsilon" at float_eps**(1.0/3)*0.75, 1.5e-12 right font ",10"
set label "cube root of\ndouble's epsilon" at double_eps**(1.0/3)*0.75, 1.5e-12 right font ",10"
set label "rounding:\nepsilon / eps" at 1.5e-11, 2e-8
set label "truncation: eps^2" at 8e-4, 2e-9

plot ARG1 using 1:2 with linespoints pt 7 ps 0.8 lw 2 lc rgb "#D55E00" title "in float", \
     ARG1 using 1:3 with linespoints pt 4 ps 0.8 lw 2 lc rgb "#0072B2" title "in double", \
     (x < 0.3 ? x**2/8 : NaN) with lines dt 2 lc rgb "#505050" title "eps^2 / 8", \
     (x > 5e-8 && x < 1e-3 ? 0.25*float_eps/x : NaN) with lines dt 3 lc rgb "#505050" \
         title "a quarter of machine epsilon / eps", \
     (x < 1e-5 ? 0.25*double_eps/x : NaN) with lines dt 3 lc rgb "#505050" notitle
