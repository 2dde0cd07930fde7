// @ts-check
/**
 * A grip below a part that scrolls: the reader drags it, or moves it with the arrows, to make the part higher
 * or lower (the ARIA window splitter pattern). A double click or Enter gives the part its own height again. The
 * height is kept for the views to come.
 */

import { element, withRole } from "./elements.js";
import { takeKey } from "./list_keys.js";
import { remember, remembered } from "./remembered.js";
import { scaleOf } from "./text_size.js";

const LOWEST_PX = 50;
const HIGHEST_PX = 2_000;
const STEP_PX = 25;

export class Grip {
  /** @param {HTMLElement} part @param {string} name of the part, also for screen readers */
  constructor(part, name) {
    this._part = part;
    this._key = `height.${name.toLowerCase()}`;
    this.el = withRole(element("div", "wb-grip"), "separator", `Height of ${name}`);
    this.el.tabIndex = 0;
    this.el.title = "Drag to change the height, double click for the usual one";
    this.el.setAttribute("aria-orientation", "horizontal");
    this.el.setAttribute("aria-valuemin", String(LOWEST_PX));
    this.el.setAttribute("aria-valuemax", String(HIGHEST_PX));
    this.el.addEventListener("pointerdown", (event) => this._drag(event));
    this.el.addEventListener("dblclick", () => this._set(0));
    this.el.addEventListener("keydown", (event) => this._onKey(event));
    this._show(Number(remembered(this._key)) || 0);
  }

  /** @param {number} px 0 for the part's own height */
  _set(px) {
    const height = px === 0 ? 0 : Math.round(Math.min(Math.max(px, LOWEST_PX), HIGHEST_PX));
    remember(this._key, height === 0 ? "" : String(height));
    this._show(height);
  }

  /** @param {number} height */
  _show(height) {
    const { dataset, style } = this._part;
    if (height > 0) dataset.sized = "true";
    else delete dataset.sized;
    style.height = height > 0 ? `${height}px` : "";
    this.el.setAttribute("aria-valuenow", String(height || LOWEST_PX));
    this.el.setAttribute("aria-valuetext", height > 0 ? `${height} pixels` : "as high as what is in it");
  }

  /** @param {PointerEvent} event */
  _drag(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.el.focus({ preventScroll: true });
    this.el.setPointerCapture(event.pointerId);
    const height = this._part.offsetHeight;
    const scale = scaleOf(this._part);
    const move = (/** @type {PointerEvent} */ moved) => this._set(height + (moved.clientY - event.clientY) / scale);
    this.el.addEventListener("pointermove", move);
    this.el.addEventListener("lostpointercapture", () => this.el.removeEventListener("pointermove", move), { once: true });
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    const height = this._part.offsetHeight;
    /** @type {Record<string, number>} */
    const heights = { ArrowDown: height + STEP_PX, ArrowUp: height - STEP_PX, Home: LOWEST_PX, Enter: 0 };
    if (!Object.hasOwn(heights, event.key)) return;
    takeKey(event);
    this._set(heights[event.key]);
  }
}
