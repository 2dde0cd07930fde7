// @ts-check
/**
 * The size of text that the reader set for the notebook's content, followed by the view as a whole: rows, bars and
 * icons grow with the words. (The browser's own zoom needs nothing of this.)
 */

import { element } from "./elements.js";

/** What JupyterLab begins with, and what the sizes of our style sheets are for. */
const USUAL_PX = 14;

/** @param {HTMLElement} root @param {HTMLElement} body in it @returns {() => void} ends it */
export function followTextSize(root, body) {
  const probe = element("span", "wb-probe");
  probe.setAttribute("aria-hidden", "true");
  root.prepend(probe);
  const observer = new ResizeObserver(() => {
    const px = probe.offsetWidth; // 0 while the view is hidden
    if (px > 0) body.style.setProperty("zoom", px === USUAL_PX ? "" : String(px / USUAL_PX));
  });
  observer.observe(probe);
  return () => observer.disconnect();
}

/** How much larger the view around an element is shown than its own sizes say. @param {HTMLElement} el */
export function scaleOf(el) {
  const body = /** @type {HTMLElement} */ (el.closest(".wb-body") ?? el); // wide: sizes of its own are whole pixels
  return body.offsetWidth > 0 ? body.getBoundingClientRect().width / body.offsetWidth : 1;
}
