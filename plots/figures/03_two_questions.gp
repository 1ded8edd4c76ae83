# The losses of ./chapter3 --two-questions, as it prints them (tests/test_command_line.sh
# compares them).
load "plots/figures/style.gp"
eval chart(12, 6)
$losses << END_OF_LOSSES
       50            0.802            0.820
      100            0.526            0.553
      150            0.495            0.496
      200            0.483            0.416
      250            0.453            0.052
      300            0.450            0.001
      350            0.447            0.000
      400            0.445            0.000
      450            0.441            0.000
      500            0.439            0.000
      550            0.448            0.000
      600            0.441            0.001
END_OF_LOSSES
set xlabel "steps of training"
set ylabel "mean squared error"
set xrange [0:610]
set yrange [0:0.9]
unset key
eval line(0, 0.3125, 610, 0.3125, black)
eval left_text(265, 0.345, small("5/16: no single head gets below this"))
eval left_text(330, 0.515, "one head of width 16")
eval left_text(330, 0.075, "two heads of width 8")
plot $losses using 1:2 with linespoints lw 2.5 lc rgb vermilion dt 1 pt 5 ps 0.7, \
     $losses using 1:3 with linespoints lw 2.5 lc rgb blue dt 2 pt 7 ps 0.7
