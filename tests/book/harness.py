"""harness.py: the book in a real browser (headless Chromium, by Debian's selenium).

A test is a file test_NAME.py with a function test(book), which run.py calls:

    def test(book):
        page = book.open("01.html")           # http; also under=True, file=True
        figure = page.figure("softmax")          # scrolls there, waits until it runs
        figure.set("score", 5)                   # as a reader would
        book.close("softmax of 5", figure.table("rows")[1], native_numbers, 1e-5)
        book.none("no error", page.errors())

Nothing here waits for a fixed time: it asks until what it waits for is there, or fails.
"""
import functools
import http.server
import json
import math
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SITE = pathlib.Path(os.environ.get("BOOK") or ROOT / "build" / "book").resolve()
UNDER = "/a/b/"  # the site is served there too, as on a static host with projects

# Before any script of a page: what goes wrong in it, what moves, what takes long.
WATCH = """
window.watched = { errors: [], shift: 0, shifted: [], long: [] };
addEventListener("error", event => watched.errors.push(
    event.message || "not loaded: " + (event.target.src || event.target.href)), true);
addEventListener("unhandledrejection", event => watched.errors.push(
    "unhandled: " + event.reason));
document.addEventListener("securitypolicyviolation", event => watched.errors.push(
    "policy: " + event.violatedDirective + " " + event.blockedURI));
new PerformanceObserver(list => list.getEntries().forEach(entry => {
    if (!entry.hadRecentInput) {
        watched.shift += entry.value;
        entry.sources.forEach(source => watched.shifted.push(
            (source.node?.outerHTML ?? source.node?.textContent ?? "").slice(0, 80)));
    }
})).observe({ type: "layout-shift", buffered: true });
new PerformanceObserver(list => list.getEntries().forEach(
    entry => watched.long.push(entry.duration)
)).observe({ type: "longtask", buffered: true });
"""

# Until nothing is under way: the engines have answered all that was asked before, and the
# element hasn't changed for a tenth of a second.
SETTLED = """
const [element, done] = arguments;
let last = performance.now();
const seen = new MutationObserver(() => { last = performance.now(); });
seen.observe(element, { subtree: true, childList: true, characterData: true,
                        attributes: true });
(async () => {
    const engines = Object.values(window.Book?.engines ?? {});
    do {
        await Promise.all(engines.map(engine => engine.all([])));
        await new Promise(next => setTimeout(next, 20));
    } while (performance.now() - last < 100);
    seen.disconnect();
    done();
})().catch(error => done(String(error)));
"""

SET = """
const [root, name, value] = arguments;
const found = [...root.querySelectorAll(`[name="${name}"]`)];
if (found.length === 0) { throw new Error("no control " + name); }
let one = found[0];
if (one.type === "radio") {
    one = found.find(each => each.value === String(value));
    one.checked = true;
} else if (one.type === "checkbox") {
    one.checked = Boolean(value);
} else {
    one.value = value;
    if (one.tagName === "SELECT" && one.selectedIndex < 0) {
        throw new Error(name + " has no choice " + value);
    }
}
one.dispatchEvent(new Event("input", { bubbles: true }));
one.dispatchEvent(new Event("change", { bubbles: true }));
"""

TO_THE_MIDDLE = """
arguments[0].scrollIntoView({ block: "center", behavior: "instant" });
"""

TABLE = """
const [root, name] = arguments;
const found = root.querySelector(`[data-table="${name}"]`);
return found && [...found.rows].map(
    row => [...row.cells].map(cell => cell.textContent.trim()));
"""


class NotRun(Exception):
    """What a test needs isn't on this machine; its text says which package has it."""


def number(text):
    """A cell's number, or None; as printf and as a page write it."""
    try:
        return float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))
    except ValueError:
        return None


def numbers(text):
    """All numbers in a program's output, in order."""
    pattern = r"(?<![\w.])-?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan)(?![\w.]*[A-Za-z_])"
    return [float(found) for found in re.findall(pattern, text)]


