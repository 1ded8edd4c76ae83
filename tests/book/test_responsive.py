"""While the model trains in the tab, the page answers: no task of the main thread takes
longer than 50 ms, and a drawing on the front page is answered within 20."""
import os
import time

MOST_MS, ANSWER_MS, SECONDS = 50, 20, 8


def busy():
    """Others at work on this machine: then a time says nothing about the page."""
    return os.getloadavg()[0] > (os.cpu_count() or 1)


def timed(book, what, good, detail):
    """A check of a time: on a busy machine a failure is only told."""
    if not good and busy():
        print(f"NOT RUN: {what}: {detail}; the machine has other work: "
              f"load {os.getloadavg()[0]:.1f}")
        return
    book.check(what, good, detail)


def train(book):
    page = book.open(book.page_of("train"))
    figure = page.figure("train")
    page.js("watched.long.length = 0; "
            "arguments[0].querySelector('[name=go]').click()", figure.root)
    state = "return arguments[0].querySelector('[name=state]').value"
    first = page.until(state + ".match(/Step (\\d+)/)?.[1]", figure.root)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(0.5)
    long, last = page.js(
        "return [watched.long, arguments[0].querySelector('[name=state]').value"
        ".match(/Step (\\d+)/)?.[1]]", figure.root)
    book.check("it trains meanwhile", int(last) > int(first), f"{first} to {last}")
    timed(book, f"no task over {MOST_MS} ms while it trains", max(long, default=0)
          <= MOST_MS, f"tasks of {[round(ms) for ms in long]} ms")
    page.js("arguments[0].querySelector('[name=go]').click()", figure.root)
    book.none("no error while it trains", page.errors())


def draw(book):
    page = book.open("index.html")
    figure = page.figure("front")
    times = []
    for i in range(8):
        y = 0.2 + 0.08 * i
        figure.draw("canvas[name=picture]", [(0.3, y), (0.5, y), (0.7, y)])
        times.append(float(figure.js("return arguments[0].dataset.answered")))
    timed(book, f"a drawing is answered within {ANSWER_MS} ms",
          sorted(times)[len(times) // 2] <= ANSWER_MS, f"{times} ms")


def test(book):
    figures = [name for _, name in book.figures()]
    if "front" in figures:
        draw(book)
    if "train" in figures:
        train(book)
