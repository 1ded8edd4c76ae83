/*
 * engine.js: the course's C in a worker, as promises.
 *
 *     const engine = Book.engine();            one worker for the page's figures
 *     await engine.set("attention.d_k", 64);
 *     await engine.run("attention.forward");   rejects with the C program's line
 *     const A = await engine.tensor("attention.A");      {shape, data: Float32Array}
 *     await engine.write("attention.Q", [1, 2, 3, ...]);  as many elements as it has
 *     await engine.file("vit.checkpoint");     Uint8Array
 *     await engine.putFile("vit.checkpoint", bytes);
 *     await engine.all([["set", "a.x", 1], ["run", "a.f"], ["tensor", "a.y"]]);
 *
 * `all` is one message: nothing comes between its parts, and it returns the last result,
 * or with ["tensor", ...] several, all of them in a list. Also: engine.loop(name,
 * report): run a function again and again until loop.stop(); report(numbers) comes after
 * each turn with the numbers asked for. Others wait until a turn is over, so what takes
 * longer than 100 ms has a worker of its own, with a memory of its own: Book.engine("train").
 * A second module has a few subjects in double: Book.engine("double", Book.moduleDouble).
 *
 * Files can't be fetched where a page is opened from a disk, so the module is in a script
 * (module.js: gzip and base64), and the worker in a blob.
 */
"use strict";
var Book = Book || {};

/* What runs in the worker; its text becomes the blob. */
Book.workerMain = function () {
    let wasm, memory, said = "";
    const decoder = new TextDecoder(), encoder = new TextEncoder();

    /* Of WASI, what a C library asks for: the clock, and somewhere to print. */
    const view = () => new DataView(memory.buffer);
    const wasi = {
        fd_write(fd, list, count, written) {
            let bytes = 0;
            for (let i = 0; i < count; i++) {
                const at = view().getUint32(list + 8 * i, true);
                const length = view().getUint32(list + 8 * i + 4, true);
                said += decoder.decode(new Uint8Array(memory.buffer, at, length));
                bytes += length;
            }
            said = said.slice(-4000);
            view().setUint32(written, bytes, true);
            return 0;
        },
        clock_time_get(clock, precision, at) {
            view().setBigUint64(at, BigInt(Math.round(performance.now() * 1e6)), true);
            return 0;
        },
        proc_exit(status) { throw new Error(said.trim() || "it ended with " + status); },
    };
    /* Anything else: "not supported" (52 is ENOSYS). */
    const imports = { wasi_snapshot_preview1: new Proxy(wasi, {
        get: (known, name) => known[name] || (() => 52),
    }) };

    const textAt = at => {
        const bytes = new Uint8Array(memory.buffer, at);
        return decoder.decode(bytes.slice(0, bytes.indexOf(0)));
    };
    const name = word => {
        const bytes = encoder.encode(word).slice(0, 500), at = wasm.engine_text();
        const to = new Uint8Array(memory.buffer, at, bytes.length + 1);
        to.set(bytes);
        to[bytes.length] = 0;
    };
    const fail = () => { throw new Error(textAt(wasm.engine_error())); };
    /* A bug's line is printed, then the program ends: in wasm by a trap. */
    const lineOf = error => said.trim() || error.message;

    const find = word => {
        name(word);
        const at = wasm.engine_tensor() || fail();
        const [data, dims, ...rest] = new Int32Array(memory.buffer, at, 7);
        const shape = rest.slice(0, dims), columns = shape[dims - 1], ld = rest[4];
        const rows = shape.reduce((product, n) => product * n, 1) / columns;
        return { data, shape, rows, columns, ld };
    };
    const calls = {
        set(word, value) { name(word); return wasm.engine_set(value) || fail(); },
        get(word) {
            name(word);
            return view().getFloat64(wasm.engine_get() || fail(), true);
        },
        run(word) { said = ""; name(word); return wasm.engine_run() || fail(); },
        tensor(word) {
            const t = find(word), data = new Float32Array(t.rows * t.columns);
            for (let i = 0; i < t.rows; i++) {
                data.set(new Float32Array(memory.buffer, t.data + 4 * i * t.ld, t.columns),
                         i * t.columns);
            }
            return { shape: t.shape, data };
        },
        write(word, elements) {
            const t = find(word);
            if (elements.length !== t.rows * t.columns) {
                throw new Error(word + " has " + t.rows * t.columns +
                                " elements, not " + elements.length);
            }
            for (let i = 0; i < t.rows; i++) {
                new Float32Array(memory.buffer, t.data + 4 * i * t.ld, t.columns)
                    .set(elements.slice(i * t.columns, (i + 1) * t.columns));
            }
        },
        file(word) {
            name(word);
            const at = wasm.engine_file() || fail();
            const [bytes, count] = new Int32Array(memory.buffer, at, 2);
            return new Uint8Array(memory.buffer, bytes, count).slice();
        },
        putFile(word, bytes) {
            name(word);
            const at = wasm.engine_put_file(bytes.length) || fail();
            new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
        },
        all(list) {
            const results = list.map(([call, ...args]) => calls[call](...args));
            return results.filter((_, i) => ["get", "tensor", "file"].includes(list[i][0]));
        },
    };

    /* Between the turns of a loop, messages are read. A timer would wait 4 ms each time,
     * a message to oneself comes at once, behind those that are waiting. */
    const loops = new Set(), next = new MessageChannel();
    next.port1.onmessage = ({ data }) => turn(...data);
    function turn(id, word, wanted) {
        if (!loops.has(id)) {
            return;
        }
        try {
            calls.run(word);
            postMessage({ id, turn: wanted.map(calls.get) });
            next.port2.postMessage([id, word, wanted]);
        } catch (error) {
            loops.delete(id);
            postMessage({ id, error: lineOf(error) });
        }
    }
    calls.loop = (id, word, wanted) => { loops.add(id); turn(id, word, wanted); };
    calls.stop = id => { loops.delete(id); };

    onmessage = async ({ data: { id, call, args } }) => {
        try {
            if (call === "load") {
                const stream = new Blob([args[0]]).stream()
                    .pipeThrough(new DecompressionStream("gzip"));
                const { instance } = await WebAssembly.instantiate(
                    await new Response(stream).arrayBuffer(), imports);
                wasm = instance.exports;
                memory = wasm.memory;
                wasm._initialize();
                postMessage({ id });
            } else if (call === "loop") {
                calls.loop(id, ...args);
            } else {
                postMessage({ id, result: calls[call](...args) });
            }
        } catch (error) {
            postMessage({ id, error: lineOf(error) });
        }
    };
};

