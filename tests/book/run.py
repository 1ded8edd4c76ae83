#!/usr/bin/python3
"""run.py [NAME...]: the book's tests in headless Chromium; all, or test_NAME.py alone.
The site is build/book, or the folder that the variable BOOK names.

Prints a line for each thing tried, and "N passed, N failed" at the end. Where Chromium
or selenium isn't there, one line NOT RUN names its package, and the status is 0.
"""
import importlib
import pathlib
import sys
import time
import traceback

sys.dont_write_bytecode = True  # no __pycache__ in the repository

import harness  # noqa: E402 (after that)


def run(book, name):
    print(f"-- {name}", flush=True)
    before = book.passed + book.failed
    began = time.monotonic()
    try:
        importlib.import_module("test_" + name).test(book)
    except harness.NotRun as missing:
        print(f"NOT RUN: {name}: {missing}", flush=True)
        return
    except Exception as error:  # whatever a test stumbles over is a failed test
        place = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in place if "test_" in frame.filename] or place
        text = str(error).split("\nStacktrace")[0].strip()
        book.check(f"{name}, line {own[-1].lineno}", False,
                   f"{type(error).__name__}: {text}")
    if book.passed + book.failed == before:
        book.check(f"{name} tries something", False)
    print(f"-- {name} took {time.monotonic() - began:.0f} s", flush=True)


def main(names):
    here = pathlib.Path(__file__).parent
    known = sorted(path.stem.removeprefix("test_")
                   for path in here.glob("test_*.py"))
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"run.py: there is no test {unknown[0]}: {' '.join(known)}",
              file=sys.stderr)
        return 2
    if not (harness.SITE / "index.html").is_file():
        print(f"run.py: {harness.SITE} has no book: make book", file=sys.stderr)
        return 1
    try:
        book = harness.Book()
    except harness.NotRun as missing:
        print(f"NOT RUN: the book in a browser: {missing}")
        return 0
    try:
        for name in names or known:
            run(book, name)
    finally:
        book.stop()
    print(f"{book.passed} passed, {book.failed} failed")
    return 0 if book.failed == 0 and book.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
