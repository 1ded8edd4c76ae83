/* scale.js: softmax(q.k / d_k^p), for d_k from 4 to 1024: how sharp, for which p. */
"use strict";
Book.live("scale", async (root, engine) => {
    const sizes = Array.from({ length: 9 }, (_, i) => 4 << i), measures = 3;
    const curve = root.querySelector("[data-plot=curve]");
    const bars = root.querySelector("[data-plot=weights]");
    const names = Book.say(root, "measures").split("; ");
    const columns = Book.say(root, "columns").split(", ");
    const at = (power, size) => engine.all([
        ["set", "scale.power", power], ["set", "scale.size", size],
        ["run", "scale.measure"], ["tensor", "scale.sharpness"],
        ["tensor", "scale.weights"]]);

    /* Two rows of 64 bars, each from 0 to 1. */
    const drawBars = (plain, yours) => {
        const width = Math.min(Math.max(bars.clientWidth, 300), 640) || 640;
        const left = 64, tall = 70, gap = 12, step = (width - left - 8) / plain.length;
        const parts = [];
        [plain, yours].forEach((weights, row) => {
            const bottom = 8 + tall + row * (tall + gap);
            const label = Book.say(root, row ? "yours" : "plain");
            const write = (y, text) => parts.push(Book.svg(
                "text", { x: left - 6, y, "text-anchor": "end", class: "tick",
                          fill: "currentColor" }, text));
            write(bottom - tall + 8, "1");
            write(bottom - tall / 2 + 4, label);
            write(bottom, "0");
            weights.forEach((weight, j) => parts.push(Book.svg(
                "rect", { x: left + j * step, y: bottom - tall * weight,
                          width: step - 1, height: tall * weight,
                          fill: Book.colours[row ? 2 : 0] })));
            parts.push(Book.svg("path", { d: `M${left} ${bottom + 0.5}h${width - left - 8}`,
                                          stroke: "currentColor", "stroke-opacity": 0.4 }));
        });
        bars.setAttribute("viewBox", `0 0 ${width} ${2 * tall + gap + 16}`);
        bars.replaceChildren(...parts);
    };

    await Book.follow(root, async () => {
        const size = Book.value(root, "size"), power = Book.value(root, "power");
        const measure = Number(Book.value(root, "measure"));
        Book.control(root, "shown-d_k").value = sizes[size];
        Book.control(root, "shown-power").value = power.toFixed(2);
        Book.control(root, "caption-power").value = power.toFixed(2);
        const [plain, first] = await at(0, size);
        const [half] = await at(0.5, size);
        const [yours, mine] = await at(power, size);

        const column = table => sizes.map((_, i) => table.data[i * measures + measure]);
        Book.lines(curve, [
            { x: sizes, y: column(plain), name: Book.say(root, "plain") },
            { x: sizes, y: column(half), name: Book.say(root, "root"), dash: "6 4" },
            { x: sizes, y: column(yours), name: Book.say(root, "yours"), dash: "2 3" },
        ], { logx: 2, xlabel: "d_k", ylabel: names[measure], ymin: 0,
             ymax: [Math.log(64), 1, 0.4][measure],
             marks: [plain, half, yours].map((table, of) => (
                 { x: sizes[size], y: column(table)[size], of })) });
        drawBars(Array.from(first.data), Array.from(mine.data));
        for (const [name, { data }] of [["plain", first], ["yours", mine]]) {
            Book.control(root, "largest-" + name).value = Math.max(...data).toFixed(3);
        }
        const lines = Array.from({ length: first.data.length / 8 }, (_, i) => 8 * i);
        Book.table(root.querySelector("[data-table=bars]"),
                   { shape: [2 * lines.length, 8], data: [...first.data, ...mine.data] },
                   { digits: 3, columns: Array.from({ length: 8 }, (_, j) => "+ " + j),
                     rows: ["plain", "yours"].flatMap(
                         key => lines.map(at => `${Book.say(root, key)}, ${at}`)) });
        const rows = sizes.flatMap((_, i) => [plain, yours].flatMap(
            ({ data }) => [...data.slice(i * measures, (i + 1) * measures)]));
        Book.table(root.querySelector("[data-table=all]"), { shape: [9, 6], data: rows },
                   { rows: sizes.map(d_k => "d_k = " + d_k), columns,
                     format: (x, i, j) => x.toFixed(j % measures === 2 ? 4 : 3) });
    });
});
