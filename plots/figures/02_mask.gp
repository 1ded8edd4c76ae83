# A causal mask: what five tokens may see, and the weights of ./chapter2, section 2.4.
load "plots/figures/style.gp"
eval canvas(15, 5.6)
size = 0.8
A = "'1.000 0 0 0 0' '0.732 0.268 0 0 0' '0.408 0.346 0.246 0 0' '0.383 0.276 0.058 0.283 0' '0.197 0.243 0.220 0.264 0.076'"
eval text(2.6, 5.25, "scores")
eval text(7.5, 5.25, "mask")
eval text(12.4, 5.25, "weights")
eval text(4.95, 2.6, "+")
eval text(9.95, 2.6, "→")
eval grid(0.6, 0.6, 5, 5, size, grey)
eval grid(5.5, 0.6, 5, 5, size, white)
eval grid(10.4, 0.6, 5, 5, size, white)
do for [r = 0:4] { do for [c = 0:4] {
    x = cell_x(5.5, c, size)
    y = cell_y(0.6, 5, r, size)
    if (c > r) {
        set object rectangle center x, y size size, size behind fc rgb vermilion fs solid 0.35 border lc rgb black
    }
    eval text(x, y, c > r ? "-∞" : "0")
    a = word(word(A, r + 1), c + 1) + 0
    x = cell_x(10.4, c, size)
    if (a > 0) {
        set object rectangle center x, y size size, size behind fc rgb green fs solid (0.15 + 0.6 * a) border lc rgb black
    }
    eval text(x, y, small(c > r ? "0" : sprintf("%.2f", a)))
    eval text(cell_x(0.6, c, size), y, small("s_{" . r . c . "}"))
} }
eval text(12.4, 0.25, small("each row still sums to 1"))
eval text(2.6, 0.25, small("row: who asks; column: who is asked"))
eval finish
