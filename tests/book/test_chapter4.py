"""The live figures of lesson 4: a block step by step, gradients by depth. What they
show first is what ./chapter4 prints; their questions can be answered; a keyboard is
enough."""
import re

from harness import ROOT, native, numbers
from test_chapter3 import focus, tensor


def steps_of(text):
    """Mean and rms of the first token after each step, as the program prints them."""
    lines = text[text.index("4.4 One block"):text.index("4.5 ")].splitlines()
    found = [re.search(r"(-?\d+\.\d{3}) +(\d+\.\d{3})$", line) for line in lines]
    return [float(one.group(i)) for one in found if one for i in (1, 2)]


def block(book, text):
    page = book.open(book.page_of("block"))
    figure = page.figure("block")

    def shown():
        return [x for row in figure.cells("steps")[1:] for x in map(float, row[1:3])]

    book.close("block: pre-norm, each step's mean and rms are ./chapter4's", shown(),
               steps_of(text), 1e-5)
    for step in range(7):
        figure.set("step", step)
        said = figure.text(".explain")
        value = tensor(page, "block.steps")[step * 5 * 64]
        book.close(f"block: step {step} ends at its own value", numbers(said)[-1:],
                   [value], 0.000501)
    figure.set("step", 2)
    adds = [float(x) for x in re.findall(r"adds (-?\d\.\d+)", figure.text(".explain"))]
    book.close("block: what the heads add is what attention adds", [sum(adds)],
               [tensor(page, "block.steps")[2 * 5 * 64]], 0.003)

    focus(page, figure, "[name=element]")
    page.keys("ArrowRight", "ArrowRight")
    figure.settle()
    book.says("block: another element, by keyboard", figure.text(".explain"),
              "element 2:")
    adds = figure.cells("steps")[3][2]
    figure.set("times", 100)
    book.check("block: z times 100, and attention adds the same",
               figure.cells("steps")[3][2] == adds and
               float(figure.cells("steps")[1][2]) > 80)
    figure.set("times", 1)
    figure.set("silent", True)
    book.close("block: pre-norm without branches is an open road",
               numbers(figure.text("[name=road]")), [0, 0], 0)
    focus(page, figure, "[name=norm]")
    page.keys("ArrowRight")
    figure.settle()
    other = native("./chapter4", "--norm", "post")
    differ = re.search(r"dL/dy differ by (\S+) at most", other).group(1)
    road = numbers(figure.text("[name=road]"))
    book.check("block: post-norm without them isn't", road[0] > 0)
    book.close("block: by as much as ./chapter4 prints", road[1:], [float(differ)],
               0.00501)
    figure.set("silent", False)
    book.close("block: post-norm, each step's mean and rms", shown(), steps_of(other),
               1e-5)
    book.check("block: without an error", not figure.error(), figure.error())


def by_depth(text):
    """The program's table: l, then four numbers of pre-norm, four of post-norm, s."""
    lines = text[text.index("4.5 Gradients"):].splitlines()
    found = [line.replace("|", " ").replace(" - ", " nan ").split() for line in lines
             if line.count("|") == 1 and re.match(r" +\d+ ", line)]
    return [[float(x) for x in row] for row in found if len(row) == 10]


def depth(book, text):
    page = book.open(book.page_of("depth"))
    figure = page.figure("depth")
    rows = figure.cells("depths")[1:]
    table = by_depth(text)
    book.check("depth: the program's table is there", len(table) == 13, len(table))
    for k in range(8):
        if k in (3, 7):  # there is no block 0
            some = table[1:]
        else:
            some = table
        book.close(f"depth: column {k} is ./chapter4's",
                   [float(rows[int(row[0])][1 + k]) for row in some],
                   [row[1 + k] for row in some], 0.00101 if k % 4 == 2 else 0.00551)
    file = (ROOT / "plots" / "gradient_norms_by_depth.dat").read_text("utf-8")
    plot = [[float(x) for x in line.split()] for line in file.splitlines()
            if line[0] != "#"]
    post = tensor(page, "depth.columns", "depth")  # what came last
    book.close("depth: |dL/dz| of post-norm, to 1e-5", post[2 * 25:3 * 25],
               [row[2] for row in plot], 1e-5)
    book.close("depth: |dL/dW| of post-norm, to 1e-5 of itself",
               [x / row[4] for x, row in zip(post[3 * 25 + 1:4 * 25], plot[1:])],
               [1] * 24, 1e-5)

    for L in (6, 12):
        figure.set("L", L)
    last = text[text.index("The last MLP's gradient"):].splitlines()
    wanted = [numbers(line.replace("|", " ")) for line in last
              if re.match(r" +\d+ ", line)]
    got = [numbers(" ".join(row[1:])) for row in figure.cells("last")[1:]]
    for k, column, tolerance in ((0, 1, 0.0101), (1, 2, 0.0101), (2, 4, 0.0551),
                                 (3, 5, 0.0101), (4, 6, 0.0551)):
        book.close(f"depth: at 6, 12 and 24, column {k}", [row[k] for row in got],
                   [row[column] for row in wanted], tolerance)
    book.check("depth: post-norm's |dL/dW_2| is the same in every stack",
               max(row[3] for row in got) < 1.05 * min(row[3] for row in got))
    products = [row[0] * row[1] for row in got]
    book.check("depth: pre-norm's times the size of z_L, too",
               max(products) < 1.05 * min(products), products)

    def least(L):
        figure.set("L", L)
        return min(float(row[7]) for row in figure.cells("depths")[1:])
    book.check("depth: nine blocks of post-norm keep half of it, ten don't",
               least(9) >= 0.5 > least(10))
    focus(page, figure, "[name=L]")
    page.keys("Home", "ArrowRight")
    figure.settle()
    shown = figure.text("[name=L_shown]")
    book.check("depth: by keyboard to a stack of two",
               shown == "2" and len(figure.cells("depths")) == 4, shown)
    focus(page, figure, "[name=what]")
    page.keys("ArrowDown")
    figure.settle()
    book.says("depth: another curve", figure.text("svg"), "root mean square of z")
    book.check("depth: without an error", not figure.error(), figure.error())


def test(book):
    text = native("./chapter4")
    block(book, text)
    depth(book, text)
