// @ts-check
/**
 * Whether the kernel that a view belongs to is still there. A restarted kernel does not know the run.
 *
 * @typedef {{status?: string, interrupt?: () => unknown,
 *   statusChanged?: {connect(slot: () => void): void, disconnect(slot: () => void): void}}} Kernel
 */

const GONE = ["restarting", "autorestarting", "dead", "terminating"];

export class KernelWatch {
  /** @param {() => Kernel | null | undefined} kernelOf @param {() => void} onGone */
  constructor(kernelOf, onGone) {
    this._kernelOf = kernelOf;
    this._onGone = onGone;
    this.gone = false;
    this._slot = () => this.check();
    this._kernel = kernelOf();
    this._kernel?.statusChanged?.connect(this._slot);
    this.check();
  }

  close() {
    this._kernel?.statusChanged?.disconnect(this._slot);
  }

  /** Look again; front ends without the signal are asked while a run is under way. */
  check() {
    if (this.gone || !GONE.includes(this._kernelOf()?.status ?? "")) return;
    this.gone = true;
    this._onGone();
  }
}
