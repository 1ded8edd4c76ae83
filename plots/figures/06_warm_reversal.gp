# Warm-up e: a run is turned round through shared memory.
load "plots/figures/style.gp"
eval canvas(13, 6.0)
letters = "a b c d e"
back = "e d c b a"
eval left_text(0.2, 5.3, "x before")
eval left_text(0.2, 3.2, "shared")
eval left_text(0.2, 1.1, "x after")
do for [i = 0:4] {
    x = 3.2 + i * 1.2
    eval box(x, 5.0, 1.2, 0.65, sky, word(letters, i + 1))
    eval box(x, 2.9, 1.2, 0.65, orange, word(letters, i + 1))
    eval box(x, 0.8, 1.2, 0.65, sky, word(back, i + 1))
    eval arrow(x + 0.6, 4.95, x + 0.6, 3.65, dark)
    eval arrow(3.2 + (4 - i) * 1.2 + 0.6, 2.85, x + 0.6, 1.55, dark)
}
eval text(6.2, 0.35, small("a run of 5: where does thread 1 read?"))
eval finish
