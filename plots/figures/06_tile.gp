# A tile of A and one of B are filled from global memory, and used from shared memory.
load "plots/figures/style.gp"
eval canvas(16, 9.6)
eval text(2.3, 9.2, "A, in global memory")
eval text(7.9, 9.2, "the block's tile of A, shared")
eval text(13.6, 9.2, "C")
do for [r = 0:7] { do for [c = 0:7] {
    eval box(0.5 + c * 0.45, 5.3 + (7 - r) * 0.45, 0.45, 0.45, r >= 2 && r < 6 && c >= 4 ? sky : white, "")
} }
do for [r = 0:3] { do for [c = 0:3] {
    eval box(6.7 + c * 0.6, 5.9 + (3 - r) * 0.6, 0.6, 0.6, r == 1 ? orange : sky, "")
} }
eval arrow(4.2, 7.1, 6.6, 7.1, black)
eval text(5.4, 7.9, small("fill: each thread"))
eval text(5.4, 7.5, small("loads one element"))
eval text(2.3, 0.3, "B, in global memory")
eval text(7.9, 0.3, "the block's tile of B, shared")
do for [r = 0:7] { do for [c = 0:7] {
    eval box(0.5 + c * 0.45, 0.8 + (7 - r) * 0.45, 0.45, 0.45, r >= 4 && c < 4 ? green : white, "")
} }
do for [r = 0:3] { do for [c = 0:3] {
    eval box(6.7 + c * 0.6, 1.3 + (3 - r) * 0.6, 0.6, 0.6, c == 2 ? orange : green, "")
} }
eval arrow(4.2, 2.4, 6.6, 2.4, black)
do for [r = 0:3] { do for [c = 0:3] {
    eval box(12.4 + c * 0.6, 5.9 + (3 - r) * 0.6, 0.6, 0.6, r == 1 && c == 2 ? orange : white, "")
} }
eval arrow(9.2, 7.4, 12.2, 7.4, vermilion)
eval text(10.7, 7.9, small("use: a whole row"))
eval arrow(9.2, 2.7, 13.85, 5.7, vermilion)
eval left_text(12.1, 4.1, small("and a whole column"))
eval left_text(9.9, 2.0, small("All four threads of this row of C read the"))
eval left_text(9.9, 1.6, small("same row of A's tile: each element that was"))
eval left_text(9.9, 1.2, small("loaded once is used 4 times (here), or 32"))
eval left_text(9.9, 0.8, small("times (in the kernel)."))
eval text(7.9, 4.75, small("When is a tile whole?"))
eval text(7.9, 4.3, small("When may it be filled again?"))
eval finish
