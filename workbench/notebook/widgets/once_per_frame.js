// @ts-check
/** Painting at most once per animation frame. */

const HIDDEN_TAB_MS = 250;

/** Hidden tabs get no animation frames, so a timer runs against them. @param {() => void} paint */
export function oncePerFrame(paint) {
  let done = false;
  const run = () => {
    if (done) return;
    done = true;
    clearTimeout(timer);
    paint();
  };
  const timer = setTimeout(run, HIDDEN_TAB_MS);
  requestAnimationFrame(run);
}
