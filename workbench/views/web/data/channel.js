// @ts-check
/**
 * What all views of a model share: its store, and the messages to and from Python (see
 * workbench/notebook/widgets/live_view.py).
 *
 * @typedef {{get(name: string): any, set(name: string, value: any): void, send(content: object): void,
 *   on(name: string, callback: (message: any) => void): void,
 *   off?(name: string, callback: (message: any) => void): void,
 *   widget_manager?: {kernel?: import("./kernel_watch.js").Kernel | null}}} Model
 */

const STOP_ANSWER_MS = 400;
const HERE_MS = 800;

/** @template {import("./frame_store.js").FrameStore<any, any>} T */
export class Channel {
  /** @param {Model} model @param {(askForSnapshot: (have: number) => void) => T} makeStore */
  constructor(model, makeStore) {
    this.model = model;
    this.store = makeStore((have) => this.send({ k: "sync", have }));
    this._stopsAnswered = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._here = undefined;
    this._seen = () => {
      if (!globalThis.document?.hidden) this.store.nudge();
    };
  }

  /** Begin. @param {unknown[]} early messages that came before this was there */
  open(early) {
    const { model, store } = this;
    store.load(model.get("snapshot"));
    model.on("change:snapshot", () => store.load(model.get("snapshot")));
    model.on("msg:custom", (message) => this.receive(message));
    for (const message of early) this.receive(message);
    store.subscribe(() => this._keep());
    // Not at once: the first message of a comm waits for the cell to end even where later ones do not.
    this._here = setTimeout(() => this.send({ k: "here" }), HERE_MS);
    store.open();
    globalThis.document?.addEventListener("visibilitychange", this._seen);
    globalThis.addEventListener?.("online", this._seen);
  }

  close() {
    clearTimeout(this._here);
    globalThis.document?.removeEventListener("visibilitychange", this._seen);
    globalThis.removeEventListener?.("online", this._seen);
    this.store.close();
  }

  /** @param {object} content */
  send(content) {
    try {
      this.model.send(content);
    } catch (error) {
      console.warn("workbench: the kernel of this view cannot be reached:", error);
    }
  }

  /** Ask Python to stop. Some kernels receive nothing while a cell runs; those are interrupted. */
  stop() {
    const before = this._stopsAnswered;
    this.send({ k: "stop" });
    setTimeout(() => {
      if (this._stopsAnswered === before) this.model.widget_manager?.kernel?.interrupt?.();
    }, STOP_ANSWER_MS);
  }

  /** @param {any} message */
  receive(message) {
    if (message?.k === "frame") this.store.frame(message);
    else if (message?.k === "snap") this.store.load(message);
    else if (message?.k === "ack" && message.of === "stop") this._stopsAnswered += 1;
  }

  /** A document that is over becomes the model's own, which a notebook may save: Python need not send again
   * what is here. */
  _keep() {
    const { state, seq, epoch, isOver } = this.store;
    if (isOver && this.model.get("snapshot")?.state !== state) this.model.set("snapshot", { seq, state, e: epoch });
  }
}
