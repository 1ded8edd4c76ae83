/* depth.js: gradients at each depth of a stack, pre-norm and post-norm. */
"use strict";
Book.live("depth", async root => {
    const part = name => root.querySelector(`[data-part=${name}]`);
    const table = name => root.querySelector(`[data-table=${name}]`);
    const say = (key, values) => Book.say(root, key, values);
    const list = key => say(key).split("; ");
    const labels = list("labels");
    const tops = [6, 1.2, 2, 20]; /* the same axis at every depth */
    const known = new Map(); /* by L: [pre, post] */
    const range = count => Array.from({ length: count }, (_, i) => i);

    /* Most of a second, so it has a worker of its own: [pre, post]. */
    const own = Book.engine("depth");
    const measure = async L => {
        const results = await own.all([["set", "depth.L", L], ...[0, 1].flatMap(norm => [
            ["set", "depth.norm", norm], ["run", "depth.forward"],
            ["tensor", "depth.columns"], ["get", "depth.dW_2"], ["get", "depth.all"],
        ])]);
        return [0, 3].map(k => ({
            dW_2: results[k + 1], all: results[k + 2],
            of: i => results[k].data.slice(i * (L + 1), (i + 1) * (L + 1)),
        }));
    };
    const draw = (L, what, both) => {
        const from = what === 3 ? 1 : 0; /* there is no block 0 */
        const x = range(L + 1).slice(from);
        Book.lines(part("curves"), list("norms").map((name, k) => ({
            x, y: both[k].of(what).slice(from), name, dash: k ? "6 4" : "",
        })), { xlabel: say("x", { L }), ylabel: labels[what], ymin: 0,
               ymax: tops[what] });
        part("curves").setAttribute("aria-label", say("curves", { label: labels[what] }));
    };
    const fill = (L, both) => {
        const data = range(L + 1).flatMap(l => both.flatMap(p => [0, 1, 2, 3].map(
            i => i === 3 && l === 0 ? NaN : p.of(i)[l])));
        Book.table(table("depths"), { shape: [L + 1, 8], data }, {
            digits: 3, rows: range(L + 1).map(l => "l\u00a0=\u00a0" + l),
            columns: list("of-depths"),
        });
        for (const j of [3, 7]) {
            table("depths").cellsOf[0][j].textContent = "-";
        }
    };
    const rowOf = L => "L\u00a0=\u00a0" + L;
    const fillLast = () => {
        const depths = [...known.keys()].sort((a, b) => a - b);
        const data = depths.flatMap(L => {
            const [pre, post] = known.get(L);
            return [pre.of(0)[L], pre.dW_2, pre.all, post.dW_2, post.all];
        });
        Book.table(table("last"), { shape: [depths.length, 5], data }, {
            digits: 2, columns: list("of-stacks"), rows: depths.map(rowOf),
        });
        depths.forEach((L, i) => { /* rows keep their places, headings may not */
            table("last").tBodies[0].rows[i].cells[0].textContent = rowOf(L);
        });
    };
    await Book.follow(root, async () => {
        const L = Book.value(root, "L"), what = Number(Book.value(root, "what"));
        const shown = Book.control(root, "L_shown");
        if (!known.has(L)) {
            shown.value = say("measuring", { L });
            known.set(L, await measure(L));
        }
        shown.value = L;
        draw(L, what, known.get(L));
        fill(L, known.get(L));
        fillLast();
    });
});
