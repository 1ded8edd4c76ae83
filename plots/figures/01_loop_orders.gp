# What the innermost loop of C = A B touches, in two orders of the loops.
load "plots/figures/style.gp"
eval canvas(13, 8.6)
s = 0.5
# name, corner, and which cells: 0 none, 1 row 1, 2 column 2, 3 the cell (1, 2), 4 the cell (1, 1)
matrix(name, x, y, which, colour) = text(x + 1, y + 2.25, name) . "; " . grid(x, y, 4, 4, s, white) . "; " . touched(x, y, which, colour)
cell(x, y, r, c, colour, words) = box(x + c * s, y + (3 - r) * s, s, s, colour, small(words))
touched(x, y, which, colour) = \
    which == 1 ? cell(x, y, 1, 0, colour, "1") . "; " . cell(x, y, 1, 1, colour, "2") . "; " . cell(x, y, 1, 2, colour, "3") . "; " . cell(x, y, 1, 3, colour, "4") : \
    which == 2 ? cell(x, y, 0, 2, colour, "1") . "; " . cell(x, y, 1, 2, colour, "2") . "; " . cell(x, y, 2, 2, colour, "3") . "; " . cell(x, y, 3, 2, colour, "4") : \
    which == 3 ? cell(x, y, 1, 2, colour, "all") : cell(x, y, 1, 1, colour, "all")
strip(x, y, first, step, colour) = grid(x, y, 1, 16, 0.36, white) . "; " . marked(x, y, first, colour, 1) . "; " . \
    marked(x, y, first + step, colour, 2) . "; " . marked(x, y, first + 2 * step, colour, 3) . "; " . marked(x, y, first + 3 * step, colour, 4)
marked(x, y, i, colour, n) = box(x + 0.36 * i, y, 0.36, 0.36, colour, small(sprintf("%d", n)))

eval left_text(0.4, 8.2, "for i, for j, for k:")
eval text(2.2, 7.6, small("k is innermost"))
eval matrix("A", 4.2, 5.6, 1, sky)
eval matrix("B", 7.2, 5.6, 2, orange)
eval matrix("C", 10.2, 5.6, 3, green)
eval left_text(0.4, 4.9, small("B in memory: a jump of a row at each step"))
eval strip(6.6, 4.7, 2, 4, orange)

eval left_text(0.4, 3.9, "for i, for k, for j:")
eval text(2.2, 3.3, small("j is innermost"))
eval matrix("A", 4.2, 1.3, 4, sky)
eval matrix("B", 7.2, 1.3, 1, orange)
eval matrix("C", 10.2, 1.3, 1, green)
eval left_text(0.4, 0.6, small("B in memory: neighbours, one after the other"))
eval strip(6.6, 0.4, 4, 1, orange)
eval finish
