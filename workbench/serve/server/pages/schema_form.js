// @ts-check
/**
 * A form made of a JSON schema: a labelled control for each property that one fits, JSON text for the others.
 *
 * @typedef {{type?: string | string[], title?: string, description?: string, default?: unknown, enum?: unknown[],
 *   const?: unknown, anyOf?: Schema[], oneOf?: Schema[], allOf?: Schema[], $ref?: string,
 *   properties?: Record<string, Schema>, required?: string[], $defs?: Record<string, Schema>}} Schema
 * @typedef {"text" | "number" | "integer" | "boolean" | "choice" | "json"} Kind
 */

import { element } from "./parts/elements.js";

let count = 0;

/** What a field says is wrong with what was typed. */
export class FieldError extends Error {}

/** One property: its label, its control, and what is wrong with it. */
class Field {
  /** @param {string} name @param {Schema} schema @param {boolean} required */
  constructor(name, schema, required) {
    this.name = name;
    this._kind = kindOf(schema);
    this._required = required;
    this._choices = choicesOf(schema);
    this.el = element("div", "wp-field");
    const id = `wp-field-${(count += 1)}`;
    const label = element("label", "wp-label", schema.title ?? name);
    label.htmlFor = id;
    if (this._kind === "json") label.append(element("span", "wp-kind", "JSON"));
    if (!required) label.append(element("span", "wp-kind", "optional"));
    this.control = this._makeControl(schema.default);
    this.control.id = id;
    this._error = element("div", "wp-error");
    this._error.id = `${id}-error`;
    this._error.setAttribute("role", "alert");
    this.el.append(label);
    if (schema.description) {
      const hint = element("div", "wp-hint", schema.description);
      hint.id = `${id}-hint`;
      this.control.setAttribute("aria-describedby", `${hint.id} ${this._error.id}`);
      this.el.append(hint);
    } else {
      this.control.setAttribute("aria-describedby", this._error.id);
    }
    this.el.append(this.control, this._error);
    this.control.addEventListener("input", () => this.complain(""));
  }

  /** @param {string} text "" for nothing */
  complain(text) {
    this._error.textContent = text;
    this.control.setAttribute("aria-invalid", String(text !== ""));
  }

  /** What was typed, undefined for nothing. Throws FieldError. */
  read() {
    const { control } = this;
    if (control instanceof HTMLInputElement && control.type === "checkbox") return control.checked;
    const text = control.value;
    if (this._kind === "text") return text === "" && !this._required ? undefined : text;
    if (text.trim() === "") {
      if (this._required) this._fail("A value is needed here");
      return undefined;
    }
    if (this._kind === "choice") return this._choices[Number(text)];
    if (this._kind === "json") return this._parsed(text);
    const number = Number(text);
    if (!Number.isFinite(number)) this._fail("A number is needed here");
    if (this._kind === "integer" && !Number.isInteger(number)) this._fail("A whole number is needed here");
    return number;
  }

  /** @param {unknown} value */
  write(value) {
    const { control } = this;
    if (control instanceof HTMLInputElement && control.type === "checkbox") control.checked = value === true;
    else if (this._kind === "choice") control.value = String(this._choices.indexOf(value));
    else if (value === undefined) control.value = "";
    else control.value = typeof value === "string" && this._kind !== "json" ? value : JSON.stringify(value, null, 1);
  }

  /** @param {string} text */
  _parsed(text) {
    try {
      return JSON.parse(text);
    } catch (error) {
      return this._fail(`This is no JSON: ${error instanceof Error ? error.message : error}`);
    }
  }

  /** @param {string} text @returns {never} */
  _fail(text) {
    this.complain(text);
    this.control.focus();
    throw new FieldError(text);
  }

