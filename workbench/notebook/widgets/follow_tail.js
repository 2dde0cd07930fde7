// @ts-check
/**
 * A scrolling element that stays at its end while it grows, unless the reader scrolled up.
 *
 * Its height never shrinks while a run writes: what is below must not jump.
 */

const TAIL_PX = 24;

export class FollowTail {
  /** @param {HTMLElement} el @param {(following: boolean) => void} [onChange] */
  constructor(el, onChange = () => {}) {
    this.el = el;
    /** False of what had ended before it was first shown: that is read from its beginning. */
    this.following = true;
    this._started = false;
    this._onChange = onChange;
    this._reservedPx = 0;
    el.addEventListener("scroll", () => this._onScroll(), { passive: true });
  }

  /** To be called after every change. @param {boolean} growing whether the height is to be kept */
  update(growing) {
    const { el } = this;
    if (!this._started) this.following = growing;
    this._started = true;
    if (this.following) el.scrollTop = el.scrollHeight;
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

  jump() {
    this.el.scrollTop = this.el.scrollHeight;
    this._set(true);
  }

  _onScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.el;
    this._set(scrollHeight - scrollTop - clientHeight < TAIL_PX);
  }

  /** @param {boolean} following */
  _set(following) {
    if (following === this.following) return;
    this.following = following;
    this._onChange(following);
  }
}
