# A warp's 32 loads, and the sectors that memory sends for them: neighbours, and a column.
load "plots/figures/style.gp"
eval canvas(16, 9.4)
size = 0.46
left = 0.6
eval left_text(left, 9.0, "32 lanes read 32 neighbouring floats")
do for [i = 0:31] {
    eval box(left + i * size, 7.9, size, size, sky, small(sprintf("%d", i)))
    eval box(left + i * size, 6.4, size, size, green, "")
    if (i % 4 == 0) { eval arrow(left + (i + 0.5) * size, 7.85, left + (i + 0.5) * size, 6.95, dark) }
}
do for [s = 0:3] {
    eval box(left + s * 8 * size + 0.06, 5.6, 8 * size - 0.12, 0.5, white, small(sprintf("sector %d: 32 bytes", s)))
}
eval left_text(left, 5.1, "4 sectors arrive, 128 bytes, and every byte is used")
eval dashed(0.3, 4.6, 15.7, 4.6, grey)

eval left_text(left, 4.15, "32 lanes read one column of a matrix: each float is in another row")
rows = "0 1 2 31"
do for [r = 1:4] {
    y = 3.9 - r * 0.8 - (r == 4 ? 0.45 : 0)
    eval box(left, y, 1.5, 0.52, sky, small("lane " . word(rows, r)))
    eval arrow(left + 1.55, y + 0.26, left + 2.3, y + 0.26, dark)
    do for [i = 0:7] { eval box(left + 2.4 + i * size, y + 0.03, size, size, i == 2 ? green : white, "") }
    eval left_text(left + 2.7 + 8 * size, y + 0.26, small(r == 1 ? "one sector: 8 floats, of which one is wanted" : r == 4 ? "the 32nd sector" : "another sector"))
}
eval text(left + 0.75, 1.17, "...")
eval left_text(9.6, 2.3, "32 sectors arrive, 1024 bytes,")
eval left_text(9.6, 1.8, "and 7/8 of them are thrown away")
eval finish
