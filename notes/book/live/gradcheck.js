/* needs: moduleDouble */
/* gradcheck.js: the V-curve of a central difference's error, for a function to choose. */
"use strict";
Book.live("gradcheck", async (root, engine) => {
    const engines = [engine, Book.engine("double", Book.moduleDouble)]; /* float, double */
    const plot = root.querySelector("[data-plot=curve]");
    const types = Book.say(root, "types").split(", ");
    const rows = Book.say(root, "rows").split("; "), lost = Book.say(root, "lost");

    /* As the program: from 1e-1 to 1e-12, four steps per decade. */
    const exponents = Array.from({ length: 45 }, (_, i) => -1 - i / 4);
    const steps = exponents.map(exponent => 10 ** exponent);
    let curves = [], chosen = "";

    const measure = one => one.all(steps.flatMap(
        h => [["set", "gradcheck.h", h], ["run", "gradcheck.measure"],
              ["get", "gradcheck.error"]]));
    const element = (one, h) => one.all(
        [["set", "gradcheck.h", h], ["run", "gradcheck.element"],
         ...["at", "above", "below", "difference", "gradient"].map(
             name => ["get", "gradcheck." + name])]);

    await Book.follow(root, async () => {
        const settings = ["function", "mistake"].map(
            name => ["set", "gradcheck." + name, Number(Book.value(root, name))]);
        if (chosen !== String(settings)) {
            await Promise.all(engines.map(one => one.all(settings)));
            curves = await Promise.all(engines.map(measure));
            chosen = String(settings);
        }
        const exponent = Book.value(root, "exponent"), h = 10 ** exponent;
        const here = exponents.indexOf(exponent);
        Book.control(root, "shown").value = h.toExponential(1);
        Book.lines(plot, curves.map(
            (y, i) => ({ x: steps, y, name: types[i], dash: i ? "6 4" : "" })),
            { log: true, logx: true, xlabel: Book.say(root, "x"),
              ylabel: Book.say(root, "y"), ymin: 1e-16, ymax: 1,
              marks: curves.map((y, i) => ({ x: h, y: y[here], of: i })) });

        const whole = exponents.map((_, i) => i).filter(i => i % 4 === 0);
        Book.table(root.querySelector("[data-table=curve]"),
                   { shape: [whole.length, 2],
                     data: whole.flatMap(i => curves.map(curve => curve[i])) },
                   { columns: types, rows: whole.map(i => "1e" + exponents[i]),
                     format: x => Number.isNaN(x) ? lost : x ? x.toExponential(1) : "0" });

        const columns = await Promise.all(engines.map(one => element(one, h)));
        Book.table(root.querySelector("[data-table=element]"),
                   { shape: [5, 2], data: rows.flatMap((_, i) => columns.map(c => c[i])) },
                   { columns: types, rows,
                     format: (x, i, j) => Number.isNaN(x) ? lost : x.toFixed(j ? 16 : 9) });
    });
});
