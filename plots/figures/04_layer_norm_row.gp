# What layer norm does to one token, and the two things about it that it can't see.
load "plots/figures/style.gp"
$x << EOD
0 2 -3 -1.5
1 4 -1 -0.5
2 4 -1 -0.5
3 4 -1 -0.5
4 5  0  0
5 5  0  0
6 7  2  1
7 9  4  2
EOD
eval chart(16, 6)
set multiplot layout 1,3 margins 0.05,0.985,0.24,0.86 spacing 0.06,0
unset key
set style fill solid 0.6 border lc rgb dark
set boxwidth 0.7
set xrange [-0.7:7.7]
set yrange [-4:10]
set xtics 1
set xlabel "element of the token"
set xzeroaxis lt 1 lc rgb dark dt 1
set title "x: mean 5"
set arrow 1 from -0.7,5 to 7.7,5 nohead dt 2 lw 2 lc rgb vermilion front
set label 1 "mean" at -0.4,5.6 left tc rgb vermilion front
plot $x using 1:2 with boxes lc rgb blue
unset arrow 1
unset label 1
set title "x - mean: height gone"
set label 2 "mean square 4" at 3.5,8.6 center
plot $x using 1:3 with boxes lc rgb blue
set title "(x - mean) rstd: size gone"
set label 2 "mean square 1" at 3.5,8.6 center
plot $x using 1:4 with boxes lc rgb blue
unset multiplot
