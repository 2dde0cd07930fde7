// @ts-check
/** A row of figures for one case of a comparison. */

import { visibleText } from "../content/visible_text.js";
import { duration } from "../data/values.js";
import { element, makeButton, setAttribute, setText } from "../parts/elements.js";

/** @typedef {import("./timeline_store.js").Case} Case */

const MOST_DOTS = 40;

/** The figures of one case, in a row that can be chosen. */
export class CaseRow {
  /** @param {() => void} onChoose */
  constructor(onChoose) {
    this._name = makeButton("wb-case-name", "", onChoose, "Look at the last repeat of this case");
    this._bar = element("div", "wb-case-bar");
    this._ideal = element("div", "wb-case-ideal");
    this._ideal.title = "The ideal: the same calls with nothing in between";
    this._dots = element("div", "wb-case-dots");
    const track = element("div", "wb-case-track", this._bar, this._dots, this._ideal);
    this._median = element("span", "wb-case-figure");
    this._about = element("span", "wb-case-about");
    this.el = element("div", "wb-case", this._name, track, this._median, this._about);
    this._drawn = "";
  }

  /** @param {Case} figures @param {number} longest seconds @param {{runs: boolean, chosen: boolean}} is */
  update(figures, longest, { runs, chosen }) {
    setAttribute(this._name, "aria-pressed", String(chosen));
    this.el.classList.toggle("wb-runs", runs);
    const key = `${figures.samples.length} ${longest} ${figures.ideal_s}`;
    if (key === this._drawn) return;
    this._drawn = key;
    setText(this._name, visibleText(figures.label));
    const { samples } = figures;
    const at = (/** @type {number} */ seconds) => `${(100 * seconds) / longest}%`;
    const middle = median(samples);
    this._bar.style.width = samples.length > 0 ? at(middle) : "0";
    this._ideal.hidden = figures.ideal_s === null || samples.length === 0;
    if (figures.ideal_s !== null) this._ideal.style.left = at(figures.ideal_s);
    this._dots.replaceChildren(...samples.slice(-MOST_DOTS).map((seconds) => {
      const dot = element("span", "wb-case-dot");
      dot.style.left = at(seconds);
      return dot;
    }));
    setText(this._median, samples.length > 0 ? duration(middle * 1000) : "");
    const words = [`${samples.length}×`];
    if (figures.peak !== null) words.push(`${figures.peak.toLocaleString("en")} at once`);
    if (figures.efficiency !== null) words.push(`efficiency ${Math.round(100 * figures.efficiency)} %`);
    setText(this._about, samples.length > 0 || figures.peak !== null ? words.join(", ") : "");
  }
}

/** @param {readonly number[]} values */
export function median(values) {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
