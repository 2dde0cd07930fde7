// @ts-check
/**
 * JSON Patch (RFC 6902) on documents that are changed in place, with one abbreviation of our own.
 *
 * ``append`` adds *values* one by one to the end of a list, or joins them to the end of a text. Values from the
 * wire are never trusted: paths reach own properties only, and what does not fit the document is an error.
 *
 * @typedef {{op: string, path: string, value?: unknown, values?: unknown[], from?: string}} Operation
 */

/**
 * Apply one operation to ``holder.state`` in place; returns the path it changed, "-" made a number.
 * Throws where RFC 6902 says it is an error; the document is then as it was.
 * @param {{state: any}} holder @param {Operation} operation @returns {string}
 */
export function applyOperation(holder, operation) {
  const { op, path, value } = operation;
  switch (op) {
    case "append":
      return append(holder, path, operation.values);
    case "add":
    case "replace":
      return set(holder, op, path, wanted(value, operation));
    case "remove":
      take(holder, path);
      return path;
    case "copy":
      return set(holder, "add", path, structuredClone(valueAt(holder, operation.from)));
    case "move": {
      const { from } = operation;
      if (typeof from === "string" && `${path}/`.startsWith(`${from}/`) && path !== from) throw new Error(`cannot move ${from} into itself`);
      const moved = valueAt(holder, from);
      checkPlace(holder, path);
      take(holder, from);
      return set(holder, "add", path, moved);
    }
    case "test":
      if (!sameValue(valueAt(holder, path), wanted(value, operation))) throw new Error(`${path} is another value`);
      return path;
    default:
      throw new Error(`unknown operation ${op} on ${path}`);
  }
}

/** The keys of a JSON pointer (RFC 6901). @param {unknown} path @returns {string[]} */
export function pointer(path) {
  if (path === "") return [];
  if (typeof path !== "string" || path[0] !== "/") throw new Error(`not a JSON pointer: ${path}`);
  return path.slice(1).split("/").map(unescapeKey);
}

/** @param {string} key */
export function unescapeKey(key) {
  return key.includes("~") ? key.replaceAll("~1", "/").replaceAll("~0", "~") : key;
}

