# Warm-up d: a matrix of 3 x 5, ld 7, under six blocks of 2 x 2 threads; places in memory.
load "plots/figures/style.gp"
eval canvas(13, 4.9)
size = 0.9
colours = sky . " " . orange . " " . green . " " . purple . " " . yellow . " " . grey
do for [r = 0:3] { do for [c = 0:6] {
    real = r < 3 && c < 5
    block = r / 2 * 3 + c / 2 + 1
    shade = real ? word(colours, block) : white
    place = r < 3 ? sprintf("%d", r * 7 + c) : ""
    if (r < 3 || c < 6) { eval box(1.6 + c * size, 4.3 - (r + 1) * size, size, size, shade, real ? place : c < 6 ? "?" : "") }
} }
eval text(0.8, 3.85, small("row 0"))
eval text(0.8, 2.95, small("row 1"))
eval text(0.8, 2.05, small("row 2"))
eval left_text(8.3, 4.0, small("3 rows of 5 elements, 7 apart"))
eval left_text(8.3, 3.4, small("a number: the place in memory"))
eval left_text(8.3, 2.8, small("a colour: a block of 2 x 2 threads"))
eval left_text(8.3, 2.2, small("?: a thread without an element"))
eval text(6.4, 0.3, small("In which direction should the lanes of a warp be neighbours?"))
eval finish
