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

/* luminance: of an sRGB colour, from 0 to 1; on one above 0.179 black is read better. */
Book.luminance = function (rgb) {
    const [r, g, b] = rgb.map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};

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
    if (!table.cellsOf) {
        Book.adoptTable(table, options);
    }
    if (table.cellsOf.length !== rows || table.dataset.columns !== String(columns)) {
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
                cell.style.color = Book.luminance(rgb) > 0.179 ? "#000" : "#fff";
            }
        }
    }
};

/* A table whose headings and empty cells are in the page already, so that nothing moves
 * when the numbers come. */
Book.adoptTable = function (table, options) {
    table.cellsOf = Array.from(table.tBodies[0]?.rows ?? [], row =>
        [...row.cells].filter(cell => cell.tagName === "TD"));
    table.dataset.columns = table.cellsOf[0]?.length;
    if (options.cell && table.cellsOf.length > 0) {
        Book.makeCellsChoosable(table, options);
    }
};

Book.makeTable = function (table, rows, columns, options) {
    const heading = (text, scope) => {
        const th = document.createElement(text === "" ? "td" : "th");
        th.textContent = text;
        if (scope) {
            th.scope = scope;
        }
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

/* say: a text of the figure's page, <template data-say="key">; {name} becomes a value. No
 * word of a language stands in a script. */
Book.say = (root, key, values = {}) =>
    root.querySelector(`template[data-say="${key}"]`).content.textContent.trim()
        .replace(/[ \n]+/g, " ").replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

/*
 * lines: series of numbers as lines in an <svg>, with axes. Each series: {x, y, name,
 * dash}; colours are Okabe and Ito's. Options: xlabel, ylabel, xmin, xmax, ymin, ymax; log,
 * logx: the y or x axis is logarithmic (true, or a base); whole: x counts something;
 * marks: points {x, y, of} drawn as rings, in the colour of series `of`. Keys are above
 * the frame, in the text's colour: a thin line of a colour can be seen where a letter of it
 * can't be read.
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

/* axis: of: where a value is on it, between two pixels; ticks: [pixel, text]. */
Book.axis = function (values, [from, to], { log, min, max, whole }) {
    const base = log === true ? 10 : log;
    const scale = base ? v => Math.log(v) / Math.log(base) : v => v;
    const finite = values.map(scale).filter(Number.isFinite);
    const low = min !== undefined ? scale(min) : finite.length ? Math.min(...finite) : 0;
    const high = max !== undefined ? scale(max) : finite.length ? Math.max(...finite) : 1;
    const at = v => from + (v - low) / (high - low || 1) * (to - from);
    const ticks = [];
    if (base) {
        const every = Math.ceil((high - low) / (Math.abs(to - from) / 45)) || 1;
        for (let v = Math.ceil(low - 1e-9); v <= high + 1e-9; v += every) {
            ticks.push([at(v), base === 10 ? "1e" + v : String(base ** v)]);
        }
    }
    if (ticks.length < 2) {
        ticks.length = 0;
        for (let i = 0; i <= 4; i++) {
            const part = low + i / 4 * (high - low), v = whole ? Math.round(part) : part;
            ticks.push([at(v), base ? (base ** v).toExponential(0)
                                    : String(Number(v.toPrecision(3)))]);
        }
    }
    return { of: v => at(scale(v)), ticks };
};

Book.lines = function (svg, series, options = {}) {
    const width = Math.min(Math.max(svg.clientWidth || 640, 300), 640);
    const narrow = width < 500, beside = narrow ? 2 : series.length; /* keys in a row */
    const top = 18 + 18 * Math.ceil(series.length / (beside || 1));
    const left = 64, right = 14, bottom = 44, height = top + bottom + (narrow ? 200 : 240);
    const values = key => series.flatMap(one => Array.from(one[key]));
    const x = Book.axis(values("x"), [left, width - right],
                        { log: options.logx, min: options.xmin, max: options.xmax,
                          whole: options.whole });
    const y = Book.axis(values("y"), [height - bottom, top],
                        { log: options.log, min: options.ymin, max: options.ymax });
    const parts = [], make = (...what) => parts.push(Book.svg(...what));
    const write = (x, y, text, anchor, more) =>
        make("text", { x, y, "text-anchor": anchor, fill: "currentColor", ...more }, text);

    make("rect", { x: left, y: top, width: width - left - right,
                   height: height - top - bottom, class: "frame", fill: "none",
                   stroke: "currentColor", "stroke-opacity": 0.4 });
    x.ticks.forEach(([at, text]) =>
        write(at, height - bottom + 16, text, "middle", { class: "tick" }));
    y.ticks.forEach(([at, text]) => write(left - 6, at + 4, text, "end", { class: "tick" }));
    const middle = (top + height - bottom) / 2;
    write((left + width - right) / 2, height - 6, options.xlabel, "middle");
    write(14, middle, options.ylabel, "middle", { transform: `rotate(-90 14 ${middle})` });
    series.forEach((one, i) => {
        const look = { fill: "none", stroke: Book.colours[i % Book.colours.length],
                       "stroke-width": 2, "stroke-dasharray": one.dash ?? "" };
        let d = "", pen = "M"; /* lifted where there is nothing to draw */
        Array.from(one.x).forEach((v, k) => {
            const px = x.of(v), py = y.of(one.y[k]);
            const there = Number.isFinite(px) && Number.isFinite(py);
            d += there ? `${pen}${px.toFixed(1)} ${py.toFixed(1)}` : "";
            pen = there ? "L" : "M";
        });
        make("path", { d, ...look });
        const keyX = left + (i % beside) * (width - left - right) / beside;
        const keyY = 20 + 18 * Math.floor(i / beside);
        make("path", { d: `M${keyX} ${keyY}h28`, ...look });
        write(keyX + 34, keyY + 4, one.name, "start", { class: "key" });
    });
    for (const mark of options.marks ?? []) {
        const cx = x.of(mark.x), cy = y.of(mark.y);
        if (Number.isFinite(cx) && Number.isFinite(cy)) {
            make("circle", { cx, cy, r: 5, fill: "none", "stroke-width": 3,
                             stroke: Book.colours[(mark.of ?? 0) % Book.colours.length] });
        }
    }
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("role", "img");
    svg.replaceChildren(...parts);
};

/*
 * heat: a matrix {shape, data} as a picture on a <canvas>, for more elements than a table
 * can show; never alone: the canvas has a label, and sliders or a table have its numbers.
 * Options: low, high: what is dark and bright; height: of all rows, in pixels of 640;
 * row, column: pointed at; choose(i, j): called for an element that was clicked.
 */
Book.heat = function (canvas, matrix, options) {
    const { low, high, row, column, choose } = options, margin = 14;
    const columns = matrix.shape[matrix.shape.length - 1];
    const rows = matrix.data.length / columns;
    const width = Math.max(Math.floor((640 - 2 * margin) / columns), 1);
    const height = Math.max(Math.round((options.height ?? rows * width) / rows), 1);
    const paint = canvas.getContext("2d");
    canvas.width = columns * width + 2 * margin;
    canvas.height = rows * height + 2 * margin;
    matrix.data.forEach((x, k) => {
        paint.fillStyle = `rgb(${Book.viridis((x - low) / (high - low))})`;
        paint.fillRect(margin + k % columns * width,
                       margin + Math.floor(k / columns) * height, width, height);
    });
    paint.fillStyle = getComputedStyle(canvas).color;
    const arrow = (x, y, dx, dy) => { /* its point at x, y; it comes from -dx, -dy */
        paint.beginPath();
        paint.moveTo(x, y);
        paint.lineTo(x - 11 * dx + 6 * dy, y - 11 * dy + 6 * dx);
        paint.lineTo(x - 11 * dx - 6 * dy, y - 11 * dy - 6 * dx);
        paint.fill();
    };
    if (row !== undefined) {
        const y = margin + (row + 0.5) * height;
        arrow(margin - 1, y, 1, 0);
        arrow(canvas.width - margin + 1, y, -1, 0);
    }
    if (column !== undefined) {
        const x = margin + (column + 0.5) * width;
        arrow(x, margin - 1, 0, 1);
        arrow(x, canvas.height - margin + 1, 0, -1);
    }
    canvas.onclick = event => {
        const box = canvas.getBoundingClientRect(), scale = canvas.width / box.width;
        const place = (x, size, count) =>
            Math.min(Math.max(Math.floor((x * scale - margin) / size), 0), count - 1);
        choose?.(place(event.clientY - box.top, height, rows),
                 place(event.clientX - box.left, width, columns));
    };
};
