/* gelu.js: a point moves along GELU; its tangent, its slope, and ReLU's. */
"use strict";
Book.live("gelu", async (root, engine) => {
    const curves = root.querySelector("[data-plot=curves]");
    const slopes = root.querySelector("[data-plot=slopes]");
    const table = root.querySelector("[data-table=point]");

    await Book.follow(root, async () => {
        await engine.set("gelu.point", Book.value(root, "x"));
        await engine.run("gelu.forward");
        const [X, GELU, dGELU, ReLU, dReLU] = await engine.all(
            ["X", "GELU", "dGELU", "ReLU", "dReLU"].map(name => ["tensor", "gelu." + name]));
        const last = X.data.length - 1; /* the point comes after the curve */
        const [x, y, slope] = [X.data[last], GELU.data[last], dGELU.data[last]];
        const curve = tensor => tensor.data.slice(0, last);
        /* ReLU's slope jumps at 0: nothing is drawn between the two points beside it. */
        const jump = X.data.findIndex(at => at > 0);
        const torn = (tensor, inside) => [...curve(tensor).slice(0, jump), inside,
                                          ...curve(tensor).slice(jump)];
        Book.control(root, "shown").value = x.toFixed(2);

        /* Of the tangent, what is in the picture: from x - 2 to x + 2, and y from -1. */
        const from = Math.max(-3, x - 2), to = Math.min(3, x + 2);
        const tangent = { x: [], y: [] };
        for (let i = 0; i <= 80; i++) {
            const at = from + i / 80 * (to - from), height = y + slope * (at - x);
            if (height >= -1 && height <= 3) {
                tangent.x.push(at);
                tangent.y.push(height);
            }
        }
        Book.lines(curves, [
            { x: curve(X), y: curve(GELU), name: "GELU(x)" },
            { x: curve(X), y: curve(ReLU), name: "ReLU(x)", dash: "6 4" },
            { ...tangent, name: Book.say(root, "tangent") },
        ], { xlabel: "x", ylabel: "", ymin: -1, ymax: 3, marks: [{ x, y }] });
        Book.lines(slopes, [
            { x: curve(X), y: curve(dGELU), name: "GELU'(x)" },
            { x: torn(X, 0), y: torn(dReLU, NaN), name: "ReLU'(x)", dash: "6 4" },
        ], { xlabel: "x", ylabel: Book.say(root, "slope"), ymin: -0.5, ymax: 1.5,
             marks: [{ x, y: slope }] });
        const numbers = [y, ReLU.data[last], slope, dReLU.data[last]];
        Book.table(table, { shape: [2, 2], data: numbers }, { digits: 6 });
    });
});
