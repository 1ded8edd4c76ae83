/* softmax.js: three scores move; softmax with and without the maximum taken out. */
"use strict";
Book.live("softmax", async (root, engine) => {
    const table = root.querySelector("[data-table=rows]");
    const weights = [2, 5]; /* the rows of the table that are weights */

    const buttons = { small: 0, large: 999 };
    for (const [name, added] of Object.entries(buttons)) {
        Book.control(root, name).addEventListener("click", event => {
            Book.control(root, "score").value = 3;
            Book.control(root, "added").value = added;
            event.target.dispatchEvent(new Event("input", { bubbles: true }));
        });
    }

    /* A weight is a bar, too. */
    const bar = (cell, weight) => {
        const part = Number.isFinite(weight) ? 100 * weight : 0;
        cell.style.background = `linear-gradient(90deg, rgb(86 180 233 / 45%) ${part}%, ` +
                                `transparent ${part}%)`;
    };

    await Book.follow(root, async () => {
        const score = Book.value(root, "score"), added = Book.value(root, "added");
        Book.control(root, "shown-score").value = score.toFixed(1);
        Book.control(root, "shown-added").value = added;
        const scores = [1, 2, score].map(s => s + added);
        const [off, ...tensors] = await engine.all([
            ["write", "softmax.S", scores], ["run", "softmax.forward"],
            ["get", "softmax.off"],
            ["tensor", "softmax.S"], ["tensor", "softmax.exp_S"],
            ["tensor", "softmax.without_max"], ["tensor", "softmax.less_max"],
            ["tensor", "softmax.exp_less_max"], ["tensor", "softmax.A"],
        ]);
        const data = tensors.flatMap(({ data: row }) => [...row, NaN].slice(0, 4));
        const format = (x, i, j) => j === 3 && i % 3 !== 1 ? "" : Book.general(x, 7);
        Book.table(table, { shape: [6, 4], data }, { format });
        for (const i of weights) {
            table.cellsOf[i].slice(0, 3).forEach((cell, j) => bar(cell, data[4 * i + j]));
        }
        Book.control(root, "off").value = Book.general(off, 2);
    });
});
