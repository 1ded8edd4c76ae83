/* block.js: tokens on their way through an encoder block; each element explains itself. */
"use strict";
Book.live("block", async (root, engine) => {
    const D = 64, TOKENS = 5;
    /* As ./chapter4 prints them. What makes each step: a sum of two steps, a layer norm of
     * one, attention or the MLP. */
    const sum = (text, a, b) => ({ text, kind: "sum", of: [a, b] });
    const norm = (text, number, of) => ({ text, kind: "norm", number, of });
    const ways = [
        [{ text: "z", kind: "in" }, norm("LN(z)", 1, 0), { text: "MSA(LN(z))", kind: "msa" },
         sum("z' = MSA(LN(z)) + z", 2, 0), norm("LN(z')", 2, 3),
         { text: "MLP(LN(z'))", kind: "mlp" }, sum("y = MLP(LN(z')) + z'", 5, 3)],
        [{ text: "z", kind: "in" }, { text: "MSA(z)", kind: "msa" }, sum("z + MSA(z)", 0, 1),
         norm("z' = LN(z + MSA(z))", 1, 2), { text: "MLP(z')", kind: "mlp" },
         sum("z' + MLP(z')", 3, 4), norm("y = LN(z' + MLP(z'))", 2, 5)],
    ];
    const names = ["steps", "mean", "rms", "mean1", "rstd1", "gamma1", "beta1", "mean2", "rstd2",
                   "gamma2", "beta2", "A", "concat", "W_O", "b_O", "hidden", "W_2", "b_2"];
    const T = {};
    const table = root.querySelector("[data-table=steps]");
    const control = name => Book.control(root, name);
    const f = (x, digits = 3) => Book.fixed(x, digits);
    const say = (key, values) => Book.say(root, key, values);
    const range = count => Array.from({ length: count }, (_, i) => i);
    const at = (step, token, j) => T.steps.data[(step * TOKENS + token) * D + j];

    /* What a layer norm did. */
    const explainNorm = ({ number, of }, token, j) => {
        const its = name => T[name + number].data, x = at(of, token, j);
        const mean = its("mean")[token], rstd = its("rstd")[token];
        return say("norm", { mean: f(mean), rstd: f(rstd), token, x: f(x),
                             gamma: f(its("gamma")[j], 2), beta: f(its("beta")[j], 2) });
    };
    /* What each head adds, through its columns of W_O (D, D), and whom it looks at most. */
    const explainMsa = (token, j) => {
        const heads = T.A.shape[1], d_k = D / heads;
        return range(heads).map(h => {
            const looks = range(TOKENS).map(t => T.A.data[(h * TOKENS + token) * TOKENS + t]);
            const most = looks.indexOf(Math.max(...looks));
            const adds = range(d_k).reduce((total, c) => total +
                T.concat.data[token * D + h * d_k + c] * T.W_O.data[j * D + h * d_k + c], 0);
            return say("head", { head: h + 1, adds: f(adds), most, weight: f(looks[most], 2) });
        }).join("; ") + say("and-bias", { bias: f(T.b_O.data[j], 2) });
    };
    /* The hidden units that add most, of M: hidden unit times its W_2. */
    const explainMlp = (token, j) => {
        const M = T.hidden.shape[2];
        const adds = range(M).map(m => T.hidden.data[token * M + m] * T.W_2.data[j * M + m]);
        const most = range(M).sort((a, b) => Math.abs(adds[b]) - Math.abs(adds[a])).slice(0, 3);
        const product = m =>
            say("unit", { m, hidden: f(T.hidden.data[token * M + m]),
                          weight: f(T.W_2.data[j * M + m]) });
        return say("mlp", { M, most: most.map(product).join("; ") }) +
            say("and-bias", { bias: f(T.b_2.data[j], 2) });
    };
    const explain = (way, step, token, j) => {
        const one = way[step];
        const how = {
            in: () => say("in"),
            sum: () => one.of.map(s => `${f(at(s, token, j))} (${way[s].text})`).join(" + "),
            norm: () => explainNorm(one, token, j),
            msa: () => explainMsa(token, j),
            mlp: () => explainMlp(token, j),
        }[one.kind]();
        return say("explained", { step: one.text, token, j, how, x: f(at(step, token, j)) });
    };

    /* A row for each step: the token's mean and rms, and a picture of all tokens. */
    const rows = range(7).map(step => {
        const row = (table.tBodies[0] ?? table.createTBody()).insertRow();
        const heading = document.createElement("th"), canvas = document.createElement("canvas");
        heading.scope = "row";
        row.append(heading);
        const mean = row.insertCell(), rms = row.insertCell(), picture = row.insertCell();
        canvas.setAttribute("role", "img");
        picture.append(canvas);
        return { row, heading, canvas, mean, rms };
    });
    const head = table.createTHead().insertRow();
    for (const text of say("columns").split(" | ")) {
        const heading = document.createElement("th");
        heading.textContent = text;
        heading.scope = "col";
        head.append(heading);
    }
    const choose = (step, token, element) => {
        Object.entries({ step, token, element }).forEach(([name, value]) => {
            control(name).value = value;
        });
        root.dispatchEvent(new Event("input"));
    };
    const draw = (way, token, chosen, j) => {
        table.caption.textContent = say("caption", { token });
        rows.forEach(({ row, heading, canvas, mean, rms }, step) => {
            const here = step === chosen;
            heading.textContent = (here ? "▶ " : "") + way[step].text;
            row.classList.toggle("chosen", here);
            mean.textContent = f(T.mean.data[step * TOKENS + token]).replace("-0.000", "0.000");
            rms.textContent = f(T.rms.data[step * TOKENS + token]);
            const data = T.steps.data.slice(step * TOKENS * D, (step + 1) * TOKENS * D);
            canvas.setAttribute("aria-label", say("picture", { step: way[step].text }));
            Book.heat(canvas, { shape: [TOKENS, D], data },
                      { low: -3, high: 3, row: here ? token : undefined,
                        column: here ? j : undefined,
                        choose: (t, c) => choose(step, t, c) });
        });
    };
    const fillSteps = way => {
        const chosen = control("step").value || "1";
        control("step").replaceChildren(...way.map(({ text }, step) => new Option(text, step)));
        control("step").value = chosen;
    };

    await Book.follow(root, async () => {
        const place = Number(root.querySelector("[name=norm]:checked").value);
        const silent = Book.value(root, "silent"), times = Number(Book.value(root, "times"));
        const results = await engine.all([
            ["set", "block.norm", place], ["set", "block.branches", 1 - silent],
            ["set", "block.times", times], ["run", "block.forward"],
            ...names.map(name => ["tensor", "block." + name]),
            ["get", "block.y_from_z"], ["get", "block.dz_from_dy"],
        ]);
        names.forEach((name, k) => { T[name] = results[k]; });
        const way = ways[place];
        fillSteps(way);
        const [token, step, j] = ["token", "step", "element"].map(
            name => Number(Book.value(root, name)));
        control("element_shown").value = j;
        control("explained").value = explain(way, step, token, j);
        draw(way, token, step, j);
        const data = range(D).flatMap(c => range(7).map(s => at(s, token, c)));
        Book.table(root.querySelector("[data-table=elements]"), { shape: [D, 7], data },
                   { digits: 3, columns: way.map(({ text }) => text), rows: range(D).map(String) });
        const [y, dz] = results.slice(names.length);
        control("road").value = say("road", { y: f(y), dz: f(dz) });
    });
});
