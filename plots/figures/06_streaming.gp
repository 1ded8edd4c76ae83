# Keys stream past a query: each score, the running maximum, and the running sum.
load "plots/figures/style.gp"
eval canvas(16, 7.6)
score = "1 2 0 3 1"
max = "1 2 2 3 3"
total = "1.00 1.37 1.50 1.55 1.69"
eval text(1.4, 6.75, "keys")
eval text(1.4, 5.45, "score s")
eval text(1.4, 4.2, "maximum m")
eval text(1.4, 2.9, "sum l")
eval text(1.4, 1.6, "result o")
eval box(0.2, 0.15, 2.4, 0.7, sky, "one query q")
eval left_text(2.9, 0.5, small("stays in its thread's registers with m, l and o; keys and values come, are used, and go"))
do for [j = 1:5] {
    x = 3.3 + (j - 1) * 2.5
    rises = j == 1 || word(max, j) ne word(max, j - 1)
    eval box(x, 6.4, 1.6, 0.7, green, sprintf("k_%d, v_%d", j, j))
    eval arrow(x + 0.8, 6.3, x + 0.8, 5.85, black)
    eval text(x + 0.8, 5.45, word(score, j))
    eval box(x, 3.85, 1.6, 0.7, rises ? orange : white, word(max, j))
    eval box(x, 2.55, 1.6, 0.7, white, word(total, j))
    eval box(x, 1.25, 1.6, 0.7, white, j == 1 ? "v_1" : sprintf("v_1 .. v_%d", j))
    if (j > 1) {
        eval arrow(x - 0.85, 4.2, x - 0.05, 4.2, rises ? vermilion : grey)
        eval arrow(x - 0.85, 2.9, x - 0.05, 2.9, rises ? vermilion : grey)
        eval arrow(x - 0.85, 1.6, x - 0.05, 1.6, rises ? vermilion : grey)
        if (rises) { eval text(x - 0.5, 3.5, small("larger!")) }
    }
}
eval finish
