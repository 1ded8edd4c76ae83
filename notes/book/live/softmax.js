/* softmax.js: one score moves; softmax with and without the maximum taken out. */
"use strict";
Book.live("softmax", async (root, engine) => {
    const table = root.querySelector("[data-table=rows]");
    const others = [2, 3, 0, -1];
    await Book.follow(root, async () => {
        const score = Book.value(root, "score");
        Book.control(root, "shown").value = score.toFixed(1);
        const [safe, plain] = await engine.all([
            ["write", "softmax.S", [score, ...others]], ["run", "softmax.forward"],
            ["tensor", "softmax.A"], ["tensor", "softmax.without_max"],
        ]);
        const rows = [score, ...others, ...safe.data, ...plain.data];
        Book.table(table, { shape: [3, 5], data: rows },
                   { digits: 4, rows: ["scores", "maximum taken out", "as written"] });
    });
});
