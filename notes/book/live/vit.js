/* needs: draw weights images */
/* vit.js: the whole Vision Transformer: draw, and see every tensor on the way. */
"use strict";
Book.live("vit", async (root, engine) => {
    const find = name => Book.control(root, name);
    const table = name => root.querySelector(`[data-table=${name}]`);
    const canvas = find("picture"), images = Book.testImages();
    const say = (key, values) => Book.say(root, key, values);
    let L = 0, h = 0;

    find("image").append(...images.map((image, i) => Book.make("option", { value: i },
                                                               image.name)));
    const drawing = Book.drawing(
        canvas, () => ({ radius: Book.value(root, "radius"), grey: Book.value(root, "grey") }),
        () => root.dispatchEvent(new Event("input")));

    /* "patch 23 (row 3, column 2)": of a token, or of a patch. */
    const placeOf = patch =>
        say("place", { patch, row: Math.floor(patch / 7), column: patch % 7 });
    const nameOf = token => token === 0 ? say("class") : say("patch", { patch: token - 1 });

    /* A picture, its largest weight and a switch for each head; a switch for each layer. */
    const makeHeads = () => {
        const box = (name, text) => Book.make("label", {}, Book.make(
            "input", { type: "checkbox", name, checked: "" }), " " + text);
        const titles = table("heads").tHead ?? table("heads").createTHead();
        titles.replaceChildren();
        titles.insertRow().append(
            Book.make("td"), ...Array.from({ length: h }, (_, i) =>
                Book.make("th", { scope: "col" }, say("head", { head: i + 1 }))));
        const body = table("heads").createTBody();
        for (let l = 0; l < L; l++) {
            const row = body.insertRow();
            row.append(Book.make("th", { scope: "row" }, box(`layer-${l}`, say("layer", { layer: l + 1 }))));
            for (let i = 0; i < h; i++) {
                row.insertCell().append(
                    Book.make("canvas", { name: `look-${l}-${i}`, class: "pixels", role: "img",
                                          "aria-label": say("picture", { layer: l + 1, head: i + 1 }) }),
                    Book.make("output", { name: `most-${l}-${i}` }),
                    box(`head-${l}-${i}`, say("head", { head: i + 1 })));
            }
        }
    };
    const showHeads = A => {
        const [, , n] = A.shape, query = Number(Book.value(root, "query"));
        for (let l = 0; l < L; l++) {
            for (let i = 0; i < h; i++) {
                const from = ((l * h + i) * n + query) * n;
                const row = Array.from(A.data.subarray(from, from + n));
                Book.paintLooked(find(`look-${l}-${i}`), drawing.pixels, Book.ofPatches(row));
                const most = Math.max(...row);
                find(`most-${l}-${i}`).value = `${most.toFixed(2)}: ${nameOf(row.indexOf(most))}`;
            }
        }
    };

    /* Stacked tensors have the layer first: matrix l of them. */
    const stacked = () => !["patches", "embedded"].includes(Book.value(root, "tensor"));
    const matrixOf = T => {
        const [n, columns] = T.shape.slice(-2), first = Book.value(root, "tensor") === "z" ? 0 : 1;
        const layers = stacked() ? T.shape[0] : 1, select = find("layer");
        if (select.options.length !== layers || Number(select.options[0].value) !== first) {
            select.replaceChildren(...Array.from({ length: layers }, (_, l) =>
                Book.make("option", { value: l + first }, String(l + first))));
            select.selectedIndex = layers - 1;
        }
        select.disabled = !stacked();
        const from = select.selectedIndex * n * columns;
        return { n, columns, data: T.data.subarray(from, from + n * columns) };
    };
    const showMatrix = T => {
        const { n, columns, data } = matrixOf(T);
        const low = data.reduce((a, b) => Math.min(a, b)), high = data.reduce((a, b) => Math.max(a, b));
        const row = Math.min(Math.max(Book.value(root, "row") || 0, 0), n - 1);
        Book.paint(find("matrix"), columns, n, i => Book.viridis((data[i] - low) / (high - low)));
        find("row").max = n - 1;
        find("range").value = say(n === 50 ? "range" : "range-patches", {
            low: Book.fixed(low, 2), high: Book.fixed(high, 2) });
        Book.table(table("row"), { shape: [columns / 8, 8],
                                   data: data.subarray(row * columns, (row + 1) * columns) },
                   { digits: 3, columns: Array.from({ length: 8 }, (_, j) => "+ " + j),
                     rows: Array.from({ length: columns / 8 }, (_, i) => String(8 * i)) });
    };

    /* One message to the worker, and everything that it says is shown. */
    const update = async () => {
        const began = performance.now();
        const each = name => Array.from({ length: L }, (_, l) => name(l));
        const heads = each(l => Array.from({ length: h },
                                           (_, i) => Book.value(root, `head-${l}-${i}`))).flat();
        const [p, lens, A, seen, T] = await engine.all([
            ["write", "vit.image", drawing.pixels], ["write", "vit.heads", heads],
            ["write", "vit.layers", each(l => Book.value(root, `layer-${l}`))],
            ["set", "vit.scale", Book.value(root, "scale")],
            ["set", "vit.positions", Book.value(root, "positions")], ["run", "vit.forward"],
            ["tensor", "vit.p"], ["tensor", "vit.lens_p"], ["tensor", "vit.A"],
            ["tensor", "vit.rollout"], ["tensor", "vit." + Book.value(root, "tensor")]]);
        Book.showAnswer(table("answer"), Array.from(p.data));
        root.dataset.answered = (performance.now() - began).toFixed(1); /* milliseconds */
        Book.paintLooked(find("rollout"), drawing.pixels, seen.data);
        find("rollout-most").value = placeOf(seen.data.indexOf(Math.max(...seen.data)));
        for (const name of ["radius", "grey"]) {
            find(name + "-shown").value = Book.value(root, name);
        }
        Book.table(table("lens"), { shape: lens.shape, data: lens.data.map(x => 100 * x) },
                   { digits: 0, low: 0, high: 100, columns: Book.images.classes,
                     rows: Array.from({ length: L + 1 }, (_, l) => "z_" + l) });
        showHeads(A);
        showMatrix(T);
    };

    /* The model is there, or another one was put in its place (train.js). */
    const begin = async () => {
        const [A, z] = await engine.all([["tensor", "vit.heads"], ["tensor", "vit.z"]]);
        [L, h] = A.shape;
        table("heads").tBodies[0]?.remove();
        makeHeads();
        find("query").replaceChildren(...Array.from({ length: z.shape[1] }, (_, t) => Book.make(
            "option", { value: t }, t === 0 ? say("the-class") : nameOf(t))));
    };
    const everythingOn = () => {
        root.querySelectorAll("input[type=checkbox]").forEach(box => { box.checked = true; });
        root.dispatchEvent(new Event("input"));
    };
    const chosen = () => drawing.take(images[Number(Book.value(root, "image"))].pixels);

    await Book.openModel(engine);
    await begin();
    find("image").addEventListener("input", chosen);
    find("clear").addEventListener("click", () => drawing.take(new Float32Array(784)));
    find("all-on").addEventListener("click", everythingOn);
    for (const [name, dx, dy] of [["left", -1, 0], ["right", 1, 0], ["up", 0, -1],
                                  ["down", 0, 1]]) {
        find(name).addEventListener("click", () => drawing.move(dx, dy));
    }
    const sneaker = images.findIndex(image => image.label === 7);
    find("image").value = String(Math.max(sneaker, 0));
    chosen();
    await Book.follow(root, update);
    document.addEventListener("book-weights", async ({ detail }) => {
        try {
            await engine.all([["putFile", "vit.checkpoint", detail], ["run", "vit.open"]]);
            await begin();
            everythingOn();
        } catch (error) {
            Book.showError(root, error);
        }
    });
});
