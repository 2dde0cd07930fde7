// @ts-check
/**
 * A scrolling element that stays at its end while it grows, unless the reader scrolled up. What is in it must be
 * there from the start: it stays at its end too when their layout settles.
 *
 * Its height never shrinks while a run writes: what is below must not jump.
 */

/** How near to the end counts as there. */
const TAIL_PX = 24;

/** Whether an element is scrolled to its end. @param {HTMLElement} el */
export function isAtEnd({ scrollHeight, scrollTop, clientHeight }, px = TAIL_PX) {
  return scrollHeight - scrollTop - clientHeight < px;
}

export class FollowTail {
  /** @param {HTMLElement} el @param {(following: boolean) => void} [onChange] */
  constructor(el, onChange = () => {}) {
    this.el = el;
    /** False of what had ended before it was first shown: that is read from its beginning. */
    this.following = true;
    this._started = false;
    /** Where there is no tail, as in a grid, the place of the reader is kept. */
    this.enabled = true;
    this._onChange = onChange;
    this._reservedPx = 0;
    el.addEventListener("scroll", () => this._onScroll(), { passive: true });
    this._observer = new ResizeObserver(() => this._stay());
    for (const inner of el.children) this._observer.observe(inner);
  }

  close() {
    this._observer.disconnect();
  }

  _stay() {
    if (this.following && this._started && this.enabled) this.el.scrollTop = this.el.scrollHeight;
  }

  /** To be called after every change. @param {boolean} growing whether the height is to be kept */
  update(growing) {
    const { el } = this;
    if (!this._started) this.following = growing;
    this._started = true;
    this._stay();
    const height = el.offsetHeight;
    if (!growing || height <= this._reservedPx) return;
    this._reservedPx = height;
    el.style.minHeight = `${height}px`;
  }

  /** Forget the height that was kept. */
  release() {
    this._reservedPx = 0;
    this.el.style.minHeight = "";
  }

  /** Read it from the beginning. */
  toStart() {
    this._started = true;
    this.el.scrollTop = 0;
    this._set(false);
  }

  jump() {
    this.el.scrollTop = this.el.scrollHeight;
    this._set(true);
  }

  _onScroll() {
    if (this.enabled) this._set(isAtEnd(this.el));
  }

  /** @param {boolean} following */
  _set(following) {
    if (following === this.following) return;
    this.following = following;
    this._onChange(following);
  }
}
