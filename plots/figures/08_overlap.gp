# A step with one sum at its end, and with three buckets that leave as they are complete.
load "plots/figures/style.gp"
eval canvas(15, 6.6)
part(x, y, w, c, words) = box(x, y, w, 0.75, c, words)
eval left_text(0.3, 6.2, bold("one sum at the end"))
eval left_text(0.3, 3.3, bold("three buckets"))
do for [row = 0:1] {
    y = 5.0 - 2.9 * row
    eval left_text(0.3, y + 0.35, small("computes"))
    eval left_text(0.3, y - 0.65, small("sends"))
    eval part(1.9, y, 0.8, sky, "head")
    do for [b = 0:3] { eval part(2.7 + 1.4 * b, y, 1.4, sky, sprintf("block %d", 3 - b)) }
    eval part(8.3, y, 1.0, sky, "emb.")
}
eval part(9.3, 4.0, 4.4, orange, "all gradients")
eval dashed(13.7, 3.8, 13.7, 6.0, black)
eval text(13.7, 6.25, small("step ends"))
eval part(4.1, 1.1, 1.9, orange, "head, 3")
eval part(6.9, 1.1, 2.2, orange, "2, 1")
eval part(9.3, 1.1, 1.3, orange, "0, emb.")
eval dashed(10.6, 0.9, 10.6, 3.1, black)
eval text(10.6, 3.35, small("step ends"))
eval both_ways(10.7, 2.2, 13.6, 2.2, black)
eval text(12.15, 2.55, "hidden")
eval text(7.5, 0.4, small("time goes to the right; a bucket has whole blocks, and leaves when its first parameter's gradient is complete"))
eval finish
