"""Lesson 1's live figures: softmax, GELU and the gradient check's V-curve.

Their first state, and the states that ./chapter1 prints too, against what it prints.
"""
import math
import re

import harness


def row(text, name, nth=0):
    """The numbers of the program's line that begins with a name; its nth such line."""
    lines = [line for line in text.splitlines()
             if re.match(rf"\s+{re.escape(name)}\s", line)]
    return harness.numbers(lines[nth].strip()[len(name):])


def softmax(book, page, printed):
    figure = page.figure("softmax")
    small = figure.table("rows")
    book.close("softmax: scores 1, 2, 3", small[5], row(printed, "softmax(s)"), 1e-5)
    book.close("as written: the same", small[2], small[5], 1e-5)
    figure.press("large")
    large = figure.table("rows")
    book.close("1000, 1001, 1002: exp", large[1][:3], row(printed, "exp(s)"), 0)
    book.close("1000, 1001, 1002: as written", large[2],
               row(printed, "the formula as it stands"), 0)
    book.close("1000, 1001, 1002: softmax_forward", large[5],
               row(printed, "softmax_forward"), 1e-5)
    figure.press("small")

    # By keyboard alone: the third score, up to where the first inf is.
    page.js("arguments[0].focus()", figure.control("score"))
    steps = 0
    while steps < 400 and not math.isinf(figure.table("rows")[1][2]):
        page.keys("ArrowRight")
        figure.settle()
        steps += 1
    book.check("arrow keys: the first inf is exp(89)", steps == 2 * (89 - 3),
               f"{steps} steps")
    book.close("only its own weight is nan", figure.table("rows")[2],
               [0, 0, math.nan], 0)
    figure.set("score", 3)
    figure.set("added", -89)
    rows = figure.table("rows")
    book.close("at -89: wrong weights that sum to 1", rows[2], [0, 0, 1], 0)
    book.close("at -89: right weights", rows[5], small[5], 1e-5)
    figure.set("added", -90)
    book.close("at -90: nothing to divide by", figure.table("rows")[2], [math.nan] * 3,
               0)


def gelu(book, page, printed):
    figure = page.figure("gelu")
    table = re.findall(r"^ +(-?\d\.0) +(-?[\d.]+) +(-?[\d.]+) ", printed, re.M)
    wanted = {float(x): float(y) for x, y, _ in table}
    book.check("./chapter1 prints GELU from -4 to 4", len(wanted) == 9)
    for x in (1, -3, -2, -1, 0, 2, 3):  # 1 comes first: it is what the figure shows
        if x != 1:
            figure.set("x", x)
        values, slopes = figure.table("point")
        cdf = (1 + math.erf(x / math.sqrt(2))) / 2
        pdf = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        book.close(f"x = {x}: GELU and ReLU", values, [wanted[x], max(x, 0)], 1e-5)
        book.close(f"x = {x}: their slopes", slopes, [cdf + x * pdf, float(x > 0)], 1e-5)
    page.js("arguments[0].focus()", figure.control("x"))
    page.keys("Home", "ArrowRight")
    figure.settle()
    book.says("Home and an arrow key: x", figure.text('[name="shown"]'), "-2.95")


def errors(figure):
    """The V-curve's table, as numbers; NaN where x + h is x."""
    rows = figure.cells("curve")[1:]
    return [[math.nan if cell == "x+h=x" else float(cell) for cell in cells[1:]]
            for cells in rows]


def near(book, what, got, wanted, factor):
    """Two errors within a factor: what rounding makes of them depends on libm."""
    apart = [i for i, (g, w) in enumerate(zip(got, wanted, strict=True))
             if math.isnan(g) != math.isnan(w) or
             not (math.isnan(w) or w / factor <= g <= w * factor)]
    book.none(what, [f"step 1e-{i + 1}: {got[i]}, not {wanted[i]}" for i in apart])


def gradcheck(book, page, printed):
    figure = page.figure("gradcheck")
    lines = re.findall(r"^ +1e-(\d\d) +(\S+) +(\S+) ", printed, re.M)
    wanted = [[math.nan if word == "x+eps=x" else float(word) for word in line[1:]]
              for line in lines]
    book.check("./chapter1 prints the curve from 1e-1 to 1e-12", len(wanted) == 12)
    got = errors(figure)
    in_float, in_double = zip(*got)
    # Truncation is the function's own; rounding, which begins at 1e-3 and at 1e-5,
    # also that of exp and erf.
    near(book, "GELU, float: truncation", in_float[:2], [w[0] for w in wanted[:2]], 1.1)
    near(book, "GELU, float: all", in_float, [w[0] for w in wanted], 2)
    near(book, "GELU, double: truncation", in_double[:4], [w[1] for w in wanted[:4]],
         1.1)
    near(book, "GELU, double: all", in_double, [w[1] for w in wanted], 2)

    for name, number in (("a linear layer", 3), ("squares", 4)):
        figure.set("function", number)
        _, in_double = zip(*errors(figure))
        book.check(f"{name}: the largest step is the best",
                   in_double[0] == min(in_double) < 1e-14, str(in_double))
    figure.set("function", 0)
    figure.set("mistake", "0.00001")
    _, in_double = zip(*errors(figure))
    near(book, "a mistake of 0.001%: nothing below it in double", in_double[2:10],
         [1e-5] * 8, 1.1)
    figure.set("mistake", "0")
    figure.set("exponent", -8)
    rows = figure.cells("element")[1:]
    book.check("at 1e-8 float has no difference, double has one",
               rows[3][1] == "x+h=x" and
               abs(float(rows[3][2]) - float(rows[4][2])) < 1e-6, str(rows))


def test(book):
    printed = harness.native("./chapter1")
    page = book.open(book.page_of("softmax"))
    softmax(book, page, printed)
    gelu(book, page, printed)
    gradcheck(book, page, printed)
    book.none("lesson 1's figures: no error", page.errors())
