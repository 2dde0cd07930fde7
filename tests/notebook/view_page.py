"""One live view on a bare page: the front end as users get it, with a model that the test plays.

No kernel and no JupyterLab: what Python would send is sent by the test, what the view sends is kept.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from workbench.views.web.bundle import bundle

from ..browser import Browser, NotebookPage

__all__ = ["ViewPage", "axe", "entry", "root", "serious", "snapshot", "stamp"]

ORIGIN = "http://view.test"

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>view</title>
<style>
body {{ margin: 12px; font: 13px sans-serif; background: #fff; color-scheme: light; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #111; color-scheme: dark; }} }}
</style>
<style>{css}</style></head><body><main><div id="view"></div></main><script type="module">
import widget from "./run_view.js";
const listeners = {{}};
window.traits = {traits};
window.sent = [];
window.kernel = {{
  status: "busy",
  interrupted: 0,
  interrupt() {{ this.interrupted += 1; }},
  slots: [],
  statusChanged: {{ connect: (slot) => window.kernel.slots.push(slot), disconnect: () => undefined }},
}};
const model = {{
  get: (name) => window.traits[name],
  set: (name, value) => {{ window.traits[name] = value; }},
  send: (content) => window.sent.push(content),
  on: (name, callback) => (listeners[name] ??= []).push(callback),
  off: (name, callback) => {{
    listeners[name] = (listeners[name] ?? []).filter((other) => other !== callback);
  }},
  widget_manager: {{ kernel: window.kernel }},
}};
const emit = (name, value) => (listeners[name] ?? []).forEach((callback) => callback(value));
window.receive = (message) => emit("msg:custom", message);
window.setTrait = (name, value) => {{ window.traits[name] = value; emit(`change:${{name}}`); }};
window.setKernel = (status) => {{
  window.kernel.status = status;
  window.kernel.slots.forEach((slot) => slot());
}};
let seq = window.traits.snapshot.seq;
window.frame = (ops) => {{
  window.receive({{ k: "frame", a: seq, b: seq + ops.length, t: Date.now(), ops }});
  seq += ops.length;
}};
const made = await widget();
made.initialize({{ model }});
window.closeView = made.render({{ model, el: document.getElementById("view") }});
const frameDrawn = () => new Promise((done) => requestAnimationFrame(() => done(true)));
window.painted = () => frameDrawn().then(frameDrawn);
window.ready = true;
</script></body></html>"""


def stamp(ms: float) -> str:
    """A time of the document, *ms* after one o'clock."""
    return f"2026-03-01T13:00:{ms / 1000:06.3f}"


def root(id: str = "r0", **fields: Any) -> dict[str, Any]:
    """A root run."""
    return {**entry(id, **fields), "item": fields.get("item"), "logs": fields.get("logs", {})}


def entry(id: str, **fields: Any) -> dict[str, Any]:
    """A run under way, but for *fields*."""
    empty = {
        "id": id,
        "name": "RunnableSequence",
        "type": "chain",
        "tags": [],
        "metadata": {},
        "status": "streaming",
        "input": "hi",
        "start_time": stamp(0),
        "first_chunk_time": stamp(200),
        "end_time": None,
        "streamed_output": [],
        "final_output": None,
        "error": None,
        "usage": None,
        "events": [],
        "call": None,
        "parent": None,
    }
    return {**empty, **fields}


def snapshot(*runs: dict[str, Any], status: str = "streaming", seq: int = 1) -> dict[str, Any]:
    return {"seq": seq, "state": {"status": status, "runs": list(runs)}}


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, from npm."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("axe")
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), "axe-core@4"]
    installed = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install axe-core: {installed.stderr.strip()[-200:]}")
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


