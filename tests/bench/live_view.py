"""The live view in a browser: how late a token is seen, what it costs, and whether the page stays smooth.

JupyterLab, its kernel and Chromium run on this machine, so the kernel's clock is the page's. Three cells of
one notebook, each run by ``%%chain``, as a person would, after a small one:

- a tree of 201 runs of which 20 write at once, 2,000 tokens a second from 0.3 s on: how soon the tree is in
  the page, when each token is in the document, how far apart the page's frames are, and the bytes of all
  messages from the kernel, the static twin included, but for the widget's own modules and styles, which each
  widget sends once;
- one run of 100,000 tokens: what a frame costs the kernel (CPU time of its process) and the page (CPU
  time of its main thread) early in the run and late;
- a tree of 5,000 runs: the time from a scroll or a letter in the filter to the frame that shows it.

``python -m tests.bench live`` runs these alone.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..browser import Browser, JupyterServer, NotebookPage, missing
from ..notebook_files import make_notebook
from .case import Case, Kind
from .live_view_chains import TOKEN_CHARACTERS

__all__ = ["cases", "close"]

ROOT = Path(__file__).parents[2]
BRANCHES, STEPS, TOKENS_EACH, TOKENS_PER_S = 20, 9, 500, 2_000
LONG_TOKENS, LONG_PER_S = 100_000, 10_000
ITEMS, ITEM_STEPS = 50, 99

CELLS = [
    "%load_ext workbench\nfrom tests.bench.live_view_chains import *",
    "%%chain first --input 1\nsteps(2)",
    f"%%chain speed --input 1\ntree({BRANCHES}, {STEPS}, {TOKENS_EACH}, {TOKENS_PER_S / BRANCHES})",
    f"%%chain long --input 1\nlong_stream({LONG_TOKENS}, {LONG_PER_S})",
    f"%%chain big --batch range({ITEMS})\nsteps({ITEM_STEPS})",
    "write_notes('notes.json')",
]
FIRST, TREE, LONG, BIG, NOTES = 1, 2, 3, 4, 5

WATCH = """(cell) => {
  const area = document.querySelectorAll(".jp-Notebook .jp-Cell")[cell].querySelector(".jp-Cell-outputArea");
  const seen = new Map();
  const watched = (window.__watched = { lengths: [], frames: [], on: true, rows: null });
  const look = () => {
    const now = Date.now();
    watched.rows ??= area.querySelector(".wb-node") && now;
    for (const block of area.querySelectorAll(".wb-stream .wb-block")) {
      const key = block.querySelector(".wb-block-label bdi")?.textContent ?? "";
      let length = 0;
      for (const part of block.querySelectorAll(".wb-text-block")) length += part.firstChild?.length ?? 0;
      if (length === seen.get(key)) continue;
      seen.set(key, length);
      watched.lengths.push([key, length, now]);
    }
  };
  new MutationObserver(look).observe(area, { subtree: true, childList: true, characterData: true });
  const next = (at) => {
    const status = area.querySelector(".wb-body")?.dataset.status;
    if (status === "streaming") watched.frames.push(at);
    if (watched.on && status !== "done") requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}"""

HANDLE = """async (cell) => {
  const area = document.querySelectorAll(".jp-Notebook .jp-Cell")[cell].querySelector(".jp-Cell-outputArea");
  const rows = area.querySelector(".wb-steps .wb-rows");
  const search = area.querySelector(".wb-steps .wb-search");
  const drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const timed = async (change, isShown) => {
    const start = performance.now();
    change();
    do await drawn(); while (!isShown() && performance.now() - start < 3000);
    return performance.now() - start;
  };
  const rowAt = () => {
    const { left, top, height } = rows.getBoundingClientRect();
    return document.elementFromPoint(left + 20, top + height / 2)?.closest(".wb-node") ?? null;
  };
  area.querySelector("button[title^='Open all']").click();
  await drawn();
  area.querySelector(".wb-steps").scrollIntoView({ block: "center" });
  await new Promise((done) => setTimeout(done, 1500)); // JupyterLab still renders and saves the cell's output
  const height = rows.scrollHeight;
  const scrolled = [];
  for (let n = 1; n <= 30; n += 1) {
    const target = height * ((n * 7) % 31) / 31;
    scrolled.push(await timed(() => { rows.scrollTop = target; }, () => rowAt() !== null));
  }
  const shown = () => [...rows.querySelectorAll(".wb-node .wb-name")].map((name) => name.textContent);
  const filtered = [];
  for (const word of ["s", "st", "ste", "step_", "step_9", "step_98", "step_", "", "step_42", ""]) {
    filtered.push(await timed(() => {
      search.value = word;
      search.dispatchEvent(new Event("input", { bubbles: true }));
    }, () => word === "" || shown().some((name) => name.includes(word))));
  }
  const count = area.querySelector(".wb-steps").innerText.match(/[\\d,]+ runs/)?.[0];
  return { scrolled, filtered, count };
}"""

_open = ExitStack()


def close() -> None:
    """End the server and the browser, if there were any."""
    _open.close()


@cache
def _notebook() -> NotebookPage:
    root = Path(_open.enter_context(tempfile.TemporaryDirectory(prefix="workbench-bench-")))
    make_notebook(root / "speed.ipynb", CELLS)
    server = _open.enter_context(JupyterServer(root, python_path=[ROOT]))
    page = NotebookPage(_open.enter_context(Browser()), server, "speed.ipynb")
    page.run(0)
    page.run(FIRST)  # the first widget of a page has JupyterLab load what shows widgets
    return page


@contextmanager
def _notes(notebook: NotebookPage) -> Iterator[dict[str, Any]]:
    notebook.run(NOTES)
    yield json.loads((notebook.server.root / "notes.json").read_text())


@cache
def _tree() -> dict[str, float]:
    notebook = _notebook()
    notebook.page.evaluate(WATCH, TREE)
    before = len(notebook.received)
    notebook.run(TREE, timeout_s=120)
    modules = max(notebook.received[before : before + 12])  # the message that opens the widget
    bytes_received = sum(notebook.received[before:]) - modules
    watched = notebook.page.evaluate("window.__watched")
    with _notes(notebook) as notes:
        sent = notes["sent"]
        began = notes["began"][0]
    late = sorted(_latencies_ms(sent, watched["lengths"]))
    times = sorted(at for branch in sent.values() for at in branch)
    tokens = BRANCHES * TOKENS_EACH
    assert len(late) == tokens, f"{len(late)} of {tokens} tokens were seen"
    gaps = [after - at for at, after in pairwise(watched["frames"])]
    return {
        "rows": watched["rows"] - began * 1000,
        "median": statistics.median(late),
        "p95": late[int(0.95 * tokens)],
        "gap": max(gaps),
        "bytes": bytes_received / tokens,
        "pace": (tokens - 1) / (times[-1] - times[0]) / TOKENS_PER_S,
    }


def _latencies_ms(sent: dict[str, list[float]], lengths: list[tuple[str, int, float]]) -> Iterator[float]:
    """For each token, how long after it was sent its last character was in the document."""
    for key, times in sent.items():
        seen = [(length, at) for label, length, at in lengths if label == key]
        reached = [length for length, _ in seen]
        for number, at in enumerate(times, 1):
            index = bisect_left(reached, number * TOKEN_CHARACTERS)
            if index < len(seen):
                yield seen[index][1] - at * 1000


@cache
def _long() -> dict[str, float]:
    notebook = _notebook()
    session = notebook.page.context.new_cdp_session(notebook.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page: list[tuple[float, float, float]] = []  # when, messages by then, seconds of the main thread by then
    notebook.start(LONG)
    deadline = time.monotonic() + 120
    while notebook.cell(LONG).locator(".wb-body[data-status=done]").count() == 0:
        assert time.monotonic() < deadline, "the long run did not end"
        metrics = {
            metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]
        }
        page.append((time.time(), len(notebook.received), metrics["TaskDuration"]))
        notebook.page.wait_for_timeout(200)
    notebook.wait(LONG)
    with _notes(notebook) as notes:
        kernel = [(at, cpu) for _, at, cpu in notes["used"]]
    start, end = kernel[0][0], kernel[-1][0]

    def frames(at: float) -> float:
        return _at([(when, count) for when, count, _ in page], at)

    def cost(of: list[tuple[float, float]], first: float, last: float) -> float:
        """Seconds a frame, between two points of the run (0 its start, 1 its end)."""
        a, b = start + first * (end - start), start + last * (end - start)
        return (_at(of, b) - _at(of, a)) / (frames(b) - frames(a))

    thread = [(when, busy) for when, _, busy in page]
    figures = {}
    for name, used in (("kernel", kernel), ("page", thread)):
        early, late = cost(used, 0.1, 0.4), cost(used, 0.7, 1.0)
        figures |= {f"{name} growth": late / early, f"{name} ms": late * 1000}
    return figures


def _at(points: list[tuple[float, float]], when: float) -> float:
    """The value at a time, between the two points around it."""
    for (t0, v0), (t1, v1) in pairwise(points):
        if when <= t1:
            return v0 + (v1 - v0) * max(0.0, when - t0) / (t1 - t0)
    return points[-1][1]


@cache
def _big() -> dict[str, float]:
    notebook = _notebook()
    notebook.run(BIG, timeout_s=120)
    done = notebook.page.evaluate(HANDLE, BIG)
    assert done["count"] == f"{ITEMS * (ITEM_STEPS + 1):,} runs", done["count"]
    return {"scroll": max(done["scrolled"]), "filter": max(done["filtered"])}


def cases() -> list[Case]:
    """None where there is no browser."""
    if reason := missing():
        print(f"live view: left out, {reason}")
        return []
    tree = f"live view, {TOKENS_PER_S:,} tokens/s in {BRANCHES} of {BRANCHES * (STEPS + 1) + 1} runs: "
    long, big = (
        f"live view, {LONG_TOKENS:,} tokens: ",
        f"live view, tree of {ITEMS * (ITEM_STEPS + 1):,} runs: ",
    )
    figures: list[tuple[str, str, Kind, Callable[[], dict[str, float]], str, float]] = [
        (f"{tree}pace kept", "", "efficiency", _tree, "pace", 0.95),
        (f"{tree}the tree is in the page after", "ms", "limit", _tree, "rows", 500),
        (f"{tree}latency, median", "ms", "limit", _tree, "median", 35),
        (f"{tree}latency, p95", "ms", "limit", _tree, "p95", 100),
        (f"{tree}longest frame gap", "ms", "limit", _tree, "gap", 150),
        (f"{tree}on the wire, a token", "bytes", "limit", _tree, "bytes", 100),
        (f"{long}kernel's CPU a frame, late / early", "", "limit", _long, "kernel growth", 1.2),
        (f"{long}page's CPU a frame, late / early", "", "limit", _long, "page growth", 1.2),
        (f"{big}scroll", "ms", "limit", _big, "scroll", 100),
        (f"{big}filter", "ms", "limit", _big, "filter", 100),
    ]
    return [
        Case(
            name, unit, partial(_figure, work, key), lambda: math.nan, target, kind, repeats=1, peer_repeats=0
        )
        for name, unit, kind, work, key, target in figures
    ]


def _figure(work: Callable[[], dict[str, float]], key: str) -> float:
    return work()[key]
