"""test_vit.py: chapter 5's figures and the front page's: the trained model as the native
program has it, drawing, switches, checkpoints; and training in the tab, to 0.80."""
import base64
import gzip
import json
import pathlib
import re
import struct
import subprocess
import tempfile

import harness

ROOT, SITE = harness.ROOT, harness.SITE
IMAGES = 5
FIRST_STEPS = 20


def script(name):
    return (SITE / "js" / f"{name}.js").read_text("utf-8")


def weights():
    """The site's weights as a file's bytes, and its metadata."""
    text = re.search(r'Book\.weights = "([^"]*)"', script("weights"))[1]
    data = gzip.decompress(base64.b64decode(text))
    length, = struct.unpack("<Q", data[:8])
    return data, json.loads(data[8:8 + length])["__metadata__"]


def pictures():
    """The site's test images, as bytes."""
    text = re.search(r'pixels: "([^"]*)"', script("images"))[1]
    return base64.b64decode(text)[:IMAGES * 28 * 28]


def sources_of(name):
    """A program's sources: what it includes has its own; x.c belongs to x.h."""
    found, before = {name, "common/softmax_fast.c"}, None
    while found != before:
        before = set(found)
        said = subprocess.run(["cc", "-MM", "-I.", *sorted(found)], cwd=ROOT, check=True,
                              capture_output=True, text=True).stdout
        names = {path.removesuffix(".h") + ".c"
                 for path in said.split() if path.endswith(".h")}
        found |= {path for path in names if (ROOT / path).is_file()}
    return sorted(found)


def native_logits(folder):
    """Of the site's first test images, by this machine's compiler."""
    data, said = weights()
    (folder / "weights").write_bytes(data)
    (folder / "pixels").write_bytes(pictures())
    subprocess.run(["cc", "-std=c11", "-D_XOPEN_SOURCE=700", "-O2", "-I.",
                    *sources_of("tests/book/logits.c"), "-o", str(folder / "logits"),
                    "-lm"], cwd=ROOT, check=True)
    printed = subprocess.run(
        [folder / "logits", folder / "weights", said["mean"].split()[0],
         said["deviation"].split()[0], folder / "pixels"],
        check=True, capture_output=True, text=True).stdout
    return [[float(x) for x in line.split()] for line in printed.splitlines()]


CALL = """
const [name, list, done] = arguments;
Book.engine(name || undefined).all(list).then(
    results => done(results.map(r => r.data ? Array.from(r.data) : r)),
    error => done("error: " + error.message));
"""


def ask(page, *calls, engine=""):
    return page.wait_js(CALL, engine, list(calls))


def logits_of(page):
    return ask(page, ("tensor", "vit.logits"))[0]


def check_model(book, page, figure, folder):
    wanted = native_logits(folder)
    for i in range(IMAGES):
        figure.set("image", i)
        book.close(f"logits of image {i}, as the native program has them",
                   logits_of(page), wanted[i], 1e-5)
    lens, p = ask(page, ("tensor", "vit.lens"), ("tensor", "vit.p"))
    book.close("the lens ends with the answer", lens[-10:], logits_of(page), 1e-6)
    shown = [float(cells[1].rstrip("%")) for cells in figure.cells("answer")]
    book.close("the table shows it", shown, [100 * x for x in p], 0.06)


def check_switches(book, page, figure):
    before = logits_of(page)
    A = ask(page, ("tensor", "vit.A"))[0]
    figure.set("scale", 0)
    without = ask(page, ("tensor", "vit.A"))[0]
    # Layer 1's softmax of scores s, and of 4 s (d_k = 16): each weight to its 4th power.
    fourth = [a ** 4 for a in A[:50]]
    book.close("without the scale a row of A is as its scores say", without[:50],
               [a / sum(fourth) for a in fourth], 1e-4)
    figure.set("scale", 1)
    for l in range(4):
        figure.set(f"layer-{l}", 0)
    z = ask(page, ("tensor", "vit.z"))[0]
    book.close("with all layers off a token passes as it is", z[-3200:], z[:3200], 0)
    figure.press("all-on")
    book.close("everything on again", logits_of(page), before, 0)
    figure.set("head-3-0", 0)
    book.check("a head that is off changes the answer", logits_of(page) != before)
    figure.press("all-on")
    figure.press("left")
    book.check("a pixel to the left changes it, too", logits_of(page) != before)
    figure.press("right")


def check_drawing(book, page, figure):
    for touch in (False, True):
        figure.press("clear")
        empty = logits_of(page)
        figure.draw('[name="picture"]', [(0.3, 0.2), (0.3, 0.8), (0.6, 0.8)], touch)
        book.check(f"a stroke by {'touch' if touch else 'mouse'} gives an answer",
                   logits_of(page) != empty)
    figure.press("clear")
    page.js("arguments[0].focus()", figure.control("picture"))
    page.keys(" ", "ArrowLeft", "Shift+ArrowDown", "Shift+ArrowDown")
    figure.settle()
    book.check("so do keys alone", logits_of(page) != empty)
    took = float(figure.js("return arguments[0].dataset.answered"))
    print(f"      answered in {took} ms")


