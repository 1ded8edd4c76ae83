/* needs: traces */
/*
 * warp.js: chapter 6's kernels, request by request, from the emulator's own trace
 * (traces.js, packed; traces/main.c prints and explains it).
 */
"use strict";
Book.live("warp", async root => {
    const part = name => root.querySelector(`[data-part="${name}"]`);
    const say = (key, values) => Book.say(root, key, values);
    const control = name => Book.control(root, name);
    if (!Book.traces) {
        throw new Error(say("no-traces"));
    }
    if (typeof Book.traces === "string") {
        const json = await Book.unzipped(Book.bytes(Book.traces));
        Book.traces = JSON.parse(new TextDecoder().decode(json));
    }
    const BANKS = 32, SECTOR = 8; /* a sector's words */
    const kinds = ["global-load", "global-store", "shared-load", "shared-store"];

    /* ---- a step of the trace, with names ---- */

    /* The words that lanes want which are at these places. */
    const wordsAt = (pattern, base, each) => {
        const words = new Set();
        for (const at of pattern) {
            for (let k = 0; at >= 0 && k < each; k++) {
                words.add(base + at + k);
            }
        }
        return [...words];
    };
    const decode = rung => {
        rung.decoded ??= rung.steps.map(
            ([kind, line, tensor, base, pattern, each, units, barriers]) => {
                const starts = rung.patterns[pattern].map(at => at < 0 ? -1 : base + at);
                return { kind, line: rung.lines[line], tensor, starts, each, units,
                         barriers, words: wordsAt(rung.patterns[pattern], base, each),
                         lanes: starts.filter(at => at >= 0).length, shared: kind >= 2 };
            });
    };
    const read = (rung, i) => rung.decoded[i];
    /* What the block's other warps store at the same time. */
    const othersOf = (rung, i) => {
        const others = rung.steps[i][8] ?? [], each = rung.steps[i][5], words = [];
        for (let k = 0; k < others.length; k += 2) {
            words.push(...wordsAt(rung.patterns[others[k]], others[k + 1], each));
        }
        return words;
    };
    const element = (tensor, word, each) => {
        const column = word % tensor.columns, row = Math.floor(word / tensor.columns);
        const to = each > 1 ? ".." + (column + each - 1) : "";
        return tensor.name + (tensor.rows > 1 ? `[${row}]` : "") + `[${column}${to}]`;
    };

    /* ---- drawing ---- */

    const colour = name => getComputedStyle(root).getPropertyValue("--" + name).trim();
    const begin = (canvas, width, height) => {
        const fine = Math.max(1, Math.round(devicePixelRatio));
        if (canvas.width !== width * fine || canvas.height !== height * fine) {
            canvas.width = width * fine;
            canvas.height = height * fine;
            Object.assign(canvas.style, { width: "100%", maxWidth: width + "px",
                                          height: "auto", imageRendering: "auto",
                                          marginBottom: "0.8rem" });
        }
        const c = canvas.getContext("2d");
        c.setTransform(fine, 0, 0, fine, 0, 0);
        c.clearRect(0, 0, width, height);
        c.font = "10px " + getComputedStyle(root).fontFamily;
        c.textBaseline = "middle";
        return c;
    };
    const trail = "#56B4E9", wanted = "#D55E00"; /* Okabe and Ito's */

    /* The rows of each tensor that this warp comes to, in this rung. */
    const rowsOf = (kernel, rung) => {
        const found = new Map();
        for (const { tensor, words } of rung.decoded.filter(one => !one.shared)) {
            const [low, high] = found.get(tensor) ?? [Infinity, 0];
            const { columns } = kernel.tensors[tensor];
            const rows = words.map(word => Math.floor(word / columns));
            found.set(tensor, [Math.min(low, ...rows), Math.max(high, ...rows)]);
        }
        return [...found].sort(([a], [b]) => a - b);
    };

    /* One tensor: what was accessed before, and what is accessed now. */
    const drawTensor = (view, now, before) => {
        const { tensor, first, last, canvas } = view, rows = last - first + 1;
        const width = Math.max(1, Math.floor(260 / tensor.columns));
        const height = Math.min(10, Math.max(2, Math.floor(160 / rows)));
        const c = begin(canvas, width * tensor.columns + 2, height * rows + 2);
        const put = (word, grow) => {
            const row = Math.floor(word / tensor.columns) - first;
            c.fillRect(1 + word % tensor.columns * width - grow, 1 + row * height - grow,
                       width + 2 * grow, height + 2 * grow);
        };
        c.strokeStyle = colour("rule");
        c.strokeRect(0.5, 0.5, width * tensor.columns + 1, height * rows + 1);
        c.fillStyle = trail;
        before.forEach(word => put(word, 0));
        c.fillStyle = wanted;
        now.forEach(word => put(word, 0.5));
        canvas.setAttribute("aria-label", say("wants", {
            name: tensor.name, wanted: now.length, before: before.size }));
    };

    /* The sectors of a request, with the lanes that want each word. */
    const drawSectors = (canvas, tensor, step, most) => {
        const cell = 22, high = 13, left = 84;
        const c = begin(canvas, left + SECTOR * cell + 2, most * high + 2);
        const sectors = [...new Set(step.words.map(word => Math.floor(word / SECTOR)))]
            .sort((a, b) => a - b);
        sectors.forEach((sector, i) => {
            c.fillStyle = colour("ink");
            c.textAlign = "right";
            c.fillText(element(tensor, sector * SECTOR, SECTOR), left - 6,
                       (i + 0.5) * high);
            for (let k = 0; k < SECTOR; k++) {
                const word = sector * SECTOR + k, x = left + k * cell, y = i * high;
                const lanes = step.starts.flatMap(
                    (at, lane) => at >= 0 && at <= word && word < at + step.each ? [lane]
                                                                                  : []);
                if (lanes.length > 0) {
                    c.fillStyle = wanted;
                    c.fillRect(x, y, cell, high);
                    c.fillStyle = "#000";
                    c.textAlign = "center";
                    c.fillText(lanes.length > 1 ? lanes[0] + "-" + lanes.at(-1) : lanes[0],
                               x + cell / 2, y + high / 2 + 0.5);
                }
                c.strokeStyle = colour("rule");
                c.strokeRect(x + 0.5, y + 0.5, cell, high);
            }
        });
        canvas.setAttribute("aria-label", say(kinds[step.kind], {
            tensor: tensor.name, lanes: step.lanes, wanted: 4 * step.words.length,
            units: step.units, moved: 32 * step.units }));
    };

    /* Shared memory: 1 an earlier tile's word, 2 another warp's, 3 this warp's. */
    const drawShared = (canvas, rung, at) => {
        const state = new Uint8Array(rung.words), rows = Math.ceil(rung.words / BANKS);
        let tile = -1;
        for (let i = 0; i <= at; i++) {
            const [kind, , , , , , , barriers] = rung.steps[i];
            if (kind === 3) {
                if (barriers !== tile) {
                    state.forEach((one, k) => { state[k] = one > 0 ? 1 : 0; });
                    tile = barriers;
                }
                othersOf(rung, i).forEach(word => { state[word] = 2; });
                read(rung, i).words.forEach(word => { state[word] = 3; });
            }
        }
        const cell = 9, high = Math.max(3, Math.min(8, Math.floor(420 / rows))), top = 16;
        const c = begin(canvas, BANKS * cell + 2, rows * high + top + 2);
        c.fillStyle = colour("ink");
        c.textAlign = "left";
        [0, 8, 16, 24, 31].forEach(bank => c.fillText(bank, bank * cell, 7));
        const alpha = [0, 0.18, 0.5, 1];
        c.fillStyle = trail;
        state.forEach((one, word) => {
            c.globalAlpha = alpha[one];
            c.fillRect(1 + word % BANKS * cell, top + Math.floor(word / BANKS) * high,
                       cell - 1, high - (high > 4 ? 1 : 0));
        });
        c.globalAlpha = 1;
        c.strokeStyle = colour("rule");
        c.strokeRect(0.5, top - 0.5, BANKS * cell, rows * high + 1);
        const step = read(rung, at);
        if (step.shared) {
            c.fillStyle = wanted;
            c.strokeStyle = colour("ink");
            step.words.forEach(word => {
                const x = word % BANKS * cell, y = top + Math.floor(word / BANKS) * high;
                c.fillRect(1 + x, y, cell - 1, high);
                c.strokeRect(0.5 + x, y - 0.5, cell, high + 1);
            });
        }
        canvas.setAttribute("aria-label",
                            step.shared ? sentence(null, step) : say("no-sectors"));
    };

    /* ---- words and tables ---- */

    const sentence = (tensor, step) => say(kinds[step.kind], {
        tensor: tensor?.name, lanes: step.lanes, wanted: 4 * step.words.length,
        units: step.units, moved: 32 * step.units, words: step.words.length,
        banks: new Set(step.words.map(word => word % BANKS)).size });

    const fill = (name, heads, rows) => {
        const table = root.querySelector(`[data-table="${name}"]`);
        const row = (cells, head) => {
            const line = document.createElement("tr");
            line.append(...cells.map((text, i) => {
                const cell = document.createElement(head || i === 0 ? "th" : "td");
                if (head || i === 0) {
                    cell.scope = head ? "col" : "row";
                }
                cell.textContent = text;
                return cell;
            }));
            return line;
        };
        const head = document.createElement("thead");
        const body = document.createElement("tbody");
        head.append(row(heads, true));
        body.append(...rows.map(cells => row(cells, false)));
        table.replaceChildren(table.caption, head, body);
    };
    const per = (all, of) => of > 0 ? (all / of).toFixed(1) : "-";
    const counts = (name, t) => [name, t.requests, t.sectors, per(t.sectors, t.requests),
                                 t === rung.totals ? (32e-6 * t.sectors).toFixed(2) + " MB"
                                                     : 32 * t.sectors + " B",
                                 t.sharedRequests, per(t.passes, t.sharedRequests),
                                 t.barriers];
    const sum = (rung, from, to) => {
        const t = { requests: 0, sectors: 0, sharedRequests: 0, passes: 0, barriers: 0 };
        for (let i = from; i <= to; i++) {
            const [kind, , , , , , units, barriers] = rung.steps[i];
            t[kind < 2 ? "requests" : "sharedRequests"]++;
            t[kind < 2 ? "sectors" : "passes"] += units;
            t.barriers = barriers;
        }
        return t;
    };

    const linked = ([place, text]) => {
        const [file, line] = place.split(":"), target = `source/${file}.html`;
        const name = file.replace(/.*\//, "") + ":" + line;
        let where = document.createTextNode(name);
        if (document.querySelector(`a[href^="${target}"]`)) {
            where = document.createElement("a");
            where.href = `${target}#L${line}`;
            where.textContent = name;
        }
        part("code").replaceChildren(where, "  " + text);
    };

    /* ---- the figure ---- */

    let kernel, rung, views, most;
    control("kernel").replaceChildren(...Book.traces.map((k, i) => new Option(k.title, i)));

    const chooseRung = () => {
        rung = kernel.rungs[Number(control("rung").value)];
        decode(rung);
        control("step").max = rung.steps.length;
        control("step").value = 1;
        most = Math.max(...rung.decoded.filter(one => !one.shared).map(one => one.units));
        views = rowsOf(kernel, rung).map(([index, [first, last]]) => {
            const tensor = kernel.tensors[index], name = document.createElement("p");
            const kind = tensor.rows === 1 ? "vector" : first === last ? "row" : "rows";
            name.textContent = say(kind, {
                name: tensor.name, rows: tensor.rows, columns: tensor.columns,
                first, last });
            const canvas = document.createElement("canvas");
            canvas.setAttribute("role", "img");
            const box = document.createElement("div");
            box.append(name, canvas);
            return { index, tensor, first, last, canvas, box };
        });
        part("tensors").replaceChildren(...views.map(view => view.box));
        part("shared-box").hidden = rung.words === 0;
    };
    const chooseKernel = () => {
        kernel = Book.traces[Number(control("kernel").value)];
        control("rung").replaceChildren(
            ...kernel.rungs.map((r, i) => new Option(r.name, i)));
        chooseRung();
    };

    const show = () => {
        const at = control("step").valueAsNumber - 1, step = read(rung, at);
        const tensor = kernel.tensors[step.tensor];
        control("shown").value = say("shown", { step: at + 1, steps: rung.steps.length });
        linked(step.line);
        part("says").textContent = sentence(tensor, step) + " " +
            (rung.totals.barriers > 0 ? say("barriers", step) : "");
        const before = new Map(views.map(view => [view.index, new Set()]));
        for (let i = 0; i < at; i++) {
            const one = read(rung, i);
            one.words.forEach(word => before.get(one.tensor)?.add(word));
        }
        views.forEach(view => drawTensor(view, view.index === step.tensor ? step.words : [],
                                         before.get(view.index)));
        part("request-title").textContent = say(step.shared ? "no-sectors" : "sectors");
        if (step.shared) {
            begin(part("request"), 262, most * 13 + 2);
            part("request").setAttribute("aria-label", say("no-sectors"));
        } else {
            drawSectors(part("request"), tensor, step, most);
        }
        if (rung.words > 0) {
            drawShared(part("shared"), rung, at);
        }
        fill("counts", ["", ...say("columns").split(" | ")], [
            counts(say("row-now"), sum(rung, at, at)),
            counts(say("row-before"), sum(rung, 0, at)),
            counts(say("row-all"), rung.totals)]);
        const lanes = say(step.shared ? "lane-columns-shared" : "lane-columns");
        fill("lanes", lanes.split(" | "), step.starts.map((word, lane) =>
            word < 0 ? [lane, "-", "-", "-"]
                     : [lane, step.shared ? word : element(tensor, word, step.each),
                        4 * word,
                        step.shared ? word % BANKS : Math.floor(word / SECTOR)]));
    };

    const go = to => {
        control("step").value = to;
        show();
    };
    let timer = 0;
    const play = control("play").textContent;
    const stop = () => {
        clearInterval(timer);
        timer = 0;
        control("play").textContent = play;
    };
    control("play").addEventListener("click", () => {
        if (timer) {
            stop();
            return;
        }
        control("play").textContent = control("play").dataset.pause;
        timer = setInterval(() => {
            const at = control("step").valueAsNumber;
            if (at >= rung.steps.length || !root.isConnected) {
                stop();
            } else {
                go(at + 1);
            }
        }, 300);
    });
    control("back").addEventListener("click", () => go(control("step").valueAsNumber - 1));
    control("next").addEventListener("click", () => go(control("step").valueAsNumber + 1));
    control("barrier").addEventListener("click", () => {
        const at = control("step").valueAsNumber - 1, barriers = rung.steps[at][7];
        const next = rung.steps.findIndex((step, i) => i > at && step[7] > barriers);
        go(next < 0 ? rung.steps.length : next + 1);
    });
    const chosen = choose => {
        stop();
        part("pictures").style.minHeight = "0"; /* style.css: the first rung's height */
        choose();
        show();
    };
    control("kernel").addEventListener("change", () => { chosen(chooseKernel); });
    control("rung").addEventListener("change", () => { chosen(chooseRung); });
    control("step").addEventListener("input", show);
    new MutationObserver(show).observe(document.documentElement, { attributes: true });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
    chooseKernel();
    show();
});
