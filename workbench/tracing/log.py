"""The run log: a run as JSON Patch operations (RFC 6902) that, applied in order, build its ``RunState``.

``LogWriter`` turns RunEvents into patches, ``stream_log`` runs a chain and yields them while it runs.
Reading is lazy: the sum of the output that each chunk's patch replaces is computed when somebody looks at
it, so a kept log takes memory in proportion to the tokens, not to their square.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pprint import pformat
from typing import Any, TypedDict

from ..engine.chunks import AddableDict, Fold, add
from ..engine.event_loop import end_tasks
from ..engine.limits import Gate
from ..engine.runs import Run, RunEvent, Tell, timestamp
from ..patch.application import apply_operation
from ..patch.operations import Op
from ..patch.pointers import escape, unescape
from .encode import result, text_of

__all__ = [
    "Filter",
    "LogEntry",
    "LogWriter",
    "OutputOperations",
    "RunLog",
    "RunLogPatch",
    "RunState",
    "stream_log",
]

AHEAD = 64
"""Patches that a run may write before their reader takes them."""


class LogEntry(TypedDict):
    """A nested run in the log.

    >>> from workbench import RunnableLambda
    >>> chain = RunnableLambda(str.upper, name="shout") | RunnableLambda(len, name="count")
    >>> patches = list(chain.stream_log("hey"))
    >>> entry = sum(patches[1:], patches[0]).state["logs"]["shout"]
    >>> entry["name"], entry["type"], entry["tags"], entry["final_output"]
    ('shout', 'chain', ['seq:step:1'], {'output': 'HEY'})
    """

    id: str
    name: str
    type: str
    tags: list[str]
    metadata: dict[str, Any]
    start_time: str
    streamed_output: list[Any]
    streamed_output_str: list[str]
    final_output: Any
    end_time: str | None


class RunState(TypedDict):
    """What the patches of one run build. ``logs`` has the nested runs by name (``Name``, ``Name:2``).

    >>> from workbench import RunnableLambda
    >>> patches = list(RunnableLambda(str.upper, name="shout").stream_log("hey"))
    >>> state = sum(patches[1:], patches[0]).state
    >>> state["name"], state["streamed_output"], state["final_output"], state["logs"]
    ('shout', ['HEY'], 'HEY', {})
    """

    id: str
    name: str
    type: str
    streamed_output: list[Any]
    final_output: Any
    logs: dict[str, LogEntry]


class RunLogPatch:
    """JSON Patch operations, in ``ops``. Patches add up to a ``RunLog``.

    >>> import jsonpatch
    >>> from workbench import RunnableLambda
    >>> state = {}
    >>> for patch in RunnableLambda(str.upper).stream_log("hey"):
    ...     state = jsonpatch.apply_patch(state, patch.ops)
    >>> state["final_output"]
    'HEY'
    """

    __slots__ = ("ops",)

    def __init__(self, *ops: Op) -> None:
        self.ops: list[Op] = list(ops)

    def __add__(self, other: object) -> RunLog:
        if not isinstance(other, RunLogPatch):
            raise TypeError(f"expected a RunLogPatch to add, got {type(other).__name__}")
        return RunLog(*self.ops, *other.ops)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunLogPatch) and self.ops == other.ops

    __hash__ = None  # type: ignore[assignment]  # holds dicts

    def __str__(self) -> str:
        # The first and last characters of the list's own brackets are cut: what is left are the ops.
        return f"{type(self).__name__}({pformat([dict(op) for op in self.ops])[1:-1]})"

    def __repr__(self) -> str:
        shown = ", ".join(f"{op['op']} {op['path'] or '(all)'!r}" for op in self.ops[:8])
        return f"<RunLogPatch {shown}{', ...' if len(self.ops) > 8 else ''}>"


class RunLog(RunLogPatch):
    """All operations so far, and the ``state`` they build.

    Adding a patch costs no more than the patch. ``state`` is a snapshot of its reader's own; entries
    that did not change since the last snapshot are shared.

    >>> from workbench import FakeListLLM
    >>> for log in FakeListLLM(responses=["yes"]).stream_log("Is it?", diff=False):
    ...     pass
    >>> log.state["streamed_output"], log.state["final_output"]
    (['y', 'e', 's'], 'yes')
    """

    __slots__ = ("_length", "_state", "_tape")

    def __init__(self, *ops: Op, _tape: _Tape | None = None) -> None:
        self._tape = _tape or _Tape(list(ops))
        self._length = len(self._tape.ops)
        self._state: RunState | None = None

    @property
    def ops(self) -> list[Op]:  # type: ignore[override]
        return self._tape.ops[: self._length]

    @property
    def state(self) -> RunState:
        if self._state is None:
            self._state = self._tape.state_at(self._length)
        return self._state

    def __add__(self, other: object) -> RunLog:
        if not isinstance(other, RunLogPatch):
            raise TypeError(f"expected a RunLogPatch to add, got {type(other).__name__}")
        tape = self._tape
        if len(tape.ops) != self._length:  # somebody else has added to the same log: part ways
            tape = _Tape(self.ops)
        tape.ops.extend(other.ops)
        return RunLog(_tape=tape)

    def __str__(self) -> str:
        return f"RunLog({pformat(self.state)})"

    def __repr__(self) -> str:
        return f"<RunLog of {self._length} operations>"


class _Tape:
    """Operations shared by the logs that grew from each other, and the state at one point of them."""

    def __init__(self, ops: list[Op]) -> None:
        self.ops = ops
        self._applied = 0
        self._state: Any = None
        self._touched: set[str] = set()
        self._entries: dict[str, Any] = {}

    def state_at(self, length: int) -> Any:
        if length < self._applied:
            return _Tape(self.ops[:length]).state_at(length)
        for op in self.ops[self._applied : length]:
            self._state = apply_operation(self._state, op)
            path = op["path"]
            if path.startswith("/logs/"):
                self._touched.add(unescape(path.split("/", 3)[2]))
        self._applied = length
        return self._snapshot()

    def _snapshot(self) -> Any:
        if not isinstance(self._state, dict):
            return self._state
        copy = {key: _copy(value) for key, value in self._state.items() if key != "logs"}
        if "logs" in self._state:
            for key in self._touched:
                self._entries[key] = _copy(self._state["logs"][key])
            self._touched.clear()
            copy["logs"] = {key: self._entries[key] for key in self._state["logs"] if key in self._entries}
        return copy


def _copy(value: Any) -> Any:
    """Containers copied, what they hold (chunks, messages) shared."""
    if type(value) is dict:
        return {key: _copy(item) for key, item in value.items()}
    if type(value) is list:
        return list(value)
    return value


@dataclass(frozen=True)
class Filter:
    """Which runs get into a log or an event stream: those that match any include (all, if none is given)
    and no exclude."""

    include_names: Sequence[str] | None = None
    include_types: Sequence[str] | None = None
    include_tags: Sequence[str] | None = None
    exclude_names: Sequence[str] | None = None
    exclude_types: Sequence[str] | None = None
    exclude_tags: Sequence[str] | None = None

    def __call__(self, run: Run) -> bool:
        includes = (self.include_names, self.include_types, self.include_tags)
        wanted = all(given is None for given in includes) or _matches(run, *includes)
        return wanted and not _matches(run, self.exclude_names, self.exclude_types, self.exclude_tags)


def _matches(
    run: Run, names: Sequence[str] | None, types: Sequence[str] | None, tags: Sequence[str] | None
) -> bool:
    return bool(
        (names is not None and run.name in names)
        or (types is not None and (run.type in types or log_type(run) in types))
        or (tags is not None and any(tag in tags for tag in run.tags))
    )


def log_type(run: Run) -> str:
    """A run's type as the log names it: chat models count as ``llm``."""
    return "llm" if run.type == "chat_model" else run.type


