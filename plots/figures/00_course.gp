# The whole model in one drawing, and the chapter that builds each part of it.
load "plots/figures/style.gp"
eval canvas(16.6, 8.75)
set yrange [-0.95:7.8]
chapter(n) = "{/=12 chapter " . n . "}"

# The image and its patches.
array row[4]
row[1] = "1 3 4 1"
row[2] = "2 5 5 2"
row[3] = "1 5 5 1"
row[4] = "1 4 5 1"
do for [r = 0:3] { do for [c = 0:3] {
    set object rectangle from 0.3 + c * 0.5, 4.3 + (3 - r) * 0.5 rto 0.5, 0.5 behind \
        fc rgb grey fs solid 0.17 * word(row[r + 1], c + 1) border lc rgb white
} }
eval text(1.3, 6.65, "an image")
eval text(1.3, 3.9, small("cut into patches"))
eval arrow(2.5, 5.3, 3.2, 5.3, black)

# Tokens: a row for each patch, and the class token in front.
eval grid(3.4, 6.0, 1, 3, 0.4, vermilion)
eval grid(3.4, 3.45, 6, 3, 0.4, grey)
eval text(4.0, 6.65, "tokens")
eval text(4.0, 3.1, small("the class token first"))
eval left_text(0.3, 7.4, bold("5") . small("   patches, positions, class token, loss, AdamW, training: the Vision Transformer"))
eval arrow(4.8, 5.3, 5.5, 5.3, black)

# The block.
eval box(5.6, 2.4, 8.3, 4.6, sky, "")
eval left_text(5.8, 6.65, bold("4") . small("   encoder block, 4 times"))
eval line(5.6, 5.3, 13.9, 5.3, black)
eval box(6.1, 2.7, 4.3, 2.15, orange, "")
eval left_text(6.3, 4.5, bold("3") . small("   multi-head attention"))
eval box(6.4, 2.95, 3.7, 1.15, yellow, "")
eval left_text(6.6, 3.5, bold("2") . small("   softmax(Q K^T/√d_k) V"))
eval box(11.3, 2.7, 1.8, 2.15, green, "MLP")
eval line(5.85, 5.3, 5.85, 3.7, black)
eval arrow(5.85, 3.7, 6.1, 3.7, black)
eval line(10.4, 3.7, 10.6, 3.7, black)
eval arrow(10.6, 3.7, 10.6, 5.12, black)
eval text(10.6, 5.3, "⊕")
eval line(11.0, 5.3, 11.0, 3.7, black)
eval arrow(11.0, 3.7, 11.3, 3.7, black)
eval line(13.1, 3.7, 13.45, 3.7, black)
eval arrow(13.45, 3.7, 13.45, 5.12, black)
eval text(13.45, 5.3, "⊕")
eval text(12.0, 5.75, small("the residual path"))
eval arrow(13.9, 5.3, 14.5, 5.3, black)

# The verdict.
eval text(15.5, 6.65, "a verdict")
do for [i = 0:4] {
    length = word("0.25 0.15 1.5 0.2 0.1", i + 1) + 0
    set object rectangle from 14.7, 6.0 - i * 0.35 rto length, -0.22 behind fc rgb blue fs solid 0.6 noborder
}
eval text(15.5, 4.15, small("T-shirt: 86%"))

eval box(0.3, 1.35, 16.0, 0.75, purple, bold("1") . small("   tensors, matrix products, softmax, GELU, and the proof of every gradient"))
eval box(0.3, 0.4, 16.0, 0.75, grey, bold("6") . small("   the same training in CUDA, kernel by kernel, on a GPU or on an emulator of one"))
eval box(0.3, -0.55, 16.0, 0.75, blue, bold("7") . small("   weights that others have trained, and pictures of yours: what it sees, and where it looked"))
eval finish
