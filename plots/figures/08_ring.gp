# The way of chunk 2 (the third) in ./chapter8 --by-hand's four ranks.
load "plots/figures/style.gp"
eval canvas(15, 5.6)
place(k) = 1.9 + 3.7 * k
r(k) = (k + 3) % 4
has(k) = word("3000 3 30 300", k + 1)
sum(k) = word("3000 3003 3033 3333", k + 1)
do for [k = 0:3] {
    eval box(place(k) - 1.15, 2.9, 2.3, 1.0, (k == 3 ? green : sky), sprintf("rank %d", r(k)))
    eval text(place(k), 4.4, "has " . has(k))
    eval text(place(k), 2.35, (k == 0 ? "begins: " : "now: ") . bold(sum(k)))
}
do for [k = 0:2] {
    eval arrow(place(k) + 1.2, 3.4, place(k + 1) - 1.2, 3.4, black)
    eval text((place(k) + place(k + 1)) / 2, 3.75, small(sprintf("step %d", k)))
}
eval text(place(3), 1.75, small("finished, where it belongs"))
eval text(7.5, 5.15, bold("chunk 2 on its way round the ring"))
eval text(7.5, 0.8, small("right of rank 3 is rank 0; the other three chunks travel at the same time, each one rank apart"))
eval finish
