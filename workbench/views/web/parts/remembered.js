// @ts-check
/** What a reader chose, for the views to come in this tab of the browser. Where nothing can be kept, nothing is. */

const PREFIX = "workbench.";

/** @param {string} name @returns {string} "" where nothing was chosen */
export function remembered(name) {
  try {
    return sessionStorage.getItem(PREFIX + name) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} name @param {string} value "" to forget it */
export function remember(name, value) {
  try {
    if (value === "") sessionStorage.removeItem(PREFIX + name);
    else sessionStorage.setItem(PREFIX + name, value);
  } catch {
    // A page that may keep nothing works all the same.
  }
}
