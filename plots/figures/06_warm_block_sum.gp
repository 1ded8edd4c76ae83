# Warm-up f: a tree of sums; in each step half as many threads work.
load "plots/figures/style.gp"
eval canvas(13, 6.6)
held(s, i) = s == 0 ? word("3 1 4 1 5 9 2 6", i + 1) + 0 : i < 8 / 2**s ? held(s - 1, i) + held(s - 1, i + 8 / 2**s) : -1
do for [s = 0:3] {
    y = 5.4 - s * 1.6
    do for [i = 0:7] {
        v = held(s, i)
        if (v >= 0) {
            eval box(3.0 + i * 1.2, y, 1.0, 0.65, s == 3 ? orange : sky, sprintf("%d", v))
            if (s > 0) {
                eval line(3.5 + i * 1.2, y + 1.55, 3.5 + i * 1.2, y + 0.75, dark)
                eval arrow(3.5 + (i + 8 / 2**s) * 1.2, y + 1.55, 3.6 + i * 1.2, y + 0.72, dark)
            }
        }
    }
    if (s > 0) { eval dashed(0.2, y + 1.15, 2.8, y + 1.15, vermilion) }
}
eval left_text(0.2, 5.7, small("8 elements"))
eval left_text(0.2, 4.1, small("4 threads add"))
eval left_text(0.2, 2.5, small("2 threads add"))
eval left_text(0.2, 0.9, small("1 thread adds"))
eval finish
