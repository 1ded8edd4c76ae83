"""Lesson 2's live figures: attention on small tensors, and what the scale is for.

Their first state, and the states that ./chapter2 prints too, against what it prints.
"""
import re

import harness

TENSOR = """
const [name, power, done] = arguments;
Book.engine().all([["set", "scale.power", power], ["run", "scale.measure"],
                   ["tensor", name]]).then(([{ data }]) => done(Array.from(data)));
"""


def matrix(text, name):
    """The rows that the program prints below "NAME (2,3)" or "NAME (2,3) ="."""
    lines = iter(text.splitlines())
    for line in lines:
        if re.match(rf"{re.escape(name)} \(\d+,\d+\)", line):
            break
    rows = []
    for line in lines:
        if "computed" in line:
            continue
        words = line.split("|")[0].split()
        if not words or not all(re.fullmatch(r"-?[\d.]+|-inf", w) for w in words):
            break
        rows.append([float(word) for word in words])
    return rows


def body(figure, name):
    """A matrix of the figure, without its headings."""
    return [[float(cell) for cell in cells[1:]] for cells in figure.cells(name)[1:]]


def same(book, what, figure, name, wanted, tolerance=1e-5):
    book.close(what, sum(body(figure, name), []), sum(wanted, []), tolerance)


def explained(figure):
    return figure.text('[name="explained"]')


def choose(figure, name, i, j):
    figure.js("arguments[0].querySelector(`[data-table=${arguments[1]}]`)"
              ".cellsOf[arguments[2]][arguments[3]].focus()", name, i, j)
    figure.settle()


def worked_example(book, figure, printed):
    for name in ("Q", "K", "V", "dO"):
        same(book, f"the example's {name}", figure, name, matrix(printed, name), 0)
    names = {"product": "Q K^T", "S": "S = Q K^T / sqrt(d_k)", "A": "A = softmax(S)",
             "O": "O = A V", "dV": "dV = A^T dO", "dA": "dA = dO V^T",
             "dS": "dS = A o (dA - rowsum(dA o A))", "dQ": "dQ = dS K / sqrt(d_k)",
             "dK": "dK = dS^T Q / sqrt(d_k)"}
    for name, line in names.items():
        same(book, f"as ./chapter2: {line}", figure, name, matrix(printed, line))
    seen = figure.js("return [...arguments[0].querySelectorAll('[data-step]')]"
                     ".filter(part => !part.hidden).length")
    book.check("no gradient is shown before it is asked for", seen == 0)
    for step in range(1, 6):
        figure.press("back")
        seen = figure.js("return [...arguments[0].querySelectorAll('[data-step]')]"
                         ".filter(part => !part.hidden).length")
        book.check(f"{step} lines back: as many gradients", seen == step, str(seen))


def explanations(book, figure):
    for name, i, j, wanted in (
            ("product", 0, 2, "1 * 2 + 0 * (-1) + 1 * 2 + 0 * 1 = 4"),
            ("S", 0, 2, "4 / sqrt(4) = 2"),
            ("A", 0, 0, "(0.36788 + 0.13534 + 1) = 0.36788 / 1.50321 = 0.24473"),
            ("O", 0, 0, "0.24473 * 1 + 0.09003 * 0 + 0.66524 * 2 = 1.57521"),
            ("dV", 1, 0, "0.09003 * 1 + 0.66524 * (-2) = -1.24045"),
            ("dA", 1, 2, "(-2) * 2 + 1 * 1 = -3"),
            ("dS", 0, 2, "0.66524 * (2 - 1.57521) = 0.28259"),
            ("dQ", 0, 1, "/ sqrt(4) = -0.28259"),
            ("dK", 2, 3, "/ sqrt(4) = 0.16075")):
        choose(figure, name, i, j)
        book.says(f"{name}({i},{j}) explains itself", explained(figure), wanted)


