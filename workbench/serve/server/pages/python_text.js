// @ts-check
/** JSON values as Python literals, for "Copy as Python". */

/** @param {unknown} value @returns {string} */
export function pythonLiteral(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return JSON.stringify(value).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(", ")}]`;
  const pairs = Object.entries(/** @type {object} */ (value)).map(([key, item]) => `${pythonLiteral(key)}: ${pythonLiteral(item)}`);
  return `{${pairs.join(", ")}}`;
}

/** @param {string} address @param {unknown} input @param {boolean} needsToken */
export function pythonCall(address, input, needsToken) {
  const token = needsToken ? ', token="..."' : "";
  return `from workbench import RemoteRunnable\n\nchain = RemoteRunnable(${pythonLiteral(address)}${token})\nchain.invoke(${pythonLiteral(input)})\n`;
}
