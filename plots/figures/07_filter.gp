# From 4 pixels to 2: the filter over output pixel 0, as wide as ever and widened.
load "plots/figures/style.gp"
eval canvas(14, 6.6)
x(p) = 2.6 + 2.0 * p
h(v) = 1.9 + 3.2 * v
do for [p = 0:3] { eval box(x(p), 1.1, 2.0, 0.8, (p < 3 ? sky : white), sprintf("%d", p)) }
eval box(x(-1), 1.1, 2.0, 0.8, white, small("nothing"))
eval left_text(x(4) + 0.25, 1.5, "input pixels")
eval line(x(0), 0.7, x(2), 0.7, black)
eval line(x(0), 0.6, x(0), 0.8, black)
eval line(x(2), 0.6, x(2), 0.8, black)
eval text(x(1), 0.35, "output pixel 0")
eval line(x(-1), h(0), x(1), h(1), blue)
eval line(x(1), h(1), x(3), h(0), blue)
eval dashed(x(0), h(0), x(1), h(1), vermilion)
eval dashed(x(1), h(1), x(2), h(0), vermilion)
do for [k = 0:2] {
    v = word("0.75 0.75 0.25", k + 1) + 0
    eval line(x(k + 0.5), h(0), x(k + 0.5), h(v), black)
    set object circle at x(k + 0.5), h(v) size 0.09 front fc rgb blue fs solid
}
eval text(x(0.5) - 0.55, h(0.75) + 0.15, "3/4")
eval text(x(1.5) + 0.55, h(0.75) + 0.15, "3/4")
eval text(x(2.5) + 0.5, h(0.25) + 0.15, "1/4")
eval left_text(x(2.3), h(0.95), "solid: widened, reaches 2 pixels")
eval left_text(x(2.3), h(0.78), "dashed: 1 pixel, misses pixel 2")
eval finish
