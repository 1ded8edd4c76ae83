# B/16's memory on each rank, in MB: 86,567,656 floats of each kind.
load "plots/figures/style.gp"
eval canvas(15, 5)
scale = 0.0068
x0 = 3.2
mb = 346.27
part(at, y, w, c, words) = box(x0 + at * scale, y, w * scale, 0.9, c, words)
eval left_text(0.3, 3.65, "every rank")
eval left_text(0.3, 1.95, "8 ranks,")
eval left_text(0.3, 1.5, "sharded")
eval part(0, 3.2, mb, blue, "weights 346")
eval part(mb, 3.2, mb, sky, "gradients 346")
eval part(2 * mb, 3.2, mb, orange, "m 346")
eval part(3 * mb, 3.2, mb, yellow, "v 346")
eval left_text(x0 + 4 * mb * scale + 0.2, 3.65, bold("1385 MB"))
eval part(0, 1.3, mb, blue, "weights 346")
eval part(mb, 1.3, mb, sky, "gradients 346")
eval part(2 * mb, 1.3, mb / 8, orange, "")
eval part(2 * mb + mb / 8, 1.3, mb / 8, yellow, "")
eval left_text(x0 + 2.25 * mb * scale + 0.2, 1.75, "m 43, v 43:  " . bold("779 MB"))
eval text(7.5, 0.5, small("of m and v a rank keeps the chunk whose weights it updates; the sum's second half sends weights"))
eval finish