def native(*words, timeout=600):
    """What a program of the course prints: native("./chapter1")."""
    if not (ROOT / words[0]).exists():
        name = words[0].removeprefix("./")
        raise NotRun(f"{name} isn't built: make {name}")
    done = subprocess.run(words, cwd=ROOT, timeout=timeout, capture_output=True,
                          text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: status {done.returncode}: "
                           f"{done.stderr}")
    return done.stdout


class Handler(http.server.SimpleHTTPRequestHandler):
    """The site at / and at UNDER; without a log."""

    def translate_path(self, path):
        if path.startswith(UNDER):
            path = path[len(UNDER) - 1:]
        return super().translate_path(path)

    def log_message(self, *_):
        pass


class Book:
    """The site, served and opened, and the list of what was tried."""

    def __init__(self):
        self.passed = self.failed = 0
        handler = functools.partial(Handler, directory=str(SITE))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.host = f"http://127.0.0.1:{self.server.server_port}"
        self.profile = tempfile.TemporaryDirectory(prefix="book-")
        self.driver = start_chromium(self.profile.name)
        self.emulated = None  # how the browser was last told to look

    def stop(self):
        self.driver.quit()
        self.server.shutdown()
        self.profile.cleanup()

    def pages(self):
        """Every page's file, the sources' pages in source/ too."""
        return sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*.html"))

    def figures(self):
        """(page, figure) for every live figure of the site."""
        marks = re.compile(r'<figure [^>]*data-live="([a-z0-9_-]+)"')
        return [(page, name) for page in self.pages()
                for name in marks.findall((SITE / page).read_text("utf-8"))]

    def page_of(self, name):
        """The page that has this live figure."""
        found = [page for page, figure in self.figures() if figure == name]
        if not found:
            raise AssertionError(f"no page has the live figure {name}")
        return found[0]

    def address(self, page, under=False, file=False):
        if file:
            path, mark, anchor = page.partition("#")
            return (SITE / path).as_uri() + mark + anchor
        return self.host + (UNDER if under else "/") + page

    def emulate(self, wanted):
        if self.emulated == wanted:
            return
        width, height, dark, touch, media, scripts = wanted
        cdp = self.driver.execute_cdp_cmd
        cdp("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        cdp("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch})
        cdp("Emulation.setTouchEmulationEnabled", {"enabled": touch})
        cdp("Emulation.setEmulatedMedia", {"media": media, "features": [
            {"name": "prefers-color-scheme",
             "value": "dark" if dark else "light"}]})
        self.emulated = wanted

    def open(self, page, under=False, file=False, width=1280, height=800, dark=False,
             touch=False, media="", scripts=True):
        """A page as a reader sees it: by http, under a path, from a file; how wide."""
        driver = self.driver
        driver.get("about:blank")
        for kind in ("browser", "performance"):
            driver.get_log(kind)  # what another page left
        self.emulate((width, height, dark, touch, media, scripts))
        driver.get(self.address(page, under, file))
        return Page(self, page)

    # ---- what was tried, as the other tests print it -----------------------------
    def check(self, what, good, detail=""):
        if good:
            self.passed += 1
            print(f"ok    {what}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL  {what}{': ' if detail else ''}{detail}", flush=True)
        return bool(good)

    def none(self, what, faults):
        """No faults; if there are some, the first few are printed."""
        faults = list(faults)
        shown = "".join(f"\n      {fault}" for fault in faults[:8])
        more = f"\n      and {len(faults) - 8} more" if len(faults) > 8 else ""
        return self.check(what, not faults, shown + more)

    def close(self, what, got, wanted, tolerance):
        """Two lists of numbers, as long as each other, nowhere further apart than
        `tolerance`; a NaN equals a NaN alone."""
        got, wanted = list(got), list(wanted)
        if len(got) != len(wanted) or not wanted:
            return self.check(what, False, f"{len(got)} numbers, not {len(wanted)}")
        for i, (g, w) in enumerate(zip(got, wanted)):
            both_nan = g is not None and math.isnan(g) and math.isnan(w)
            if g is None or not (both_nan or g == w or abs(g - w) <= tolerance):
                return self.check(what, False, f"number {i} is {g}, not {w}")
        return self.check(what, True)

    def says(self, what, text, wanted):
        return self.check(what, wanted in text, f"'{wanted}' isn't in '{text[:200]}'")


