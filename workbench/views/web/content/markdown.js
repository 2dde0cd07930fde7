// @ts-check
/**
 * Markdown as plain data, also while it streams. No DOM here (see markdown_view.js).
 *
 * ``MarkdownStream`` takes a text piece by piece. Blocks that nothing after them can change are *settled* and
 * given out once; the rest, one block, is parsed anew with each piece. A block that grows long is cut: its first
 * part settles, and the rest goes on as a block of the same kind. So a piece costs the same at any length.
 *
 * What models write is covered: headings, paragraphs, fences, lists (nested, ordered, tasks), quotes, tables,
 * rules. Reference links, indented code and raw HTML are shown as the text they are.
 */

import { parseInline } from "./markdown_inline.js";

/** @typedef {import("./markdown_inline.js").Inline} Inline */
/**
 * @typedef {{line: number, continues?: boolean} & (
 *     {type: "heading", level: number, children: Inline[]}
 *   | {type: "paragraph", children: Inline[]}
 *   | {type: "fence", language: string, text: string}
 *   | {type: "quote", blocks: Block[]}
 *   | {type: "list", start: number | null, loose: boolean, items: Item[]}
 *   | {type: "table", aligns: string[], head: Inline[][], rows: Inline[][][]}
 *   | {type: "rule"})} Block  line: where it starts; continues: it goes on with a block that was cut
 * @typedef {{line: number, checked: boolean | null, blocks: Block[]}} Item
 */

const DEEPEST = 8;
const LONGEST_OPEN = 4_000;