/** @param {string} key */
export function escapeKey(key) {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** @param {{state: any}} holder @param {unknown} path @returns {any} */
export function valueAt(holder, path) {
  return pointer(path).reduce(child, holder.state);
}

/**
 * The same operations without ``append``, for a document that is *document* before. RFC 6902 cannot say that a
 * text grew: so that the sum of all texts stays in proportion, one is written when it has grown by a quarter, and
 * before anything else happens to its run.
 * @param {Iterable<Operation>} operations @param {unknown} document @returns {Operation[]}
 */
export function plainOperations(operations, document) {
  const holder = { state: structuredClone(document) };
  /** @type {Operation[]} */
  const plain = [];
  /** @type {Map<string, number>} */
  const written = new Map();
  /** @type {Map<string, string>} */
  const pending = new Map();
  const writeLate = (/** @type {string} */ owner) => {
    for (const [late, value] of [...pending]) {
      if (owner !== "" && !`${late}/`.startsWith(`${owner}/`)) continue;
      plain.push({ op: "replace", path: late, value });
      pending.delete(late);
    }
  };
  for (const operation of operations) {
    const { path } = operation;
    if (operation.op !== "append") {
      writeLate(path.includes(OUTPUT) ? path.split(OUTPUT)[0] : path.slice(0, Math.max(path.lastIndexOf("/"), 0)));
      for (const late of [...written.keys()]) if (late.startsWith(path)) written.delete(late);
      applyOperation(holder, structuredClone(operation));
      const { op, value } = operation;
      plain.push("value" in operation ? { op, path, value } : { op, path });
      continue;
    }
    applyOperation(holder, structuredClone(operation));
    const grown = valueAt(holder, path);
    if (typeof grown !== "string") {
      for (const value of operation.values ?? []) plain.push({ op: "add", path: `${path}/-`, value });
    } else if (grown.length >= 1.25 * (written.get(path) ?? 0)) {
      written.set(path, grown.length);
      pending.delete(path);
      plain.push({ op: "replace", path, value: grown });
    } else {
      pending.set(path, grown);
    }
  }
  writeLate("");
  return plain;
}

const OUTPUT = "/streamed_output";

/** Where a value is: what has it, and its key there. The whole document is the holder's state.
 * @param {{state: any}} holder @param {unknown} path @returns {{parent: any, key: string}} */
function slot(holder, path) {
  const keys = pointer(path);
  const key = keys.pop();
  return key === undefined ? { parent: holder, key: "state" } : { parent: keys.reduce(child, holder.state), key };
}

/** @param {{state: any}} holder @param {string} path @param {unknown[] | undefined} values */
function append(holder, path, values) {
  if (!Array.isArray(values)) throw new Error(`nothing to append to ${path}`);
  const { parent, key } = slot(holder, path);
  const grown = child(parent, key);
  if (Array.isArray(grown)) {
    for (const value of values) grown.push(value);
  } else if (typeof grown === "string" && values.every((value) => typeof value === "string")) {
    const text = grown + values.join("");
    if (Array.isArray(parent)) parent[position(key)] = text;
    else put(parent, key, text);
  } else {
    throw new Error(`cannot append to ${path}`);
  }
  return path;
}

/** @param {{state: any}} holder @param {"add" | "replace"} op @param {string} path @param {unknown} value */
function set(holder, op, path, value) {
  const { parent, key } = slot(holder, path);
  if (!Array.isArray(parent)) {
    if (op === "replace") child(parent, key);
    put(parent, key, value);
    return path;
  }
  const index = op === "add" && key === "-" ? parent.length : position(key);
  if (index >= parent.length + (op === "add" ? 1 : 0)) throw new Error(`no item ${path}`);
  parent.splice(index, op === "add" ? 0 : 1, value);
  return key === "-" ? `${path.slice(0, -1)}${index}` : path;
}

/** Whether something may be added there. @param {{state: any}} holder @param {string} path */
function checkPlace(holder, path) {
  const { parent } = slot(holder, path);
  if (parent === null || typeof parent !== "object") throw new Error(`no object for ${path}`);
}

/** Remove what is there. @param {{state: any}} holder @param {unknown} path */
function take(holder, path) {
  const { parent, key } = slot(holder, path);
  child(parent, key);
  if (parent === holder) holder.state = null;
  else if (Array.isArray(parent)) parent.splice(position(key), 1);
  else delete parent[key];
}

/** @param {unknown} value @param {Operation} operation */
function wanted(value, operation) {
  if (value === undefined) throw new Error(`${operation.op} without a value on ${operation.path}`);
  return value;
}

/** @param {any} parent @param {string} key */
function child(parent, key) {
  if (Array.isArray(parent)) {
    const index = position(key);
    if (index < parent.length) return parent[index];
  } else if (parent !== null && typeof parent === "object" && Object.hasOwn(parent, key)) {
    return parent[key];
  }
  throw new Error(`no member ${key}`);
}

/** @param {any} parent @param {string} key @param {unknown} value */
function put(parent, key, value) {
  if (parent === null || typeof parent !== "object") throw new Error(`no object for ${key}`);
  if (key === "__proto__") {
    // A step may have this name; an assignment would change the prototype.
    Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    parent[key] = value;
  }
}

/** @param {string} key */
function position(key) {
  if (!/^(0|[1-9]\d*)$/.test(key)) throw new Error(`not an index: ${key}`);
  return Number(key);
}

/** Whether two JSON values are equal. @param {any} one @param {any} other @returns {boolean} */
function sameValue(one, other) {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && sameValue(one[key], other[key]));
}
