// A reveal.js plugin: slides with <iframe data-pagescope …> are moved by the deck's own keys, a step at a time, and the deck
// goes on when a frame has shown its last one. See embedding.md.
window.PagescopeFrames = () => {
  const states = new WeakMap();
  const frames = () => [...document.querySelectorAll("iframe[data-pagescope]")];
  const here = (deck) => deck.getCurrentSlide()?.querySelector("iframe[data-pagescope]");
  const say = (frame, message) => frame.contentWindow.postMessage(message, "*");

  // The keys of clickers, and of people who hold none.
  const next = ["ArrowRight", "PageDown", " ", "n", "N"];
  const previous = ["ArrowLeft", "PageUp", "p", "P"];

  // True where the frame on the slide takes the step.
  const step = (deck, key) => {
    const frame = here(deck);
    const state = frame && states.get(frame);
    const back = previous.includes(key);
    if (!state || !(back || next.includes(key)) || (back ? state.first : state.last)) return false;
    say(frame, { pagescope: back ? "previous" : "next" });
    return true;
  };

  return {
    id: "pagescope",
    init: (deck) => {
      window.addEventListener("message", ({ source, data }) => {
        const frame = frames().find((frame) => frame.contentWindow === source);
        if (!frame) return;
        if (data?.pagescope === "ready") say(frame, { pagescope: "state" });
        if (data?.pagescope === "state") states.set(frame, data);
        // A key that the frame had no use for: the deck has the keyboard again.
        if (data?.pagescope === "key") {
          window.focus();
          if (!step(deck, data.key)) deck.triggerKey(data.keyCode);
        }
      });
      window.addEventListener(
        "keydown",
        (event) => {
          if (event.ctrlKey || event.altKey || event.metaKey || deck.isOverview()) return;
          if (!step(deck, event.key)) return;
          event.preventDefault();
          event.stopImmediatePropagation();
        },
        true,
      );
      // A frame that was loaded before this script ran has said its word already.
      frames().forEach((frame) => say(frame, { pagescope: "state" }));
    },
  };
};
