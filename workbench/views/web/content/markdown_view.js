// @ts-check
/**
 * Markdown as nodes of the page, growing with its text.
 *
 * Made node by node from parsed data: nothing a model wrote is read as HTML, nothing is fetched. Links show
 * where they lead; an image is its description and address.
 */

import { element, withRole } from "../parts/elements.js";
import { MarkdownStream } from "./markdown.js";

/** @typedef {import("./markdown_inline.js").Inline} Inline */
/** @typedef {import("./markdown.js").Block} Block */
/** @typedef {import("./markdown.js").Item} Item */

export class MarkdownText {
  /** @param {HTMLElement} el where the text goes */
  constructor(el) {
    this.el = el;
    this._stream = new MarkdownStream();
    this._open = element("div", "wb-md-open");
    el.replaceChildren(this._open);
  }

  /** @param {string} text */
  append(text) {
    const { settled, open } = this._stream.append(text);
    for (const block of settled) this._open.before(blockNode(block));
    this._open.replaceChildren(...open.map(blockNode));
  }
}

/** @param {Block} block @returns {HTMLElement} */
function blockNode(block) {
  const node = makeBlock(block);
  node.dir = "auto";
  node.classList.add("wb-md-block");
  if (block.continues) node.classList.add("wb-md-continues");
  return node;
}

/** @param {Block} block @returns {HTMLElement} */
function makeBlock(block) {
  switch (block.type) {
    case "heading": {
      // No h1 to h6: the notebook's table of contents is the reader's own.
      const node = element("div", `wb-md-heading wb-md-h${block.level}`, ...block.children.map(inlineNode));
      node.setAttribute("aria-level", String(Math.min(block.level + 2, 6)));
      return withRole(node, "heading");
    }
    case "fence": return fenceNode(block.language, block.text);
    case "quote": return element("blockquote", "wb-md-quote", ...block.blocks.map(blockNode));
    case "list": return listNode(block.start, block.loose, block.items);
    case "table": return tableNode(block);
    case "rule": return element("hr", "wb-md-rule");
    default: return element("p", "wb-md-paragraph", ...block.children.map(inlineNode));
  }
}

/** @param {string} language @param {string} text */
function fenceNode(language, text) {
  const node = element("div", "wb-md-fence");
  if (language) node.append(element("span", "wb-md-language", language.slice(0, 40)));
  node.append(element("pre", "wb-md-code", element("code", "", text)));
  return node;
}

/** @param {number | null} start @param {boolean} loose @param {Item[]} items */
function listNode(start, loose, items) {
  const node = element(start === null ? "ul" : "ol", loose ? "wb-md-list wb-md-loose" : "wb-md-list");
  if (start !== null && start !== 1) node.setAttribute("start", String(start));
  for (const item of items) {
    const line = element("li", item.checked === null ? "" : "wb-md-task");
    line.dir = "auto";
    if (item.checked !== null) {
      line.append(withRole(element("span", "wb-md-check", item.checked ? "☑" : "☐"), "img", item.checked ? "done" : "to do"));
    }
    for (const block of item.blocks) {
      if (block.type === "paragraph" && !loose) line.append(...block.children.map(inlineNode));
      else line.append(blockNode(block));
    }
    node.append(line);
  }
  return node;
}

/** @param {Extract<Block, {type: "table"}>} block */
function tableNode({ aligns, head, rows }) {
  const top = element("thead", "", rowNode("th", head, aligns));
  const body = element("tbody", "", ...rows.map((row) => rowNode("td", row, aligns)));
  return element("div", "wb-md-table", element("table", "", top, body));
}

/** @param {"th" | "td"} tag @param {Inline[][]} row @param {string[]} aligns */
function rowNode(tag, row, aligns) {
  const line = element("tr");
  for (const [column, content] of row.entries()) {
    const cell = element(tag, "", ...content.map(inlineNode));
    if (aligns[column]) cell.style.textAlign = aligns[column];
    line.append(cell);
  }
  return line;
}

/** @param {Inline} inline @returns {Node} */
function inlineNode(inline) {
  switch (inline.type) {
    case "text": return document.createTextNode(inline.text);
    case "code": return element("code", "wb-md-span", inline.text);
    case "break": return element("br");
    case "link": return linkNode(inline.address, inline.children);
    case "image": {
      const address = element("bdi", "wb-md-address", inline.address);
      return element("span", "wb-md-image", inline.text || "image", address);
    }
    default: return element(inline.type, "", ...inline.children.map(inlineNode));
  }
}

/** @param {string} address @param {Inline[]} children */
function linkNode(address, children) {
  const link = element("a", "", ...children.map(inlineNode));
  link.href = address;
  link.rel = "noopener noreferrer";
  link.target = "_blank";
  link.title = address;
  const isAddress = (link.textContent ?? "").replace(/\/$/, "") === address.replace(/\/$/, "");
  return element("span", "wb-md-link", link, isAddress ? "" : element("bdi", "wb-md-address", address));
}
