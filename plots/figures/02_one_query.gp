# Query 0 of the lesson's worked example: scores, weights, and the mix of the values.
load "plots/figures/style.gp"
eval canvas(16, 6.2)
key1 = "1 1 1 1"
key2 = "0 1 0 -1"
key3 = "2 -1 2 1"
keys = sprintf("'%s' '%s' '%s'", key1, key2, key3)
weights = "0.245 0.090 0.665"
scores = "1 0 2"
values_of = "'1 0' '0 2' '2 1'"

eval text(1.4, 5.85, "the query asks")
eval text(5.2, 5.85, "keys offer")
eval text(8.3, 5.85, "scores")
eval text(10.6, 5.85, "weights")
eval text(13.0, 5.85, "values give")
eval grid(0.4, 3.15, 1, 4, 0.5, blue)
do for [c = 0:3] { eval text(cell_x(0.4, c, 0.5), 3.4, word("1 0 1 0", c + 1)) }
do for [j = 0:2] {
    y = 4.65 - j * 1.5
    eval grid(4.2, y, 1, 4, 0.5, orange)
    do for [c = 0:3] { eval text(cell_x(4.2, c, 0.5), y + 0.25, word(word(keys, j + 1), c + 1)) }
    eval arrow(2.5, 3.4, 4.1, y + 0.25, black)
    eval arrow(6.4, y + 0.25, 7.8, y + 0.25, black)
    eval text(8.3, y + 0.25, word(scores, j + 1))
    eval arrow(8.7, y + 0.25, 9.7, y + 0.25, black)
    a = word(weights, j + 1) + 0
    set object rectangle from 9.9, y - 0.05 rto 1.6 * a / 0.665, 0.6 behind fc rgb green fs solid 0.5 noborder
    eval left_text(9.95, y + 0.25, word(weights, j + 1))
    eval grid(12.5, y, 1, 2, 0.5, purple)
    do for [c = 0:1] { eval text(cell_x(12.5, c, 0.5), y + 0.25, word(word(values_of, j + 1), c + 1)) }
    eval arrow(13.6, y + 0.25, 14.35, 3.4 + (1 - j) * 0.22, black)
}
eval text(7.1, 0.7, small("q·k / √d_k"))
eval text(9.2, 0.7, small("softmax"))
eval text(15.1, 2.5, small("their mean"))
eval grid(14.45, 3.1, 1, 2, 0.6, sky)
eval text(14.75, 3.4, small("1.58"))
eval text(15.35, 3.4, small("0.85"))
eval finish
