// @ts-check
/** Elements: made, and changed where something differs. */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {string} [className] @param {(string | Node | undefined)[]} content what is in it, in order
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, className = "", ...content) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const part of content) if (part) node.append(part);
  return node;
}

/** @param {string} className @param {string | Node} content @param {() => void} onClick @param {string} [title] */
export function makeButton(className, content, onClick, title = "") {
  const button = element("button", className, content);
  button.type = "button";
  if (title) button.title = title;
  button.addEventListener("click", onClick);
  return button;
}

/** What an element is and what it is called, for those who hear the page.
 * @template {Element} E @param {E} node @param {string} role @param {string} [label] @returns {E} */
export function withRole(node, role, label = "") {
  node.setAttribute("role", role);
  if (label) node.setAttribute("aria-label", label);
  return node;
}

/** A part that scrolls; such a part must be reachable by keyboard.
 * @param {string} className @param {string} label @param {(string | Node)[]} content */
export function scrollRegion(className, label, ...content) {
  const region = withRole(element("div", className, ...content), "region", label);
  region.tabIndex = 0;
  return region;
}

/** An id that nothing else in the page has. @param {string} prefix */
export function uniqueId(prefix) {
  return `${prefix}-${Math.random().toString(36).slice(2, 8)}`;
}

/** Write only what differs: an unchanged node costs no layout. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {Element} node @param {string} name @param {string | null} value */
export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}
