// @ts-check
/** Characters that would change how the text around them looks, as pictures of themselves. */

// C0 controls but tab and line feed, DEL and C1, the characters that turn the direction of writing, the byte order
// mark and the tags that hide text in text.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

/**
 * A text as it can be shown: escape sequences, NULs and turned writing direction are seen, not obeyed.
 * A carriage return before a line feed is left out.
 * @param {string} text
 */
export function visibleText(text) {
  HIDDEN.lastIndex = 0;
  if (!HIDDEN.test(text)) return text;
  return text.replaceAll("\r\n", "\n").replace(HIDDEN, picture);
}

/** @param {string} character */
function picture(character) {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
}
