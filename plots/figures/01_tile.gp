# One step of the micro-kernel: a tile of C in registers, a column's piece of A, a row's of B.
load "plots/figures/style.gp"
eval canvas(13, 8)
eval box(5, 5.1, 6.4, 2.4, white, "")
eval box(7.4, 5.1, 2.4, 2.4, sky, "")
eval box(7.4, 6.1, 2.4, 0.3, orange, "")
eval text(11.7, 6.3, "B")
eval left_text(9.95, 6.25, small("row k"))
eval text(8.6, 7.75, small("32 columns"))

eval box(1.6, 0.8, 2.4, 3.8, white, "")
eval box(1.6, 2.1, 2.4, 1.2, sky, "")
eval box(2.7, 2.1, 0.3, 1.2, orange, "")
eval text(1.3, 4.3, "A")
eval text(2.85, 3.55, small("column k"))
eval text(0.85, 2.7, small("12 rows"))

eval box(5, 0.8, 6.4, 3.8, white, "")
eval box(7.4, 2.1, 2.4, 1.2, green, "")
eval text(8.6, 2.88, small("384 sums of C"))
eval text(8.6, 2.5, small("in registers"))
eval text(11.7, 4.3, "C")
eval arrow(3.1, 2.7, 7.3, 2.7, black)
eval text(5.2, 3, small("12 elements"))
eval arrow(8.6, 6.05, 8.6, 3.35, black)
eval left_text(8.75, 4.85, small("32 elements"))
eval text(6.5, 0.35, small("each step of k: 44 elements come, 384 multiply-adds are done; the tile stays where it is"))
eval finish