class LogWriter:
    """An observer that writes patches; ``on_patch`` is called with each, from whatever thread it is made in.

    Every run that started is ended in the log, failed ones with the output they had.
    """

    wants_tokens = True

    def __init__(
        self,
        on_patch: Callable[[RunLogPatch], None],
        *,
        keep: Callable[[Run], bool] = Filter(),
        with_streamed_output_list: bool = True,
        gate: Gate | None = None,
    ) -> None:
        self._on_patch = on_patch
        self._keep = keep
        self._with_list = with_streamed_output_list
        self._root: Run | None = None
        self._output = OutputOperations()
        self._keys: dict[Run, str] = {}
        self._chunk_paths: dict[Run, tuple[str, str | None]] = {}
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self.gate = gate

    def chunks_of(self, run: Run) -> Tell | None:
        """What each chunk of a run is told to; None where they are no part of the log. One run's chunks come
        one after another, and so need no lock."""
        if run is self._root:
            return self._tell_root
        return self._teller(*paths) if (paths := self._chunk_paths.get(run)) is not None else None

    def __call__(self, event: RunEvent) -> None:
        kind, run, value, at = event
        if kind == "chunk":
            if (tell := self.chunks_of(run)) is not None:
                tell(value, at)
            return
        with self._lock:
            self._put(self._ops(event))

    def _put(self, ops: list[Op]) -> None:
        if ops:
            patch = _new_patch(RunLogPatch)
            patch.ops = ops
            self._on_patch(patch)

    def _tell_root(self, chunk: Any, at: float) -> None:
        self._put(self._root_chunk(chunk))

    def _teller(self, path: str, text_path: str | None) -> Tell:
        """Of a nested run, at the paths of its chunks and of their texts."""
        on_patch = self._on_patch

        def tell(chunk: Any, at: float) -> None:
            patch = _new_patch(RunLogPatch)
            op = {"op": "add", "path": path, "value": chunk}
            if text_path is None:
                patch.ops = [op]
            else:
                patch.ops = [{"op": "add", "path": text_path, "value": text_of(chunk) or ""}, op]
            on_patch(patch)

        return tell

    def _ops(self, event: RunEvent) -> list[Op]:
        kind, run, value, _ = event
        if self._root is None and kind == "start":
            self._root = run
            return [_op("replace", "", _root_state(run))]
        if run is self._root:
            # A root that does not stream gives its output as the one chunk.
            return self._root_chunk(value) if kind == "end" and not run.streams else []
        if kind == "start":
            return self._enter(run)
        key = self._keys.get(run)
        if key is None:
            return []
        if kind in ("end", "error"):
            output = result(run.type, run.output)
            return [
                _op("add", f"/logs/{key}/final_output", output),
                _op("add", f"/logs/{key}/end_time", timestamp(event.at)),
            ]
        return []

    def _enter(self, run: Run) -> list[Op]:
        if not self._keep(run):
            return []
        count = self._counts[run.name] = self._counts.get(run.name, 0) + 1
        key = escape(run.name if count == 1 else f"{run.name}:{count}")
        self._keys[run] = key
        streams_text = run.type in ("llm", "chat_model")
        self._chunk_paths[run] = (
            f"/logs/{key}/streamed_output/-",
            f"/logs/{key}/streamed_output_str/-" if streams_text else None,
        )
        return [_op("add", f"/logs/{key}", _entry(run))]

    def _root_chunk(self, chunk: Any) -> list[Op]:
        ops: list[Op] = []
        if self._with_list:
            ops.append({"op": "add", "path": "/streamed_output/-", "value": chunk})
        self._output.add(chunk, ops)
        return ops


