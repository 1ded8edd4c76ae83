# Eight lanes add up their values in three steps; at the end each has the sum.
load "plots/figures/style.gp"
eval canvas(16, 7.4)
held(s, i) = s == 0 ? i + 1 : held(s - 1, i) + held(s - 1, partner(s, i))
partner(s, i) = s == 1 ? (i + 4) % 8 : s == 2 ? (i % 4 < 2 ? i + 2 : i - 2) : (i % 2 == 0 ? i + 1 : i - 1)
colours = white . " " . sky . " " . green . " " . orange
do for [i = 0:7] { eval text(4.1 + i * 1.45, 7.0, small(sprintf("lane %d", i))) }
do for [s = 0:3] {
    y = 5.9 - s * 1.75
    do for [i = 0:7] {
        eval box(3.6 + i * 1.45, y, 1.0, 0.65, word(colours, s + 1), sprintf("%d", held(s, i)))
        if (s > 0) {
            eval line(4.1 + i * 1.45, y + 1.75 - 0.05, 4.1 + i * 1.45, y + 0.75, grey)
            eval arrow(4.1 + partner(s, i) * 1.45, y + 1.75 - 0.05, 4.1 + i * 1.45, y + 0.72, dark)
        }
    }
}
eval left_text(0.2, 6.22, "at first")
eval left_text(0.2, 4.47, "1: lane xor 4")
eval left_text(0.2, 2.72, "2: lane xor 2")
eval left_text(0.2, 0.97, "3: lane xor 1")
eval finish
