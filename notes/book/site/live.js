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
 * changed. Options: digits, or format(x, i, j); low, high: what is dark and bright (none:
 * no colours); rows, columns: headings; cell(i, j): called when a cell is chosen, by
 * pointer or by arrow keys (one cell of the table has the focus: the tab key passes by);
 * hover: false if only a click chooses.
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
            cell.textContent = options.format ? options.format(x, i, j)
                                              : Book.fixed(x, options.digits ?? 2);
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
    const heading = (text, scope) => {
        const th = document.createElement(text === "" ? "td" : "th");
        th.textContent = text;
        th.scope = scope;
        return th;
    };
    table.replaceChildren(...(table.caption ? [table.caption] : []));
    table.dataset.columns = columns;
    table.cellsOf = [];
    if (options.columns) {
        const row = table.createTHead().insertRow();
        row.append(...(options.rows ? [heading("")] : []),
                   ...options.columns.map(text => heading(text, "col")));
    }
    const body = table.createTBody();
    for (let i = 0; i < rows; i++) {
        const row = body.insertRow();
        if (options.rows) {
            row.append(heading(options.rows[i] ?? "", "row"));
        }
        table.cellsOf.push(Array.from({ length: columns }, () => row.insertCell()));
    }
    if (options.cell) {
        Book.makeCellsChoosable(table, options);
    }
};

Book.makeCellsChoosable = function (table, options) {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1],
                    ArrowRight: [0, 1] };
    const choose = (i, j) => {
        table.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
        table.cellsOf[i][j].setAttribute("tabindex", "0");
        options.cell(i, j);
    };
    table.cellsOf.forEach((row, i) => row.forEach((cell, j) => {
        cell.setAttribute("tabindex", i + j === 0 ? "0" : "-1");
        if (options.hover !== false) {
            cell.addEventListener("pointerenter", () => choose(i, j));
        }
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

/* general: as printf prints %.*g, more or less: 12.5, 2.7e+38, nan. */
Book.general = function (x, digits = 6) {
    if (!Number.isFinite(x) || x === 0) {
        return x === 0 ? "0" : Book.fixed(x);
    }
    const exponent = Math.floor(Math.log10(Math.abs(x)));
    return exponent < -5 || exponent >= digits ? x.toExponential(digits - 1)
                                               : String(Number(x.toPrecision(digits)));
};

/* say: a text of the figure's page, <template data-say="key">; {name} becomes a value. */
Book.say = (root, key, values = {}) =>
    root.querySelector(`template[data-say="${key}"]`).content.textContent.trim()
        .replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

/*
 * lines: series of numbers as lines in an <svg>, with axes. Each series: {x, y, name,
 * dash}; colours are Okabe and Ito's. Options: xlabel, ylabel, ymin, ymax; log, logx: that
 * axis is logarithmic (true, or a base); marks: points {x, y} drawn as rings, in the colour of the series
 * `of`; key: "left" or "right", where the names are.
 */
Book.colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
Book.svg = function (tag, attributes, text) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) {
        element.setAttribute(key, value);
    }
    element.textContent = text ?? "";
    return element;
};

/* axis: where a value is on it, from `from` to `to`, and its ticks. */
Book.axis = function (values, log, from, to, min, max) {
    const base = log === true ? 10 : log;
    const scale = base ? v => Math.log(v) / Math.log(base) : v => v;
    const finite = values.map(scale).filter(Number.isFinite);
    const low = min !== undefined ? scale(min) : Math.min(...finite);
    const high = max !== undefined ? scale(max) : Math.max(...finite);
    const at = v => from + (v - low) / (high - low || 1) * (to - from);
    const ticks = [];
    if (log) {
        const every = Math.ceil((high - low) / (Math.abs(to - from) / 45));
        for (let v = Math.ceil(low - 1e-9); v <= high + 1e-9; v += every) {
            ticks.push([at(v), base === 10 ? "1e" + v : String(base ** v)]);
        }
    } else {
        for (let i = 0; i <= 4; i++) {
            const v = low + i / 4 * (high - low);
            ticks.push([at(v), String(Number(v.toPrecision(3)))]);
        }
    }
    return { of: v => at(scale(v)), ticks };
};

Book.lines = function (svg, series, options = {}) {
    const width = Math.min(Math.max(svg.clientWidth, 300), 640) || 640;
    const height = width < 500 ? 260 : 320, left = 64, right = 14, top = 12, bottom = 44;
    const make = Book.svg;
    const all = key => series.flatMap(one => Array.from(one[key]));
    const x = Book.axis(all("x"), options.logx, left, width - right);
    const y = Book.axis(all("y"), options.log, height - bottom, top,
                        options.ymin, options.ymax);
    const middle = (top + height - bottom) / 2;
    const parts = [make("rect", { x: left, y: top, width: width - left - right,
                                  height: height - top - bottom, class: "frame" })];
    for (const [at, text] of x.ticks) {
        parts.push(make("text", { x: at, y: height - bottom + 16, "text-anchor": "middle",
                                  class: "tick" }, text));
    }
    for (const [at, text] of y.ticks) {
        parts.push(make("text", { x: left - 6, y: at + 4, "text-anchor": "end",
                                  class: "tick" }, text));
    }
    parts.push(make("text", { x: (left + width) / 2, y: height - 6, class: "tick",
                              "text-anchor": "middle" }, options.xlabel));
    parts.push(make("text", { x: 14, y: middle, class: "tick", "text-anchor": "middle",
                              transform: `rotate(-90 14 ${middle})` }, options.ylabel));
    const onLeft = options.key === "left", keyX = onLeft ? left + 8 : width - right - 8;
    series.forEach((one, i) => {
        const colour = Book.colours[i % Book.colours.length];
        const stroke = { fill: "none", stroke: colour, "stroke-width": 2,
                         "stroke-dasharray": one.dash ?? "" };
        let d = "", pen = "M"; /* lifted where there is nothing to draw */
        Array.from(one.x).forEach((v, k) => {
            const [px, py] = [x.of(v), y.of(one.y[k])];
            const there = Number.isFinite(px) && Number.isFinite(py) && py <= height;
            d += there ? `${pen}${px.toFixed(1)} ${py.toFixed(1)}` : "";
            pen = there ? "L" : "M";
        });
        parts.push(make("path", { d, ...stroke }));
        const line = top + 14 + 18 * i, sign = onLeft ? 1 : -1;
        parts.push(make("path", { d: `M${keyX} ${line}h${24 * sign}`, ...stroke }));
        parts.push(make("text", { x: keyX + 30 * sign, y: line + 4, class: "key",
                                  "text-anchor": onLeft ? "start" : "end" }, one.name));
    });
    for (const mark of options.marks ?? []) {
        parts.push(make("circle", { cx: x.of(mark.x), cy: y.of(mark.y), r: 5, fill: "none",
                                    stroke: Book.colours[mark.of ?? 0],
                                    "stroke-width": 3 }));
    }
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren(...parts.filter(part =>
        !["cx", "cy"].some(key => part.getAttribute(key) === "NaN")));
};
