/* sinusoids.js: the position encoding as a map, as waves, and as products of positions. */
"use strict";
Book.live("sinusoids", async (root, engine) => {
    const part = name => root.querySelector(`[data-part=${name}]`);
    const table = name => root.querySelector(`[data-table=${name}]`);
    const FAR = 8, ROWS = 6, COLUMNS = 8;
    const range = (from, count) => Array.from({ length: count }, (_, i) => from + i);
    let PE, n, D;
    const at = (p, j) => PE.data[p * D + j];

    const explain = (p, j) => {
        const hand = Math.floor(j / 2), wave = j % 2 ? "cos" : "sin";
        const step = Math.atan2(at(1, 2 * hand), at(1, 2 * hand + 1)); /* of position 1 */
        const text = `PE(${p}, ${j}) = ${wave}(${p} / 10000^(${2 * hand}/${D})) = ` +
            `${wave}(${p} · ${step.toPrecision(3)}) = ${Book.fixed(at(p, j), 4)}. ` +
            `Hand ${hand} needs ${(2 * Math.PI / step).toPrecision(3)} positions for a turn.`;
        Book.control(root, "explained").value = text;
    };
    const choose = (p, j) => {
        Book.control(root, "position").value = p;
        Book.control(root, "element").value = j;
        root.dispatchEvent(new Event("input"));
    };
    /* A slider that reaches from 0 to most, and says where it is. */
    const slide = (name, most) => {
        const control = Book.control(root, name);
        control.max = most;
        Book.control(root, name + "_shown").value = control.value;
        return control.valueAsNumber;
    };
    const drawTable = (p, j) => {
        const rows = Math.min(ROWS, n), columns = Math.min(COLUMNS, D);
        const top = Math.min(p, n - rows), left = Math.min(j - j % 2, D - columns);
        const data = range(top, rows).flatMap(i => range(left, columns).map(c => at(i, c)));
        delete table("PE").dataset.columns; /* other headings */
        Book.table(table("PE"), { shape: [rows, columns], data }, {
            digits: 3, low: -1, high: 1, rows: range(top, rows).map(i => "position\u00a0" + i),
            columns: range(left, columns).map(String), cell: (i, c) => explain(top + i, left + c),
        });
    };
    const drawDots = (p, dots) => {
        const steps = range(0, FAR + 1);
        const data = [1, -1].flatMap(way => steps.map(k => dots.data[p + way * k] ?? NaN));
        Book.table(table("dots"), { shape: [2, FAR + 1], data }, {
            digits: 3, rows: ["after", "before"], columns: steps.map(k => "k = " + k) });
        data.forEach((x, k) => {
            if (Number.isNaN(x)) { /* there is no such position */
                table("dots").cellsOf[Math.floor(k / (FAR + 1))][k % (FAR + 1)].textContent = "-";
            }
        });
        const top = 0.625 * D, low = Math.min(...dots.data) < 0 ? -top : 0;
        Book.lines(part("dots"), [{ x: range(0, n), y: dots.data, name: "PE(" + p + ") · PE(q)" }],
                   { xlabel: "position q", ylabel: "product", ymin: low, ymax: top });
        part("dots").setAttribute("aria-label", `Products of position ${p} with all others; ` +
            "the next table has those near it");
    };
    const drawWaves = j => {
        const column = c => range(0, n).map(i => at(i, c)), sine = j - j % 2;
        Book.lines(part("waves"), [
            { x: range(0, n), y: column(sine), name: `${sine}: sine` },
            { x: range(0, n), y: column(sine + 1), name: `${sine + 1}: cosine`, dash: "6 4" },
        ], { xlabel: "position", ylabel: "PE", ymin: -1, ymax: 1 });
        part("waves").setAttribute("aria-label", `Elements ${sine} and ${sine + 1} of all ` +
            "positions, two waves; the table above has the elements near the chosen one");
    };

    part("map").setAttribute("aria-label",
        "All of PE as colours; the sliders move the chosen element, the table shows those near it");
    await Book.follow(root, async () => {
        const wanted = ["n", "D"].map(name => Number(Book.value(root, name)));
        const p = slide("position", wanted[0] - 1), j = slide("element", wanted[1] - 1);
        const [encoding, dots] = await engine.all([
            ["set", "sinusoids.n", wanted[0]], ["set", "sinusoids.D", wanted[1]],
            ["set", "sinusoids.position", p], ["run", "sinusoids.forward"],
            ["tensor", "sinusoids.PE"], ["tensor", "sinusoids.dots"],
        ]);
        [n, D] = wanted;
        PE = encoding;
        Book.heat(part("map"), PE, { low: -1, high: 1, height: 400, row: p, column: j, choose });
        drawTable(p, j);
        drawWaves(j);
        drawDots(p, dots);
        explain(p, j);
    });
});
