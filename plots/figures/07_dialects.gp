# A query kernel of the authors' file, D = 4 and two heads of 2, and our W_qkv.
load "plots/figures/style.gp"
eval canvas(15.4, 8)
eval text(3.6, 7.55, "query/kernel: (D, h, D_h) = (4, 2, 2)")
eval grid(2.0, 3.6, 4, 2, 0.8, blue)
eval grid(3.6, 3.6, 4, 2, 0.8, orange)
eval text(2.8, 7.05, small("head 1"))
eval text(4.4, 7.05, small("head 2"))
set object rectangle from 3.6, 3.6 rto 0.8, 3.2 front fs empty border lc rgb black lw 4
eval text(0.95, 5.9, "a token:")
eval text(0.95, 5.4, small("D numbers"))
eval text(0.95, 4.95, small("meet D rows"))
eval text(4.0, 3.2, small("this column makes"))
eval text(4.0, 2.8, small("head 2's first number"))
eval left_text(0.4, 1.7, small("key/kernel and value/kernel: the same shape"))
eval left_text(0.4, 1.2, small("out/kernel: (h, D_h, D)"))
eval arrow(5.6, 5.2, 8.2, 5.2, black)
eval text(6.9, 5.6, "where is it?")
eval text(10.7, 7.55, "W_{qkv}: (3D, D) = (12, 4)")
do for [part = 0:2] {
    y = 5.3 - 2.2 * part
    eval grid(9.5, y + 1.0, 2, 4, 0.5, blue)
    eval grid(9.5, y, 2, 4, 0.5, orange)
    set object rectangle from 9.5, y rto 2.0, 2.0 front fs empty border lc rgb black lw 2
    eval left_text(11.8, y + 1.5, small("head 1"))
    eval left_text(11.8, y + 0.5, small("head 2"))
    eval left_text(13.2, y + 1.0, word("queries keys values", part + 1))
}
eval text(10.5, 0.45, small("a row makes a number"))
eval finish
