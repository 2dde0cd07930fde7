// @ts-check
/**
 * Calls as bars in lanes on a canvas, so that thousands of them cost no nodes: a lane a place, the colour of a
 * bar its step, light until the first token, with a mark there; the ideal as a dashed line.
 */

import { visibleText } from "../content/visible_text.js";
import { duration, isModel } from "../data/values.js";
import { element, setAttribute, withRole } from "../parts/elements.js";
import { axisText, tickStep } from "../tree/waterfall.js";

/** @typedef {import("./timeline_store.js").Picture} Picture */
/** @typedef {import("./timeline_store.js").Bar} Bar */
/** @typedef {{picture: Picture, at: number, idealMs: number | null, expectedMs: number, lanes: number}} Scene
 *   at: the clock of the case; expectedMs: how long it is likely to take; lanes: how many there may be */

const COLOURS = ["#7c5cff", "#12978a", "#c98a1b", "#2f80d0", "#c2418c", "#5d9c3a", "#b5563f", "#6b7d92"];
const OTHER = "#8a97a6";
const AXIS = 18;
const LEFT = 26;
const TALLEST = 18;
const THINNEST = 3;
const HEIGHT = 190;
const MOST_LABELS = 64;

/** @param {number} step */
export function stepColour(step) {
  return COLOURS[step] ?? OTHER;
}

export class Lanes {
  constructor() {
    this._canvas = withRole(element("canvas", "wb-lanes-canvas"), "img");
    this._tip = element("div", "wb-lanes-tip");
    this._tip.hidden = true;
    this._scroll = element("div", "wb-lanes-scroll", this._canvas);
    this.el = element("div", "wb-lanes", this._scroll, this._tip);
    /** @type {Scene | null} */
    this._scene = null;
    this._total = 1;
    this._height = 0;
    this._canvas.addEventListener("pointermove", (event) => this._onMove(event));
    this._canvas.addEventListener("pointerleave", () => (this._tip.hidden = true));
    this._resized = new ResizeObserver(() => this._draw());
    this._resized.observe(this._scroll);
  }

  close() {
    this._resized.disconnect();
  }

  /** The height that the busiest case needs, so that nothing jumps when another one's turn comes.
   * @param {number} lanes */
  reserve(lanes) {
    const height = Math.min(Math.max(lanes, 1) * TALLEST, HEIGHT) + AXIS;
    if (height === this._height) return;
    this._height = height;
    this._scroll.style.height = `${height + 2}px`;
  }

  /** @param {Scene | null} scene @param {string} words what the picture shows, for those who cannot see it */
  paint(scene, words) {
    this._scene = scene;
    setAttribute(this._canvas, "aria-label", words);
    this._draw();
  }

  _draw() {
    const scene = this._scene;
    const width = this._scroll.clientWidth;
    if (width === 0) return;
    const lanes = laneCount(scene);
    const tall = this._laneHeight(lanes);
    const height = Math.max(lanes * tall + AXIS, this._height);
    const context = this._sized(width, height);
    if (!scene || !context) return;
    const style = getComputedStyle(this.el);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim() || "#888";
    this._total = Math.max(scene.expectedMs, scene.at, (scene.idealMs ?? 0) * 1.02, 1) * 1.04;
    const scale = (width - LEFT - 8) / this._total;
    this._grid(context, lanes, tall, height, scale, { line: colour("--wb-line"), text: colour("--wb-muted") });
    this._bars(context, scene, tall, scale, { bad: colour("--wb-bad"), paper: colour("--wb-paper") });
    this._lines(context, scene, lanes * tall, scale, { text: colour("--wb-text"), accent: colour("--wb-accent") });
  }

  /** @param {number} lanes */
  _laneHeight(lanes) {
    return Math.max(THINNEST, Math.min(TALLEST, Math.floor((this._height - AXIS) / lanes)));
  }