const FENCE = /^( {0,3})(`{3,}|~{3,})[ \t]*([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))??(?:[ \t]+#+)?[ \t]*$/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const QUOTE = /^ {0,3}> ?/;
const MARKER = /^( *)([-+*]|\d{1,9}[.)])( +(?=\S)| *$)/;
const SEPARATOR = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
const TASK = /^\[([ xX])\][ \t]+/;

/** @param {string} text @returns {Block[]} */
export function parseMarkdown(text) {
  return parseLines(linesOf(text), 0);
}

/** Whether a text would gain from being rendered. Looks at its beginning only. @param {string} text */
export function looksLikeMarkdown(text) {
  const start = text.slice(0, 8_000);
  if (/^ {0,3}(?:```|~~~)|^#{1,6} \S|^\|?[ \t]*:?-{3,}:?[ \t]*\|/m.test(start)) return true;
  const signs = [/\*\*[^\s*][^*\n]*\*\*/, /^ {0,6}[-*+] \S.*\n {0,6}[-*+] \S/m, /^\d{1,3}[.)] \S[^]*?\n\d{1,3}[.)] \S/m, /\[[^\]\n]+\]\(https?:/, /`[^`\n]+`/, /^> \S/m];
  const strong = signs.slice(0, 4).some((sign) => sign.test(start));
  return strong || signs.filter((sign) => sign.test(start)).length > 1;
}

export class MarkdownStream {
  constructor() {
    /** Text of the block that may still change. */
    this.open = "";
    this._continues = false;
  }

  /** @param {string} text @returns {{settled: Block[], open: Block[]}} */
  append(text) {
    this.open += text;
    /** @type {Block[]} */
    const settled = [];
    if (text.includes("\n")) settled.push(...this._settle());
    while (this.open.length > LONGEST_OPEN) {
      const cut = this._cut();
      if (cut.length === 0) break;
      settled.push(...cut);
    }
    return { settled, open: this._marked(parseMarkdown(this.open)) };
  }

  /** Blocks before the last of those whose lines are complete: an incomplete line may turn out anything. */
  _settle() {
    const complete = this.open.slice(0, this.open.lastIndexOf("\n") + 1);
    const blocks = parseMarkdown(complete);
    if (blocks.length < 2) return [];
    const last = blocks[blocks.length - 1];
    const settled = this._marked(blocks.slice(0, -1));
    this.open = this.open.slice(offsetOfLine(this.open, last.line));
    this._continues = false;
    return settled;
  }

  /** The first part of a block that has grown too long. */
  _cut() {
    const [block] = parseMarkdown(this.open);
    if (!block) {
      this.open = "";
      return [];
    }
    const at = cutOffset(this.open, block);
    if (at <= 0 || at >= this.open.length) return [];
    const settled = this._marked(parseMarkdown(this.open.slice(0, at)));
    this.open = prefixAgain(this.open, block) + this.open.slice(at);
    this._continues = true;
    return settled;
  }

  /** @param {Block[]} blocks */
  _marked(blocks) {
    if (this._continues && blocks.length > 0) blocks[0].continues = true;
    return blocks;
  }
}

/** Where a long block is cut: before its last item, else after its last line, else at a space.
 * @param {string} text @param {Block} block */
function cutOffset(text, block) {
  if (block.type === "list" && block.items.length > 1) {
    return offsetOfLine(text, block.items[block.items.length - 1].line);
  }
  const line = text.lastIndexOf("\n", text.length - 2) + 1;
  const atLine = line > LONGEST_OPEN / 4 && line > prefixAgain(text, block).length;
  if (atLine && (block.type !== "list" || text.length > 4 * LONGEST_OPEN)) return line;
  if (text.length < 2 * LONGEST_OPEN || block.type === "list" && text.length < 4 * LONGEST_OPEN) return 0;
  const space = text.lastIndexOf(" ", 2 * LONGEST_OPEN);
  return space > LONGEST_OPEN ? space + 1 : 2 * LONGEST_OPEN;
}

/** The lines that make the rest of a cut block one of its kind. @param {string} text @param {Block} block */
function prefixAgain(text, block) {
  if (block.type !== "fence" && block.type !== "table") return "";
  const lines = text.slice(offsetOfLine(text, block.line)).split("\n", block.type === "fence" ? 1 : 2);
  return `${lines.join("\n")}\n`;
}

/** @param {string} text @param {number} line */
function offsetOfLine(text, line) {
  let at = 0;
  for (let number = 0; number < line; number += 1) at = text.indexOf("\n", at) + 1;
  return at;
}

/** @param {string} text */
function linesOf(text) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  return lines.map((line) => line.replace(/^[ \t]+/, (indent) => indent.replaceAll("\t", "    ")));
}

/** @param {string[]} lines @param {number} depth @returns {Block[]} */
function parseLines(lines, depth) {
  /** @type {Block[]} */
  const blocks = [];
  let line = 0;
  while (line < lines.length) {
    if (lines[line].trim() === "") {
      line += 1;
      continue;
    }
    const [block, end] = depth > DEEPEST ? paragraph(lines, line, true) : parseBlock(lines, line, depth);
    blocks.push(block);
    line = end;
  }
  return blocks;
}

/** The block that starts at a line that is not blank, and the line after it.
 * @param {string[]} lines @param {number} line @param {number} depth @returns {[Block, number]} */
function parseBlock(lines, line, depth) {
  const text = lines[line];
  const fenced = FENCE.exec(text);
  if (fenced) return fence(lines, line, fenced);
  const heading = HEADING.exec(text);
  if (heading) return [{ type: "heading", line, level: heading[1].length, children: parseInline(heading[2] ?? "") }, line + 1];
  if (RULE.test(text)) return [{ type: "rule", line }, line + 1];
  if (QUOTE.test(text)) return quote(lines, line, depth);
  if (markerOf(text, 3)) return list(lines, line, depth);
  if (isTable(lines, line)) return table(lines, line);
  return paragraph(lines, line, false);
}

/** @param {string[]} lines @param {number} line @param {RegExpExecArray} opening @returns {[Block, number]} */
function fence(lines, line, opening) {
  const [, indent, marks, info] = opening;
  const closing = new RegExp(`^ {0,3}[${marks[0]}]{${marks.length},}[ \t]*$`);
  const inner = [];
  let end = line + 1;
  while (end < lines.length && !closing.test(lines[end])) {
    inner.push(indent ? lines[end].replace(new RegExp(`^ {0,${indent.length}}`), "") : lines[end]);
    end += 1;
  }
  const language = info.trim().split(/\s/, 1)[0];
  return [{ type: "fence", line, language, text: inner.join("\n") }, Math.min(end + 1, lines.length)];
}

/** @param {string[]} lines @param {number} line @param {number} depth @returns {[Block, number]} */
function quote(lines, line, depth) {
  const inner = [];
  let end = line;
  while (end < lines.length && (QUOTE.test(lines[end]) || goesOn(lines, end, inner.at(-1) ?? ""))) {
    inner.push(lines[end].replace(QUOTE, ""));
    end += 1;
  }
  return [{ type: "quote", line, blocks: parseLines(inner, depth + 1) }, end];
}

/** Whether a line without a mark still belongs to the paragraph before it.
 * @param {string[]} lines @param {number} line @param {string} before */
function goesOn(lines, line, before) {
  return before.trim() !== "" && !/^ {0,3}(?:[`~]{3}|#)/.test(before) && lines[line].trim() !== "" && !startsBlock(lines, line);
}

/** @param {string} text @param {number} deepest @returns {{indent: number, mark: string, content: number, number: number | null} | null} */
function markerOf(text, deepest) {
  const match = MARKER.exec(text);
  if (!match || match[1].length > deepest || RULE.test(text)) return null;
  const spaces = match[3].length > 4 ? 1 : Math.max(match[3].length, 1);
  const indent = match[1].length;
  const ordered = match[2].length > 1;
  return {
    indent,
    mark: match[2].slice(-1),
    content: indent + match[2].length + spaces,
    number: ordered ? Number.parseInt(match[2], 10) : null,
  };
}

