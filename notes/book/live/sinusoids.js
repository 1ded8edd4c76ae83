/* sinusoids.js: the position encoding as a map, as waves, and as products of positions. */
"use strict";
Book.live("sinusoids", async (root, engine) => {
    const part = name => root.querySelector(`[data-part=${name}]`);
    const table = name => root.querySelector(`[data-table=${name}]`);
    const FAR = 8, ROWS = 6, COLUMNS = 8;
    const range = (from, count) => Array.from({ length: count }, (_, i) => from + i);
    const say = (key, values) => Book.say(root, key, values);
    let PE, n, D;
    const at = (p, j) => PE.data[p * D + j];

    const explain = (p, j) => {
        const hand = Math.floor(j / 2), wave = j % 2 ? "cos" : "sin";
        const step = Math.atan2(at(1, 2 * hand), at(1, 2 * hand + 1)); /* of position 1 */
        Book.control(root, "explained").value =
            `PE(${p}, ${j}) = ${wave}(${p} / 10000^(${2 * hand}/${D})) = ` +
            `${wave}(${p} · ${step.toPrecision(3)}) = ${Book.fixed(at(p, j), 4)}. ` +
            say("hand", { hand, turn: (2 * Math.PI / step).toPrecision(3) });
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
            digits: 3, low: -1, high: 1, rows: range(top, rows).map(i => say("position", { i })),
            columns: range(left, columns).map(String), cell: (i, c) => explain(top + i, left + c),
        });
    };
    const drawDots = (p, dots) => {
        const steps = range(0, FAR + 1);
        const data = [1, -1].flatMap(way => steps.map(k => dots.data[p + way * k] ?? NaN));
        Book.table(table("dots"), { shape: [2, FAR + 1], data }, {
            digits: 3, rows: [say("after"), say("before")], columns: steps.map(k => "k = " + k) });
        data.forEach((x, k) => {
            if (Number.isNaN(x)) { /* there is no such position */
                table("dots").cellsOf[Math.floor(k / (FAR + 1))][k % (FAR + 1)].textContent = "-";
            }
        });
        const top = 0.625 * D, low = Math.min(...dots.data) < 0 ? -top : 0;
        Book.lines(part("dots"), [{ x: range(0, n), y: dots.data, name: "PE(" + p + ") · PE(q)" }],
                   { xlabel: say("q"), ylabel: say("product"), ymin: low, ymax: top });
        part("dots").setAttribute("aria-label", say("dots", { p }));
    };
    const drawWaves = j => {
        const column = c => range(0, n).map(i => at(i, c)), sine = j - j % 2;
        Book.lines(part("waves"), [
            { x: range(0, n), y: column(sine), name: `${sine}: ${say("sine")}` },
            { x: range(0, n), y: column(sine + 1), name: `${sine + 1}: ${say("cosine")}`,
              dash: "6 4" },
        ], { xlabel: say("p"), ylabel: "PE", ymin: -1, ymax: 1 });
        part("waves").setAttribute("aria-label", say("waves", { sine, cosine: sine + 1 }));
    };

    part("map").setAttribute("aria-label", say("map"));
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