  /** @param {unknown} initial @returns {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} */
  _makeControl(initial) {
    if (this._kind === "boolean") {
      const box = element("input", "wp-check");
      box.type = "checkbox";
      box.checked = initial === true;
      return box;
    }
    if (this._kind === "choice") return this._makeChoice(initial);
    if (this._kind === "number" || this._kind === "integer") {
      const input = element("input", "wp-control");
      input.inputMode = this._kind === "integer" ? "numeric" : "decimal";
      if (initial !== undefined && initial !== null) input.value = String(initial);
      return input;
    }
    const area = element("textarea", `wp-control wp-${this._kind}`);
    area.rows = this._kind === "json" ? 4 : 2;
    area.spellcheck = this._kind === "text";
    if (typeof initial === "string" && this._kind === "text") area.value = initial;
    else if (initial !== undefined && initial !== null) area.value = JSON.stringify(initial, null, 1);
    return area;
  }

  /** @param {unknown} initial */
  _makeChoice(initial) {
    const select = element("select", "wp-control");
    if (!this._required) select.append(new Option("", ""));
    this._choices.forEach((choice, index) => {
      const text = typeof choice === "string" ? choice : JSON.stringify(choice);
      select.append(new Option(text, String(index), false, choice === initial));
    });
    return select;
  }
}

/** A form for values of a schema. */
export class SchemaForm {
  /** @param {Schema} schema @param {string} label of a value that is no object of known keys */
  constructor(schema, label) {
    this.el = element("div", "wp-form");
    const whole = resolved(schema, schema);
    const properties = whole.properties ?? {};
    this._isObject = Object.keys(properties).length > 0;
    const required = new Set(whole.required ?? []);
    this.fields = this._isObject
      ? Object.entries(properties).map(([name, one]) => new Field(name, resolved(one, schema), required.has(name)))
      : [new Field(label, { ...whole, title: label }, true)];
    this.el.append(...this.fields.map((field) => field.el));
  }

  /** What was typed. Throws FieldError, and shows why at its field. */
  read() {
    if (!this._isObject) return this.fields[0].read();
    const pairs = this.fields.map((field) => [field.name, field.read()]);
    return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
  }

  /** @param {unknown} value */
  write(value) {
    if (!this._isObject) this.fields[0].write(value);
    else for (const field of this.fields) field.write(/** @type {Record<string, unknown>} */ (value ?? {})[field.name]);
  }

  /** Show what the server says of a value at its field; whether there is one. @param {unknown[]} place @param {string} text */
  complain(place, text) {
    const field = this._isObject ? this.fields.find((one) => one.name === place[0]) : this.fields[0];
    const inside = (this._isObject ? place.slice(1) : place).join(" › ");
    field?.complain(inside ? `${inside}: ${text}` : text);
    return field !== undefined;
  }

  focus() {
    this.fields[0]?.control.focus();
  }
}

/** A schema with its reference followed. @param {Schema} schema @param {Schema} root @returns {Schema} */
function resolved(schema, root) {
  const name = schema.$ref?.startsWith("#/$defs/") ? schema.$ref.slice("#/$defs/".length) : "";
  const target = name && Object.hasOwn(root.$defs ?? {}, name) ? root.$defs?.[name] : undefined;
  const { $ref: _, ...own } = schema;
  const whole = target ? { ...target, ...own } : own;
  return { ...whole, anyOf: whole.anyOf?.map((one) => resolved(one, root)) };
}

/** The control that fits. @param {Schema} schema @returns {Kind} */
function kindOf(schema) {
  if (choicesOf(schema).length > 0) return "choice";
  const kinds = (schema.anyOf ?? schema.oneOf ?? [schema]).map((one) => one.type);
  const known = kinds.filter((kind) => kind !== "null");
  if (known.includes("string")) return "text";
  if (known.length !== 1) return "json";
  const kind = known[0];
  return kind === "number" || kind === "integer" || kind === "boolean" ? kind : "json";
}

/** @param {Schema} schema @returns {unknown[]} */
function choicesOf(schema) {
  if (schema.enum) return schema.enum;
  return schema.anyOf?.find((one) => one.enum)?.enum ?? [];
}
