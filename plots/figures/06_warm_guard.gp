# Warm-up b: 10 elements, blocks of 4: two threads have no element.
load "plots/figures/style.gp"
eval canvas(13, 3.6)
colours = sky . " " . orange . " " . green
do for [b = 0:2] {
    eval text(1.3 + b * 3.4 + 1.7, 3.3, sprintf("block %d", b))
    do for [t = 0:3] {
        i = b * 4 + t
        x = 1.3 + i * 0.85
        eval box(x, 2.3, 0.75, 0.6, i < 10 ? word(colours, b + 1) : white, small(sprintf("t %d", t)))
        if (i < 10) { eval box(x, 0.8, 0.75, 0.6, word(colours, b + 1), small(sprintf("%d", i))) }
        if (i >= 10) { eval text(x + 0.375, 1.1, "?") }
        eval arrow(x + 0.375, 2.25, x + 0.375, 1.45, i < 10 ? dark : vermilion)
    }
}
eval text(6.4, 0.3, small("10 elements, 12 threads: whose memory is behind the tenth?"))
eval finish
