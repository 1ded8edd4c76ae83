/* attention.js: attention on small tensors: each cell explains itself, some can be
 * changed, and the gradients come line by line. */
"use strict";
Book.live("attention", async (root, engine) => {
    const inputs = ["Q", "K", "V", "mask", "dO"];
    const results = ["product", "S", "masked", "A", "O", "dV", "dA", "dS", "dQ", "dK"];
    const inside = ["max", "exponentials", "sum", "mean"];
    const T = {}; /* the tensors, by name */
    const table = name => root.querySelector(`[data-table=${name}]`);
    const button = (name, click) =>
        Book.control(root, name).addEventListener("click", click);
    let chosen = { name: "A", i: 0, j: 0 }, step = 0, example = -1, before = [];

    /* ---- numbers in words ---------------------------------------------------- */

    const at = (name, i, j) => T[name].data[i * T[name].shape[1] + j];
    const rows = name => T[name].shape[0], columns = name => T[name].shape[1];
    const short = x => Number.isInteger(x) ? String(x) : Book.fixed(x, 5);
    const factor = x => x < 0 ? `(${short(x)})` : short(x);
    const count = n => Array.from({ length: n }, (_, k) => k);

    /* Of each number of the figure that is a sum of products: its pairs of cells. */
    const pairs = {
        product: (i, j) => count(columns("Q")).map(k => [["Q", i, k], ["K", j, k]]),
        O: (i, j) => count(rows("V")).map(k => [["A", i, k], ["V", k, j]]),
        dV: (i, j) => count(rows("A")).map(k => [["A", k, i], ["dO", k, j]]),
        dA: (i, j) => count(columns("V")).map(k => [["dO", i, k], ["V", j, k]]),
        dS: i => count(columns("A")).map(k => [["dA", i, k], ["A", i, k]]),
        dQ: (i, j) => count(rows("K")).map(k => [["dS", i, k], ["K", k, j]]),
        dK: (i, j) => count(rows("Q")).map(k => [["dS", k, i], ["Q", k, j]]),
    };
    const sources = ({ name, i, j }) => pairs[name] ? pairs[name](i, j).flat() :
        { S: [["product", i, j]], masked: [["S", i, j], ["mask", i, j]],
          A: count(columns("A")).map(k => ["masked", i, k]) }[name] ?? [];
    const terms = ({ name, i, j }) =>
        name === "A" ? count(columns("A")).map(k => short(at("exponentials", i, k))).join(" + ")
                     : pairs[name]?.(i, j).map(pair => pair.map(
                         cell => factor(at(...cell))).join(" * ")).join(" + ");

    function explain() {
        const { name, i, j } = chosen, values = {};
        for (const key of ["product", "S", "mask", "A", "dA"]) {
            values[key] = factor(at(key, ...(i < rows(key) && j < columns(key) ? [i, j]
                                                                              : [0, 0])));
        }
        if (name === "A") {
            Object.assign(values, { score: short(at("masked", i, j)),
                                    max: factor(T.max.data[i]), sum: short(T.sum.data[i]),
                                    e: short(at("exponentials", i, j)) });
        }
        const key = name !== "mask" ? name : at("mask", i, j) === 0 ? "allowed" : "forbidden";
        Book.control(root, "explained").value = Book.say(root, key, {
            ...values, i, j, x: short(at(name, i, j)), terms: terms(chosen),
            d_k: columns("Q"), mean: factor(T.mean.data[i] ?? 0) });
    }

    /* ---- what is seen -------------------------------------------------------- */

    const canChange = name => inputs.includes(name) && name !== "mask";

    function outline() {
        const used = new Set(sources(chosen).map(cell => cell.join()));
        for (const name of [...inputs, ...results]) {
            table(name).cellsOf?.forEach((row, i) => row.forEach((cell, j) => {
                const is = chosen.name === name && chosen.i === i && chosen.j === j;
                cell.classList.toggle("chosen", is);
                cell.classList.toggle("used", used.has([name, i, j].join()));
            }));
        }
    }

    function choose(name, i, j) {
        chosen = { name, i, j };
        explain();
        outline();
        Book.control(root, "toggle").disabled = name !== "mask";
        for (const control of ["value", "less", "more"]) {
            Book.control(root, control).disabled = !canChange(name);
        }
        Book.control(root, "value").value =
            canChange(name) ? Number(at(name, i, j).toFixed(5)) : "";
    }

    function show(names) {
        for (const name of names) {
            const format = name === "mask" ? x => Book.fixed(x, 0) : short;
            const options = { format, rows: count(rows(name)).map(String),
                              columns: count(columns(name)).map(String), hover: false,
                              cell: (i, j) => choose(name, i, j) };
            Book.table(table(name), T[name],
                       name === "A" ? { ...options, low: 0, high: 1 } : options);
        }
    }

    /* ---- changes ------------------------------------------------------------- */

    /* One at a time: each is a list of calls that come before the next run. */
    const change = (...calls) => {
        before.push(...calls);
        root.dispatchEvent(new Event("input"));
    };
    const write = (name, i, j, x) => {
        T[name].data[i * columns(name) + j] = x;
        change(["write", "attention." + name, Array.from(T[name].data)]);
    };
    const setValue = x => {
        if (canChange(chosen.name) && Number.isFinite(x)) {
            write(chosen.name, chosen.i, chosen.j, x);
        }
    };
    const add = x => setValue(Number((at(chosen.name, chosen.i, chosen.j) + x).toFixed(5)));
    const toggle = () => {
        const { i, j } = chosen;
        write("mask", i, j, at("mask", i, j) === 0 ? -Infinity : 0);
    };

    Book.control(root, "value").addEventListener("input", event => {
        setValue(event.target.valueAsNumber);
    });
    button("less", () => add(-0.5));
    button("more", () => add(0.5));
    button("toggle", toggle);
    button("future", () => change(["run", "attention.mask_future"]));
    button("none", () => change(["write", "attention.mask",
                                 T.mask.data.map(() => 0)]));
    button("start", () => {
        example = -1;
        change();
    });
    const stepTo = to => {
        step = Math.min(Math.max(to, 0), 5);
        for (const part of root.querySelectorAll("[data-step]")) {
            part.hidden = Number(part.dataset.step) > step;
        }
        Book.control(root, "back").disabled = step === 5;
        Book.control(root, "forth").disabled = step === 0;
    };
    button("back", () => stepTo(step + 1));
    button("forth", () => stepTo(step - 1));
    table("mask").addEventListener("click", event => event.target.closest("tbody td") &&
                                                    toggle());
    root.addEventListener("keydown", event => {
        const name = event.target.closest("td")?.closest("table").dataset.table;
        if (name === "mask" && [" ", "Enter"].includes(event.key)) {
            event.preventDefault();
            toggle();
        } else if (canChange(name) && event.key === "Enter") {
            event.preventDefault();
            Book.control(root, "value").select();
        } else if (canChange(name) && ["+", "-"].includes(event.key)) {
            event.preventDefault();
            add(event.key === "+" ? 0.5 : -0.5);
        } else if (event.target.name === "value" && event.key === "Enter") {
            table(chosen.name).cellsOf[chosen.i][chosen.j].focus();
        }
    });

    /* ---- each run ------------------------------------------------------------ */

    const read = names => names.map(name => ["tensor", "attention." + name]);
    const keep = (names, tensors) => names.forEach((name, k) => { T[name] = tensors[k]; });

    stepTo(0);
    await Book.follow(root, async () => {
        const calls = before;
        before = [];
        if (example !== Number(Book.value(root, "example"))) {
            example = Number(Book.value(root, "example"));
            calls.splice(0, calls.length, ["set", "attention.example", example],
                         ["run", "attention.start"]);
            chosen = { name: "A", i: 0, j: 0 };
        }
        keep(inputs, await engine.all([...calls, ...read(inputs)]));
        show(inputs);
        try {
            const found = await engine.all([["run", "attention.run"],
                                            ["get", "attention.loss"],
                                            ...read([...results, ...inside])]);
            Book.control(root, "loss").value = found.shift().toFixed(5);
            keep([...results, ...inside], found);
            show(results);
            root.classList.remove("stale");
        } catch (error) {
            root.classList.add("stale"); /* what is there belongs to other inputs */
            if (inputs.includes(chosen.name)) {
                choose(chosen.name, chosen.i, chosen.j);
            } else {
                Book.control(root, "explained").value = "";
            }
            throw error;
        }
        if (document.activeElement === Book.control(root, "value")) {
            explain();
            outline();
        } else {
            choose(chosen.name, chosen.i, chosen.j);
        }
    });
});
