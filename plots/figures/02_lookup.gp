# Two keys, at -1 and 1, with the values 10 and 20; the query moves from one to the other.
# The best fit's value jumps; the softmax of the two products q k glides.
load "plots/figures/style.gp"
eval chart(12, 5)
set xrange [-4:4]
set yrange [6:24]
set samples 801
set xlabel "the query"
set ylabel "the answer"
set key off
set xtics 2
set ytics (10, 20)
eval left_text(0.2, 21.8, "a table: the best fit's value")
eval left_text(0.7, 14, "attention: both, weighted")
set label "no slope: nothing to learn from" at -3.8, 7.8 left front
plot (x < 0 ? 10 : 20) lc rgb vermilion dt 2 lw 2.5, 10 + 10 / (1 + exp(-2 * x)) lc rgb blue dt 1 lw 3
