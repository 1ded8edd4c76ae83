# Position embeddings of 2 x 3 patches, and a new patch of 3 x 4 over the same picture.
load "plots/figures/style.gp"
eval canvas(14.6, 7)
x0 = 0.6
y0 = 0.8
eval box(x0, y0, 7.2, 4.8, grey, "")
do for [i = 1:2] { eval line(x0 + 2.4 * i, y0, x0 + 2.4 * i, y0 + 4.8, dark) }
eval line(x0, y0 + 2.4, x0 + 7.2, y0 + 2.4, dark)
do for [i = 1:3] { eval dashed(x0 + 1.8 * i, y0, x0 + 1.8 * i, y0 + 4.8, blue) }
do for [j = 1:2] { eval dashed(x0, y0 + 1.6 * j, x0 + 7.2, y0 + 1.6 * j, blue) }
set object rectangle from x0 + 3.6, y0 + 1.6 rto 1.8, 1.6 front fc rgb orange fs solid 0.5 border lc rgb vermilion lw 2.5
do for [k = 0:5] {
    cx = x0 + 1.2 + 2.4 * (k % 3)
    cy = y0 + 3.6 - 2.4 * (k / 3)
    set object circle at cx, cy size 0.1 front fc rgb black fs solid
    eval left_text(cx + (k % 3 ? 0.15 : -0.95), cy + (k < 3 ? 0.35 : -0.35), small(sprintf("old %d", k)))
}
eval line(x0 + 4.5, y0 + 2.4, x0 + 3.6, y0 + 3.6, black)
eval line(x0 + 4.5, y0 + 2.4, x0 + 6.0, y0 + 3.6, black)
eval line(x0 + 4.5, y0 + 2.4, x0 + 3.6, y0 + 1.2, black)
eval line(x0 + 4.5, y0 + 2.4, x0 + 6.0, y0 + 1.2, black)
eval left_text(x0, 6.3, "2 x 3 old patches (solid), 3 x 4 new ones (dashed)")
eval left_text(8.6, 5.2, "new patch, row 1, column 2:")
eval left_text(8.6, 4.4, "rows: halfway, 0.5 and 0.5")
eval left_text(8.6, 3.7, "columns: 0.625 of 1, 0.375 of 2")
eval left_text(8.6, 2.7, small("old 1, old 4:  0.5 · 0.625 = 0.3125 each"))
eval left_text(8.6, 2.2, small("old 2, old 5:  0.5 · 0.375 = 0.1875 each"))
eval left_text(8.6, 1.7, small("together 1"))
eval finish
