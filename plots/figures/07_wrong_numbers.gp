# What ./chapter7 measures in its section 7.8: one model, read with numbers of others.
load "plots/figures/style.gp"
eval canvas(15, 6.2)
array what[8]
what[1] = "its own numbers"
what[2] = "epsilon 1e-5 for 1e-6"
what[3] = "epsilon 1e-12 for 1e-6"
what[4] = "mean 0.5, deviation 0.5"
what[5] = "twice as many heads"
what[6] = "mean 0.485, deviation 0.229"
what[7] = "half as many heads"
what[8] = "not normalised at all"
shares = "90.8 90.8 90.8 88.4 87.5 66.5 57.7 31.1"
do for [i = 1:8] {
    y = 6.2 - 0.65 * i
    share = word(shares, i) + 0
    eval left_text(0.3, y, what[i])
    set object rectangle from 5.4, y - 0.2 rto 0.08 * share, 0.4 behind fc rgb (i == 1 ? blue : orange) fs solid 0.6 border lc rgb dark
    eval left_text(5.6 + 0.08 * share, y, word(shares, i) . "%")
}
eval dashed(6.2, 0.5, 6.2, 6.0, dark)
eval left_text(6.35, 0.35, small("10%: guessing"))
eval finish
