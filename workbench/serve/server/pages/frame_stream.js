// @ts-check
/**
 * A run on the server, as the frames of a live view.
 *
 * Leaving the stream (``signal``) stops the run. ``Refused`` is an answer that is no stream.
 */

/** @typedef {{loc: unknown[], msg: string}} Fault */

/** The server did not take the request. */
export class Refused extends Error {
  /** @param {number} status @param {string} message @param {Fault[]} faults */
  constructor(status, message, faults) {
    super(message);
    this.status = status;
    this.faults = faults;
  }
}

/**
 * @param {string} address @param {unknown} body @param {string} token "" for none
 * @param {AbortSignal} signal @param {(frame: any) => void} onFrame
 */
export async function streamFrames(address, body, token, signal, onFrame) {
  /** @type {Record<string, string>} */
  const headers = { "Content-Type": "application/json", "Workbench-Wire": "frames" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body), signal });
  if (!answer.ok || !answer.body) throw await refusal(answer);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error("The answer was cut off before its end");
    const events = (rest + value).split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      const { name, data } = parsed(event);
      if (name === "end") return;
      if (name === "error") throw new Error(messageOf(data));
      if (name === "data") onFrame(JSON.parse(data));
    }
  }
}

/** @param {string} event */
function parsed(event) {
  const lines = event.split("\n");
  const field = (/** @type {string} */ name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? "";
  return { name: field("event"), data: field("data") };
}

/** @param {string} data */
function messageOf(data) {
  try {
    return String(JSON.parse(data).message);
  } catch {
    return data;
  }
}

/** @param {Response} answer */
async function refusal(answer) {
  const text = await answer.text();
  /** @type {any} */
  let detail = text;
  try {
    detail = JSON.parse(text).detail;
  } catch {
    // no JSON: its text says it
  }
  const faults = Array.isArray(detail) ? detail : [];
  const message = faults.length > 0 ? faults.map((one) => one.msg).join("; ") : String(detail || answer.statusText);
  return new Refused(answer.status, message, faults);
}
