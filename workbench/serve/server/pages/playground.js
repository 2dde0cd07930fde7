// @ts-check
/**
 * The playground of a served chain: a form made of its input schema, and below it the live view of a notebook.
 *
 * The view is the notebook's own; this page plays the part of its kernel. It sends the frames that the server
 * streams, and answers what the view asks for.
 */

import { jsonText } from "./data/ordered_keys.js";
import { Store } from "./data/store.js";
import { Refused, streamFrames } from "./frame_stream.js";
import { element } from "./parts/elements.js";
import { pythonCall } from "./python_text.js";
import view from "./run_view.js";
import { FieldError, SchemaForm } from "./schema_form.js";

/** @typedef {import("./schema_form.js").Schema} Schema */

const page = document.documentElement.dataset;
const needsToken = page.needsToken === "true";
const base = new URL("..", location.href).href.replace(/\/$/, "");

/** What the view takes for its model: traits, and messages both ways. */
class Model {
  constructor() {
    /** @type {Map<string, Set<(message: any) => void>>} */
    this._listeners = new Map();
    /** @type {Record<string, unknown>} */
    this.traits = {
      title: page.name, view: "all", python: "", can_rerun: false, pinned: {}, run_id: "",
      snapshot: { seq: 0, state: { status: "waiting", runs: [] } },
    };
    /** @type {(message: any) => void} */
    this.onMessage = () => {};
  }

  /** @param {string} name */
  get(name) {
    return this.traits[name];
  }

  /** @param {string} name @param {unknown} value */
  set(name, value) {
    this.traits[name] = value;
    this._tell(`change:${name}`, undefined);
  }

  /** @param {object} content */
  send(content) {
    queueMicrotask(() => this.onMessage(content));
  }

  /** @param {object} message */
  receive(message) {
    this._tell("msg:custom", message);
  }

  /** @param {string} name @param {(message: any) => void} callback */
  on(name, callback) {
    const known = this._listeners.get(name) ?? new Set();
    this._listeners.set(name, known.add(callback));
  }

  /** @param {string} name @param {(message: any) => void} callback */
  off(name, callback) {
    this._listeners.get(name)?.delete(callback);
  }

  /** @param {string} name @param {any} message */
  _tell(name, message) {
    for (const callback of this._listeners.get(name) ?? []) callback(message);
  }
}

/** The runs of this page, one at a time. */
class Runs {
  /** @param {Model} model @param {() => string} token */
  constructor(model, token) {
    this._model = model;
    this._token = token;
    this._epoch = 0;
    /** The same document as the view's, to answer from. */
    this._store = new Store();
    /** @type {AbortController | null} */
    this._abort = null;
    model.onMessage = (message) => this._answer(message);
    /** @type {() => void} */
    this.again = () => {};
    /** @type {(running: boolean) => void} */
    this.onRunning = () => {};
  }

  /** Run on an input, to the end or a stop. Throws what the server says. @param {any} body */
  async run(body) {
    this.stop();
    const abort = (this._abort = new AbortController());
    this._epoch += 1;
    const epoch = this._epoch;
    this._model.set("python", pythonCall(base, body.input, needsToken));
    this._model.set("can_rerun", true);
    this.onRunning(true);
    try {
      await streamFrames(`${base}/stream_log`, body, this._token(), abort.signal, (frame) => {
        if (this._epoch === epoch) this._take({ ...frame, e: epoch });
      });
    } catch (error) {
      if (this._epoch === epoch) this._end(abort.signal.aborted ? "cancelled" : "failed");
      if (!abort.signal.aborted) throw error;
    } finally {
      if (this._abort === abort) {
        this._abort = null;
        this.onRunning(false);
      }
    }
  }

  stop() {
    this._abort?.abort();
  }

  get isRunning() {
    return this._abort !== null;
  }

  /** @param {any} frame */
  _take(frame) {
    this._store.frame(structuredClone(frame)); // each changes in place what it is given
    this._model.receive(frame);
  }

