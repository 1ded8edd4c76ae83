# 05_model.gp: the whole model with its shapes, and where gradients are on the way back.
load "plots/figures/style.gp"
eval canvas(17, 8.6)
names = "images|patches|z_0|z_4|y|logits|loss"
shapes = "(8, 1, 28, 28)|(8, 49, 16)|(8, 50, 64)|(8, 50, 64)|(8, 64)|(8, 10)|a number"
field(s, k) = k == 1 ? (strstrt(s, "|") ? s[1:strstrt(s, "|") - 1] : s) : field(s[strstrt(s, "|") + 1:], k - 1)
x_of(k) = 0.3 + (k - 1) * 2.42
wide = 1.7
do for [k = 1:7] {
    eval box(x_of(k), 5.6, wide, 1.0, k == 1 ? grey : k == 7 ? yellow : sky, field(names, k))
    eval text(x_of(k) + wide / 2, 6.95, small(field(shapes, k)))
    if (k < 7) { eval arrow(x_of(k) + wide + 0.04, 6.1, x_of(k + 1) - 0.04, 6.1, black) }
}
eval text(0.85, 8.1, "forward")
# what each arrow does, between two boxes
what = "cut|project,\nclass token,\npositions|4 encoder\nblocks|row 0,\nLN|W_{head}|softmax\nand label"
tags = "[ViT 3.1]|[ViT eq.1]|[ViT eq.2, eq.3]|[ViT eq.4]||[AIAYN 5.4]"
do for [k = 1:6] {
    x = x_of(k) + wide + (2.42 - wide) / 2
    set label field(what, k) at x, 8.1 center front font ",12"
    eval text(x, 5.1, small(field(tags, k)))
}
# backward: which of the 50 rows have a gradient
eval text(0.95, 3.9, "backward")
eval text(x_of(7) + wide / 2, 3.2, small("dlogits"))
eval arrow(x_of(7) + 0.15, 3.2, x_of(6) + wide - 0.2, 3.2, vermilion)
eval text(x_of(6) + wide / 2, 3.2, small("(8, 10)"))
eval arrow(x_of(6) + 0.25, 3.2, x_of(5) + wide - 0.2, 3.2, vermilion)
eval text(x_of(5) + wide / 2, 3.2, small("(8, 64)"))
eval arrow(x_of(5) + 0.25, 3.2, x_of(4) + wide - 0.05, 3.8, vermilion)
do for [k = 3:4] {
    do for [r = 0:6] {
        set object rectangle from x_of(k) + 0.2, 1.3 + (6 - r) * 0.4 rto 1.3, 0.34 behind \
            fc rgb (k == 3 || r == 0 ? vermilion : white) fs solid 0.75 border lc rgb black
    }
    eval text(x_of(k) + wide / 2, 4.25, small(k == 3 ? "dz_0" : "dz_4"))
}
eval text(x_of(4) + wide / 2, 2.65, small("?"))
eval text(x_of(4) + wide / 2, 0.8, small("row 0, and?"))
eval text(x_of(3) + wide / 2, 0.8, small("every row"))
eval arrow(x_of(4) + 0.1, 2.65, x_of(3) + wide - 0.1, 2.65, vermilion)
eval arrow(x_of(3) + 0.1, 2.65, x_of(2) + wide - 0.1, 2.65, vermilion)
set label "dE, db_E,\ndx_{class},\ndE_{pos}" at x_of(2) + wide / 2 - 0.1, 2.95 center front font ",12"
eval arrow(x_of(2) - 0.05, 2.65, x_of(1) + wide + 0.1, 2.65, grey)
set label "not wanted:\nnobody learns\npixels" at x_of(1) + wide / 2, 2.95 center front font ",12"
eval finish
