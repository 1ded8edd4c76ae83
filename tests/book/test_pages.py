"""Every page of the book: it loads alone, wherever it lies; its links hold; its figures
start without a jump; it can be read in any width, by keyboard, in print, in the dark,
by a screen reader, and without JavaScript."""
import html.parser
import os
import pathlib
import time
import urllib.parse

from harness import SITE

ACCESSIBLE = pathlib.Path(__file__).with_name("accessible.js").read_text("utf-8")
WIDTHS = (360, 768, 1280)
MOST_SHIFT = 0.1

# ---- links, from the files ---------------------------------------------------------


class Links(html.parser.HTMLParser):
    """A page's ids, and what it points at."""

    def __init__(self, page):
        super().__init__()
        self.ids, self.links, self.inline = set(), [], []
        self.feed((SITE / page).read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id" or (tag == "a" and name == "name"):
                self.ids.add(value)
            elif name in ("href", "src", "srcset", "action", "data"):
                self.links.append((tag, value or ""))
            elif name == "style" or name.startswith("on"):
                self.inline.append(f"<{tag} {name}>")
        if tag == "style" or (tag == "script" and "src" not in dict(attributes)):
            self.inline.append(f"<{tag}>")


def broken_links(pages):
    links = {page: Links(page) for page in pages}
    for page, found in links.items():
        for tag, link in found.links:
            where = urllib.parse.urlsplit(link)
            if where.scheme in ("http", "https"):
                if tag != "a":
                    yield f"{page}: <{tag}> loads {link}"
                continue
            if where.scheme in ("data", "mailto"):
                continue
            if where.scheme or link.startswith("/"):
                yield f"{page}: {link} isn't relative"
                continue
            path = urllib.parse.unquote(where.path)
            to = os.path.normpath(os.path.join(os.path.dirname(page), path)) \
                if path else page
            anchor = urllib.parse.unquote(where.fragment)
            if not (SITE / to).is_file():
                yield f"{page}: {link}: there is no such file"
            elif anchor and to in links and anchor not in links[to].ids:
                yield f"{page}: {link}: there is no such anchor"


def inline_parts(pages):
    for page in pages:
        for part in Links(page).inline:
            yield f"{page}: {part}"


# ---- a page in the browser ---------------------------------------------------------


def start_figures(page, names):
    """Scrolls to each figure, and waits for it; says which don't start."""
    for name in names:
        try:
            page.figure(name)
        except AssertionError as error:
            yield f"{page.name}: {error}"


def loads(page):
    yield from (f"{page.name}: {line}" for line in page.errors())
    yield from (f"{page.name}: asks {url}" for url in page.requests_elsewhere())


def resize(page, width, height=800):
    page.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
             deviceScaleFactor=1, mobile=False)


