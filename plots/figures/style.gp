# style.gp: what the lessons' figures share. Each is a script of its own beside this file,
# NN_name.gp, which draw.sh draws into figures/name.svg of chapter NN:
#
#     load "plots/figures/style.gp"
#     eval canvas(12, 5)                      a drawing of 12 x 5 units; y grows upwards
#     eval box(1, 1, 3, 2, blue, "Q")         corner below left, size, colour, words
#     eval arrow(4, 2, 6, 2, black)           from, to
#     eval text(5, 4.5, "one head")           centred there; left_text begins there
#     eval grid(1, 1, 3, 4, 0.5, grey)        3 rows, 4 columns, of 0.5 units each
#     eval finish
#
# or, for a curve, `eval chart(12, 6)` and then labels and a plot command as ever.
# Colours are Okabe and Ito's, which colour-blind readers tell apart; no figure may need
# its colours to be understood: write words to them. viridis is for maps.
set encoding utf8
black = "#000000"
orange = "#E69F00"
sky = "#56B4E9"
green = "#009E73"
yellow = "#F0E442"
blue = "#0072B2"
vermilion = "#D55E00"
purple = "#CC79A7"
grey = "#999999"
white = "#FFFFFF"
dark = "#444444"
pale_yellow = "#F9F5B0"
viridis = "set palette defined (0 '#440154', 1 '#3B528B', 2 '#21918C', 3 '#5EC962', 4 '#FDE725')"

unit = 48 # pixels
terminal(w, h) = sprintf("set terminal svg size %d,%d dynamic enhanced background '#FFFFFF' " . \
    "font 'DejaVu Sans,15'; set output output; ", w * unit, h * unit)
canvas(w, h) = terminal(w, h) . sprintf("unset border; unset tics; unset key; set margins 0, 0, 0, 0; " . \
    "set xrange [0:%g]; set yrange [0:%g]", w, h)
chart(w, h) = terminal(w, h) . "set border 3 lc rgb '#444444'; set tics nomirror; set grid lc rgb '#DDDDDD'; " . \
    "set key top right; do for [i = 1:7] { set linetype i lw 2.5 dt i lc rgb word('" . \
    join7(blue, vermilion, green, orange, purple, sky, black) . "', i) }"
join7(a, b, c, d, e, f, g) = a . " " . b . " " . c . " " . d . " " . e . " " . f . " " . g

# Filled at a third of its colour's strength, so that black words can be read on it.
box(x, y, w, h, colour, words) = sprintf("set object rectangle from %g,%g to %g,%g behind fc rgb '%s' " . \
    "fs solid 0.35 border lc rgb '%s'; ", x, y, x + w, y + h, colour, colour eq white ? black : colour) . \
    text(x + w / 2.0, y + h / 2.0, words)
text(x, y, words) = sprintf("set label \"%s\" at %g,%g center front", words, x, y)
left_text(x, y, words) = sprintf("set label \"%s\" at %g,%g left front", words, x, y)
small(words) = "{/=12 " . words . "}"
bold(words) = "{/:Bold " . words . "}"
line(x1, y1, x2, y2, colour) = sprintf("set arrow from %g,%g to %g,%g nohead lw 1.5 lc rgb '%s'", x1, y1, x2, y2, colour)
arrow(x1, y1, x2, y2, colour) = sprintf("set arrow from %g,%g to %g,%g filled size graph 0.018,20 lw 1.8 lc rgb '%s'", \
    x1, y1, x2, y2, colour)
both_ways(x1, y1, x2, y2, colour) = sprintf("set arrow from %g,%g to %g,%g heads filled size graph 0.015,20 lw 1.5 lc rgb '%s'", \
    x1, y1, x2, y2, colour)
dashed(x1, y1, x2, y2, colour) = sprintf("set arrow from %g,%g to %g,%g nohead dt 2 lw 1.5 lc rgb '%s'", x1, y1, x2, y2, colour)
# The grid's corner below left is (x, y); row 0 is the highest.
grid(x, y, rows, columns, size, colour) = sprintf("do for [r = 0:%d] { do for [c = 0:%d] { " . \
    "set object rectangle from %g+c*%g,%g+r*%g rto %g,%g behind fc rgb '%s' fs solid 0.35 border lc rgb '#444444' } }", \
    rows - 1, columns - 1, x, size, y, size, size, size, colour)
cell_x(x, column, size) = x + (column + 0.5) * size
cell_y(y, rows, row, size) = y + (rows - row - 0.5) * size
finish = "plot NaN notitle"
