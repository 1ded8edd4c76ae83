# Warm-up a: blocks of 4 threads, and the element that each thread takes.
load "plots/figures/style.gp"
eval canvas(13, 3.6)
colours = sky . " " . orange . " " . green
do for [b = 0:2] {
    eval text(1.0 + b * 4 + 1.6, 3.3, sprintf("block %d", b))
    do for [t = 0:3] {
        x = 1.0 + b * 4 + t * 0.8
        eval box(x, 2.3, 0.8, 0.6, word(colours, b + 1), small(sprintf("t %d", t)))
        eval box(1.3 + (b * 4 + t) * 0.85, 0.7, 0.85, 0.6, word(colours, b + 1), b == 1 && t == 2 ? "?" : "")
        eval arrow(x + 0.4, 2.25, 1.3 + (b * 4 + t) * 0.85 + 0.42, 1.4, dark)
    }
}
eval text(6.4, 0.3, small("x: which element does thread 2 of block 1 square?"))
eval finish