def check_checkpoints(book, page, figure, folder):
    """A foreign file, a damaged one, the tab's own, natively; and a native one here."""
    foreign, damaged = folder / "foreign.png", folder / "damaged.safetensors"
    foreign.write_bytes(b"\x89PNG\r\n\x1a\n and so on")
    figure.drop('[name="state"]', foreign)
    page.until("return !!arguments[0].querySelector('.live-error')?.textContent",
               figure.root, what="a line about a foreign file")
    book.says("a foreign file gets a line", figure.error(), "no checkpoint")
    saved = ask(page, ("run", "train.save"), ("file", "train.checkpoint"),
                engine="train")[0]
    saved = bytes(saved.values() if isinstance(saved, dict) else saved)
    damaged.write_bytes(saved[:-100])
    figure.drop('[name="state"]', damaged)
    page.until("return arguments[0].querySelector('.live-error').textContent"
               "       .includes('damaged') || "
               "       arguments[0].querySelector('.live-error').textContent"
               "       .includes('truncated')", figure.root, what="a line about damage")
    book.check("so does a damaged one", "\n" not in figure.error())
    good = folder / "tab.safetensors"
    good.write_bytes(saved)
    said = harness.native("./chapter5", "--eval", str(good), "--data", "data/sample")
    book.says("./chapter5 --eval reads the tab's checkpoint", said, "test accuracy")
    return re.search(r"test accuracy: (\S+)", said)[1]


def native_losses(folder):
    log = folder / "native.csv"
    harness.native("./chapter5", "--data", "data/sample", "--threads", "1",
                   "--steps", str(FIRST_STEPS), "--log", str(log),
                   "--save", str(folder / "native.safetensors"))
    lines = log.read_text().splitlines()[1:]
    return [float(line.split(",")[2]) for line in lines]


def check_training(book, page, figure, folder):
    losses = [ask(page, ("run", "train.turn"), ("get", "train.loss"), engine="train")[0]
              for _ in range(FIRST_STEPS)]
    book.close(f"the losses of the first {FIRST_STEPS} steps are ./chapter5's", losses,
               native_losses(folder), 1e-4)
    page.click(figure.control("reset"))
    page.until("return Book.control(arguments[0], 'state').value === 'Ready.'",
               figure.root, what="a run begins again")
    page.click(figure.control("go"))
    done = page.until("const text = Book.control(arguments[0], 'state').value;"
                      "return text.includes('Done') && text", figure.root, seconds=1200,
                      what="training ends")
    print(f"      {done}")
    accuracy = float(re.search(r"test accuracy ([\d.]+)", done)[1])
    book.check("training in the tab reaches 0.80 on the sample", accuracy >= 0.80, done)
    natively = check_checkpoints(book, page, figure, folder)
    book.close("natively it has the same accuracy", [float(natively)], [accuracy], 2e-3)
    figure.drop('[name="state"]', folder / "native.safetensors")
    page.until("return Book.control(arguments[0], 'state').value.includes('of 372')",
               figure.root, what="a native checkpoint is loaded and goes on")
    page.click(figure.control("go"))
    book.check("a native checkpoint goes on here", figure.error() == "", figure.error())


def check_front(book):
    page = book.open("index.html")
    figure = page.figure("front")
    before = logits_of(page)
    figure.draw('[name="picture"]', [(0.2, 0.3), (0.8, 0.7)], touch=True)
    book.check("the front page answers a stroke", logits_of(page) != before)
    took = float(figure.js("return arguments[0].dataset.answered"))
    print(f"      answered in {took} ms")
    sent = ["index.html", "style.css"] + re.findall(
        r'<script[^>]* src="([^"]+)"', (SITE / "index.html").read_text("utf-8"))
    total = sum(len(gzip.compress((SITE / name).read_bytes())) for name in sent)
    book.check("the front page is at most 1.2 MB as sent", total <= 1.2e6, f"{total} bytes")
    print(f"      {total} bytes as sent")
    book.none("no error on the front page", page.errors())


def test(book):
    check_front(book)
    with tempfile.TemporaryDirectory(prefix="book-vit-") as folder:
        folder = pathlib.Path(folder)
        page = book.open(book.page_of("vit"))
        figure = page.figure("vit")
        check_model(book, page, figure, folder)
        check_switches(book, page, figure)
        check_drawing(book, page, figure)
        book.none("no error of the figure vit", page.errors())
        page = book.open(book.page_of("train"))
        check_training(book, page, page.figure("train"), folder)
        book.none("no error of the figure train", page.errors())
