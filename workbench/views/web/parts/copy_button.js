// @ts-check
/** Text for the clipboard, and the button that puts it there. */

import { element, makeButton, setText } from "./elements.js";

const COPIED_MS = 1200;

/** Put text on the clipboard, also where the page has no clipboard permission.
 * @param {string} text @returns {Promise<boolean>} */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = element("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}

/** A button that copies what *text* gives at that moment. @param {string} label @param {string} title
 * @param {() => string} text */
export function copyButton(label, title, text) {
  const say = (/** @type {string} */ shown, /** @type {string} */ heard) => {
    setText(button, shown);
    button.setAttribute("aria-label", heard);
  };
  const button = makeButton("wb-quiet", label, async () => {
    const outcome = (await copyText(text())) ? "Copied" : "Not copied";
    say(outcome, outcome);
    setTimeout(() => say(label, title), COPIED_MS);
  }, title);
  say(label, title);
  return button;
}
