// @ts-check
/** What a page loads for a view: one session a model, from before its first view, and a view a place in the page. */

import { element } from "./elements.js";

/** @typedef {import("../data/channel.js").Model} Model */

/**
 * @template {import("../data/channel.js").Channel<any>} S
 * @param {string} className of the views
 * @param {(model: Model) => S} makeSession
 * @param {(root: HTMLElement, body: HTMLElement, session: S) => () => void} show draws a view; returns what ends it
 */
export function widgetOf(className, makeSession, show) {
  /** @type {S} */
  let session;
  return {
    /** @param {{model: Model, early?: unknown[]}} context */
    initialize({ model, early = [] }) {
      session = makeSession(model);
      session.open(early);
      return () => session.close();
    },

    /** @param {{model: Model, el: HTMLElement}} context */
    render({ model, el }) {
      const root = element("div", className);
      const body = element("div", "wb-body");
      // Only in a notebook is there a static twin to hide; a page whose policy forbids inline styles has none.
      if (model.get("run_id")) root.append(twinHider(`wb-static-${model.get("run_id")}`));
      root.append(body);
      el.append(root);
      const leave = show(root, body, session);
      return () => {
        leave();
        root.remove();
      };
    },
  };
}

/** A style that hides the static twin of a view. @param {string} twin its class */
function twinHider(twin) {
  return element("style", "", `.jp-OutputArea-child:has(.${twin}), .${twin} { display: none; }`);
}
