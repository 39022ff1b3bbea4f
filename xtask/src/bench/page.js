// Runs in every page before its own scripts: how long each frame's scripts take, and what the bench does with the page.
window.bench = (() => {
  const frames = [];
  const request = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (call) =>
    request((time) => {
      const begun = performance.now();
      call(time);
      frames.push(performance.now() - begun);
    });
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const next = () => new Promise((resolve) => request(() => setTimeout(resolve)));
  const mark = (name) => performance.getEntriesByName(name, "mark").at(-1)?.startTime;
  const until = async (done, ms) => {
    for (const end = performance.now() + ms; !done(); await pause(20)) {
      if (performance.now() > end) throw new Error("the page does not get there");
    }
  };
  const summary = (times) => {
    const sorted = [...times].sort((a, b) => a - b);
    return { median: sorted[sorted.length >> 1] ?? 0, most: sorted.at(-1) ?? 0, count: sorted.length };
  };
  return {
    // When the trace was shown first and when it had been gone through, and the frames until then.
    async load() {
      await until(() => mark("trace-whole") !== undefined, 100000);
      const shown = mark("trace-shown") ?? mark("trace-whole");
      return { shown, whole: mark("trace-whole"), frames: summary(frames) };
    },
    // Anywhere in the trace: the longest frame of each.
    async seeks(count) {
      const scrub = document.getElementById("scrub");
      const times = [];
      let random = 1;
      for (let i = 0; i < count; i++) {
        random = (random * 1103515245 + 12345) % 2147483648;
        await pause(30);
        frames.length = 0;
        scrub.value = String(Math.floor((random / 2147483648) * Number(scrub.max)));
        scrub.dispatchEvent(new Event("input", { bubbles: true }));
        await next();
        await next();
        times.push(Math.max(...frames));
      }
      return summary(times);
    },
    // All pages in sight, and the camera moves: the frames of that.
    async frames(count) {
      await until(() => document.getElementById("heading").textContent !== "Loading…", 10000);
      document.querySelector('[data-command="overview"]').click();
      await pause(700);
      const picture = document.getElementById("picture");
      const box = picture.getBoundingClientRect();
      const at = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 };
      frames.length = 0;
      for (let i = 0; i < count; i++) {
        const wheel = { ...at, deltaY: i % 2 ? 24 : -24, ctrlKey: i % 8 < 4, bubbles: true, cancelable: true };
        document.getElementById("canvas").dispatchEvent(new WheelEvent("wheel", wheel));
        await next();
      }
      return summary(frames);
    },
    // What a page does that has an element for each range: all of them made, then all of them moved, with layout.
    async elements(ranges, count) {
      const room = document.createElement("div");
      room.style.cssText = "position:fixed;inset:0;overflow:hidden";
      document.body.append(room);
      const begun = performance.now();
      const all = Array.from({ length: ranges }, () => {
        const one = document.createElement("div");
        one.style.cssText = "position:absolute;height:12px;background:#0072b2";
        room.append(one);
        return one;
      });
      const times = [];
      let made = 0;
      for (let turn = 0; turn <= count; turn++) {
        const start = performance.now();
        for (let i = 0; i < ranges; i++) {
          all[i].style.left = `${((i * 7 + turn) % 1900)}px`;
          all[i].style.top = `${((i * 13) % 1000)}px`;
          all[i].style.width = `${4 + (i + turn) % 9}px`;
        }
        // Styles and layout are part of it.
        room.lastChild.getBoundingClientRect();
        if (turn === 0) made = performance.now() - begun;
        else times.push(performance.now() - start);
        await next();
      }
      room.remove();
      return { made, ...summary(times) };
    },
  };
})();
