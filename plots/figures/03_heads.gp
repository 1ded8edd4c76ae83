# The whole layer, with one token of D = 8 and two heads of width 4.
load "plots/figures/style.gp"
eval canvas(13, 9)
eval left_text(9.1, 8.45, "one token, z (D = 8)")
eval grid(4.1, 8.15, 1, 8, 0.6, grey)
do for [head = 1:2] {
    colour = head == 1 ? blue : orange
    x = head == 1 ? 0.6 : 7.1
    c = x + 2.65
    set object polygon from 4.1,8.15 to 8.9,8.15 to x + 5.3,6.0 to x,6.0 to 4.1,8.15 behind fc rgb colour fs transparent solid 0.13 border lc rgb colour
    eval text(c, 6.35, small("from all of z: its own W^Q, W^K, W^V"))
    do for [part = 1:3] {
        eval grid(x + (part - 1) * 1.85, 5.6, 1, 4, 0.4, colour)
        eval text(x + (part - 1) * 1.85 + 0.8, 5.3, word("q k v", part))
    }
    eval box(x, 4.0, 5.3, 0.8, colour, "head " . head . ": weights A of its own")
    eval arrow(c, 5.15, c, 4.85, black)
    eval grid(head == 1 ? 4.1 : 6.5, 2.4, 1, 4, 0.6, colour)
    eval arrow(c, 4.0, head == 1 ? 5.3 : 7.7, 3.05, black)
}
eval left_text(9.1, 2.7, small("concat: both, side by side"))
eval arrow(6.5, 2.4, 6.5, 2.05, black)
eval box(4.1, 1.3, 4.8, 0.7, green, "mixed by W^O")
eval arrow(6.5, 1.3, 6.5, 0.95, black)
eval grid(4.1, 0.3, 1, 8, 0.6, grey)
eval left_text(9.1, 0.6, "Y (D = 8)")
eval finish
