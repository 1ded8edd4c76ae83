# Two tokens, two blocks of one head: what is in each token, with the residual connection.
load "plots/figures/style.gp"
eval canvas(15, 6.4)
level(l) = 1.6 + 4.4 * l
place(t) = 4.3 - 2.6 * t
do for [l = 0:2] {
    do for [t = 0:1] { eval box(level(l) - 0.9, place(t) - 0.45, 1.8, 0.9, (t == 0 ? blue : orange), sprintf("token %d", t)) }
    eval text(level(l), 5.6, word("input block_1 block_2", l + 1) eq "input" ? "the input" : sprintf("after block %d", l))
}
eval arrow(level(0) + 0.9, place(0), level(1) - 0.9, place(0), black)
eval arrow(level(0) + 0.9, place(0) - 0.1, level(1) - 0.9, place(1) + 0.15, black)
eval arrow(level(0) + 0.9, place(1), level(1) - 0.9, place(1), black)
eval arrow(level(1) + 0.9, place(0), level(2) - 0.9, place(0), black)
eval arrow(level(1) + 0.9, place(1) + 0.15, level(2) - 0.9, place(0) - 0.1, black)
eval arrow(level(1) + 0.9, place(1), level(2) - 0.9, place(1), black)
eval text((level(0) + level(1)) / 2, place(0) + 0.3, "1")
eval text((level(0) + level(1)) / 2 + 0.5, 3.35, "1/2")
eval text((level(0) + level(1)) / 2, place(1) - 0.3, "1/2")
eval text((level(1) + level(2)) / 2, place(0) + 0.3, "1/2")
eval text((level(1) + level(2)) / 2 + 0.5, 2.7, "1/2")
eval text((level(1) + level(2)) / 2, place(1) - 0.3, "1")
eval left_text(level(2) + 1.2, place(0) + 0.25, "3/4 of token 0")
eval left_text(level(2) + 1.2, place(0) - 0.25, "1/4 of token 1")
eval left_text(level(2) + 1.2, place(1) + 0.25, "1/2 of token 0")
eval left_text(level(2) + 1.2, place(1) - 0.25, "1/2 of token 1")
eval text(7.5, 0.5, small("block 1: both look at token 0; block 2: both look at token 1; half of each token is its own"))
eval finish
