/* needs: draw weights images */
/* front.js: draw, and the trained model answers and shows where it looked. */
"use strict";
Book.live("front", async (root, engine) => {
    const find = name => Book.control(root, name);
    const images = Book.testImages(), answer = root.querySelector("[data-table=answer]");
    const drawing = Book.drawing(
        find("picture"),
        () => ({ radius: Book.value(root, "radius"), grey: Book.value(root, "erase") ? 0 : 0.8 }),
        () => root.dispatchEvent(new Event("input")));
    const update = async () => {
        const began = performance.now();
        const [p, seen] = await engine.all([
            ["write", "vit.image", drawing.pixels], ["run", "vit.forward"],
            ["tensor", "vit.p"], ["tensor", "vit.rollout"]]);
        Book.showAnswer(answer, Array.from(p.data));
        Book.paintLooked(find("looked"), drawing.pixels, seen.data);
        root.dataset.answered = (performance.now() - began).toFixed(1); /* milliseconds */
    };
    let last = -1;
    const another = () => {
        last = (last + 3) % images.length;
        drawing.take(images[last].pixels);
    };
    await Book.openModel(engine);
    find("clear").addEventListener("click", () => drawing.take(new Float32Array(784)));
    find("another").addEventListener("click", another);
    another();
    await Book.follow(root, update);
});