def keyboard(book, page, figure):
    """From the button `begin again`, with nothing but keys."""
    figure.press("start")
    page.js("arguments[0].focus()", figure.control("start"))
    for _ in range(4):
        page.keys("Tab")
        if explained(figure).startswith("Q(0,0)"):
            break
    page.keys("ArrowRight", "+", "+")
    figure.settle()
    book.says("tab, arrow, +, +: Q(0,1) is 1", explained(figure), "Q(0,1) = 1.")
    book.close("scores follow", body(figure, "product")[0], [3, 1, 3], 0)
    page.keys("Enter", "-", "5", "Enter")
    figure.settle()
    book.close("Enter, -5: scores follow", body(figure, "product")[0], [-3, -5, 9], 0)
    figure.press("start")
    choose(figure, "mask", 0, 0)
    page.keys("ArrowRight", "ArrowRight", " ")
    figure.settle()
    weights = body(figure, "A")[0]
    book.close("space bar on the mask: key 2 has no weight, the others keep their "
               "proportion", weights, [0.73106, 0.26894, 0], 1e-5)
    book.check("and its dS is exactly 0", body(figure, "dS")[0][2] == 0)
    page.keys("ArrowLeft", " ", "ArrowLeft", " ")
    figure.settle()
    book.says("no key left: the layer's message", figure.error(),
              "the mask forbids query 0 every key")
    page.keys(" ")
    figure.settle()
    book.check("one key allowed again: no message", figure.error() == "")
    book.close("and it has all of the weight", body(figure, "A")[0], [1, 0, 0], 0)


def questions(book, figure):
    """What the figure asks has the answers that it should have."""
    reached = []
    for j in range(4):
        most = 0
        for value in (-20, -10, 10, 20):
            figure.press("start")
            choose(figure, "Q", 0, j)
            figure.set("value", value)
            most = max(most, body(figure, "A")[0][1])
        reached.append(most > 0.9)
    book.check("query 0 finds key 1 by three elements, not by Q(0,1)",
               reached == [True, False, True, True], str(reached))


def causal(book, figure, printed):
    figure.set("example", 1)
    figure.press("future")
    section = printed[printed.index("2.4 Masks"):]
    same(book, "five tokens: the mask", figure, "mask", matrix(section, "mask"), 0)
    same(book, "five tokens: A", figure, "A", matrix(section, "A"), 6e-4)


def scale(book, page, printed):
    figure = page.figure("scale")
    lines = re.findall(r"^ +(\d+)((?: +\d\.\d+){6})$", printed, re.M)
    wanted = [[float(word) for word in words.split()] for _, words in lines]
    book.check("./chapter2 prints nine sizes", len(wanted) == 9)
    # To the digits that are printed: a last one may be rounded the other way.
    got = [[float(cell) for cell in cells[1:]] for cells in figure.cells("all")[1:]]
    book.close("the table, as ./chapter2 prints it", sum(got, []), sum(wanted, []),
               1.01e-3)
    plot = (harness.ROOT / "plots" / "attention_scale.dat").read_text("utf-8")
    rows = [line.split() for line in plot.split("\n\n")[0].splitlines()
            if not line.startswith("#")]
    for power, first in ((0, 1), (0.5, 4)):
        numbers = page.wait_js(TENSOR, "scale.sharpness", power)
        book.close(f"power {power}: as ./chapter2's plots/attention_scale.dat", numbers,
                   [float(word) for line in rows for word in line[first:first + 3]],
                   1e-5)
    page.js("arguments[0].focus()", figure.control("power"))
    page.keys("End")
    figure.settle()
    last = [float(cell) for cell in figure.cells("all")[-1][4:]]
    book.close("End: at p = 1 and d_k = 1024 all keys are alike", last[:2],
               [4.159, 1 / 64], 2e-3)


def test(book):
    printed = harness.native("./chapter2")
    page = book.open(book.page_of("attention"))
    figure = page.figure("attention")
    worked_example(book, figure, printed)
    explanations(book, figure)
    keyboard(book, page, figure)
    questions(book, figure)
    causal(book, figure, printed)
    scale(book, page, printed)
    book.none("lesson 2's figures: no error", page.errors())
