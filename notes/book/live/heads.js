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
    const say = (key, values) => Book.say(root, key, values);
    const weight = (head, i, j) => T.A.data[(head * n + i) * n + j];
    const sum = list => list.reduce((total, x) => total + x, 0);
    const range = count => Array.from({ length: count }, (_, i) => i);

    /* "1.69 * 0.54 + -0.61 * -1.43"; of many terms the first four */
    const products = pairs => pairs.slice(0, 4).map(([a, b]) => `${f(a)} · ${f(b)}`).join(" + ") +
        (pairs.length > 4 ? " + " + say("more", { count: pairs.length }) : "");

    const explain = {
        z: ({ i, j }) => [say("z", { i, j, x: f(at("z", i, j)) })],
        qkv({ i, j }) {
            const which = Math.floor(j / D), head = Math.floor(j % D / d_k);
            const pairs = range(D).map(c => [at("z", i, c), at("W_qkv", j, c)]);
            return [say("qkv", { column: j % D % d_k, letter: "qkv"[which], head: head + 1, i, j }),
                    `${products(pairs)} + ${f(T.b_qkv.data[j])} = ${f(at("qkv", i, j))}`];
        },
        A({ head, i, j }) {
            const q = c => at("qkv", i, head * d_k + c);
            const key = (t, c) => at("qkv", t, D + head * d_k + c);
            const scores = range(n).map(
                t => sum(range(d_k).map(c => q(c) * key(t, c))) / Math.sqrt(d_k));
            const most = Math.max(...scores), exps = scores.map(s => Math.exp(s - most));
            return [say("A", { head: head + 1, i, j, d_k }),
                    `(${products(range(d_k).map(c => [q(c), key(j, c)]))}) / ` +
                    `${f(Math.sqrt(d_k))} = ${f(scores[j])}`,
                    say("softmax", { scores: scores.map(f).join(", "),
                                     exps: exps.map(f).join(", "), sum: f(sum(exps)) }),
                    `${f(exps[j])} / ${f(sum(exps))} = ${f(weight(head, i, j))}`];
        },
        concat({ i, j }) {
            const head = Math.floor(j / d_k);
            const pairs = range(n).map(t => [weight(head, i, t), at("qkv", t, 2 * D + j)]);
            return [say("concat", { column: j % d_k, head: head + 1, i }),
                    `${products(pairs)} = ${f(at("concat", i, j))}`];
        },
        Y({ i, j }) {
            const added = range(h).map(head => sum(range(d_k).map(c =>
                at("concat", i, head * d_k + c) * at("W_O", j, head * d_k + c))));
            const each = added.map((x, k) => `${say("head", { head: k + 1 })}: ${f(x)}`);
            return [say("Y", { i, j }),
                    say("sum", { added: each.join(", "), bias: f(T.b_O.data[j]),
                                 x: f(at("Y", i, j)) })];
        },
    };
    const show = cell => {
        chosen = cell;
        const lines = explain[cell.what](cell);
        const output = Book.control(root, "explained");
        output.replaceChildren(...lines.flatMap(line => [line, document.createElement("br")]));
    };

    const tokens = () => range(n).map(i => say("token", { i }));
    const headOf = c => Math.floor(c / d_k) + 1;
    const ofHeads = letter => range(D).map(c => letter + headOf(c));
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
            digits: 2, low: 0, high: 1, rows: tokens(), columns: range(n).map(j => say("to", { j })),
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
            one.createCaption().textContent = say("caption", { head: head + 1 });
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
        draw("concat", range(D).map(c => say("head", { head: headOf(c) })));
        draw("Y", range(D).map(String));
        show({ what: chosen.what, head: Math.min(chosen.head ?? 0, h - 1),
               i: Math.min(chosen.i, n - 1),
               j: Math.min(chosen.j, chosen.what === "A" ? n - 1 : D - 1) });
    });
});
