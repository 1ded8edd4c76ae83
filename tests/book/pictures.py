#!/usr/bin/env python3
"""pictures.py SITE: the site's pictures show what the course's show: the same words, and the
same places to a tenth of a pixel. Says which don't. Run in the repository's root."""
import pathlib
import re
import sys
import xml.etree.ElementTree as tree

PLACES = {"d", "points", "transform", "x", "y", "width", "height"}


def shown(file):
    """A picture's words, its places and its colours, in their order."""
    words, places, colours = [], [], []
    root = tree.parse(file).getroot()
    unseen = {part for symbols in root.iterfind(".//{*}defs") for part in symbols.iter()}
    for element in root.iter():
        if element in unseen or element.tag.endswith(("title", "desc")):
            continue
        words += ("" if element.text is None else element.text).split()
        for name, value in sorted(element.attrib.items()):
            if name in PLACES:
                places += map(float, re.findall(r"-?\d+\.?\d*", value))
            elif name in ("fill", "stroke") and element.tag.endswith(("path", "polygon")):
                rgb = re.match(r"rgb\( *(\d+), *(\d+), *(\d+)\)", value)
                colours.append("#%02x%02x%02x" % tuple(map(int, rgb.groups())) if rgb else value)
    return words, places, [colour for colour in colours if colour != "none"]


def name_of(file):
    """book.sh's name for it."""
    name = re.sub(r"^chapters/|^plots/shown/", "", str(file))
    return name.replace("/figures/", "_").replace("/", "_")


def differences(file, copy):
    """What the copy shows that the picture doesn't, or the other way round."""
    words, places, colours = shown(file)
    its_words, its_places, its_colours = shown(copy)
    if words != its_words:
        wrong = next((p for p in zip(words, its_words) if p[0] != p[1]), ("more", "words"))
        yield f"{copy}: \"{wrong[1]}\" in place of \"{wrong[0]}\""
    if len(places) != len(its_places):
        yield f"{copy}: {len(its_places)} numbers, not {len(places)}"
    far = [p for p in zip(places, its_places) if abs(p[0] - p[1]) > 0.1001]
    if far:
        yield f"{copy}: {len(far)} places that differ, the first {far[0]}"
    if colours != its_colours:
        yield f"{copy}: other colours"


def main():
    """0: all are as they should be, and there are some."""
    pictures = pathlib.Path(sys.argv[1]) / "pictures"
    faults, count = [], 0
    for folder in ("chapters", "notes", "plots/shown"):
        for file in sorted(pathlib.Path(folder).rglob("*.svg")):
            copy = pictures / name_of(file)
            if copy.exists():
                count += 1
                faults += differences(file, copy)
    print("\n".join(faults), end="\n" if faults else "")
    sys.exit(bool(faults) or count < 40)


main()
