// @ts-check
/** Something that is done again and again, while it is wanted. */

export class Ticker {
  /** @param {number} ms @param {() => void} tick */
  constructor(ms, tick) {
    this._ms = ms;
    this._tick = tick;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this._ticking = undefined;
  }

  get isOn() {
    return this._ticking !== undefined;
  }

  /** @param {boolean} on */
  set(on) {
    if (on) this._ticking ??= setInterval(this._tick, this._ms);
    else {
      clearInterval(this._ticking);
      this._ticking = undefined;
    }
  }
}
