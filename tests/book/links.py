"""links.py FOLDER: a site's links lead somewhere, to anchors, too; ids are there once; nothing
is loaded from elsewhere; every page has the one policy, and nothing that it forbids. Prints a
line for each fault; exit status 1 if there is one."""
import os
import re
import sys
import urllib.parse
from html.parser import HTMLParser


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.links, self.loads, self.faults, self.policy = [], [], [], [], None

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        if a.get("id"):
            self.ids.append(a["id"])
        if tag == "a" and a.get("href") is not None:
            self.links.append(a["href"])
        for name in ("src", "srcset", "poster", "data", "action"):
            if a.get(name):
                self.loads.append(a[name])
        if tag == "link":
            self.loads.append(a.get("href", ""))
        if tag == "script" and not a.get("src"):
            self.faults.append("a script within the page")
        if tag in ("style", "base", "iframe", "object", "embed"):
            self.faults.append("<%s>" % tag)
        if tag == "img" and (a.get("alt") is None or not (a.get("width") and a.get("height"))):
            self.faults.append("a picture without words or size: %s" % a.get("src"))
        for name in a:
            if name == "style" or name.startswith("on"):
                self.faults.append("<%s %s>" % (tag, name))
        if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy":
            self.policy = a["content"]


def read(folder):
    pages = {}
    for place, _, files in os.walk(folder):
        for name in files:
            if name.endswith(".html"):
                path = os.path.join(place, name)
                pages[os.path.normpath(path)] = page = Page()
                with open(path, encoding="utf-8") as file:
                    page.feed(file.read())
    return pages


def main():
    folder = sys.argv[1]
    pages = read(folder)
    faults, links = [], 0
    policies = {page.policy for page in pages.values()}
    if len(policies) != 1 or None in policies:
        faults.append("%d policies" % len(policies))
    for path, page in sorted(pages.items()):
        say = lambda text, path=path: faults.append("%s: %s" % (path, text))
        for fault in page.faults:
            say(fault)
        for name in {name for name in page.ids if page.ids.count(name) > 1}:
            say("twice the id " + name)
        for link in page.loads + page.links:
            links += 1
            url = urllib.parse.urlsplit(link)
            if url.scheme or url.netloc or link.startswith("/"):
                if link in page.loads or url.scheme not in ("http", "https", "mailto"):
                    say("loads " + link)
                continue
            to = os.path.normpath(os.path.join(os.path.dirname(path),
                                               urllib.parse.unquote(url.path)))
            if not url.path:
                to = path
            if not os.path.isfile(to) or not to.startswith(os.path.normpath(folder)):
                say("no file for " + link)
            elif url.fragment and to in pages and \
                    urllib.parse.unquote(url.fragment) not in pages[to].ids:
                say("no anchor for " + link)
    for place, _, files in os.walk(folder):
        for name in files:
            if name.endswith((".js", ".css")):
                with open(os.path.join(place, name), encoding="utf-8") as file:
                    for url in re.findall(r"https?://[^\s\"')]+", file.read()):
                        if not url.startswith("http://www.w3.org/"):
                            faults.append("%s names %s" % (name, url))
    for fault in faults:
        print("      " + fault)
    print("%d pages, %d links" % (len(pages), links))
    return 1 if faults or not links else 0


sys.exit(main())
