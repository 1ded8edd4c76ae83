/*
 * draw.js: what the figures with pictures share (vit, front, train): a canvas to draw 28 x
 * 28 grey pixels on, pictures of matrices, attention over a picture, and the trained model.
 */
"use strict";
var Book = Book || {};
Book.SIDE = 28;

/* Something in an element that is made here: Book.make("td", { scope: "row" }, "text"). */
Book.make = function (tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
        element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
};

/* paint: a picture of width x height pixels, each an [r, g, b] of colour(i), in a canvas,
 * which its style may show larger: its pixels stay squares (image-rendering). */
Book.paint = function (canvas, width, height, colour) {
    if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
    }
    const image = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
        const [r, g, b] = colour(i);
        image.data.set([r, g, b, 255], 4 * i);
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
};

/* paintLooked: the picture in grey, and over each patch as much orange as it is looked at.
 * weights: one for each patch, row by row, 1 the most. */
Book.paintLooked = function (canvas, pixels, weights) {
    const across = Math.round(Math.sqrt(weights.length)), patch = Book.SIDE / across;
    Book.paint(canvas, Book.SIDE, Book.SIDE, i => {
        const y = Math.floor(i / Book.SIDE), x = i % Book.SIDE;
        const w = weights[Math.floor(y / patch) * across + Math.floor(x / patch)];
        const grey = 255 * (0.08 + 0.72 * pixels[i]), much = 0.8 * Math.min(Math.max(w, 0), 1);
        return [255, 150, 0].map(orange => (1 - much) * grey + much * orange);
    });
};

/* Of a row of attention weights, over tokens, the patches' part; the largest is 1. */
Book.ofPatches = function (row) {
    const patches = row.slice(1), most = Math.max(...patches);
    return patches.map(w => most > 0 ? w / most : 0);
};

/*
 * drawing: a canvas of 28 x 28 pixels that mouse, finger and keys draw on. Arrow keys move
 * the brush, the space bar draws, an arrow with Shift draws a line. `brush()` gives its
 * radius in pixels and its grey, 0 black to 1; `changed()` is called after each stroke.
 * Returns { pixels, take(pixels), move(dx, dy) }: pixels (784), 0 to 1.
 */
Book.drawing = function (canvas, brush, changed) {
    const side = Book.SIDE, pixels = new Float32Array(side * side);
    const at = { x: side / 2, y: side / 2, last: null };
    const show = () => {
        const focused = document.activeElement === canvas;
        const { radius } = brush();
        Book.paint(canvas, side, side, i => {
            const x = i % side + 0.5 - at.x, y = Math.floor(i / side) + 0.5 - at.y;
            const edge = focused && Math.abs(Math.hypot(x, y) - radius) < 0.5;
            return edge ? [230, 159, 0] : [1, 1, 1].map(() => 255 * pixels[i]);
        });
    };
    const dab = (cx, cy) => {
        const { radius, grey } = brush();
        for (let i = 0; i < side * side; i++) {
            const x = i % side + 0.5, y = Math.floor(i / side) + 0.5;
            const covered = Math.min(Math.max(radius + 0.5 - Math.hypot(x - cx, y - cy), 0), 1);
            pixels[i] += covered * (grey - pixels[i]);
        }
    };
    const line = (x, y) => { /* dabs from where the brush is to there */
        const from = at.last ?? { x, y };
        const steps = Math.max(1, Math.ceil(Math.hypot(x - from.x, y - from.y)));
        for (let k = 1; k <= steps; k++) {
            dab(from.x + (x - from.x) * k / steps, from.y + (y - from.y) * k / steps);
        }
        Object.assign(at, { x, y, last: { x, y } });
    };
    const after = () => { show(); changed(); };

    const place = event => {
        const box = canvas.getBoundingClientRect();
        return [(event.clientX - box.left) / box.width * side,
                (event.clientY - box.top) / box.height * side];
    };
    canvas.style.touchAction = "none"; /* a finger draws here, and doesn't scroll */
    canvas.addEventListener("pointerdown", event => {
        canvas.setPointerCapture(event.pointerId);
        at.last = null;
        line(...place(event));
        after();
    });
    canvas.addEventListener("pointermove", event => {
        if (canvas.hasPointerCapture(event.pointerId)) {
            const all = event.getCoalescedEvents?.() ?? [];
            (all.length ? all : [event]).forEach(one => line(...place(one)));
            after();
        }
    });
    const steps = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0],
                    ArrowRight: [1, 0] };
    canvas.addEventListener("keydown", event => {
        const step = steps[event.key];
        if (!step && event.key !== " ") {
            return;
        }
        event.preventDefault(); /* neither scrolls */
        const [x, y] = step ? [at.x + step[0], at.y + step[1]] : [at.x, at.y];
        const inside = [x, y].map(v => Math.min(Math.max(v, 0.5), side - 0.5));
        if (event.key === " " || event.shiftKey) {
            at.last = { x: at.x, y: at.y };
            line(...inside);
            after();
        } else {
            [at.x, at.y] = inside;
            show();
        }
    });
    canvas.addEventListener("focus", show);
    canvas.addEventListener("blur", show);
    return {
        pixels,
        take(other) { pixels.set(other); after(); },
        move(dx, dy) {
            const old = pixels.slice();
            pixels.forEach((_, i) => {
                const x = i % side - dx, y = Math.floor(i / side) - dy;
                pixels[i] = x >= 0 && x < side && y >= 0 && y < side ? old[y * side + x] : 0;
            });
            after();
        },
    };
};

/* testImages: the test images that pages have: [{ name, label, pixels (784), 0 to 1 }]. */
Book.testImages = function () {
    const { pixels, labels, classes, places } = Book.images, bytes = Book.bytes(pixels);
    const size = Book.SIDE * Book.SIDE;
    return labels.map((label, i) => ({
        label,
        name: `${classes[label]} (${places[i]})`,
        pixels: Float32Array.from(bytes.subarray(i * size, (i + 1) * size), b => b / 255),
    }));
};

/* openModel: the pages' trained model, once for a page. */
Book.openModel = function (engine) {
    Book.modelOpened ??= Book.unzipped(Book.bytes(Book.weights)).then(bytes => engine.all(
        [["putFile", "vit.checkpoint", bytes], ["run", "vit.open"]]));
    return Book.modelOpened;
};

/* showAnswer: the classes' probabilities, in percent and as bars, in the rows that the page
 * has for them: so nothing moves when the numbers come. */
Book.showAnswer = function (table, p) {
    const best = p.indexOf(Math.max(...p));
    Array.from(table.tBodies[0].rows).forEach((row, k) => {
        const percent = (100 * p[k]).toFixed(1) + "%";
        row.cells[1].textContent = percent;
        row.querySelector("span").style.width = percent;
        row.className = k === best ? "best" : "";
    });
};
