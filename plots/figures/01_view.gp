# T[1] of a tensor (2,3,4), and columns 1 and 2 of it: a view of the same memory.
load "plots/figures/style.gp"
eval canvas(13, 6.4)
eval left_text(0.5, 6.05, "memory: one row of elements")
do for [i = 0:23] {
    in_view = (i == 13 || i == 14 || i == 17 || i == 18 || i == 21 || i == 22)
    eval box(0.5 + 0.5 * i, 4.2, 0.5, 0.5, in_view ? orange : i < 12 ? grey : sky, small(sprintf("%d", i)))
}
eval text(3.5, 3.9, small("T[0]"))
eval text(9.5, 3.9, small("T[1]"))
eval both_ways(7.25, 4.95, 9.25, 4.95, vermilion)
eval both_ways(9.25, 4.95, 11.25, 4.95, vermilion)
eval text(8.25, 5.25, small("ld = 4"))
eval text(10.25, 5.25, small("ld = 4"))
eval arrow(6.3, 5.3, 7.15, 4.78, black)
eval text(4.6, 5.35, small("the view begins here"))

eval text(3.6, 2.95, "T[1]: (3, 4), ld = 4")
do for [r = 0:2] {
    do for [c = 0:3] {
        eval box(2.4 + 0.6 * c, 2 - 0.6 * r, 0.6, 0.6, (c == 1 || c == 2) ? orange : sky, sprintf("%d", 12 + 4 * r + c))
    }
}
eval arrow(5.2, 1.7, 7.7, 1.7, black)
eval text(6.45, 2.05, small("columns 1 and 2"))
eval text(6.45, 1.35, small("nothing is copied"))
eval text(9, 2.95, "the view: (3, 2), ld = 4")
do for [r = 0:2] {
    do for [c = 0:1] {
        eval box(8.4 + 0.6 * c, 2 - 0.6 * r, 0.6, 0.6, orange, sprintf("%d", 13 + 4 * r + c))
    }
}
eval text(6.5, 0.3, small("element (i, j) is data[i * ld + j]:  (2, 1) is 2 * 4 + 1 = 9 elements after 13, and that is 22"))
eval finish