  /** The server tells no more: what runs here has ended so. @param {"cancelled" | "failed"} status */
  _end(status) {
    const { state, seq } = this._store;
    if (this._store.epoch !== this._epoch || state.status !== "streaming") return;
    const now = new Date(this._store.now).toISOString();
    /** @type {object[]} */
    const ops = [];
    state.runs.forEach((run, number) => {
      for (const [key, one] of Object.entries(run.logs ?? {})) {
        if (one.end_time === null) ops.push(...ended(`/runs/${number}/logs/${escaped(key)}`, status, now));
      }
      if (run.end_time === null) ops.push(...ended(`/runs/${number}`, status, now));
    });
    ops.push({ op: "replace", path: "/status", value: status });
    this._take({ k: "frame", e: this._epoch, a: seq, b: seq + ops.length, ops });
  }

  /** @param {{k: string, what?: string}} message */
  _answer(message) {
    const { k, what } = message;
    if (k === "stop") {
      this._model.receive({ k: "ack", of: "stop" });
      this.stop();
    } else if (k === "rerun") {
      this.again();
    } else if (k === "pin") {
      this._model.set("pinned", { state: structuredClone(this._store.state), seq: this._store.seq });
    } else if (k === "unpin") {
      this._model.set("pinned", {});
    } else if (k === "export") {
      this._export(String(what));
    }
  }

  /** @param {string} what */
  _export(what) {
    const mime = "application/json";
    if (what === "state") {
      this._model.receive({ k: "file", what, name: `${page.name}.json`, mime, text: jsonText(this._store.state, 1) });
    } else if (what === "patches") {
      this._model.receive({ k: "file", what, name: `${page.name}.patch.json`, mime, text: jsonText(this._store.patchLog()) });
    } else {
      this._model.receive({ k: "ack", of: "export", error: "A page of the run is made in a notebook: view(chain, input)" });
    }
  }
}

/** @param {string} path @param {string} status @param {string} now */
function ended(path, status, now) {
  return [
    { op: "replace", path: `${path}/end_time`, value: now },
    { op: "replace", path: `${path}/status`, value: status },
  ];
}

/** @param {string} key */
function escaped(key) {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** The form, its buttons, and what is wrong. */
class Panel {
  /** @param {Runs} runs @param {SchemaForm} input @param {SchemaForm | null} config */
  constructor(runs, input, config) {
    this._runs = runs;
    this._input = input;
    this._config = config;
    this.el = element("form", "wp-panel");
    this.el.noValidate = true;
    this._raw = element("textarea", "wp-control wp-json wp-raw");
    this._raw.rows = 6;
    this._raw.setAttribute("aria-label", "Input as JSON");
    this._raw.hidden = true;
    this._mode = element("button", "wp-button wp-quiet", "Write JSON");
    this._mode.type = "button";
    this._mode.setAttribute("aria-pressed", "false");
    this._go = element("button", "wp-button wp-go", "Run");
    this._go.type = "submit";
    this._stop = element("button", "wp-button wp-stop", "Stop");
    this._stop.type = "button";
    this._stop.disabled = true;
    this._problem = element("div", "wp-problem");
    this._problem.setAttribute("role", "alert");
    const head = element("div", "wp-panel-head");
    head.append(element("h2", "wp-heading", "Input"), this._mode);
    const buttons = element("div", "wp-buttons");
    buttons.append(this._go, this._stop, element("span", "wp-keys", "Ctrl+Enter runs, Esc stops"));
    this.el.append(head, input.el, this._raw);
    if (config) {
      const details = element("details", "wp-config");
      details.append(element("summary", "wp-heading", "Configuration"), config.el);
      this.el.append(details);
    }
    this.el.append(buttons, this._problem);
    this._mode.addEventListener("click", () => this._switch());
    this._stop.addEventListener("click", () => runs.stop());
    this.el.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.run();
    });
    document.addEventListener("keydown", (event) => this._onKey(event));
    runs.again = () => void this.run();
    runs.onRunning = (running) => {
      this._stop.disabled = !running;
      this._go.disabled = running;
    };
  }

  async run() {
    if (this._runs.isRunning) return;
    this._problem.textContent = "";
    try {
      await this._runs.run(this._body());
    } catch (error) {
      if (!(error instanceof FieldError)) this._tell(error);
    }
  }

  _body() {
    const input = this._raw.hidden ? this._input.read() : this._rawValue();
    const configurable = this._config?.read() ?? {};
    const isSet = Object.keys(/** @type {object} */ (configurable)).length > 0;
    return isSet ? { input, config: { configurable } } : { input };
  }

  _rawValue() {
    try {
      return JSON.parse(this._raw.value);
    } catch (error) {
      const why = error instanceof Error ? error.message : error;
      this._problem.textContent = `The input is no JSON: ${why}`;
      this._raw.focus();
      throw new FieldError("no JSON");
    }
  }

  /** @param {unknown} error */
  _tell(error) {
    const left = error instanceof Refused ? error.faults.filter((fault) => !this._place(fault)) : [];
    if (error instanceof Refused && error.faults.length > 0 && left.length === 0) return;
    if (error instanceof Refused && error.status === 401) this._problem.textContent = "This service needs its token";
    else if (left.length > 0) this._problem.textContent = left.map((fault) => `${fault.loc.slice(1).join(" › ")}: ${fault.msg}`).join("; ");
    else if (error instanceof TypeError) this._problem.textContent = "The server cannot be reached";
    else this._problem.textContent = error instanceof Error ? error.message : String(error);
  }

  /** Show a fault at the field that it is about; whether it has one. @param {import("./frame_stream.js").Fault} fault */
  _place(fault) {
    const [, part, ...inside] = fault.loc;
    if (part === "input" && this._raw.hidden) return this._input.complain(inside, fault.msg);
    if (part === "config" && this._config) return this._config.complain(inside.slice(1), fault.msg);
    return false;
  }

  _switch() {
    const toRaw = this._raw.hidden;
    try {
      if (toRaw) this._raw.value = JSON.stringify(this._input.read(), null, 2);
      else this._input.write(this._rawValue());
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      if (!toRaw) return;
      this._raw.value = "{}";
    }
    this._raw.hidden = !toRaw;
    this._input.el.hidden = toRaw;
    this._mode.setAttribute("aria-pressed", String(toRaw));
    this._mode.textContent = toRaw ? "Fill in the form" : "Write JSON";
    (toRaw ? this._raw : this._input).focus();
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void this.run();
    } else if (event.key === "Escape" && this._runs.isRunning) {
      this._runs.stop();
    }
  }
}

