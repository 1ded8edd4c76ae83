/*
 * accessible.js: what a reader with a keyboard, a screen reader or weak eyes would miss
 * on a page, as a list of lines. Run as a function's body, with what is to be looked at:
 * arguments[0] is "all", "contrast" or "layout".
 */
"use strict";
const faults = [];
const name = element => element.outerHTML.replace(/\s+/g, " ").slice(0, 90);
const seen = element => element.checkVisibility({ checkVisibilityCSS: true });
const all = selector => [...document.querySelectorAll(selector)];

/* ---- names, headings, language ---- */

/* What a screen reader says of an element. */
const said = element => (element.getAttribute("aria-label") ??
    element.getAttribute("aria-labelledby")?.split(" ")
        .map(id => document.getElementById(id)?.textContent).join(" ") ??
    ([...(element.labels ?? [])].map(label => label.textContent).join(" ") ||
     element.textContent ||
     [...element.querySelectorAll("img, svg title")]
         .map(one => one.alt ?? one.textContent).join(" ") ||
     element.title)).trim();

function names() {
    if (!document.documentElement.lang) {
        faults.push("<html> has no lang");
    }
    if (!document.title) {
        faults.push("no title");
    }
    let last = 0;
    for (const heading of all("h1, h2, h3, h4, h5, h6").filter(seen)) {
        const level = Number(heading.tagName[1]);
        if (level > last + 1) {
            faults.push(`heading after a level ${last}: ${name(heading)}`);
        }
        last = level;
    }
    if (all("h1").filter(seen).length !== 1) {
        faults.push(`${all("h1").filter(seen).length} h1`);
    }
    if (all("main").length !== 1) {
        faults.push(`${all("main").length} main`);
    }
    const needed = "input:not([type=hidden]), select, textarea, button, a[href], " +
        "summary, canvas, [role=img], [role=slider], [role=button], iframe";
    for (const element of all(needed).filter(seen)) {
        if (!said(element)) {
            faults.push("no name: " + name(element));
        }
    }
    for (const image of all("img")) {
        if (!image.hasAttribute("alt")) {
            faults.push("no alt: " + name(image));
        }
    }
    for (const svg of all("svg").filter(seen)) {
        const hidden = svg.closest("[aria-hidden=true]");
        if (!hidden && !(svg.getAttribute("role") && said(svg))) {
            faults.push("an svg without role and name, or aria-hidden: " + name(svg));
        }
    }
    const ids = all("[id]").map(element => element.id);
    for (const id of new Set(ids.filter((one, i) => ids.indexOf(one) !== i))) {
        faults.push("twice: id " + id);
    }
}

/* ---- contrast: WCAG's relative luminance ---- */

const rgba = text => {
    const parts = text.match(/[\d.]+/g).map(Number);
    const from = text.startsWith("color(") ? parts.slice(0, 3).map(x => 255 * x)
                                           : parts.slice(0, 3);
    return [...from, parts[3] ?? 1];
};
const over = (top, below) =>
    [0, 1, 2].map(i => top[3] * top[i] + (1 - top[3]) * below[i]).concat(1);
const luminance = colour => {
    const [r, g, b] = colour.map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
function background(element) {
    if (!element) {
        return matchMedia("(prefers-color-scheme: dark)").matches &&
            getComputedStyle(document.documentElement).colorScheme.includes("dark")
            ? [18, 18, 18, 1] : [255, 255, 255, 1];
    }
    const own = rgba(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, background(element.parentElement));
}

function contrast() {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const known = new Set();
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement;
        if (!node.textContent.trim() || known.has(element) || !seen(element) ||
            element.closest(":disabled, script, style, noscript, option")) {
            continue;
        }
        known.add(element);
        const style = getComputedStyle(element);
        const colour = element.closest("svg") ? style.fill : style.color;
        if (!/^(rgb|color)/.test(colour)) {
            continue; /* a pattern or none */
        }
        const below = background(element.closest("svg") ?? element);
        const [high, low] = [luminance(over(rgba(colour), below)), luminance(below)]
            .sort((a, b) => b - a);
        const ratio = (high + 0.05) / (low + 0.05);
        if (!(ratio >= 4.5)) {
            faults.push(`contrast ${ratio.toFixed(2)}: ${name(element)}`);
        }
    }
}

/* ---- layout: nothing beside the page, nothing over something else ---- */

function layout() {
    const root = document.documentElement, wide = root.scrollWidth - root.clientWidth;
    if (wide > 0) {
        const scrolls = element => element && (element !== document.body) &&
            (getComputedStyle(element).overflowX !== "visible" ||
             scrolls(element.parentElement));
        const out = all("main *, header *, nav *, footer *").filter(seen)
            .filter(element => element.getBoundingClientRect().right > innerWidth + 0.4 &&
                               !scrolls(element)).at(-1);
        faults.push(`${wide} pixels too wide${out ? ": " + name(out) : ""}`);
    }
    /* Controls, and lines of text between them, in figures. */
    for (const figure of all("figure.live")) {
        const boxes = [];
        for (const control of figure.querySelectorAll(
            "input, select, button, textarea, canvas, table, svg")) {
            if (seen(control) && !control.parentElement.closest("svg, table")) {
                const wide = control.closest(".wide"), alone =
                    wide && wide.querySelectorAll("table, svg, canvas").length === 1;
                boxes.push([control, alone ? wide : control]);
            }
        }
        const list = boxes.map(([one, box]) => [one, box.getBoundingClientRect()]);
        const walker = document.createTreeWalker(figure, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            const parent = node.parentElement;
            if (node.textContent.trim() && seen(parent) &&
                !parent.closest("svg, table, button, select, textarea, canvas")) {
                const range = document.createRange();
                range.selectNodeContents(node);
                list.push(...[...range.getClientRects()].map(box => [parent, box]));
            }
        }
        const high = box => Math.min(8, box.height / 2), least = 2;
        list.forEach(([one, a], i) => list.slice(i + 1).forEach(([other, b]) => {
            const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (one !== other && !one.contains(other) && !other.contains(one) &&
                x > least && y > Math.min(high(a), high(b))) {
                faults.push(`${name(one)} and ${name(other)} overlap`);
            }
        }));
    }
}

({ all: () => { names(); contrast(); }, contrast, layout })[arguments[0]]();
return [...new Set(faults)];
