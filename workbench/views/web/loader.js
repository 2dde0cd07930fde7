// @ts-check
/**
 * What each view carries: a few lines that load its front end, which the kernel sends to a page once.
 *
 * The front end (code and style) is the state of a model of its own, which the view names. A page keeps what it has
 * loaded under the hash of its contents, so all views share it, and those of a restarted kernel as well. Where that
 * model cannot be had (its message was lost, or the front end gives no models), the view asks Python.
 *
 * @typedef {{get(name: string): any, send(content: object): void,
 *   on(name: string, callback: (message: any) => void): void,
 *   off(name: string, callback: (message: any) => void): void,
 *   widget_manager?: {get_model?(id: string): Promise<{get(name: string): any} | undefined>}}} Model
 * @typedef {{key: string, code: string, css: string}} FrontEnd
 * @typedef {(() => void) | void} Cleanup
 * @typedef {{initialize(context: {model: Model, early: unknown[]}): Cleanup,
 *   render(context: {model: Model, el: HTMLElement}): Cleanup}} Widget
 */

const REGISTERED_WITHIN_MS = 1_600;
const LONGEST_WAIT_MS = 30_000;
const NOTICE_MS = 1_500;

/** @param {number} ms */
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** The front end's model. When a page restores its models, a view can come before it.
 * @param {Model} model @returns {Promise<FrontEnd | null>} */
async function fromPage(model) {
  const id = String(model.get("front_end")).replace("IPY_MODEL_", "");
  for (let wait = 50; wait <= REGISTERED_WITHIN_MS && model.widget_manager?.get_model; wait *= 2) {
    const found = await Promise.resolve(model.widget_manager.get_model(id)).catch(() => undefined);
    if (found?.get("code")) return { key: found.get("key"), code: found.get("code"), css: found.get("css") };
    await pause(wait);
  }
  return null;
}

/** Ask Python, again and again but ever more slowly. @param {Model} model @returns {Promise<FrontEnd>} */
function fromKernel(model) {
  return new Promise((resolve, reject) => {
    let wait = 1_500;
    const end = () => {
      model.off("msg:custom", answer);
      clearTimeout(timer);
    };
    const answer = (/** @type {any} */ message) => {
      if (message?.k !== "front_end") return;
      end();
      resolve(message);
    };
    const ask = () => {
      try {
        if (wait > LONGEST_WAIT_MS) throw new Error("the kernel did not send it");
        model.send({ k: "front_end" });
      } catch (error) {
        end();
        reject(error);
        return;
      }
      timer = setTimeout(ask, wait);
      wait *= 2;
    };
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    model.on("msg:custom", answer);
    ask();
  });
}

/** @param {FrontEnd} frontEnd @returns {Promise<() => Widget>} */
async function start({ code, css, key }) {
  const style = document.createElement("style");
  style.dataset.workbench = key;
  style.textContent = css;
  document.head.append(style);
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  try {
    return (await import(url)).default;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Load the front end, or take what the page has. @param {Model} model @returns {Promise<() => Widget>} */
function load(model) {
  const page = /** @type {any} */ (globalThis);
  const place = Symbol.for(`workbench.front_end.${model.get("front_end_key")}`);
  page[place] ??= fromPage(model).then((found) => found ?? fromKernel(model)).then(start).catch((error) => {
    delete page[place];
    throw error;
  });
  return page[place];
}

/** @param {HTMLElement} el @param {string} text */
function say(el, text) {
  const line = document.createElement("div");
  line.className = "wb-load";
  line.setAttribute("role", "status");
  line.textContent = text;
  el.replaceChildren(line);
}

export default () => {
  /** @type {Promise<Widget>} */
  let loading;
  return {
    /** Does not wait: messages that come before the front end is there are kept for it.
     * @param {{model: Model}} context */
    initialize({ model }) {
      /** @type {unknown[]} */
      const early = [];
      const keep = (/** @type {unknown} */ message) => early.push(message);
      /** @type {Cleanup} */
      let leave;
      let isOver = false;
      model.on("msg:custom", keep);
      loading = load(model).then((makeWidget) => {
        const widget = makeWidget();
        model.off("msg:custom", keep);
        if (!isOver) leave = widget.initialize({ model, early });
        return widget;
      });
      loading.catch((error) => console.error("workbench: the view could not be loaded:", error));
      return () => {
        isOver = true;
        leave?.();
      };
    },

    /** @param {{model: Model, el: HTMLElement}} context */
    async render({ model, el }) {
      const notice = setTimeout(() => say(el, "Loading the live view…"), NOTICE_MS);
      try {
        const widget = await loading;
        clearTimeout(notice);
        el.replaceChildren();
        return widget.render({ model, el });
      } catch (error) {
        clearTimeout(notice);
        say(el, `The live view could not be loaded (${error instanceof Error ? error.message : error}). `
          + "The run is not affected; its result is shown below when it ends. Reload the page to try again.");
      }
    },
  };
};
