/* shuffle.js: shuffled tokens, and what becomes of their results. */
"use strict";
Book.live("shuffle", async (root, engine) => {
    const TOKENS = 6, SHOWN = 2;
    const table = root.querySelector("[data-table=rows]");
    const kinds = root.querySelector("[data-table=kinds]");
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    const say = (key, values) => Book.say(root, key, values);
    let order = [], shuffles = 0;

    /* 1.2e-07, as printf prints it */
    const printed = x => x.toExponential(1).replace(/([+-])(\d)$/, "$10$2");
    const cell = (row, text, tag = "td") => {
        const element = document.createElement(tag);
        element.textContent = text;
        row.append(element);
        return element;
    };
    /* Two rows of headings, and a row for each token, which keeps it wherever it goes. */
    const head = table.createTHead(), titles = head.insertRow(), body = table.createTBody();
    say("columns").split(" | ").forEach((title, k) => {
        const heading = cell(titles, title, "th");
        heading.colSpan = k >= 2 && k <= 4 ? SHOWN : 1; /* z, and its two results */
        heading.scope = heading.colSpan > 1 ? "colgroup" : "col";
    });
    const rows = Array.from({ length: TOKENS }, () => {
        const row = body.insertRow();
        cell(row, "", "th").scope = "row";
        for (let j = 0; j < 3 * SHOWN + 3; j++) {
            cell(row, "");
        }
        return row;
    });

    /* Rows go to their new places: moved at once, and drawn on their way there. */
    const travel = () => {
        const before = rows.map(row => row.offsetTop);
        body.append(...order.map(token => rows[token]));
        rows.forEach((row, token) => {
            const way = before[token] - row.offsetTop;
            if (way !== 0 && !still.matches) {
                row.animate([{ transform: `translateY(${way}px)` }, { transform: "none" }],
                            { duration: 700, easing: "ease-in-out" });
            }
        });
    };
    const write = (places, { tokens, moved, again, apart }) => {
        const first = (T, i) => Array.from({ length: SHOWN }, (_, j) =>
            Book.fixed(T.data[i * T.shape[1] + j], 3));
        places.forEach((token, i) => {
            const far = apart.data[i];
            const texts = [i + 1, say("token", { token: token + 1 }), ...first(tokens, token),
                           ...first(moved, i), ...first(again, i), printed(far),
                           say(far < 1e-5 ? "same" : "other")];
            texts.forEach((text, j) => { rows[token].cells[j].textContent = text; });
        });
    };

    const change = async make => {
        try {
            await make();
            root.dispatchEvent(new Event("input"));
        } catch (error) {
            Book.showError(root, error);
        }
    };
    const put = places => engine.write("shuffle.order", places);
    Book.control(root, "shuffle").addEventListener("click", () => change(async () => {
        shuffles++;
        await engine.all([["set", "shuffle.shuffles", shuffles], ["run", "shuffle.shuffle"]]);
    }));
    Book.control(root, "own").addEventListener("click", () => change(
        () => put(order.map((_, i) => i))));
    Book.control(root, "swap").addEventListener("click", () => change(() => {
        const [i, j] = ["one", "other"].map(name => Book.value(root, name) - 1);
        const places = [...order];
        [places[i], places[j]] = [order[j], order[i]];
        return put(places);
    }));

    await engine.run("shuffle.shuffle");
    await Book.follow(root, async () => {
        const kind = Number(root.querySelector("[name=kind]:checked").value);
        const sigma = Book.value(root, "sigma");
        Book.control(root, "sigma_shown").value = sigma.toFixed(2);
        const with_kind = k => [["set", "shuffle.kind", k], ["run", "shuffle.forward"]];
        const [none, waves, learned, places, tokens, moved, again, apart] = await engine.all([
            ["set", "shuffle.sigma", sigma],
            ...[0, 1, 2].flatMap(k => [...with_kind(k), ["get", "shuffle.difference"]]),
            ...with_kind(kind),
            ...["order", "tokens", "moved", "again", "apart"].map(
                name => ["tensor", "shuffle." + name]),
        ]);
        order = Array.from(places.data);
        travel();
        write(order, { tokens, moved, again, apart });
        Book.table(kinds, { shape: [3, 1], data: [none, waves, learned] },
                   { rows: say("kinds").split(" | ") });
        [none, waves, learned].forEach((x, k) => {
            kinds.cellsOf[k][0].textContent = printed(x);
        });
    });
});