_new_patch = RunLogPatch.__new__


def _op(op: str, path: str, value: Any) -> Op:
    return {"op": op, "path": path, "value": value}


def _root_state(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "type": log_type(run),
        "streamed_output": [],
        "final_output": None,
        "logs": {},
    }


def _entry(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "type": log_type(run),
        "tags": run.tags,
        "metadata": run.metadata,
        "start_time": timestamp(run.started or 0.0),
        "streamed_output": [],
        "streamed_output_str": [],
        "final_output": None,
        "end_time": None,
    }


_WHOLE = _op("replace", "/final_output", None)


class OutputOperations:
    """The root's output as operations: what a chunk changes of the sum of all."""

    def __init__(self) -> None:
        self._whole: _Sums | None = None
        self._keys: dict[str, _Sums] | None = None

    def add(self, chunk: Any, ops: list[Op]) -> None:
        """Append what the chunk changes to *ops*."""
        if self._whole is not None:
            if self._whole.add(chunk):
                ops.append(self._whole.op(_WHOLE))
        elif self._keys is not None and isinstance(chunk, dict):
            self._add_keys(self._keys, chunk, ops)
        elif self._keys is not None and chunk is None:
            return
        elif self._keys is None and isinstance(chunk, AddableDict):
            self._keys = {key: _Sums(value) for key, value in chunk.items()}
            ops.append(_op("replace", "/final_output", dict(chunk)))
        else:  # the first chunk, or one of another kind
            self._keys = None
            self._whole = _Sums(chunk)
            ops.append(_op("replace", "/final_output", chunk))

    def _add_keys(self, sums: dict[str, _Sums], chunk: dict[str, Any], ops: list[Op]) -> None:
        for key, value in chunk.items():
            path = f"/final_output/{escape(str(key))}"
            if key not in sums:
                sums[key] = _Sums(value)
                ops.append(_op("add", path, value))
            elif sums[key].add(value):
                ops.append(sums[key].op(_op("replace", path, None)))