  /** @param {number} width @param {number} height */
  _sized(width, height) {
    const canvas = this._canvas;
    const ratio = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide || canvas.height !== high) {
      canvas.width = wide;
      canvas.height = high;
      canvas.style.height = `${height}px`;
    }
    const context = canvas.getContext("2d");
    context?.setTransform(ratio, 0, 0, ratio, 0, 0);
    context?.clearRect(0, 0, width, height);
    return context;
  }

  /** @param {CanvasRenderingContext2D} context @param {number} lanes @param {number} tall
   * @param {number} height @param {number} scale @param {{line: string, text: string}} colours */
  _grid(context, lanes, tall, height, scale, { line, text }) {
    context.font = "10.5px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.textAlign = "right";
    context.fillStyle = text;
    if (tall >= 11) {
      for (let lane = 0; lane < Math.min(lanes, MOST_LABELS); lane += 1) context.fillText(String(lane + 1), LEFT - 7, lane * tall + tall / 2);
    }
    const step = tickStep(this._total, Math.max(2, Math.floor((this._total * scale) / 110)));
    context.textAlign = "center";
    for (let at = 0; at <= this._total; at += step) {
      const x = Math.round(LEFT + at * scale) + 0.5;
      context.strokeStyle = line;
      context.globalAlpha = 0.75;
      context.beginPath();
      context.moveTo(x, 0);
      context.lineTo(x, lanes * tall + 3);
      context.stroke();
      context.globalAlpha = 1;
      context.fillText(at === 0 ? "0" : axisText(at), x, Math.min(lanes * tall, height - AXIS) + AXIS / 2 + 2);
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {Scene} scene @param {number} tall
   * @param {number} scale @param {{bad: string, paper: string}} colours */
  _bars(context, { picture, at }, tall, scale, { bad, paper }) {
    const inset = tall >= 8 ? 1.5 : 0.5;
    for (const bar of picture.bars) {
      const [lane, , step, start, first, end, status] = bar;
      const until = end ?? Math.max(at, start);
      if (until === start && end !== null) continue;
      const x = LEFT + start * scale;
      const y = lane * tall + inset;
      const high = tall - 2 * inset;
      // A hair of paper between bars that touch, where there is room for one.
      const wide = Math.max((until - start) * scale - ((until - start) * scale > 3 ? 1 : 0), 0.6);
      context.fillStyle = status === "failed" ? bad : stepColour(step);
      // Only of a model is the first token waited for.
      const waits = first ?? (end === null && isModel({ type: picture.steps[step]?.[1] ?? "" }) ? until : start);
      const split = Math.min(Math.max((waits - start) * scale, 0), wide);
      context.globalAlpha = status === "cancelled" ? 0.2 : 0.38;
      context.fillRect(x, y, split, high);
      context.globalAlpha = status === "cancelled" ? 0.35 : 0.92;
      context.fillRect(x + split, y, wide - split, high);
      context.globalAlpha = 1;
      if (first !== null && wide > 4) {
        context.fillStyle = paper;
        context.fillRect(x + split - 1.5, y, 1, high);
        context.fillStyle = stepColour(step);
        context.fillRect(x + split - 0.5, y - inset, 1.5, tall);
      }
    }
  }

  /** The ideal, and how far the clock is. @param {CanvasRenderingContext2D} context @param {Scene} scene
   * @param {number} height @param {number} scale @param {{text: string, accent: string}} colours */
  _lines(context, { picture, at, idealMs }, height, scale, { text, accent }) {
    if (picture.open) {
      context.fillStyle = accent;
      context.fillRect(LEFT + at * scale, 0, 1, height);
    }
    if (idealMs === null) return;
    const x = LEFT + idealMs * scale;
    context.strokeStyle = text;
    context.lineWidth = 1.2;
    context.setLineDash([4, 3]);
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, height + 4);
    context.stroke();
    context.setLineDash([]);
    context.lineWidth = 1;
  }

  /** @param {PointerEvent} event */
  _onMove(event) {
    const scene = this._scene;
    const found = scene && this._barAt(scene, event.offsetX, event.offsetY);
    this._tip.hidden = !found;
    if (!scene || !found) return;
    const [, item, step, start, first, end] = found;
    const [name] = scene.picture.steps[step] ?? [""];
    const words = [`input ${item + 1}: ${visibleText(name)}`, duration((end ?? scene.at) - start) || "0 ms"];
    if (first !== null) words.push(`first token after ${duration(first - start) || "0 ms"}`);
    this._tip.textContent = words.join(", ");
    const room = this.el.clientWidth - this._tip.offsetWidth - 4;
    this._tip.style.left = `${Math.max(4, Math.min(event.offsetX + 12, room))}px`;
    this._tip.style.top = `${event.offsetY - this._scroll.scrollTop + 14}px`;
  }

  /** @param {Scene} scene @param {number} x @param {number} y @returns {Bar | undefined} */
  _barAt(scene, x, y) {
    const lane = Math.floor(y / this._laneHeight(laneCount(scene)));
    const at = ((x - LEFT) / (this._canvas.clientWidth - LEFT - 8)) * this._total;
    return scene.picture.bars.findLast((bar) => bar[0] === lane && bar[3] <= at && at <= (bar[5] ?? scene.at));
  }
}

/** @param {Scene | null} scene */
function laneCount(scene) {
  return Math.max(scene?.lanes ?? 1, scene?.picture.lanes ?? 1, 1);
}
