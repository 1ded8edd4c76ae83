# Warm-up f: two trees of sums, of neighbours and of halves; both need three steps.
load "plots/figures/style.gp"
eval canvas(16, 6.4)
numbers = "3 1 4 1 5 9 2 6"
do for [tree = 0:1] {
    x0 = 2.6 + tree * 7.0
    array held[8]
    do for [i = 1:8] { held[i] = real(word(numbers, i)) }
    do for [s = 0:3] {
        y = 4.6 - s * 1.4
        far = s == 0 ? 0 : tree == 0 ? 2**(s - 1) : 8 / 2**s
        do for [i = 0:7] {
            works = s == 0 || (tree == 0 ? i % 2**s == 0 : i < far)
            if (works) {
                if (s > 0) {
                    held[i + 1] = held[i + 1] + held[i + far + 1]
                    eval line(x0 + i * 0.8 + 0.3, y + 1.36, x0 + i * 0.8 + 0.3, y + 0.7, dark)
                    eval arrow(x0 + (i + far) * 0.8 + 0.3, y + 1.36, x0 + i * 0.8 + 0.4, y + 0.66, dark)
                }
                eval box(x0 + i * 0.8, y, 0.7, 0.6, s == 3 ? orange : sky, sprintf("%d", held[i + 1]))
            }
        }
    }
}
eval left_text(0.2, 4.9, small("8 elements"))
eval left_text(0.2, 3.5, small("4 threads add"))
eval left_text(0.2, 2.1, small("2 threads add"))
eval left_text(0.2, 0.7, small("1 thread adds"))
eval text(5.4, 5.8, "neighbours")
eval text(12.4, 5.8, "halves")
eval finish
