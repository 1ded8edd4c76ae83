"""The live figures of lesson 3: heads, shuffled tokens, sinusoids. What they show first
is what ./chapter3 prints; their questions can be answered; a keyboard is enough."""
import re

from harness import ROOT, native, numbers


def tensor(page, name, worker="page"):
    """All elements of one of an engine's tensors."""
    return page.wait_js("""
        const [name, worker, done] = arguments;
        Book.engine(worker).tensor(name).then(T => done(Array.from(T.data)));""",
                        name, worker)


def printed(text, name, rows):
    """The elements of a matrix that report_matrix printed."""
    lines = text[text.index(f"{name} ("):].splitlines()
    return numbers("\n".join(lines[1:1 + rows]))


def focus(page, figure, selector):
    """Tab, from where the figure begins, until an element has the focus."""
    figure.js("arguments[0].tabIndex = -1; arguments[0].focus();"
              "arguments[0].removeAttribute('tabindex')")
    for _ in range(60):
        page.keys("Tab")
        if page.js("return document.activeElement.matches(arguments[0])", selector):
            return
    raise AssertionError(f"Tab doesn't reach {selector}")


def flat(rows):
    return [x for row in rows for x in row]


def heads(book, text):
    page = book.open(book.page_of("heads"))
    figure = page.figure("heads")
    for name, matrix in (("qkv", "qkv = z U_qkv"), ("concat", "[head_1; head_2]"),
                         ("Y", "MSA(z) = [head_1; head_2] W^O + b")):
        book.close(f"heads: {name} is ./chapter3's", tensor(page, "heads." + name),
                   printed(text, matrix, 3), 0.00501)
    for head in (1, 2):
        table = flat(figure.table(f"A{head}"))
        book.close(f"heads: A of head {head}, in its table", table,
                   printed(text, f"A of head {head}", 3), 1e-5)
    book.says("heads: a cell says where it comes from", figure.text(".explain"),
              "Head 2: how much token 0 looks at token 2")
    last = numbers(figure.text(".explain").splitlines()[-1])[-1]
    book.close("heads: and ends at its own value", [last],
               tensor(page, "heads.A")[9 + 2:9 + 3], 0.000501)

    before = figure.cells("qkv")[1:], tensor(page, "heads.A")
    focus(page, figure, "[name=h]")
    page.keys("ArrowUp")  # one head
    figure.settle()
    book.check("heads: by keyboard to one head: qkv is the same, A isn't",
               figure.cells("qkv")[1:] == before[0] and
               tensor(page, "heads.A") != before[1][:9])
    book.check("heads: with one, token 1 looks almost only at token 2",
               figure.table("A1")[1][2] > 0.9)
    figure.set("h", 4)
    looks = [max(range(3), key=figure.table(f"A{head}")[1].__getitem__)
             for head in (1, 2, 3, 4)]
    book.check("heads: with four, each looks its own way", looks == [0, 2, 2, 1], looks)
    focus(page, figure, "[data-table=A1] td")
    page.keys("ArrowRight", "ArrowDown")
    book.says("heads: a cell chosen by keyboard", figure.text(".explain"),
              "Head 1: how much token 1 looks at token 1")
    figure.set("D", 12)
    figure.set("n", 6)
    book.check("heads: other sizes", len(tensor(page, "heads.A")) == 4 * 36 and
               not figure.error(), figure.error())


def shuffle(book, text):
    page = book.open(book.page_of("shuffle"))
    figure = page.figure("shuffle")

    def order():
        return [re.sub(r"\D", "", row[1]) for row in figure.cells("rows")[1:]]

    wanted = re.search(r"order((?: \d)+)", text.replace("\n", " ")).group(1).split()
    book.check("shuffle: the first order is ./chapter3's", order() == wanted, order())
    differences = re.findall(r"largest difference (\S+?)(?:,|\n)",
                             text[text.index("3.5 Attention is"):text.index("3.6 ")])
    shown = [row[-1] for row in figure.cells("kinds")]
    book.check("shuffle: no positions, and only rounding", float(shown[0]) < 1e-5)
    book.check("shuffle: the differences are ./chapter3's",
               shown[1:] == differences[1:], f"{shown} {differences}")

    focus(page, figure, "[name=shuffle]")
    page.keys(" ")
    figure.settle()
    rows = figure.cells("rows")[1:]
    book.check("shuffle: by keyboard into another order", order() != wanted and
               sorted(order()) == sorted(wanted), order())
    book.check("shuffle: each result came along",
               all(row[4:6] == row[6:8] and "yes" in row[-1] for row in rows), rows)
    focus(page, figure, "[name=kind]")
    page.keys("ArrowRight")
    figure.settle()
    book.check("shuffle: with sinusoids none is what it was",
               all("no" in row[-1] for row in figure.cells("rows")[1:]))
    figure.press("own")
    book.check("shuffle: in their own order nothing has changed",
               all("yes" in row[-1] for row in figure.cells("rows")[1:]))
    figure.press("swap")
    rows = figure.cells("rows")[1:]
    book.check("shuffle: two swapped, six results changed",
               order()[:2] == ["2", "1"] and all(float(row[-2]) > 1e-3 for row in rows),
               rows)


def sinusoids(book, text):
    page = book.open(book.page_of("sinusoids"))
    figure = page.figure("sinusoids")
    file = (ROOT / "plots" / "positional_encoding.dat").read_text("utf-8").splitlines()
    wanted = [float(x) for line in file if line[:1] != "#" for x in line.split()]
    book.close("sinusoids: 100 x 128 elements are the program's plot",
               tensor(page, "sinusoids.PE"), wanted, 0.0000501)
    before = figure.cells("dots")
    figure.set("position", 40)
    book.check("sinusoids: products depend on the distance alone",
               figure.cells("dots") == before, figure.cells("dots"))
    focus(page, figure, "[name=position]")
    page.keys("ArrowRight")
    figure.settle()
    book.says("sinusoids: moved by keyboard", figure.text(".explain"), "PE(41, 16)")
    figure.set("D", 4)
    after = figure.table("dots")[1]
    book.check("sinusoids: D = 4 is like itself six further on",
               max(range(3, 9), key=after.__getitem__) == 6 and
               after[6] > 0.97 * after[0], after)
    for name, value in (("n", 6), ("D", 8), ("position", 0), ("element", 0)):
        figure.set(name, value)
    book.close("sinusoids: PE (6,8) as printed", flat(figure.table("PE")[1:]),
               printed(text, "PE", 6), 1e-5)
    book.check("sinusoids: without an error", not figure.error(), figure.error())


def test(book):
    text = native("./chapter3")
    heads(book, text)
    shuffle(book, text)
    sinusoids(book, text)
