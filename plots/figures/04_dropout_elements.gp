# How dropout counts elements: from the first image of the whole batch, in any slice.
load "plots/figures/style.gp"
eval canvas(15, 5.6)
eval left_text(0.6, 5.2, "the batch whole: 4 images of 4 elements, e = 0 to 15")
eval grid(0.6, 4.0, 1, 16, 0.8, sky)
do for [i = 0:15] { set label sprintf("%d", i) at 0.6 + 0.8 * (i + 0.5),4.4 center front }
do for [i = 0:3] { set label sprintf("bits of block %d", i) at 0.6 + 3.2 * (i + 0.5),3.7 center front font "DejaVu Sans,12" }
do for [i = 1:3] { set arrow from 0.6 + 3.2 * i,3.5 to 0.6 + 3.2 * i,5.0 nohead lw 2.5 lc rgb black }
eval left_text(0.6, 2.9, "cut for two workers: each slice begins at its own first image")
eval grid(0.6, 1.6, 1, 8, 0.8, sky)
eval grid(7.6, 1.6, 1, 8, 0.8, orange)
do for [i = 0:7] { set label sprintf("%d", i) at 0.6 + 0.8 * (i + 0.5),2.0 center front }
do for [i = 0:7] { set label sprintf("%d", i + 8) at 7.6 + 0.8 * (i + 0.5),2.0 center front }
eval text(3.8, 1.15, small("image = 0: i = 0 is e = 0"))
eval text(10.8, 1.15, small("image = 2: i = 0 is e = 8"))
eval text(7.2, 0.45, small("the same element has the same e, the same bits, the same fate"))
eval finish
