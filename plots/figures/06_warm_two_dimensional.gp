# Warm-up d: a grid of 2 x 2 blocks of 3 x 2 threads over a matrix of 3 x 5, ld 7.
load "plots/figures/style.gp"
eval canvas(13, 4.9)
size = 0.9
do for [r = 0:3] { do for [c = 0:6] {
    real = r < 3 && c < 5
    colour = !real ? white : r < 2 ? (c < 3 ? sky : orange) : (c < 3 ? green : purple)
    if (r < 3) { eval box(1.6 + c * size, 4.0 - (r + 1) * size + 0.2, size, size, c < 5 ? colour : white, c < 5 ? "" : "-") }
} }
eval text(1.6 + 1.5 * size, 4.5, small("block (0, 0)"))
eval text(1.6 + 4 * size, 4.5, small("block (1, 0)"))
eval left_text(8.2, 3.6, small("3 rows of 5 elements, 7 apart"))
eval left_text(8.2, 3.1, small("(the -: not part of the matrix)"))
eval left_text(8.2, 2.4, small("blocks have 3 x 2 threads"))
eval left_text(8.2, 1.9, small("x goes along the row, y down"))
eval text(0.8, 3.7, small("row 0"))
eval text(0.8, 2.8, small("row 1"))
eval text(0.8, 1.9, small("row 2"))
eval text(1.6 + 1.5 * size, 1.1, small("block (0, 1)"))
eval text(1.6 + 4 * size, 1.1, small("block (1, 1)"))
eval text(6.4, 0.4, small("Which threads of block (1, 1) have an element?"))
eval finish