def serious(view: ViewPage | NotebookPage, axe: str, *parts: str) -> list[Any]:
    """What axe-core finds serious or critical in *parts* (selectors): rule, and where."""
    if view.page.evaluate("typeof axe === 'undefined'"):
        view.page.add_script_tag(content=axe)
    found: list[Any] = view.page.evaluate(
        """(parts) => axe.run(
          { include: parts.map((part) => [part]) }, { resultTypes: ["violations"], preload: false },
        ).then((result) => result.violations
          .filter((one) => ["serious", "critical"].includes(one.impact))
          .map((one) => [one.id, one.nodes.map((node) => node.html.slice(0, 200) + node.failureSummary)]))""",
        list(parts),
    )
    return found


class ViewPage:
    """A page of *browser* with one view; ``body`` is its outermost element."""

    def __init__(
        self,
        browser: Browser,
        document: dict[str, Any],
        *,
        width: int = 1000,
        dark: bool = False,
        **traits: Any,
    ) -> None:
        self._browser = browser
        self.page = browser.idle.pop(ORIGIN, None) or browser.page()
        self.look_as(width=width, dark=dark)
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", self._note_error)
        self.page.on("request", self._note_request)
        synced = {
            "run_id": "x",
            "title": "chain",
            "view": "all",
            "python": "",
            "can_rerun": False,
            "pinned": {},
        }
        self._html = PAGE.format(
            css=bundle("run_view").css,
            traits=json.dumps({**synced, **traits, "snapshot": document}).replace("<", "\\u003c"),
        )
        self.page.route("**/*", self._serve)
        self.page.goto(f"{ORIGIN}/index.html")
        self.body = self.page.locator(".wb-body")
        self._made()

    def look_as(self, *, width: int, dark: bool) -> None:
        """In a window of *width* pixels, in the dark theme or the light one."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="null")

    def reload(self) -> None:
        """The page anew, in the same tab."""
        self.page.reload()
        self._made()

    def _made(self) -> None:
        self.page.wait_for_function("window.ready === true")
        self.painted()

    def painted(self) -> None:
        """Until what was sent has been drawn."""
        self.page.evaluate("window.painted()")

    def frame(self, *ops: dict[str, Any]) -> None:
        self.page.evaluate("(ops) => window.frame(ops)", list(ops))
        self.painted()

    def say(self, *tokens: str, run: int = 0) -> None:
        """A run streams text."""
        self.frame({"op": "append", "path": f"/runs/{run}/streamed_output", "values": list(tokens)})

    def end(self, output: Any, run: int = 0, *, status: str = "done", ms: float = 1000) -> None:
        """A run ends, and the whole with it."""
        path = f"/runs/{run}"
        self.frame(
            {"op": "replace", "path": f"{path}/final_output", "value": output},
            {"op": "replace", "path": f"{path}/end_time", "value": stamp(ms)},
            {"op": "replace", "path": f"{path}/status", "value": status},
            {"op": "replace", "path": "/status", "value": status},
        )

    def set(self, trait: str, value: Any) -> None:
        self.page.evaluate("([name, value]) => window.setTrait(name, value)", [trait, value])
        self.painted()

    def receive(self, message: dict[str, Any]) -> None:
        self.page.evaluate("(message) => window.receive(message)", message)
        self.painted()

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What the view sent, but for its requests for the state."""
        sent: list[dict[str, Any]] = self.page.evaluate("window.sent")
        return [message for message in sent if message["k"] not in ("here", "sync")]

    def close(self) -> None:
        """The tab serves for the next view."""
        self.page.remove_listener("pageerror", self._note_error)
        self.page.remove_listener("request", self._note_request)
        self.page.evaluate("sessionStorage.clear()")
        self.page.unroute_all()
        if self._browser.idle.setdefault(ORIGIN, self.page) is not self.page:
            self.page.close()

    def _note_error(self, error: Any) -> None:
        self.errors.append(str(error))

    def _note_request(self, request: Any) -> None:
        self.requests.append(request.url)

    def _serve(self, route: Any) -> None:
        kinds = {f"{ORIGIN}/index.html": "text/html", f"{ORIGIN}/run_view.js": "text/javascript"}
        if kind := kinds.get(route.request.url):
            route.fulfill(
                body=self._html if kind == "text/html" else bundle("run_view").code, content_type=kind
            )
        else:
            route.abort()