/* bytes: of base64; unzipped: of gzip. */
Book.unzipped = async function (bytes) {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
};

Book.bytes = function (base64) {
    const text = atob(base64), bytes = new Uint8Array(text.length);
    for (let i = 0; i < bytes.length; i++) { /* Uint8Array.from takes 20 times as long */
        bytes[i] = text.charCodeAt(i);
    }
    return bytes;
};

/* A function of one instruction of SIMD128: can this browser compile it? */
Book.hasSimd = function () {
    return typeof DecompressionStream === "function" && WebAssembly.validate(Uint8Array.of(
        0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0,
        65, 0, 253, 15, 253, 98, 11));
};

Book.engines = {};
Book.engine = function (name = "page", module = Book.module) {
    Book.engines[name] ??= Book.startEngine(module);
    return Book.engines[name];
};

Book.startEngine = function (module) {
    const text = "(" + Book.workerMain + ")()";
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const worker = new Worker(url), waiting = new Map();
    let last = 0;
    URL.revokeObjectURL(url);
    worker.onerror = event => { /* the worker itself doesn't run: nobody would answer */
        waiting.forEach(one => one.reject(new Error(event.message || "no worker")));
        waiting.clear();
    };
    worker.onmessage = ({ data }) => {
        const one = waiting.get(data.id);
        if (!one) {
            return;
        }
        if (data.turn) {
            one.report(...data.turn);
            return;
        }
        waiting.delete(data.id);
        if (data.error !== undefined) {
            one.reject(new Error(data.error));
        } else {
            one.resolve(data.result);
        }
    };
    const send = (call, args, report) => {
        const id = ++last;
        const promise = new Promise((resolve, reject) => {
            waiting.set(id, { resolve, reject, report });
            worker.postMessage({ id, call, args });
        });
        promise.id = id;
        return promise;
    };
    const ready = send("load", [Book.bytes(module)]);
    const engine = { ready };
    for (const call of ["set", "get", "run", "tensor", "write", "file", "putFile", "all"]) {
        engine[call] = (...args) => ready.then(() => send(call, args));
    }
    /* loop: {stop(), ended: a promise that rejects with the function's error}. */
    engine.loop = (name, wanted, report) => {
        const started = ready.then(() => {
            const promise = send("loop", [name, wanted], report);
            return { id: promise.id, promise };
        });
        return {
            ended: started.then(one => one.promise),
            stop: () => started.then(({ id }) => {
                waiting.get(id)?.resolve();
                waiting.delete(id);
                return send("stop", [id]);
            }),
        };
    };
    return engine;
};
