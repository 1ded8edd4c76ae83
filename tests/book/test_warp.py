"""Lesson 6's figure "warp": what the trace says is what ./chapter6 --counts prints, and
what follows from its addresses; and the figure shows it, by buttons and by keys."""
import re

from harness import native

# As chapter 6 prints its tables: a title's beginning, and the figure's kernel.
TITLES = {
    "matmul: C = A B,": "matmul: C = A B",
    "matmul: C = A B^T,": "matmul: C = A B^T",
    "softmax:": "softmax",
    "layer norm:": "layer norm",
    "bias and GELU:": "bias and GELU",
}


def counted():
    """{(kernel, rung): [sectors per request, MB, passes per request or None, barriers]}
    as ./chapter6_watched --counts prints them."""
    rows, kernel = {}, None
    for line in native("./chapter6_watched", "--counts").splitlines():
        if line[:1].isalpha():
            kernel = next((name for title, name in TITLES.items()
                           if line.startswith(title)), None)
        row = re.fullmatch(r"  (\w+) +\d+ k +\d+ k +([\d.]+) +([\d.]+)"
                           r"(?: +\d+ k +([\d.]+)| +-) +(\d+)", line)
        if kernel and row:
            name, sectors, moved, passes, barriers = row.groups()
            rows[kernel, name] = [sectors, moved, passes or "-", barriers]
    return rows


def choices(figure, name):
    return figure.js("return [...arguments[0].querySelector("
                     "`[name=\"${arguments[1]}\"]`).options].map(o => o.text)", name)


def units_from(step, patterns):
    """Sectors, or shared memory's passes of lanes that have a word each, from where the
    lanes are; None where lanes have more."""
    kind, _, _, base, pattern, each = step[:6]
    words = {base + at + k for at in patterns[pattern] if at >= 0 for k in range(each)}
    if kind < 2:
        return len({word // 8 for word in words})
    if each > 1:
        return None
    banks = [word % 32 for word in words]
    return max(banks.count(bank) for bank in banks)


def test_counts(book, figure):
    """Every kernel and rung: the row of the whole grid is what the program prints."""
    wanted = counted()
    book.check("chapter 6 counts rungs", len(wanted) >= 19, len(wanted))
    shown = {}
    for i, kernel in enumerate(choices(figure, "kernel")):
        figure.set("kernel", i)
        for j, rung in enumerate(choices(figure, "rung")):
            figure.set("rung", j)
            row = figure.cells("counts")[3]
            shown[kernel, rung] = [row[3], row[4].removesuffix(" MB"), row[6], row[7]]
    book.check("the figure has chapter 6's rungs", shown.keys() == wanted.keys(),
               shown.keys() ^ wanted.keys())
    book.none("counts of the whole grid are those of ./chapter6 --counts",
              (f"{key}: {shown[key]}, not {wanted[key]}" for key in wanted
               if shown.get(key) != wanted[key]))


def test_trace(book, page):
    """The emulator's sectors and passes follow from its addresses."""
    checked, faults = 0, []
    for k, kernel in enumerate(page.js("return Book.traces.map(k => k.title)")):
        rungs = page.js(
            "return Book.traces[arguments[0]].rungs.map("
            "r => [r.name, r.steps.map(s => s.slice(0, 8)), r.patterns, r.lines])", k)
        for name, steps, patterns, lines in rungs:
            for i, step in enumerate(steps):
                units = units_from(step, patterns)
                checked += units is not None
                if units not in (None, step[6]):
                    faults.append(f"{kernel}, {name}, request {i}: {step[6]} units, "
                                  f"its addresses say {units}")
            if not all(re.match(r"chapters/06_\w+/kernels/gpu_\w+\.(cu|h):\d+$", place)
                       for place, _ in lines):
                faults.append(f"{kernel}, {name}: no line of a kernel: {lines}")
    book.check("requests of all rungs", checked > 2000, checked)
    book.none("sectors and passes follow from the addresses", faults)


def says(figure):
    return figure.text('[data-part="says"]')


def test_steps(book, page, figure):
    """The lesson's derivation: in naive 32 sectors for A and 1 for B, then a store."""
    figure.set("kernel", 0)
    figure.set("rung", 0)
    book.says("naive, A", says(figure), "from A by 32 lanes: 128 different bytes "
              "wanted, 1024 bytes sent (sectors: 32)")
    figure.press("next")
    book.says("naive, B", says(figure), "from B by 32 lanes: 4 different bytes "
              "wanted, 32 bytes sent (sectors: 1)")
    figure.press("back")
    book.says("back again", figure.text("output"), "1 of 257")
    figure.js("arguments[0].querySelector('[name=step]').focus()")
    page.keys("ArrowRight", "ArrowRight", "ArrowRight")
    figure.settle()
    book.says("steps by arrow keys", figure.text("output"), "4 of 257")
    page.keys("End")
    figure.settle()
    book.says("the last request is the store", says(figure), "Global store to C by 32 lanes")
    book.check("this warp's requests are the whole grid's, on average",
               figure.cells("counts")[2][3] == figure.cells("counts")[3][3])
    figure.set("rung", 2)
    page.keys("Shift+Tab", "Tab", "Tab", "Tab", "Tab", "Enter")
    figure.settle()
    book.says("to the next barrier, by Enter", says(figure), "Barriers so far: 1.")
    book.says("A's element is shared by all", says(figure), "Different words: 1. Banks: 1.")
    figure.press("next")
    book.check("32 lanes in 32 banks: the table", sorted(
        int(row[3]) for row in figure.cells("lanes")[1:]) == list(range(32)))
    figure.press("play")
    before = figure.text("output")
    page.until("return arguments[0].querySelector('output').value !== arguments[1]",
               figure.root, before, seconds=10, what="playing")
    figure.js("arguments[0].querySelector('[name=play]').click()")
    figure.settle()
    book.check("play, and pause", figure.text("[name=play]") == "play")


def test_drawing(book, figure):
    """A canvas that isn't blank, and another picture at another step."""
    picture = ("return arguments[0].querySelector('[data-part=\"shared\"]')"
               ".toDataURL().length")
    figure.set("rung", 2)
    figure.set("step", 1)
    empty = figure.js(picture)
    figure.set("step", 60)
    book.check("shared memory fills", figure.js(picture) > empty + 200)


def test(book):
    page = book.open(book.page_of("warp"))
    figure = page.figure("warp")
    test_trace(book, page)
    test_counts(book, figure)
    test_steps(book, page, figure)
    test_drawing(book, figure)
    book.none("no error", page.errors())
