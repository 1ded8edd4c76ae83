/*
 * live.js: what live figures share. A figure is words and controls in
 * en/live/NAME.html, and a script live/NAME.js:
 *
 *     Book.live("softmax", async (root, engine) => { ... });
 *
 * which is called when the reader comes near the figure; root is its <figure>. Controls
 * are plain HTML, found by their name; numbers are drawn by the functions below, as
 * tables and lines that a keyboard and a screen reader reach.
 */
"use strict";
var Book = Book || {};
Book.figures = {};

Book.live = function (name, setup) {
    Book.figures[name] = setup;
};

/* An error of the C program, or of this page, where the reader looks. */
Book.showError = function (root, error) {
    let line = root.querySelector(".live-error");
    if (!line) {
        line = document.createElement("p");
        line.className = "live-error";
        line.setAttribute("role", "alert");
        root.append(line);
    }
    line.textContent = error ? error.message : "";
    line.hidden = !error;
};

Book.startFigure = async function (root) {
    try {
        if (!Book.hasSimd()) {
            throw new Error(root.dataset.noSimd);
        }
        await Book.figures[root.dataset.live](root, Book.engine());
        root.dataset.ready = "yes";
    } catch (error) {
        Book.showError(root, error);
    }
};

addEventListener("DOMContentLoaded", () => {
    const near = new IntersectionObserver(entries => {
        for (const { target, isIntersecting } of entries) {
            if (isIntersecting) {
                near.unobserve(target);
                Book.startFigure(target);
            }
        }
    }, { rootMargin: "400px" });
    for (const root of document.querySelectorAll("figure[data-live]")) {
        near.observe(root);
    }
});

/* follow: call `update` now and after each change of the figure's controls, one call at a
 * time; changes that come meanwhile are one more call at the end. */
Book.follow = function (root, update) {
    let busy = false, again = false;
    const run = async () => {
        if (busy) {
            again = true;
            return;
        }
        busy = true;
        do {
            again = false;
            try {
                await update();
                Book.showError(root, null);
            } catch (error) {
                Book.showError(root, error);
            }
        } while (again);
        busy = false;
    };
    root.addEventListener("input", run);
    return run();
};

/* control: the control of this name; value: its number, or its text. */
Book.control = (root, name) => root.querySelector(`[name="${name}"]`);
Book.value = (root, name) => {
    const control = Book.control(root, name);
    if (control.type === "checkbox") {
        return control.checked ? 1 : 0;
    }
    return control.type === "range" || control.type === "number" ? control.valueAsNumber
                                                                 : control.value;
};

/* As printf prints %.*f and %.*g, in a fixed place: a column of them is a column. */
Book.fixed = (x, digits = 4) =>
    Number.isNaN(x) ? "nan" : !Number.isFinite(x) ? (x < 0 ? "-inf" : "inf")
                                                  : x.toFixed(digits);

/* viridis, from 0 to 1, by five of its colours: readable in grey, too. */
Book.viridis = function (t) {
    const stops = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
    const x = Math.min(Math.max(Number.isFinite(t) ? t : 0, 0), 1) * (stops.length - 1);
    const i = Math.min(Math.floor(x), stops.length - 2), f = x - i;
    return stops[i].map((low, k) => Math.round(low + f * (stops[i + 1][k] - low)));
};

/*
 * table: a matrix {shape, data} in <table>, a cell per element; made once, then only
 * changed. Options: digits; low, high: what is dark and bright (none: no colours);
 * rows, columns: headings; cell(i, j): called when a cell is chosen, by pointer or by
 * arrow keys (one cell of the table has the focus: the tab key passes by).
 */
Book.table = function (table, matrix, options = {}) {
    const columns = matrix.shape[matrix.shape.length - 1];
    const rows = matrix.data.length / columns;
    if (table.rows.length !== rows + (options.columns ? 1 : 0) ||
        table.dataset.columns !== String(columns)) {
        Book.makeTable(table, rows, columns, options);
    }
    for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) {
            const cell = table.cellsOf[i][j], x = matrix.data[i * columns + j];
            cell.textContent = Book.fixed(x, options.digits ?? 2);
            if (options.high !== undefined) {
                const low = options.low ?? 0;
                const rgb = Book.viridis((x - low) / (options.high - low));
                cell.style.background = `rgb(${rgb})`;
                const bright = (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]) / 1000 > 125;
                cell.style.color = bright ? "#000" : "#fff";
            }
        }
    }
};

