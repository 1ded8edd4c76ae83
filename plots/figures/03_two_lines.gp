# What an average tells about the two numbers that it was made of: a line; two averages
# with other weights: a point.
load "plots/figures/style.gp"
eval chart(11, 6.6)
set xlabel "number of the left neighbour"
set ylabel "number of the right neighbour"
set xrange [0:12]
set yrange [0:12]
unset key
set lmargin 8
set rmargin 6
eval left_text(5.3, 7.3, small("5 and 7"))
eval left_text(3.2, 9.7, small("3 and 9"))
eval left_text(8.7, 4.0, "½ left + ½ right = 6")
eval left_text(8.2, 8.1, "¼ left + ¾ right = 7.5")
eval left_text(0.15, 1.2, "¾ left + ¼ right = 4.5")
$points << END_OF_POINTS
3 9
5 7
END_OF_POINTS
plot 12 - x lw 2.5 dt 1 lc rgb vermilion, 10 - x / 3 lw 2 dt 2 lc rgb blue, 18 - 3 * x lw 2 dt 4 lc rgb green, \
     $points with points pt 7 ps 1.2 lc rgb black
