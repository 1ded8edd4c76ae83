# qkv of three tokens with D = 4 and two heads: what belongs to head 2, in the matrix and
# in memory.
load "plots/figures/style.gp"
eval canvas(13, 7.2)
eval grid(1.7, 3.2, 3, 12, 0.8, white)
do for [row = 0:2] { do for [part = 0:2] {
    set object rectangle from 1.7 + (4 * part + 2) * 0.8, 3.2 + row * 0.8 rto 1.6, 0.8 front fc rgb word(join7(blue, orange, green, "", "", "", ""), part + 1) fs solid 0.35 border lc rgb black lw 1.5
} }
do for [column = 0:11] { eval text(cell_x(1.7, column, 0.8), 5.8, small(sprintf("%d", column))) }
do for [part = 0:2] {
    eval text(1.7 + (4 * part + 1) * 0.8, 6.2, small("head 1"))
    eval text(1.7 + (4 * part + 3) * 0.8, 6.2, small("head 2"))
    eval text(1.7 + (4 * part + 2) * 0.8, 6.75, word("q k v", part + 1))
}
do for [row = 0:2] {
    eval text(0.85, cell_y(3.2, 3, row, 0.8), small(sprintf("token %d", row)))
    do for [part = 0:2] { eval text(1.7 + (4 * part + 3) * 0.8, cell_y(3.2, 3, row, 0.8), word("Q K V", part + 1)) }
}
eval line(4.9, 3.2, 4.9, 5.6, black)
eval line(8.1, 3.2, 8.1, 5.6, black)
eval left_text(0.2, 2.45, "the same 36 elements in memory, row after row:")
eval grid(0.2, 1.45, 1, 36, 0.35, white)
do for [row = 0:2] { do for [part = 0:2] {
    set object rectangle from 0.2 + (12 * row + 4 * part + 2) * 0.35, 1.45 rto 0.7, 0.35 front fc rgb word(join7(blue, orange, green, "", "", "", ""), part + 1) fs solid 0.35 border lc rgb black
} }
do for [row = 0:2] {
    do for [part = 0:2] { eval text(0.2 + (12 * row + 4 * part + 3) * 0.35, 1.97, small(word("Q K V", part + 1))) }
}
eval both_ways(0.9, 1.15, 5.1, 1.15, black)
eval text(3.0, 0.85, small("row distance ld = 12"))
eval both_ways(5.1, 1.15, 9.3, 1.15, black)
eval text(7.2, 0.85, small("12 again"))
eval text(6.5, 0.3, "Q of head 2: 3 rows of 2 columns, 12 elements apart")
eval finish
