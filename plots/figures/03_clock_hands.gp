# Sinusoids of D = 8 as the hands of four clocks: across is the sine, upwards the cosine.
load "plots/figures/style.gp"
eval canvas(13, 7.4)
positions = "0 1 2 3 10 100"
do for [p = 1:6] {
    pos = int(word(positions, p))
    x = 3.5 + (p - 1) * 1.65
    eval text(x, 7.0, sprintf("%s%d", p == 1 ? "pos " : "", pos))
    do for [i = 0:3] {
        y = 6.0 - i * 1.6
        w = 10000 ** (-2.0 * i / 8)
        eval arrow(x, y, x + 0.58 * sin(pos * w), y + 0.58 * cos(pos * w), i == 0 ? vermilion : blue)
    }
}
do for [i = 0:3] {
    eval left_text(0.15, 6.2 - i * 1.6, sprintf("hand %d", i))
    eval left_text(0.15, 5.8 - i * 1.6, small(sprintf("%s rad/position", word("1 0.1 0.01 0.001", i + 1))))
}
eval line(9.28, 0.4, 9.28, 7.2, grey)
plot for [k = 0:23] "+" using (3.5 + (k % 6) * 1.65):(6.0 - (k / 6) * 1.6):(0.62) every ::1::1 with circles lw 1 lc rgb grey fs empty border notitle