def start_chromium(profile):
    try:
        from selenium import webdriver
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        raise NotRun("selenium isn't there: make setup-book (python3-selenium)") \
            from None
    programs = {}
    packages = {"chromium": "chromium", "chromedriver": "chromium-driver"}
    for name, package in packages.items():
        found = [os.path.join(folder, name) for folder in os.get_exec_path()]
        found = [path for path in found if os.access(path, os.X_OK)]
        if not found:
            raise NotRun(f"{name} isn't there: make setup-book ({package})")
        programs[name] = found[0]
    options = Options()
    options.binary_location = programs["chromium"]
    for word in ("--headless=new", f"--user-data-dir={profile}", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update",
                 "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en",
                 "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"):
        options.add_argument(word)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium has none for root
    options.set_capability("goog:loggingPrefs",
                           {"browser": "ALL", "performance": "ALL"})
    service = Service(programs["chromedriver"])
    for tries_left in (2, 1, 0):  # two that start at once get in each other's way
        try:
            driver = webdriver.Chrome(service=service, options=options)
            break
        except WebDriverException:
            if tries_left == 0:
                raise
            time.sleep(2)
    driver.set_script_timeout(300)
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    return driver


class Page:
    def __init__(self, book, name):
        self.book, self.name, self.driver = book, name, book.driver
        self.asked, self.said = [], []

    def js(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def wait_js(self, text, *arguments):
        """Of a script that calls its last argument when it is done, what it says."""
        return self.driver.execute_async_script(text, *arguments)

    def cdp(self, name, **arguments):
        if name.startswith("Emulation."):
            self.book.emulated = None
        return self.driver.execute_cdp_cmd(name, arguments)

    def one(self, selector):
        found = self.js("return document.querySelector(arguments[0])", selector)
        assert found, f"{self.name} has no {selector}"
        return found

    def errors(self):
        """What the console and window.onerror had to complain about so far."""
        self.said += [entry["message"] for entry in self.driver.get_log("browser")
                      if entry["level"] == "SEVERE"]
        return self.said + self.js("return window.watched ? watched.errors : []")

    def requests(self):
        """The address of every request so far."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            what = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                self.asked.append(what["request"]["url"])
            elif message["method"] == "Network.webSocketCreated":
                self.asked.append(what["url"])
        return self.asked

    def requests_elsewhere(self):
        """Those that the site's own folder or server doesn't answer."""
        own = (self.book.host + "/", SITE.as_uri() + "/", "data:", "blob:", "about:")
        return [url for url in self.requests() if not url.startswith(own)]

    def until(self, text, *arguments, seconds=60, what=None):
        """Asks a script again and again until it says something true; returns it."""
        end = time.monotonic() + seconds
        while True:
            said = self.js(text, *arguments)
            if said:
                return said
            if time.monotonic() > end:
                raise AssertionError(
                    f"{self.name}: not within {seconds} s: {what or text}")
            time.sleep(0.02)

    def figure(self, name):
        return Figure(self, name)

    # ---- a reader's hands --------------------------------------------------------
    def keys(self, *keys):
        """Presses keys: "Tab", "ArrowRight", "Enter", " ", "a", "Shift+Tab"."""
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.keys import Keys
        names = {"Tab": Keys.TAB, "Enter": Keys.ENTER, "Escape": Keys.ESCAPE,
                 "ArrowUp": Keys.ARROW_UP, "ArrowDown": Keys.ARROW_DOWN,
                 "ArrowLeft": Keys.ARROW_LEFT,
                 "ArrowRight": Keys.ARROW_RIGHT,
                 "Home": Keys.HOME, "End": Keys.END, "PageUp": Keys.PAGE_UP,
                 "PageDown": Keys.PAGE_DOWN,
                 "Shift": Keys.SHIFT, "Control": Keys.CONTROL,
                 "Backspace": Keys.BACKSPACE, "Delete": Keys.DELETE}
        chain = ActionChains(self.driver)
        for key in keys:
            *held, last = [key] if len(key) == 1 else key.split("+")
            for one in held:
                chain.key_down(names[one])
            chain.send_keys(names.get(last, last))
            for one in reversed(held):
                chain.key_up(names[one])
        chain.perform()

    def place(self, element, fx, fy):
        """Where in the window a point of an element is, given in parts of its size."""
        x, y, width, height = self.js(
            "const box = arguments[0].getBoundingClientRect();"
            "return [box.x, box.y, box.width, box.height]", element)
        return x + fx * width, y + fy * height

    def draw(self, element, points, touch=False):
        """A stroke through points (x, y from 0 to 1 of the element's size)."""
        self.js(TO_THE_MIDDLE, element)
        places = [self.place(element, *point) for point in points]
        for i, (x, y) in enumerate(places):
            if touch:
                self.cdp("Input.dispatchTouchEvent",
                         type="touchMove" if i else "touchStart",
                         touchPoints=[{"x": x, "y": y}])
            else:
                self.cdp("Input.dispatchMouseEvent", x=x, y=y, button="left", buttons=1,
                         type="mouseMoved" if i else "mousePressed",
                         clickCount=0 if i else 1)
        x, y = places[-1]
        if touch:
            self.cdp("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        else:
            self.cdp("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y,
                     button="left", buttons=0, clickCount=1)

    def click(self, element, touch=False):
        self.draw(element, [(0.5, 0.5)], touch)

    def drop(self, element, path):
        """A file of the disk, dropped there."""
        self.js(TO_THE_MIDDLE, element)
        x, y = self.place(element, 0.5, 0.5)
        data = {"items": [], "files": [str(pathlib.Path(path).resolve())],
                "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.cdp("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def screenshot(self, path, whole=True):
        """To look at; never into the repository."""
        import base64
        shot = self.cdp("Page.captureScreenshot", captureBeyondViewport=whole)
        pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))


class Figure:
    """A live figure that runs."""

    def __init__(self, page, name, seconds=60):
        self.page, self.name = page, name
        self.root = page.one(f'figure[data-live="{name}"]')
        page.js("arguments[0].scrollIntoView({ behavior: 'instant' })", self.root)
        said = page.until(
            "const line = arguments[0].querySelector('.live-error');"
            "return line && !line.hidden && line.textContent"
            " ? 'error: ' + line.textContent : arguments[0].dataset.ready",
            self.root, seconds=seconds,
            what=f"the figure {name} is ready")
        assert not said.startswith("error: "), f"the figure {name} says {said}"
        self.settle()

    def js(self, text, *arguments):
        """A script whose first argument is the figure."""
        return self.page.js(text, self.root, *arguments)

    def settle(self):
        said = self.page.wait_js(SETTLED, self.root)
        assert not said, f"the figure {self.name}: {said}"

    def one(self, selector):
        found = self.js("return arguments[0].querySelector(arguments[1])", selector)
        assert found, f"the figure {self.name} has no {selector}"
        return found

    def control(self, name):
        return self.one(f'[name="{name}"]')

    def set(self, name, value):
        """A control's value, as if a reader had changed it; then all that follows."""
        self.js(SET, name, value)
        self.settle()

    def press(self, selector):
        """Clicks a button: its name, or a selector."""
        if re.fullmatch(r"[\w-]+", selector):
            selector = f'[name="{selector}"]'
        self.page.click(self.one(selector))
        self.settle()

    def text(self, selector=None):
        element = self.one(selector) if selector else self.root
        return self.page.js("return arguments[0].textContent", element).strip()

    def error(self):
        """The line that says what went wrong, or an empty one."""
        return self.js("const line = arguments[0].querySelector('.live-error');"
                       "return line && !line.hidden ? line.textContent : ''")

    def cells(self, name):
        """A table's cells (data-table="NAME"), row by row, headings too, as text."""
        found = self.js(TABLE, name)
        assert found is not None, f"the figure {self.name} has no table {name}"
        return found

    def table(self, name):
        """A table's numbers, row by row; headings and words are left out."""
        rows = [[number(cell) for cell in row] for row in self.cells(name)]
        rows = [[x for x in row if x is not None] for row in rows]
        return [row for row in rows if row]

    def draw(self, selector, points, touch=False):
        self.page.draw(self.one(selector), points, touch)
        self.settle()

    def drop(self, selector, path):
        self.page.drop(self.one(selector), path)
        self.settle()
