/* heads.js: the same tokens through h heads; each cell explains itself. */
"use strict";
Book.live("heads", async (root, engine) => {
    const names = ["z", "W_qkv", "b_qkv", "qkv", "A", "concat", "W_O", "b_O", "Y"];
    const table = name => root.querySelector(`[data-table=${name}]`);
    const part = root.querySelector("[data-part=A]");
    const T = {}; /* the tensors, by name */
    let n, D, h, d_k, chosen = { what: "A", i: 0, j: 2, head: 1 };

    const at = (name, i, j) => T[name].data[i * T[name].shape.at(-1) + j];
    const f = x => Book.fixed(x, 3);
    const weight = (head, i, j) => T.A.data[(head * n + i) * n + j];
    const sum = list => list.reduce((total, x) => total + x, 0);
    const range = count => Array.from({ length: count }, (_, i) => i);

    /* "1.69 * 0.54 + -0.61 * -1.43"; of many terms the first four */
    const products = pairs => pairs.slice(0, 4).map(([a, b]) => `${f(a)} · ${f(b)}`).join(" + ") +
        (pairs.length > 4 ? ` + ... (${pairs.length} products)` : "");

    const explain = {
        z: ({ i, j }) => [`Element ${j} of token ${i}, as it came in: ${f(at("z", i, j))}. ` +
                          "Every head reads all of them."],
        qkv({ i, j }) {
            const which = Math.floor(j / D), head = Math.floor(j % D / d_k);
            const pairs = range(D).map(c => [at("z", i, c), at("W_qkv", j, c)]);
            return [`Column ${j % D % d_k} of ${"qkv"[which]} of head ${head + 1}, for ` +
                    `token ${i}: the whole token times row ${j} of W_qkv, and its bias.`,
                    `${products(pairs)} + ${f(T.b_qkv.data[j])} = ${f(at("qkv", i, j))}`];
        },
        A({ head, i, j }) {
            const q = c => at("qkv", i, head * d_k + c);
            const key = (t, c) => at("qkv", t, D + head * d_k + c);
            const scores = range(n).map(
                t => sum(range(d_k).map(c => q(c) * key(t, c))) / Math.sqrt(d_k));
            const most = Math.max(...scores), exps = scores.map(s => Math.exp(s - most));
            return [`Head ${head + 1}: how much token ${i} looks at token ${j}. Its query times ` +
                    `that key, over sqrt(${d_k}):`,
                    `(${products(range(d_k).map(c => [q(c), key(j, c)]))}) / ` +
                    `${f(Math.sqrt(d_k))} = ${f(scores[j])}`,
                    `Softmax of the row's scores ${scores.map(f).join(", ")}: less the largest, ` +
                    `exp gives ${exps.map(f).join(", ")}, together ${f(sum(exps))}.`,
                    `${f(exps[j])} / ${f(sum(exps))} = ${f(weight(head, i, j))}`];
        },
        concat({ i, j }) {
            const head = Math.floor(j / d_k);
            const pairs = range(n).map(t => [weight(head, i, t), at("qkv", t, 2 * D + j)]);
            return [`Column ${j % d_k} of head ${head + 1}'s result for token ${i}: each ` +
                    "token's value, times how much it is looked at.",
                    `${products(pairs)} = ${f(at("concat", i, j))}`];
        },
        Y({ i, j }) {
            const added = range(h).map(head => sum(range(d_k).map(c =>
                at("concat", i, head * d_k + c) * at("W_O", j, head * d_k + c))));
            return [`What each head adds to element ${j} of token ${i}, through its own rows ` +
                    "of W^O:",
                    added.map((x, head) => `head ${head + 1}: ${f(x)}`).join(", ") +
                    `; bias: ${f(T.b_O.data[j])}. Together ${f(at("Y", i, j))}`];
        },
    };
    const show = cell => {
        chosen = cell;
        const lines = explain[cell.what](cell);
        const output = Book.control(root, "explained");
        output.replaceChildren(...lines.flatMap(line => [line, document.createElement("br")]));
    };

    const tokens = () => range(n).map(i => "token\u00a0" + i);
    const ofHeads = letter => range(D).map(c => letter + (Math.floor(c / d_k) + 1));
    const draw = (name, columns) => {
        const largest = Math.max(...T[name].data.map(Math.abs));
        Book.table(table(name), T[name], {
            digits: 2, low: -largest, high: largest, rows: tokens(), columns,
            cell: (i, j) => show({ what: name, i, j }),
        });
    };
    const drawHead = head => {
        const data = T.A.data.slice(head * n * n, (head + 1) * n * n);
        Book.table(table("A" + (head + 1)), { shape: [n, n], data }, {
            digits: 2, low: 0, high: 1, rows: tokens(), columns: range(n).map(j => "to " + j),
            cell: (i, j) => show({ what: "A", head, i, j }),
        });
    };
    /* A table for each head; and the others' headings, which say whose a column is. */
    const makeTables = () => {
        part.replaceChildren(...range(h).map(head => {
            const box = document.createElement("div"), one = document.createElement("table");
            box.className = "wide";
            box.append(one);
            one.dataset.table = "A" + (head + 1);
            one.createCaption().textContent = `A of head ${head + 1}`;
            return box;
        }));
        ["z", "qkv", "concat", "Y"].forEach(name => { delete table(name).dataset.columns; });
    };
    const possible = () => {
        for (const option of Book.control(root, "h").options) {
            option.disabled = D % Number(option.value) !== 0;
        }
    };

    await Book.follow(root, async () => {
        const [was_n, was_D, was_h] = [n, D, h];
        [n, D, h] = ["n", "D", "h"].map(name => Number(Book.value(root, name)));
        d_k = D / h;
        const results = await engine.all([
            ["set", "heads.n", n], ["set", "heads.D", D], ["set", "heads.h", h],
            ["run", "heads.forward"], ...names.map(name => ["tensor", "heads." + name]),
        ]);
        names.forEach((name, k) => { T[name] = results[k]; });
        possible();
        if (n !== was_n || D !== was_D || h !== was_h) {
            makeTables();
        }
        draw("z", range(D).map(String));
        draw("qkv", ["q", "k", "v"].flatMap(ofHeads));
        range(h).forEach(drawHead);
        draw("concat", ofHeads("head "));
        draw("Y", range(D).map(String));
        show({ what: chosen.what, head: Math.min(chosen.head ?? 0, h - 1),
               i: Math.min(chosen.i, n - 1),
               j: Math.min(chosen.j, chosen.what === "A" ? n - 1 : D - 1) });
    });
});
