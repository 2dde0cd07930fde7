// @ts-check
/**
 * The inline part of Markdown as plain data: emphasis, code spans, links, images, line breaks.
 *
 * Raw HTML is text. Links keep their address only where it is a web or mail address; images are never more
 * than their description and address. No DOM here, so that node can test it.
 *
 * @typedef {{type: "text" | "code", text: string}
 *   | {type: "strong" | "em" | "del", children: Inline[]}
 *   | {type: "link", address: string, children: Inline[]}
 *   | {type: "image", address: string, text: string}
 *   | {type: "break"}} Inline
 * @typedef {{node: Inline, mark: Mark | null, depth?: number}} Piece  depth: of emphasis in it
 * @typedef {{char: string, count: number, opens: boolean, closes: boolean}} Mark
 */

const LONGEST_ADDRESS = 2_000;
const DEEPEST_EMPHASIS = 12;
const PROTOCOLS = ["http:", "https:", "mailto:"];
const PUNCTUATION = /[\p{P}\p{S}]/u;
const BARE_ADDRESS = /^https?:\/\/[^\s<>"'`*\\]{2,}/i;
/** @type {Record<string, string>} */
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

/** The address as the browser would read it, if it is one a reader may be sent to; else "".
 * @param {string} text */
export function safeAddress(text) {
  try {
    const url = new URL(text.trim());
    return PROTOCOLS.includes(url.protocol) ? url.href : "";
  } catch {
    return "";
  }
}

/** @param {string} text @returns {Inline[]} */
export function parseInline(text) {
  return new InlineParser(text).parse();
}

class InlineParser {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.at = 0;
    /** @type {Piece[]} */
    this.pieces = [];
    /** @type {{index: number, image: boolean}[]} */
    this.brackets = [];
    /** @type {Set<number>} lengths of backtick runs that nothing closes any more */
    this.unclosed = new Set();
  }

  parse() {
    const { text } = this;
    const special = /[\\`*_~[\]!<&\n]|https?:/gi;
    while (this.at < text.length) {
      special.lastIndex = this.at;
      const next = special.exec(text)?.index ?? text.length;
      if (next > this.at) this._text(text.slice(this.at, next));
      this.at = next;
      if (next < text.length) this._special(text[next]);
    }
    return nodesOf(emphasised(this.pieces));
  }

  /** @param {string} char at the position */
  _special(char) {
    if (char === "\\") return this._escape();
    if (char === "`") return this._code();
    if (char === "*" || char === "_" || char === "~") return this._mark(char);
    if (char === "[") return this._bracket(1, false);
    if (char === "!" && this.text[this.at + 1] === "[") return this._bracket(2, true);
    if (char === "]") return this._close();
    if (char === "<") return this._angle();
    if (char === "&") return this._entity();
    if (char === "\n") return this._lineEnd();
    if (char === "h" || char === "H") return this._bareAddress();
    return this._take(1);
  }

  /** @param {string} text */
  _text(text) {
    const last = this.pieces.at(-1);
    if (last && last.mark === null && last.node.type === "text") last.node.text += text;
    else this.pieces.push({ node: { type: "text", text }, mark: null });
  }

  /** @param {number} length of what is only text */
  _take(length) {
    this._text(this.text.slice(this.at, this.at + length));
    this.at += length;
  }

  /** @param {Inline} node @param {number} end */
  _add(node, end) {
    this.pieces.push({ node, mark: null });
    this.at = end;
  }

  _escape() {
    const next = this.text[this.at + 1] ?? "";
    if (next === "\n") return this._add({ type: "break" }, this.at + 2);
    if (!/[!-/:-@[-`{-~]/.test(next)) return this._take(1);
    this._text(next);
    this.at += 2;
  }

  _code() {
    const run = /^`+/.exec(this.text.slice(this.at))?.[0] ?? "`";
    const start = this.at + run.length;
    let end = this.unclosed.has(run.length) ? -1 : this.text.indexOf(run, start);
    while (end >= 0 && (this.text[end + run.length] === "`" || this.text[end - 1] === "`")) {
      let after = end;
      while (this.text[after] === "`") after += 1;
      end = this.text.indexOf(run, after);
    }
    if (end < 0) {
      this.unclosed.add(run.length);
      return this._take(run.length);
    }
    const inner = this.text.slice(start, end).replaceAll("\n", " ");
    const padded = inner.startsWith(" ") && inner.endsWith(" ") && inner.trim() !== "";
    return this._add({ type: "code", text: padded ? inner.slice(1, -1) : inner }, end + run.length);
  }

  /** A run of ``*``, ``_`` or ``~``: whether it may open or close follows from what is beside it.
   * @param {string} char */
  _mark(char) {
    let end = this.at;
    while (this.text[end] === char) end += 1;
    const count = end - this.at;
    if (char === "~" && count !== 2) return this._take(count);
    const before = this.text[this.at - 1] ?? " ";
    const after = this.text[end] ?? " ";
    const left = !/\s/.test(after) && (!PUNCTUATION.test(after) || /\s/.test(before) || PUNCTUATION.test(before));
    const right = !/\s/.test(before) && (!PUNCTUATION.test(before) || /\s/.test(after) || PUNCTUATION.test(after));
    const opens = char === "_" ? left && (!right || PUNCTUATION.test(before)) : left;
    const closes = char === "_" ? right && (!left || PUNCTUATION.test(after)) : right;
    const node = /** @type {Inline} */ ({ type: "text", text: this.text.slice(this.at, end) });
    this.pieces.push({ node, mark: opens || closes ? { char, count, opens, closes } : null });
    this.at = end;
  }

  /** @param {number} length @param {boolean} image */
  _bracket(length, image) {
    this.brackets.push({ index: this.pieces.length, image });
    this.pieces.push({ node: { type: "text", text: this.text.slice(this.at, this.at + length) }, mark: null });
    // What follows starts a piece of its own: the bracket's piece may be taken out again.
    this.pieces.push({ node: { type: "text", text: "" }, mark: null });
    this.at += length;
  }

  /** The end of a link's text: the address must follow. */
  _close() {
    const bracket = this.brackets.pop();
    const target = bracket ? linkTarget(this.text, this.at + 1) : null;
    if (!bracket || !target) return this._take(1);
    const inner = emphasised(this.pieces.splice(bracket.index).slice(1));
    const children = nodesOf(inner);
    this.at = target.end;
    if (bracket.image) {
      this.pieces.push({ node: { type: "image", address: target.address, text: plainText(children) }, mark: null });
      return;
    }
    this._link(target.address, children);
    this.brackets = this.brackets.filter((other) => other.image); // no links in links
  }

  /** @param {string} written @param {Inline[]} children */
  _link(written, children) {
    const address = safeAddress(written);
    if (address) {
      this.pieces.push({ node: { type: "link", address, children }, mark: null });
      return;
    }
    for (const node of children) this.pieces.push({ node, mark: null });
    this._text(written ? ` (${written})` : "");
  }

  _angle() {
    const match = /^<((?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/i.exec(this.text.slice(this.at, this.at + LONGEST_ADDRESS));
    if (!match) return this._take(1);
    this._link(match[1], [{ type: "text", text: match[1] }]);
    this.at += match[0].length;
  }

  _entity() {
    const match = /^&(?:#(\d{1,7})|([a-z]{2,4}));/.exec(this.text.slice(this.at, this.at + 12));
    const text = match?.[1] ? codePoint(Number(match[1])) : Object.hasOwn(ENTITIES, match?.[2] ?? "") ? ENTITIES[match?.[2] ?? ""] : "";
    if (!match || !text) return this._take(1);
    this._text(text);
    this.at += match[0].length;
  }

  /** Two spaces before it make a line break; else it is a space, but chat models mean their lines. */
  _lineEnd() {
    const last = this.pieces.at(-1);
    if (last?.node.type === "text") last.node.text = last.node.text.replace(/ +$/, "");
    this._add({ type: "break" }, this.at + 1);
    while (this.text[this.at] === " ") this.at += 1;
  }

  _bareAddress() {
    const match = /[\p{L}\p{N}]/u.test(this.text[this.at - 1] ?? "") ? null : BARE_ADDRESS.exec(this.text.slice(this.at, this.at + LONGEST_ADDRESS));
    if (!match || this.brackets.some((bracket) => !bracket.image)) return this._take(4);
    const address = trimmedAddress(match[0]);
    this._link(address, [{ type: "text", text: address }]);
    this.at += address.length;
  }
}

/** Without the punctuation of the sentence around it. @param {string} address */
function trimmedAddress(address) {
  let text = address.replace(/[.,;:!?\]]+$/, "");
  while (text.endsWith(")") && text.split(")").length > text.split("(").length) text = text.slice(0, -1);
  return text;
}

/** ``(address "title")`` at a position. @param {string} text @param {number} at
 * @returns {{address: string, end: number} | null} */
function linkTarget(text, at) {
  if (text[at] !== "(") return null;
  const part = text.slice(at, at + LONGEST_ADDRESS);
  const match = /^\(\s*(?:<([^<>\n]*)>|((?:[^\s()\\]|\\.|\([^\s()]*\))*))(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*\)/.exec(part);
  return match && { address: match[1] ?? match[2] ?? "", end: at + match[0].length };
}

/** Turn matching marks into emphasis, as CommonMark's "process emphasis" does. @param {Piece[]} pieces */
function emphasised(pieces) {
  for (let index = 0; index < pieces.length; index += 1) {
    const closer = pieces[index].mark;
    if (!closer?.closes) continue;
    const from = openerBefore(pieces, index, closer);
    if (from < 0) continue;
    const opener = /** @type {Mark} */ (pieces[from].mark);
    const width = closer.char === "~" || (closer.count >= 2 && opener.count >= 2) ? 2 : 1;
    const depth = 1 + Math.max(...pieces.slice(from + 1, index).map((piece) => piece.depth ?? 0), 0);
    if (depth > DEEPEST_EMPHASIS) continue;
    const type = closer.char === "~" ? "del" : width === 2 ? "strong" : "em";
    const children = nodesOf(pieces.slice(from + 1, index));
    shorten(pieces[from], width);
    shorten(pieces[index], width);
    pieces.splice(from + 1, index - from - 1, { node: { type, children }, mark: null, depth });
    index = from + 1; // the closer comes next: what is left of it may close more
  }
  return pieces;
}

/** @param {Piece[]} pieces @param {number} index @param {Mark} closer */
function openerBefore(pieces, index, closer) {
  for (let from = index - 1; from >= 0; from -= 1) {
    const mark = pieces[from].mark;
    if (!mark?.opens || mark.char !== closer.char || mark.count === 0) continue;
    const odd = (mark.closes || closer.opens) && (mark.count + closer.count) % 3 === 0;
    if (!odd || (mark.count % 3 === 0 && closer.count % 3 === 0)) return from;
  }
  return -1;
}

/** @param {Piece} piece @param {number} by */
function shorten(piece, by) {
  const { mark, node } = piece;
  if (!mark || node.type !== "text") return;
  mark.count -= by;
  node.text = node.text.slice(by);
  if (mark.count === 0) piece.mark = null;
}

/** Neighbouring texts joined, empty ones left out. @param {Piece[]} pieces @returns {Inline[]} */
function nodesOf(pieces) {
  /** @type {Inline[]} */
  const nodes = [];
  for (const { node } of pieces) {
    const last = nodes.at(-1);
    if (node.type !== "text") nodes.push(node);
    else if (last?.type === "text") last.text += node.text;
    else if (node.text !== "") nodes.push({ type: "text", text: node.text });
  }
  return nodes;
}

/** @param {Inline[]} nodes @returns {string} */
export function plainText(nodes) {
  return nodes.map((node) => ("children" in node ? plainText(node.children) : node.type === "break" ? " " : node.text)).join("");
}

/** @param {number} code */
function codePoint(code) {
  return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : "";
}
