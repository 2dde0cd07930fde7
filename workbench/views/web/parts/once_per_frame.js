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

/** A function that has *paint* called: at once (after what is running) if the last painting has been on the
 * screen, so that the next animation frame shows it; else in that frame. @param {() => void} paint
 * @returns {() => void} */
export function paintSoon(paint) {
  let wanted = false;
  let resting = true;
  const now = () => {
    wanted = resting = false;
    oncePerFrame(() => {
      resting = true;
      if (wanted) now();
    });
    paint();
  };
  return () => {
    if (wanted) return;
    wanted = true;
    if (resting) queueMicrotask(now);
  };
}