class _Sums:
    """The chunks of one output; the sum of the first *n* of them is computed when it is read."""

    __slots__ = ("_at", "_chunks", "_total")

    def __init__(self, first: Any) -> None:
        self._chunks = [first]
        self._at = 1
        self._total = first

    def add(self, chunk: Any) -> bool:
        """Whether the chunk changes the sum."""
        self._chunks.append(chunk)
        return chunk is not None and chunk != ""

    def op(self, template: Op) -> Op:
        """*template* with the sum of the chunks so far as its value."""
        op = _LazyOp(template)
        op._sums = self
        op._length = len(self._chunks)
        return op

    def total(self, length: int) -> Any:
        chunks = self._chunks
        if length == self._at + 1:  # read in order, as most readers do: one more chunk on the last sum
            self._total = add(self._total, chunks[length - 1])
            self._at = length
        elif length != self._at:
            total = Fold()
            for chunk in chunks[:length]:
                total.add(chunk)
            self._total, self._at = total.value, length
        return self._total


class _LazyOp(dict[str, Any]):
    """An operation whose ``value`` is computed when it is read; otherwise an ordinary dict."""

    __slots__ = ("_length", "_sums")

    _length: int
    _sums: _Sums

    def __getitem__(self, key: str) -> Any:
        return self._sums.total(self._length) if key == "value" else super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self else default  # noqa: SIM401  # the plain get has no value

    def __iter__(self) -> Iterator[str]:
        return iter(("op", "path", "value"))

    def keys(self) -> Any:
        return ("op", "path", "value")

    def values(self) -> Any:
        return [self[key] for key in self]

    def items(self) -> Any:
        return [(key, self[key]) for key in self]

    def copy(self) -> dict[str, Any]:
        return {key: self[key] for key in self}

    def __eq__(self, other: object) -> bool:
        return self.copy() == (other.copy() if isinstance(other, _LazyOp) else other)

    def __repr__(self) -> str:
        return repr(self.copy())

    def __reduce__(self) -> Any:
        return (dict, (self.copy(),))

    def __deepcopy__(self, memo: Any) -> dict[str, Any]:
        return self.copy()


def stream_log(
    open_stream: Callable[[LogWriter], AsyncIterator[Any]],
    keep: Callable[[Run], bool],
    *,
    diff: bool,
    with_streamed_output_list: bool,
) -> AsyncGenerator[Any, None]:
    """Run the stream that *open_stream* opens under a given observer, and yield its patches, or with
    ``diff=False`` the logs so far. Stops the run when closed; a reader that stalls stalls the run."""
    mailbox = Mailbox(AHEAD)
    writer = LogWriter(
        mailbox.put, keep=keep, with_streamed_output_list=with_streamed_output_list, gate=mailbox.gate
    )
    patches = mailbox.while_running(lambda: open_stream(writer))
    return patches if diff else _logs_so_far(patches)


async def _logs_so_far(patches: AsyncGenerator[RunLogPatch, None]) -> AsyncGenerator[RunLog, None]:
    __tracebackhide__ = True
    log: RunLog | None = None
    async with aclosing(patches):
        async for patch in patches:
            log = RunLog(*patch.ops) if log is None else log + patch
            yield log


class Mailbox:
    """Where a run's observers, in any thread, leave items for one reader on an event loop."""

    def __init__(self, bound: int) -> None:
        self._items: deque[Any] = deque()
        self.gate = Gate(bound, self._items.__len__)
        self._waiter: asyncio.Future[None] | None = None

    def put(self, item: Any) -> None:
        self._items.append(item)
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if threading.get_ident() == self._thread:
                _wake(waiter)
            else:
                self._loop.call_soon_threadsafe(_wake, waiter)

    async def while_running(self, open_stream: Callable[[], AsyncIterator[Any]]) -> AsyncGenerator[Any, None]:
        """Pull the stream to its end in a task, and yield what is put meanwhile."""
        __tracebackhide__ = True

        async def pump() -> None:
            __tracebackhide__ = True
            async with aclosing(open_stream()) as chunks:  # type: ignore[type-var]
                async for _ in chunks:
                    pass

        self._loop = asyncio.get_running_loop()
        self._thread = self.gate.reader = threading.get_ident()
        items, gate, half = self._items, self.gate, self.gate.bound // 2
        task = asyncio.create_task(pump())
        task.add_done_callback(lambda _: _wake(self._waiter))
        try:
            while True:
                while items:
                    yield items.popleft()
                    if len(items) == half:
                        gate.took()
                gate.took()
                if task.done() and not self._items:
                    break
                waiter = self._waiter = self._loop.create_future()
                if not items and not task.done():
                    await waiter
                self._waiter = None
            await task
        finally:
            self.gate.open()
            await end_tasks([task])


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
