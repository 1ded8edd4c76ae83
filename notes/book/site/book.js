/*
 * book.js: what every page has besides its text: the list of contents on a phone, light or
 * dark, search. Without it the page is whole: the list is then at its end.
 */
"use strict";
var Book = Book || {};

/* The site's folder, from wherever a page is. */
Book.root = document.currentScript.src.replace(/js\/book\.js.*$/, "");
document.documentElement.classList.add("js");

/* Light or dark: the reader's choice lasts where the browser lets a page remember. */
Book.remembered = function (theme) {
    try {
        if (theme) {
            localStorage.setItem("theme", theme);
        }
        return localStorage.getItem("theme");
    } catch {
        return theme ?? null;
    }
};
Book.setTheme = function (theme) {
    if (theme) {
        document.documentElement.dataset.theme = theme;
    }
    dispatchEvent(new Event("themechange"));
};
Book.setTheme(Book.remembered());

Book.element = function (tag, attributes, ...inside) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        element.setAttribute(name, value);
    }
    element.append(...inside);
    return element;
};

Book.makeThemeSwitch = function (words) {
    const button = Book.element("button", { type: "button", class: "theme",
                                            "aria-label": words.theme, title: words.theme }, "◐");
    button.addEventListener("click", () => {
        const now = document.documentElement.dataset.theme ??
            (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
        const next = now === "dark" ? "light" : "dark";
        Book.remembered(next);
        Book.setTheme(next);
    });
    return button;
};

/* On a narrow screen the list of contents covers the page while it is open. */
Book.makeMenu = function () {
    const link = document.querySelector(".to-contents");
    const list = document.getElementById("contents");
    const button = Book.element("button", { type: "button", class: "to-contents",
                                            "aria-expanded": "false",
                                            "aria-controls": "contents" }, link.textContent);
    const open = yes => {
        document.documentElement.classList.toggle("menu", yes);
        button.setAttribute("aria-expanded", String(yes));
        if (yes) {
            (list.querySelector("[aria-current]") ?? list.querySelector("a"))?.focus();
        }
    };
    link.replaceWith(button);
    button.addEventListener("click", () => open(button.ariaExpanded !== "true"));
    list.addEventListener("click", event => {
        if (event.target.closest("a")) {
            open(false);
        }
    });
    addEventListener("keydown", event => {
        if (event.key === "Escape" && button.ariaExpanded === "true") {
            open(false);
            button.focus();
        }
    });
    const here = list.querySelector(".here");
    if (here) { /* in the list, not in the page */
        list.scrollTop = here.offsetTop - list.clientHeight / 3;
    }
};

/* ---- search ---- */

/* Every section of every page, [page, title, id, heading, text]: a script that is loaded
 * when somebody searches, because files can't be fetched. */
Book.loadSections = async function () {
    if (!Book.search) {
        const script = Book.element("script", { src: Book.root + "js/search.js" });
        await new Promise((resolve, reject) => {
            script.onload = resolve;
            script.onerror = reject;
            document.head.append(script);
        });
    }
    const bytes = Uint8Array.from(atob(Book.search), c => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
};

/* The sections that have all the words, the best first: a word counts more in a title than
 * in a heading, and there more than in the text. */
Book.findSections = function (sections, asked) {
    const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [];
    for (const section of sections) {
        const [, title, , heading, text] = section.map(part => part.toLowerCase());
        let score = 0;
        for (const word of words) {
            const times = text.split(word).length - 1;
            const here = (title.includes(word) ? 20 : 0) + (heading.includes(word) ? 30 : 0) +
                         Math.min(times, 8);
            score = here ? score + here : -Infinity;
        }
        if (words.length && score > 0) {
            found.push({ section, score });
        }
    }
    return found.sort((a, b) => b.score - a.score).map(one => one.section);
};

/* The text around the first of the words, the words marked. */
Book.excerpt = function (text, asked) {
    const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
    const lower = text.toLowerCase();
    const at = Math.max(0, Math.min(...words.map(w => lower.indexOf(w)).filter(i => i >= 0)));
    const from = Number.isFinite(at) ? Math.max(0, at - 50) : 0;
    const part = (from ? "… " : "") + text.slice(from, from + 180).trim() + " …";
    const escaped = words.map(w => w.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return part.split(new RegExp(`(${escaped.join("|")})`, "i"))
        .map((piece, i) => i % 2 ? Book.element("mark", {}, piece) : piece);
};

Book.makeSearch = function (words) {
    const field = Book.element("input", { type: "search", placeholder: words.search,
                                          "aria-label": words.search, spellcheck: "false",
                                          autocomplete: "off" });
    const status = Book.element("p", { role: "status" });
    const list = Book.element("ol", {});
    const box = Book.element("section", { class: "results", "aria-label": words.search }, status,
                             list);
    let sections = null;
    const show = async () => {
        const asked = field.value.trim();
        box.hidden = asked.length < 2;
        if (box.hidden) {
            return;
        }
        if (!sections) {
            status.textContent = words.searchWait;
            sections = Book.loadSections();
        }
        const all = await sections;
        if (asked !== field.value.trim()) {
            return;
        }
        const found = Book.findSections(all, asked);
        status.textContent = found.length ? `${found.length} ${words.searchFound}`
                                          : words.searchNone;
        list.replaceChildren(...found.slice(0, 30).map(([page, title, id, heading, text]) =>
            Book.element("li", {},
                Book.element("a", { href: `${Book.root}${page}.html${id ? "#" + id : ""}` },
                             Book.element("b", {}, heading || title),
                             Book.element("span", {}, title)),
                Book.element("p", {}, ...Book.excerpt(text, asked)))));
    };
    box.hidden = true;
    field.addEventListener("input", show);
    field.addEventListener("keydown", event => {
        if (event.key === "Enter") {
            list.querySelector("a")?.click();
        }
    });
    const close = () => { box.hidden = true; };
    addEventListener("keydown", event => {
        if (event.key === "Escape" && !box.hidden) {
            close();
            field.focus();
        } else if (event.key === "/" && !event.target.closest("input, textarea, select")) {
            event.preventDefault();
            field.focus();
        }
    });
    list.addEventListener("click", event => {
        if (event.target.closest("a")) {
            close();
        }
    });
    addEventListener("pointerdown", event => {
        if (!event.target.closest(".results, .tools")) {
            close();
        }
    });
    field.addEventListener("focus", show);
    return [field, box];
};

/* What is wider than the page scrolls in its box, by the keyboard, too. */
Book.makeScrollable = function () {
    for (const box of document.querySelectorAll("main pre, .lines, main .wide, .equation p")) {
        if (box.scrollWidth > box.clientWidth + 1) {
            box.tabIndex = 0;
        }
    }
};

/* Each line of a source has a name, #L12. */
Book.nameLines = function () {
    document.querySelectorAll(".lines li").forEach((line, i) => { line.id = `L${i + 1}`; });
    if (location.hash && !document.querySelector(":target")) {
        location.replace(location.hash); /* it is there now */
    }
};

addEventListener("DOMContentLoaded", () => {
    const words = document.body.dataset;
    const [field, results] = Book.makeSearch(words);
    document.querySelector(".tools").append(field, Book.makeThemeSwitch(words));
    document.querySelector(".bar").append(results);
    Book.makeMenu();
    Book.nameLines();
    Book.makeScrollable();
    addEventListener("resize", Book.makeScrollable);
});