/** @param {string[]} lines @param {number} line @param {number} depth @returns {[Block, number]} */
function list(lines, line, depth) {
  const first = /** @type {NonNullable<ReturnType<typeof markerOf>>} */ (markerOf(lines[line], 3));
  /** @type {Item[]} */
  const items = [];
  let loose = false;
  let end = line;
  for (;;) {
    const marker = end < lines.length ? markerOf(lines[end], first.indent + 1) : null;
    if (!marker || marker.mark !== first.mark) break;
    const [inner, after, blank] = itemLines(lines, end, marker);
    const task = TASK.exec(inner[0]);
    if (task) inner[0] = inner[0].slice(task[0].length);
    const blocks = parseLines(inner, depth + 1);
    items.push({ line: end, checked: task ? task[1] !== " " : null, blocks });
    let next = after;
    while (next < lines.length && lines[next].trim() === "") next += 1;
    const more = next < lines.length ? markerOf(lines[next], first.indent + 1) : null;
    const goes = more !== null && more.mark === first.mark;
    loose ||= blank || (goes && next > after);
    end = goes ? next : after;
  }
  return [{ type: "list", line, start: first.number, loose, items }, end];
}

/** The lines of one item without their indent, the line after it, and whether a blank one is among them.
 * @param {string[]} lines @param {number} line @param {{indent: number, content: number}} marker
 * @returns {[string[], number, boolean]} */
function itemLines(lines, line, marker) {
  const inner = [lines[line].slice(marker.content)];
  const nested = Math.min(marker.content, marker.indent + 2); // models indent what is inside by two
  let end = line + 1;
  let kept = end;
  let blank = false;
  while (end < lines.length) {
    const text = lines[end];
    const indent = text.length - text.trimStart().length;
    if (text.trim() === "") {
      inner.push("");
      end += 1;
      continue;
    }
    const inside = indent >= marker.content || (indent >= nested && markerOf(text, Infinity) !== null);
    if (!inside && (kept < end || markerOf(text, 3) || !goesOn(lines, end, inner.at(-1) ?? ""))) break;
    blank ||= kept < end;
    inner.push(text.slice(Math.min(indent, inside && indent < marker.content ? nested : marker.content)));
    end += 1;
    kept = end;
  }
  return [inner.slice(0, kept - line), kept, blank];
}

/** @param {string[]} lines @param {number} line */
function isTable(lines, line) {
  const below = lines[line + 1] ?? "";
  if (!lines[line].includes("|") || !below.includes("-") || !SEPARATOR.test(below)) return false;
  return cells(lines[line]).length === cells(below).length;
}

/** @param {string[]} lines @param {number} line @returns {[Block, number]} */
function table(lines, line) {
  const aligns = cells(lines[line + 1]).map((cell) => {
    if (cell.endsWith(":")) return cell.startsWith(":") ? "center" : "right";
    return cell.startsWith(":") ? "left" : "";
  });
  const head = cells(lines[line]).map((cell) => parseInline(cell));
  const rows = [];
  let end = line + 2;
  while (end < lines.length && lines[end].includes("|") && !startsBlock(lines, end)) {
    const row = cells(lines[end]);
    rows.push(aligns.map((_, column) => parseInline(row[column] ?? "")));
    end += 1;
  }
  return [{ type: "table", line, aligns, head, rows }, end];
}

/** @param {string} line */
function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

/** Whether a line ends the paragraph above it. @param {string[]} lines @param {number} line */
function startsBlock(lines, line) {
  const text = lines[line];
  if (FENCE.test(text) || HEADING.test(text) || RULE.test(text) || QUOTE.test(text)) return true;
  const marker = markerOf(text, 3);
  return (marker !== null && text.trim().length > 1 && (marker.number ?? 1) === 1) || isTable(lines, line);
}

/** @param {string[]} lines @param {number} line @param {boolean} plain everything up to a blank line
 * @returns {[Block, number]} */
function paragraph(lines, line, plain) {
  const inner = [lines[line].trimStart()];
  let end = line + 1;
  while (end < lines.length && lines[end].trim() !== "") {
    const under = plain ? null : /^ {0,3}(=+|-{2,})[ \t]*$/.exec(lines[end]);
    if (under) {
      const level = under[1][0] === "=" ? 1 : 2;
      return [{ type: "heading", line, level, children: parseInline(inner.join("\n").trimEnd()) }, end + 1];
    }
    if (!plain && startsBlock(lines, end)) break;
    inner.push(lines[end].trimStart());
    end += 1;
  }
  return [{ type: "paragraph", line, children: parseInline(inner.join("\n").trimEnd()) }, end];
}
