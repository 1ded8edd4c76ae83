/* needs: draw images sample */
/* train.js: chapter 5's trainer in the tab. It has a worker of its own: a step takes
 * longer than a reader who draws would wait. */
"use strict";
Book.live("train", async root => {
    const engine = Book.engine("train");
    const find = name => Book.control(root, name);
    const table = name => root.querySelector(`[data-table=${name}]`);
    const lines = name => root.querySelector(`[data-lines=${name}]`);
    const say = (key, values) => Book.say(root, key, values);
    let loop = null, steps = [], epochs = [], seconds = 0, images = 0, now = null;

    /* ---- what is shown ---- */

    const rates = [1, 10, 100, 1000].flatMap(x => [1, 2, 3, 5].map(d => d * x / 1e4));
    const rate = () => rates[Book.value(root, "lr")]; /* 0.0001, 0.0002, 0.0003, 0.0005, ... */
    const showState = text => {
        const last = epochs.length && epochs.at(-1).test;
        find("state").value = text ?? (!now || now.step === 0 ? say("ready") :
            say("step", now) +
            (Number.isFinite(now.loss) ? say("loss", { loss: Book.fixed(now.loss) }) : "") +
            (last ? say("test", { accuracy: last.toFixed(3) }) : "") +
            (seconds > 0 ? say("speed", { speed: Math.round(images / seconds) }) : "") +
            (now.done ? say("done") : loop ? "" : say("paused")));
        find("go").textContent = say(loop ? "pause" : now && now.step > 0 && !now.done ? "resume"
                                                                                      : "train");
        find("go").disabled = Boolean(now && now.done);
    };
    const showLines = () => {
        const x = steps.map(s => s.step), total = now ? Math.max(now.total, 1) : 1;
        Book.lines(lines("loss"), [{ x, y: steps.map(s => s.loss), name: say("of-a-step") }],
                   { xlabel: say("x"), ylabel: say("y-loss"), xmin: 0, xmax: total, whole: true, ymin: 0,
                     ymax: steps.reduce((top, s) => Math.max(top, s.loss), 2.4) });
        const at = epochs.map(e => e.step);
        Book.lines(lines("accuracy"),
                   [{ x: at, y: epochs.map(e => e.accuracy), name: say("training") },
                    { x: at, y: epochs.map(e => e.test), name: say("testing"), dash: "6 3" }],
                   { xlabel: say("x"), ylabel: say("y-accuracy"), xmin: 0, xmax: total, whole: true, ymin: 0,
                     ymax: 1 });
    };
    const showEpoch = ({ epoch, loss, accuracy, test, rate }) => {
        const row = table("epochs").tBodies[0].insertRow();
        const known = (x, text) => Number.isFinite(x) ? text : "-"; /* of a run loaded here */
        [epoch, known(loss, Book.fixed(loss)), known(accuracy, Book.fixed(accuracy)),
         Book.fixed(test), known(rate, rate.toPrecision(3))]
            .forEach((text, i) => row.append(
                Book.make(i === 0 ? "th" : "td", i === 0 ? { scope: "row" } : {}, String(text))));
    };
    let soon = false;
    const showSoon = () => { /* at most once in each frame */
        if (!soon) {
            soon = true;
            requestAnimationFrame(() => { soon = false; showState(); showLines(); });
        }
    };

    /* A grid of small pictures: cell (i, j)'s pixel (y, x) is data[(i across + j) size^2 +
     * y size + x]; a dark pixel between them. */
    const paintGrid = (canvas, across, size, data) => {
        const wide = across * (size + 1) - 1;
        const high = data.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-9);
        const low = data.some(x => x < 0) ? -high : 0;
        Book.paint(canvas, wide, wide, at => {
            const y = Math.floor(at / wide), x = at % wide;
            const i = Math.floor(y / (size + 1)), j = Math.floor(x / (size + 1));
            const py = y % (size + 1), px = x % (size + 1);
            if (py === size || px === size) {
                return [128, 128, 128];
            }
            const value = data[(i * across + j) * size * size + py * size + px];
            return Book.viridis((value - low) / (high - low));
        });
    };
    /* Positions beside each other, and all others. */
    const showMeans = (S, N, across) => {
        const sums = [0, 0], counts = [0, 0];
        for (let a = 0; a < N; a++) {
            for (let b = 0; b < a; b++) {
                const apart = Math.abs(Math.floor(a / across) - Math.floor(b / across)) +
                              Math.abs(a % across - b % across);
                sums[Number(apart > 1)] += S[a * N + b];
                counts[Number(apart > 1)]++;
            }
        }
        ["neighbours", "others"].forEach((name, i) => {
            find(name).value = (sums[i] / counts[i]).toFixed(3);
        });
    };
    const numbered = (key, count) =>
        Array.from({ length: count }, (_, i) => `${say(key)} ${i}`);
    /* Tables that nobody sees would cost time that training needs. */
    const isOpen = name => table(name).closest("details").open;
    const look = async () => {
        const [E, S] = await engine.all([["run", "train.look"], ["tensor", "train.filters"],
                                         ["tensor", "train.similarity"]]);
        const patch = Math.round(Math.sqrt(E.shape[1])), N = S.shape[0];
        const across = Math.round(Math.sqrt(N));
        paintGrid(find("filters"), Math.ceil(Math.sqrt(E.shape[0])), patch, E.data);
        paintGrid(find("positions"), across, across, S.data);
        const chosen = Math.min(Math.max(Book.value(root, "patch") || 0, 0), N - 1);
        find("patch").max = N - 1;
        showMeans(S.data, N, across);
        if (isOpen("similarity")) {
            Book.table(table("similarity"),
                       { shape: [across, across],
                         data: S.data.subarray(chosen * N, (chosen + 1) * N) },
                       { digits: 2, low: 0, high: 1, rows: numbered("row", across),
                         columns: numbered("column", across) });
        }
        if (isOpen("filters")) {
            Book.table(table("filters"), E,
                       { digits: 3, rows: numbered("filter", E.shape[0]),
                         columns: numbered("pixel", E.shape[1]) });
        }
    };

    /* ---- what is done ---- */

    const wanted = ["step", "total_steps", "steps_per_epoch", "loss", "accuracy", "rate",
                    "test_accuracy", "tests", "done"].map(name => "train." + name);
    const turned = (step, total, perEpoch, loss, accuracy, lr, test, tests, done) => {
        const time = performance.now(), stepped = step > now.step, ended = tests > now.tests;
        if (stepped) {
            images += now.size;
            steps.push({ step, loss, accuracy });
        }
        seconds += (time - now.time) / 1e3;
        now = { ...now, step, total, loss, tests, time, done: done === 1 };
        if (ended) {
            const last = steps.slice(-perEpoch);
            const mean = key => last.reduce((sum, s) => sum + s[key], 0) / last.length;
            epochs.push({ step, epoch: Math.ceil(step / perEpoch), loss: mean("loss"),
                          accuracy: mean("accuracy"), test, rate: lr });
            showEpoch(epochs.at(-1));
        }
        if (ended || (stepped && step % 8 === 0)) {
            look().catch(error => Book.showError(root, error));
        }
        if (now.done) {
            pause();
        }
        showSoon();
    };
    const pause = async () => {
        const ending = loop;
        loop = null;
        await ending?.stop();
        showState();
    };
    const go = () => {
        if (loop) {
            return pause();
        }
        Book.showError(root, null);
        now.time = performance.now();
        loop = engine.loop("train.turn", wanted, turned);
        loop.ended.catch(error => {
            loop = null;
            now.done = true;
            Book.showError(root, error);
            showState(say("stopped"));
        });
        showState();
    };
    /* A run that begins, or that a checkpoint has begun: nothing is drawn of it yet. */
    const freshly = async () => {
        const [step, total, size, done] = await engine.all([["get", "train.step"],
            ["get", "train.total_steps"], ["get", "train.batch"], ["get", "train.done"]]);
        steps = [];
        epochs = [];
        images = seconds = 0;
        now = { step, total, loss: NaN, tests: 0, size, done: done === 1 };
        table("epochs").tBodies[0].replaceChildren();
        showState();
        showLines();
        await look();
    };
    const begin = async () => {
        await pause();
        const whole = name => Math.round(Book.value(root, name));
        await engine.all([["set", "train.epochs", whole("epochs")],
                          ["set", "train.batch", whole("batch")],
                          ["set", "train.seed", whole("seed")], ["set", "train.lr", rate()],
                          ["run", "train.begin"]]);
        await freshly();
    };
    const checkpoint = () => engine.all([["run", "train.save"], ["file", "train.checkpoint"]])
        .then(([bytes]) => bytes);
    const download = async () => {
        const url = URL.createObjectURL(new Blob([await checkpoint()]));
        Book.make("a", { href: url, download: "chapter5.safetensors" }).click();
        setTimeout(() => URL.revokeObjectURL(url), 60000);
    };
    const load = async file => {
        await pause();
        const bytes = new Uint8Array(await file.arrayBuffer());
        await engine.all([["putFile", "train.checkpoint", bytes], ["run", "train.load"]]);
        const [lr] = await engine.all([["get", "train.lr"]]);
        const far = rates.map(r => Math.abs(Math.log(r / lr)));
        find("lr").value = far.indexOf(Math.min(...far));
        showRate();
        await freshly();
        go(); /* its test comes first */
    };
    const showRate = () => {
        find("lr-shown").value = rate();
        find("lr").setAttribute("aria-valuetext", rate());
    };

    /* Whatever fails is said below the figure. */
    const guarded = action => async event => {
        try {
            Book.showError(root, null);
            await action(event);
        } catch (error) {
            Book.showError(root, error);
        }
    };
    const on = (target, kind, action) => target.addEventListener(kind, guarded(action));
    on(find("go"), "click", go);
    on(find("reset"), "click", begin);
    on(find("save"), "click", download);
    on(find("show"), "click", async () => document.dispatchEvent(
        new CustomEvent("book-weights", { detail: await checkpoint() })));
    on(find("lr"), "input", async () => { showRate(); await engine.set("train.lr", rate()); });
    on(find("patch"), "input", look);
    root.querySelectorAll("details").forEach(details => on(details, "toggle", look));
    on(find("file"), "change", async ({ target }) => target.files[0] && load(target.files[0]));
    on(root, "dragover", event => event.preventDefault());
    on(root, "drop", async event => {
        event.preventDefault();
        await load(event.dataTransfer.files[0]);
    });

    const parts = await Promise.all(
        ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"].map(
            name => Book.unzipped(Book.bytes(Book.sample[name]))));
    const names = new TextEncoder().encode(Book.images.classes.join("\n") + "\n");
    const data = new Blob([...parts, names]);
    await engine.putFile("train.data", new Uint8Array(await data.arrayBuffer()));
    showRate();
    await begin();
});
