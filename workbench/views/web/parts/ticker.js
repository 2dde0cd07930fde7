// @ts-check
/** Something that is done again and again, while it is wanted. */

export class Ticker {
  /** @param {number} ms @param {() => void} tick */
  constructor(ms, tick) {
    this._ms = ms;
    this._tick = tick;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this._ticking = undefined;
    this._isClosed = false;
  }

  get isOn() {
    return this._ticking !== undefined;
  }

  /** @param {boolean} on */
  set(on) {
    if (on && !this._isClosed) this._ticking ??= setInterval(this._tick, this._ms);
    else {
      clearInterval(this._ticking);
      this._ticking = undefined;
    }
  }

  /** For good: what is still to be painted starts nothing. */
  close() {
    this._isClosed = true;
    this.set(false);
  }
}
