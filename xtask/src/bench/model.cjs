// Drives the wasm half of `cargo xtask bench model`: node model.cjs MODULE [NAME]. Prints a line of JSON a result.
const { names, Bench } = require(process.argv[2]);
const filter = process.argv[3] ?? "";
const SECONDS = 2;

for (const name of names().filter((name) => name.includes(filter))) {
  for (const model of ["pagescope", "rangemap"]) {
    const bench = Bench.begin(name, model);
    const events = bench.events();
    const times = [];
    // The first passes are compiled without optimization.
    for (const end = performance.now() + 500; performance.now() < end; ) bench.pass();
    for (const end = performance.now() + SECONDS * 1000; performance.now() < end || times.length < 5; ) {
      const start = performance.now();
      bench.pass();
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    const nanoseconds = times[times.length >> 1] * 1e6;
    console.log(JSON.stringify({ name, model, events, nanoseconds }));
    bench.free();
  }
}