Book.makeTable = function (table, rows, columns, options) {
    const heading = text => {
        const th = document.createElement("th");
        th.textContent = text;
        return th;
    };
    table.replaceChildren(...(table.caption ? [table.caption] : []));
    table.dataset.columns = columns;
    table.cellsOf = [];
    if (options.columns) {
        const row = table.createTHead().insertRow();
        row.append(...(options.rows ? [heading("")] : []), ...options.columns.map(heading));
    }
    const body = table.createTBody();
    for (let i = 0; i < rows; i++) {
        const row = body.insertRow();
        if (options.rows) {
            row.append(heading(options.rows[i] ?? ""));
        }
        table.cellsOf.push(Array.from({ length: columns }, () => row.insertCell()));
    }
    if (options.cell) {
        Book.makeCellsChoosable(table, rows, columns, options.cell);
    }
};

Book.makeCellsChoosable = function (table, rows, columns, chosen) {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1],
                    ArrowRight: [0, 1] };
    const choose = (i, j) => {
        table.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
        table.cellsOf[i][j].setAttribute("tabindex", "0");
        chosen(i, j);
    };
    table.cellsOf.forEach((row, i) => row.forEach((cell, j) => {
        cell.setAttribute("tabindex", i + j === 0 ? "0" : "-1");
        cell.addEventListener("pointerenter", () => choose(i, j));
        cell.addEventListener("focus", () => choose(i, j));
        cell.addEventListener("keydown", event => {
            const step = steps[event.key];
            const to = step && table.cellsOf[i + step[0]]?.[j + step[1]];
            if (to) {
                event.preventDefault();
                to.focus();
            }
        });
    }));
};

/*
 * lines: series of numbers as lines in an <svg>, with axes. Each series: {x, y, name,
 * dash}; colours are Okabe and Ito's. Options: xlabel, ylabel, ymin, ymax, log: the y
 * axis is logarithmic. Keys are above the frame, in the text's colour: a thin line of a
 * colour can be seen where a letter of it can't be read.
 */
Book.colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
Book.lines = function (svg, series, options = {}) {
    const width = 640, height = 320, left = 64, right = 12, bottom = 44, top = 36;
    const scale = options.log ? Math.log10 : y => y;
    const finite = list => list.filter(Number.isFinite);
    const least = (list, otherwise) => list.length ? Math.min(...list) : otherwise;
    const most = (list, otherwise) => list.length ? Math.max(...list) : otherwise;
    const xs = finite(series.flatMap(s => Array.from(s.x)));
    const ys = finite(series.flatMap(s => Array.from(s.y, scale)));
    const xmin = options.xmin ?? least(xs, 0), xmax = options.xmax ?? most(xs, 1);
    const ymin = options.ymin !== undefined ? scale(options.ymin) : least(ys, 0);
    const ymax = options.ymax !== undefined ? scale(options.ymax) : most(ys, 1);
    const px = x => left + (x - xmin) / (xmax - xmin || 1) * (width - left - right);
    const py = y => height - bottom - (y - ymin) / (ymax - ymin || 1) * (height - top - bottom);
    const make = (tag, attributes, text) => {
        const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
        for (const [key, value] of Object.entries(attributes)) {
            element.setAttribute(key, value);
        }
        element.textContent = text ?? "";
        return element;
    };
    const write = (x, y, text, anchor, more) =>
        make("text", { x, y, "text-anchor": anchor, fill: "currentColor", ...more }, text);
    const parts = [make("rect", { x: left, y: top, width: width - left - right,
                                  height: height - top - bottom, class: "frame",
                                  fill: "none", stroke: "currentColor",
                                  "stroke-opacity": 0.4 })];
    const number = x => Number(x.toPrecision(3)).toString();
    for (let i = 0; i <= 4; i++) {
        const x = xmin + i / 4 * (xmax - xmin), y = ymin + i / 4 * (ymax - ymin);
        const label = options.log ? (10 ** y).toExponential(0) : number(y);
        parts.push(write(px(x), height - bottom + 16, number(x), "middle", { class: "tick" }));
        parts.push(write(left - 6, py(y) + 4, label, "end", { class: "tick" }));
    }
    parts.push(write((left + width) / 2, height - 6, options.xlabel, "middle"));
    parts.push(write(14, (top + height - bottom) / 2, options.ylabel, "middle",
                     { transform: `rotate(-90 14 ${(top + height - bottom) / 2})` }));
    const room = (width - left - right) / Math.max(series.length, 1);
    series.forEach((one, i) => {
        const points = Array.from(one.x, (x, k) => [px(x), py(scale(one.y[k]))])
            .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
            .map(([x, y]) => x.toFixed(1) + "," + y.toFixed(1)).join(" ");
        const look = { fill: "none", stroke: Book.colours[i % Book.colours.length],
                       "stroke-width": 2, "stroke-dasharray": one.dash ?? "" };
        const x = left + i * room;
        parts.push(make("polyline", { points, ...look }));
        parts.push(make("path", { d: `M${x} 20h28`, ...look }));
        parts.push(write(x + 34, 24, one.name, "start", { class: "key" }));
    });
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("role", "img");
    svg.replaceChildren(...parts);
};
