#!/usr/bin/python3
"""words.py SCRIPTS LANGUAGE: no word that a reader sees stands in a live figure's script,
so that another language is other pages alone. Each script of the folder SCRIPTS says its
words by their keys, and LANGUAGE/live/NAME.html has a template for each of them, and none
that nobody says. Prints what is wrong; status 1."""
import pathlib
import re
import sys

COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'])//[^\n]*", re.DOTALL)
# A text in quotes, or in backquotes without what is computed in it.
TEXT = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`')
COMPUTED = re.compile(r"\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
# Two words beside each other, or one that begins a sentence.
WORDS = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}|^[A-Z][a-z]{2,}\b|^[a-z]{3,}:? $")
# What a script says to the browser: selectors, styles, keys.
TECHNICAL = re.compile(r"use strict|^\(prefers-|^tbody td$|^(rgb|translateY|linear-gradient)\(|"
                       r"^(Arrow\w+|Enter|Escape|Shift)$|^ease|transparent ")


def faults(script, page):
    code = COMMENT.sub("", script.read_text("utf-8"))
    texts = [COMPUTED.sub("", quoted or backquoted)
             for quoted, backquoted in TEXT.findall(code)]
    for text in texts:
        if WORDS.search(text) and not TECHNICAL.search(text):
            yield f"{script}: '{text}' is a reader's: it belongs to {page}"
    templates = re.findall(r'<template data-say="([^"]*)">', page.read_text("utf-8")) \
        if page.is_file() else []
    for key in re.findall(r'\bsay\((?:root, )?"([^"]*)"', code):
        if key not in templates:
            yield f"{page}: nothing for '{key}', which {script} says"
    for key in templates:
        if f'"{key}"' not in code and not re.search(rf"\b{re.escape(key)}:", code):
            yield f"{page}: nobody says '{key}'"


def main(scripts, language):
    found = [fault for script in sorted(pathlib.Path(scripts).glob("*.js"))
             for fault in faults(script, pathlib.Path(language, "live", script.stem + ".html"))]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
