// @ts-check
/**
 * What runs get and give, as people read it: messages by role with their tool calls, documents as cards, text
 * as text, and everything else as JSON.
 */

import { membersOf } from "../data/ordered_keys.js";
import { counted, hasToolCalls, isDocument, isMessage, isRecord, messagesOf, roleOf, textOf } from "../data/values.js";
import { element, makeButton } from "../parts/elements.js";
import { jsonView } from "./json_view.js";
import { visibleText } from "./visible_text.js";

const MOST_CARDS = 100;
/** Metadata of a retrieved document that says how well it fits. */
const SCORES = ["score", "relevance_score", "similarity"];

/** How a value is shown, in a word; "json" where it has no better form. @param {unknown} value
 * @returns {"nothing" | "text" | "messages" | "documents" | "json"} */
export function formOf(value) {
  if (value === null || value === undefined || value === "") return "nothing";
  if (typeof value === "string") return "text";
  if (isMessage(value) || messagesOf(value)) return "messages";
  if (isDocument(value) || scoredDocuments(value)) return "documents";
  return "json";
}

/** @param {unknown} value @returns {HTMLElement} */
export function readableNode(value) {
  switch (formOf(value)) {
    case "text": return textNode(String(value));
    case "messages": return cards(messagesOf(value) ?? [value], messageCard);
    case "documents": return cards(scoredDocuments(value) ?? [{ document: value, score: null }], documentCard);
    default: return jsonView(value);
  }
}

/** @param {string} text */
export function textNode(text) {
  const node = element("pre", "wb-text", visibleText(text));
  node.dir = "auto";
  return node;
}

/** Documents of a retriever, also in pairs with their scores; null where it is something else.
 * @param {unknown} value @returns {{document: any, score: number | null}[] | null} */
function scoredDocuments(value) {
  if (!Array.isArray(value) || value.length === 0) return null;
  const found = value.map((item) => {
    if (isDocument(item)) return { document: item, score: null };
    const pair = Array.isArray(item) && item.length === 2 && isDocument(item[0]) && typeof item[1] === "number";
    return pair ? { document: item[0], score: item[1] } : null;
  });
  return found.every((item) => item !== null) ? found : null;
}

/** @template T @param {readonly T[]} items @param {(item: T, number: number) => HTMLElement} card */
function cards(items, card) {
  const list = element("div", "wb-cards");
  /** @param {number} from */
  const add = (from) => {
    const until = Math.min(from + MOST_CARDS, items.length);
    for (let index = from; index < until; index += 1) list.append(card(items[index], index));
    if (until === items.length) return;
    const more = makeButton("wb-link", `… ${(items.length - until).toLocaleString("en")} more`, () => {
      more.remove();
      add(until);
    });
    list.append(more);
  };
  add(0);
  return list;
}

/** @param {any} message */
function messageCard(message) {
  const role = roleOf(message);
  const asides = [message.name, message.tool_call_id].filter((aside) => typeof aside === "string" && aside !== "");
  const head = element("div", "wb-role", visibleText(lclRole(message, role)), ...asides.map(asideNode));
  const item = element("div", "wb-message", head, ...contentNodes(message));
  item.dataset.role = role;
  if (hasToolCalls(message)) for (const call of message.tool_calls) item.append(toolCall(call));
  return item;
}

/** @param {string} text */
function asideNode(text) {
  return element("span", "wb-role-aside", visibleText(text));
}

/** The role as the message types have it: ai and human, where a role would say assistant and user.
 * @param {any} message @param {string} role */
function lclRole(message, role) {
  return String(message.type ?? message.role ?? role).replace(/MessageChunk$/, "");
}

/** @param {any} message @returns {HTMLElement[]} */
function contentNodes({ content }) {
  if (typeof content === "string") return content ? [textNode(content)] : [];
  if (!Array.isArray(content)) return content === null || content === undefined ? [] : [jsonView(content)];
  return content.map((part) => {
    const text = typeof part === "string" ? part : part?.text;
    return typeof text === "string" ? textNode(text) : jsonView(part, { open: 0 });
  });
}

/** @param {any} call */
function toolCall(call) {
  const id = typeof call?.id === "string" ? asideNode(call.id) : "";
  const head = element("div", "wb-call-name", visibleText(String(call?.name ?? "?")), id);
  return element("div", "wb-tool-call", head, jsonView(call?.args ?? call));
}

/** @param {{document: any, score: number | null}} found @param {number} number */
function documentCard({ document, score }, number) {
  const metadata = isRecord(document.metadata) ? document.metadata : {};
  const known = SCORES.find((name) => typeof metadata[name] === "number");
  const shown = score ?? (known ? /** @type {number} */ (metadata[known]) : null);
  const fit = shown === null ? "" : element("span", "wb-score", `score ${shown.toFixed(3)}`);
  const length = asideNode(counted(document.page_content.length, "character"));
  const head = element("div", "wb-role", `document ${number + 1}`, fit, length);
  const rest = membersOf(metadata).filter(([name]) => name !== known);
  const facts = rest.length > 0 ? pairList(rest) : "";
  return element("div", "wb-message wb-document", head, textNode(document.page_content), facts);
}

/** Names and values in two columns. @param {Iterable<[string, unknown]>} pairs */
export function pairList(pairs) {
  const list = element("dl", "wb-facts");
  for (const [name, value] of pairs) {
    const shown = typeof value === "object" ? jsonView(value, { open: 0 }) : visibleText(textOf(value) ?? String(value));
    list.append(element("dt", "", visibleText(name)), element("dd", "", shown));
  }
  return list;
}