def media(page, media="", dark=False):
    page.cdp("Emulation.setEmulatedMedia", media=media, features=[
        {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])


def in_print(page):
    """Menus, search and buttons mean nothing on paper; the text does."""
    media(page, "print")
    yield from page.js("""
        const seen = one => one.checkVisibility({ checkVisibilityCSS: true });
        const kinds = "nav, header button, [role=search], input[type=search]";
        const shown = [...document.querySelectorAll(kinds)].filter(seen)
            .map(one => "printed: " + one.outerHTML.slice(0, 80));
        const main = document.querySelector("main");
        if (!main || !seen(main)) { shown.push("its text isn't printed"); }
        const paper = getComputedStyle(document.body).backgroundColor;
        if (!/255, 255, 255|0, 0, 0, 0/.test(paper)) {
            shown.push("printed on a background of " + paper);
        }
        return shown;""")
    media(page)


# What Tab should reach: all that has a tab index of 0 or more and is seen. Of a group
# of radio buttons the chosen one is a stop.
STOPS = """
const stops = [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]")]
    .filter(one => one.tabIndex >= 0 && !one.disabled &&
                   one.checkVisibility({ checkVisibilityCSS: true }) &&
                   (one.type !== "radio" || one.checked));
window.stops = new Map(stops.map(one => [one, false]));
window.unshown = new Set();
const line = style => style && style.outlineStyle !== "none" &&
                      parseFloat(style.outlineWidth) > 0;
document.addEventListener("focusin", ({ target: one }) => {
    window.stops.set(one, true);
    const style = getComputedStyle(one), label = one.closest("label");
    if (!line(style) && !line(label && getComputedStyle(label)) &&
        style.boxShadow === "none") {
        unshown.add("focus isn't seen: " + one.outerHTML.slice(0, 80));
    }
});
return stops.length;
"""
LEFT = """
return [...stops].filter(([one, reached]) => !reached && one.isConnected)
    .map(([one]) => "not reached: " + one.outerHTML.slice(0, 80)).concat([...unshown]);
"""


def by_keyboard(page):
    """Tab, from the top until it comes round."""
    page.js("document.activeElement?.blur(); scrollTo(0, 0)")
    count = page.js(STOPS)
    if count == 0:
        yield f"{page.name}: nothing to reach"
    for _ in range(0, count + 5, 50):
        page.keys(*["Tab"] * min(50, count + 5))
    yield from (f"{page.name}: {line}" for line in page.js(LEFT))


def without_scripts(book, name):
    """Every paragraph is there before a script has run, and each figure says why it
    stands still."""
    page = book.open(name, scripts=False)
    yield from page.js("""
        const hidden = [...document.querySelectorAll(
            "main p, main li, main h1, main h2, main h3, main td, main pre, main math")]
            .filter(one => !one.closest("details, figure.live, noscript") &&
                           !one.checkVisibility({ checkVisibilityCSS: true }))
            .map(one => arguments[0] + ": unseen without scripts: " +
                        one.outerHTML.slice(0, 80));
        if (document.querySelector("main").innerText.trim().length < 100) {
            hidden.push(arguments[0] + ": hardly any text without scripts");
        }
        const mute = [...document.querySelectorAll("figure.live")]
            .filter(one => one.innerText.trim() === "")
            .map(one => arguments[0] + ": nothing without scripts: " + one.id);
        return hidden.concat(mute);""", name)


def unnamed_lines(book, source):
    """A line of a source to which no page leads can be named all the same: it is marked."""
    text = open(source, encoding="utf-8").read().split("\n")
    page = (SITE / "source" / f"{source}.html").read_text("utf-8")
    unnamed = [(number, line) for number, line in enumerate(text, 1)
               if line and f"<li id=L{number}>" not in page]
    for number, line in unnamed[:1] + unnamed[-1:]:
        opened = book.open(f"source/{source}.html#L{number}")
        said = opened.js("return document.querySelector(':target')?.textContent")
        if said != line + "\n":
            yield f"{source}:{number} is {said!r}"


# ---- all of them -------------------------------------------------------------------


class Faults(dict):
    def add(self, kind, lines):
        self.setdefault(kind, []).extend(lines)


def look_at(book, name, figures, faults):
    """All that one loading of a page can show."""
    start = time.monotonic()
    page = book.open(name)
    faults.add("figures start (http)", start_figures(page, figures))
    faults.add("no console error, no request elsewhere (http)", loads(page))
    shift, moved = page.js("return [watched.shift, watched.shifted]")
    faults.add(f"nothing jumps (shift below {MOST_SHIFT})",
               [] if shift < MOST_SHIFT else [f"{name}: {shift:.3f}: {moved[:3]}"])
    about = lambda what: [f"{name}: {line}" for line in page.js(ACCESSIBLE, what)]
    faults.add("names, headings, contrast in light", about("all"))
    media(page, dark=True)
    faults.add("contrast in the dark", about("contrast"))
    media(page)
    for width in WIDTHS:
        resize(page, width)
        faults.add(f"nothing too wide, nothing overlaps at {width} pixels",
                   about("layout"))
    faults.add("print", (f"{name}: {line}" for line in in_print(page)))
    if not name.startswith("source/"):
        resize(page, 1280)
        faults.add("every control by keyboard, and its focus shown", by_keyboard(page))
    if os.environ.get("V"):
        print(f"      {name}: {time.monotonic() - start:.1f} s", flush=True)


def test(book):
    pages = book.pages()
    book.check("there are pages", len(pages) > 0)
    book.none("links and anchors hold", broken_links(pages))
    book.none("no inline script, style or handler", inline_parts(pages))
    book.none("each line of a source has a name", unnamed_lines(book, "common/softmax.c"))
    figures = {}
    for page, name in book.figures():
        figures.setdefault(page, []).append(name)
    # Sources' pages differ in their text alone: every tenth is looked at closely.
    sources = [page for page in pages if page.startswith("source/")]
    closely = set(pages) - set(sources) | set(sources[::10])
    faults = Faults()
    for name in pages:
        if name in closely:
            look_at(book, name, figures.get(name, []), faults)
            faults.add("text without scripts", without_scripts(book, name))
        for how, words in (("http", {}), ("under a path", {"under": True}),
                           ("file", {"file": True})):
            if how == "http" and name in closely:
                continue
            page = book.open(name, **words)
            faults.add(f"figures start ({how})",
                       start_figures(page, figures.get(name, [])))
            faults.add(f"no console error, no request elsewhere ({how})", loads(page))
    for kind, lines in faults.items():
        book.none(f"{kind}: {len(pages)} pages", lines)
