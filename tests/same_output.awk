# same_output.awk: does a program print what a page says it prints?
#     awk -v page=PAGE -v command=COMMAND -f same_output.awk PRINTED SAID
# The page's lines must be printed in this order; `...` stands for anything, a line or
# words of one. Numbers may differ by 2% or in their last two digits (other processors
# round otherwise), also at a word's end (eps^2.00); times as they like; those with an
# exponent below 1e-4, which are rounding themselves, by a factor of 30; those of one
# digit and an exponent (6e-03), which only say how large, by a factor of 4. With
# -v room=0.01 accuracies, which are the numbers up to 1 that don't follow the word loss,
# by so much and no more; with -v loss=0.06 what follows the word loss, by that part of
# it. Exit status: 0 if so, and at least three lines (-v least=1: one) were compared.
function number(s) { return s ~ /^[-+]?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?$/ }
function digits(s) { sub(/e.*/, "", s); return s ~ /\./ ? length(s) - index(s, ".") : 0 }
function size(x) { return x < 0 ? -x : x + 0 }
function close_to(a, b, word,   unit) {
    if (a ~ /e-/ && size(a) < 1e-4 && size(b) < 1e-4)
        return size(a) <= 30 * size(b) + 1e-12 && size(b) <= 30 * size(a) + 1e-12
    if (a ~ /^[-+]?[0-9]e/)
        return size(a) <= 4.01 * size(b) && size(b) <= 4.01 * size(a)
    if (room && digits(a) && size(a) <= 1 && word != "loss")
        return size(a - b) <= room + 1e-9
    if (loss && word == "loss") return size(a - b) <= loss * size(b)
    unit = ("1e-" digits(a)) + 0
    return size(a - b) <= 0.02 * size(b) + (digits(a) ? 2 * unit : 0)
}
# The number that a word ends with; what stands before it is the word itself.
function last_number(s) {
    return match(s, /[-+]?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?$/) ? substr(s, RSTART) : ""
}
function same_words(a, b, before,   x, y) {
    a = bare(a)
    b = bare(b)
    x = last_number(a)
    y = last_number(b)
    if (x == "" || y == "") return 0
    if (substr(a, 1, length(a) - length(x)) != substr(b, 1, length(b) - length(y))) return 0
    return close_to(x, y, before)
}
function bare(s) { gsub(/^[({[|]+|[]})|,;:%]+$/, "", s); return s }
function same(a, b,   i, n, m, x, y, shift) {
    n = split(a, x, /[ \t]+/)
    m = split(b, y, /[ \t]+/)
    for (i = 1; i <= n; i++) {
        if (x[i] == "...") { # what follows it stands at the line's end
            if (i == n) return 1
            if (m < n) return 0
            shift = m - n
            continue
        }
        if (i + shift > m) return 0
        if (x[i] == y[i + shift]) continue
        if (number(bare(x[i])) && number(bare(y[i + shift])) &&
            x[i + 1] ~ /^(ns|us|ms|s)[,.;)]*$/) continue # a time
        if (!same_words(x[i], y[i + shift], x[i - 1])) return 0
    }
    return n + shift == m
}
FNR == NR { got[++count] = $0; next }
/^[ \t]*$/ || /^[ \t]*\.\.\.[ \t]*$/ { next }
{
    for (i = last + 1; i <= count; i++) if (same($0, got[i])) break
    if (i > count) {
        printf "      %s: `%s` does not print, after its line %d:\n        %s\n",
               page, command, last, $0
        bad = 1
        exit 1
    }
    last = i
    lines++
}
END { exit bad || lines < (least ? least : 3) }
