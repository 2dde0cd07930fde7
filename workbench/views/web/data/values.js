// @ts-check
/**
 * Values of a run as text, and how the views write durations and counts.
 *
 * Everything a model or a user wrote is put in as text of a node, never as markup.
 */

import { jsonText, membersOf } from "./ordered_keys.js";

const LONGEST_JSON = 100_000;

/** @param {unknown} value @returns {value is Record<string, unknown>} */
export function isRecord(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** @param {unknown} value @returns {value is {type?: string, role?: string, content: unknown}} */
export function isMessage(value) {
  if (!isRecord(value) || !("content" in value)) return false;
  return typeof value.type === "string" || typeof value.role === "string";
}

/** @param {unknown} value @returns {value is {page_content: string, metadata?: unknown}} */
export function isDocument(value) {
  return isRecord(value) && typeof value.page_content === "string";
}

/** Whether the run produces tokens itself, rather than passing on those of a step in it. @param {{type: string}} run */
export function isModel(run) {
  return run.type === "chat_model" || run.type === "llm";
}

const BRANCH_TAG = "map:key:";

/** The keys of the parallel branches a run is. @param {{tags: string[]}} run */
export function branchesOf(run) {
  return run.tags.filter((tag) => tag.startsWith(BRANCH_TAG)).map((tag) => tag.slice(BRANCH_TAG.length));
}

/** The messages a prompt value or a list holds; null where it is something else. @param {unknown} value */
export function messagesOf(value) {
  const items = isRecord(value) && Array.isArray(value.messages) ? value.messages : value;
  return Array.isArray(items) && items.length > 0 && items.every(isMessage) ? items : null;
}

/** The text of a string or a message; null of what has none. @param {unknown} value @returns {string | null} */
export function textOf(value) {
  if (typeof value === "string") return value;
  if (!isMessage(value)) return null;
  const { content } = value;
  if (Array.isArray(content)) return content.map(partText).join("");
  return typeof content === "string" ? content : null;
}

/** Any value as text: messages by their content, all else as JSON. @param {unknown} value @returns {string} */
export function shownText(value) {
  const text = textOf(value);
  if (hasToolCalls(value)) return `${text ? `${text}\n` : ""}${json(/** @type {any} */ (value).tool_calls)}`;
  if (text !== null) return text;
  if (isDocument(value)) return value.page_content;
  const messages = messagesOf(value);
  if (messages) return messages.map((message) => `${roleOf(message)}: ${shownText(message)}`).join("\n");
  return json(value);
}

/** @param {unknown} value @returns {string} */
export function json(value) {
  const text = jsonText(value, 2);
  return text.length > LONGEST_JSON ? `${text.slice(0, LONGEST_JSON)}…` : text;
}

/** @param {{type?: string, role?: string}} message */
export function roleOf(message) {
  const role = message.type ?? message.role ?? "";
  return role === "ai" ? "assistant" : role === "human" ? "user" : role.replace(/MessageChunk$/, "");
}

/** @param {any} value */
export function hasToolCalls(value) {
  return Array.isArray(value?.tool_calls) && value.tool_calls.length > 0;
}

/** @param {any} part */
function partText(part) {
  return typeof part === "string" ? part : String(part?.text ?? "");
}

/** @param {number} ms */
export function duration(ms) {
  if (!Number.isFinite(ms) || ms < 0) return "";
  if (ms < 1) return "<1 ms";
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9_995) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** Milliseconds since the epoch; NaN for None. @param {string | null | undefined} timestamp */
export function time(timestamp) {
  return timestamp ? Date.parse(timestamp) : NaN;
}

/** @param {number} count @param {string} unit */
export function counted(count, unit) {
  return `${count.toLocaleString("en")} ${unit}${count === 1 ? "" : "s"}`;
}

/** Start of a text on one line. @param {string} text @param {number} length */
export function preview(text, length = 80) {
  const line = text.slice(0, length * 2).replace(/\s+/g, " ").trim();
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}

/** An input on one line: text as it is, ``topic: bears`` of an object. @param {unknown} value */
export function inputLine(value) {
  if (value === null || value === undefined) return ""; // not known, as of a run that came as patches
  const shallow = isRecord(value) && !isMessage(value) && !messagesOf(value);
  if (!shallow) return preview(shownText(value));
  return preview(membersOf(value).map(([key, item]) => `${key}: ${preview(shownText(item))}`).join(", "));
}