/** A field for the token, which stays in this page. */
function tokenField() {
  const label = element("label", "wp-token", "Token");
  const input = element("input", "wp-control");
  input.type = "password";
  input.autocomplete = "off";
  label.append(input);
  return { label, input };
}

/** @param {string} name @param {string} token @returns {Promise<Schema>} */
async function schemaOf(name, token) {
  const headers = token ? { Authorization: `Bearer ${token}` } : undefined;
  const answer = await fetch(`${base}/${name}`, { headers });
  if (!answer.ok) throw new Refused(answer.status, `${answer.status} ${answer.statusText}`, []);
  return answer.json();
}

async function start() {
  const header = element("header", "wp-header");
  const title = element("h1", "wp-title", page.name);
  header.append(title, element("span", "wp-address", base));
  const main = element("main", "wp-main");
  const left = element("section", "wp-left");
  left.setAttribute("aria-label", "Input");
  const right = element("section", "wp-right");
  right.setAttribute("aria-label", "Run");
  main.append(left, right);
  const token = needsToken ? tokenField() : null;
  if (token) header.append(token.label);
  document.body.append(header, main);

  const model = new Model();
  const runs = new Runs(model, () => token?.input.value ?? "");
  const made = view();
  made.initialize({ model });
  made.render({ model, el: right });

  const fill = async () => {
    left.replaceChildren();
    try {
      const [input, config] = await Promise.all(["input_schema", "config_schema"].map((name) => schemaOf(name, token?.input.value ?? "")));
      const form = new SchemaForm(input, "Input");
      left.append(new Panel(runs, form, configForm(config)).el);
      form.focus();
    } catch (error) {
      const isLocked = error instanceof Refused && error.status === 401;
      const text = isLocked ? "Give the token of this service to begin." : `The schema cannot be had: ${error}`;
      const problem = element("p", "wp-problem", text);
      problem.setAttribute("role", "alert");
      left.append(problem);
    }
  };
  token?.input.addEventListener("change", () => void fill());
  await fill();
  document.documentElement.dataset.ready = "true";
}

/** @param {Schema} schema */
function configForm(schema) {
  const inner = schema.properties?.configurable;
  if (!inner) return null;
  const known = (inner.anyOf ?? [inner]).find((one) => one.$ref || one.properties) ?? inner;
  const form = new SchemaForm({ ...known, $defs: schema.$defs }, "configurable");
  return form.fields.length > 0 ? form : null;
}

void start();
