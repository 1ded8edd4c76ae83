# Warm-up c: 6 threads, 16 elements; one wave after the other, not a run per thread.
load "plots/figures/style.gp"
eval canvas(13, 4.8)
colours = sky . " " . orange . " " . green
x0 = 3.4
eval left_text(0.2, 3.9, "by waves")
eval left_text(2.5, 4.4, small("turn"))
eval left_text(2.5, 2.5, small("turn"))
eval left_text(0.2, 2.0, "by runs")
do for [i = 0:15] {
    eval box(x0 + i * 0.58, 3.6, 0.58, 0.6, word(colours, i / 6 + 1), small(sprintf("t%d", i % 6)))
    eval text(x0 + i * 0.58 + 0.29, 4.4, small(sprintf("%d", i / 6 + 1)))
    eval text(x0 + i * 0.58 + 0.29, 2.5, small(sprintf("%d", i % 3 + 1)))
    eval box(x0 + i * 0.58, 1.7, 0.58, 0.6, word(colours, i % 3 + 1), small(sprintf("t%d", i / 3)))
}
eval left_text(x0, 3.2, small("one turn of the loop: what the threads load at once"))
eval text(6.5, 0.5, small("6 threads, 16 elements. Which of the two does memory like?"))
eval finish
