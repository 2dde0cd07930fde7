"""Watching does not change the result: values that can be neither compared nor tested nor printed go through.

Arrays have no truth, a comparison may raise, a mock has every attribute. Whatever the value is, a watched
chain gives that very object, and every view, log and event comes to its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import decimal
import io
import json
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import MagicMock

import pytest
from pydantic import BaseModel

import workbench
from tests.serve.servers import running
from workbench import (
    BaseCallbackHandler,
    CallMeter,
    FakeChatModel,
    LiveState,
    RemoteRunnable,
    RunnableBranch,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    dispatch_custom_event,
    tool,
)
from workbench.live.sources import live_from
from workbench.serve.server.app import create_app
from workbench.timing.runs.rows import Timings
from workbench.timing.runs.step_table import StepTable
from workbench.views.export import save

numpy = pytest.importorskip("numpy")


class Boom(Exception):
    """What the hostile values raise."""


def _raises(name):
    def method(self, *args, **kwargs):
        raise Boom(name)

    return method


class Hostile:
    """Every operation raises."""

    __hash__ = _raises("hash")  # type: ignore[assignment]

    def __getattr__(self, name):
        raise Boom(name)


_OPERATIONS = (
    "eq ne lt le gt ge bool repr str format len iter next contains getitem setitem add radd iadd mul sub "
    "copy deepcopy reduce reduce_ex getstate fspath int float index bytes dir sizeof call enter exit"
)
for _name in _OPERATIONS.split():
    setattr(Hostile, f"__{_name}__", _raises(_name))


class Truthless:
    def __eq__(self, other):
        return NoTruth()

    __ne__ = __eq__
    __hash__ = None


class NoTruth:
    def __bool__(self):
        raise ValueError("the truth of this is ambiguous")


class BadDict(dict):
    items = values = keys = __iter__ = __len__ = __getitem__ = __contains__ = _raises("dict")


class BadList(list):
    __iter__ = __len__ = __getitem__ = __contains__ = _raises("list")


class BadStr(str):
    __eq__ = __len__ = __hash__ = __str__ = __repr__ = __format__ = _raises("str")


class Model(BaseModel):
    x: Any = None


class Pair(NamedTuple):
    x: Any


@dataclasses.dataclass
class Data:
    x: Any


def endless(make):
    value = make()
    value.append(value) if isinstance(value, list) else value.update(a=value)
    return value


def deep(levels):
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


VALUES: dict[str, Any] = {
    "hostile": Hostile(),
    "inside": {"a": Hostile(), "b": [Hostile()]},
    "array": numpy.arange(3),
    "empty array": numpy.array([]),
    "truthless": Truthless(),
    "dict": BadDict(a=1),
    "list": BadList([1]),
    "text": BadStr("ab"),
    "signalling nan": decimal.Decimal("sNaN"),
    "nan": float("nan"),
    "mock": MagicMock(),
    "model": Model.model_construct(x=Hostile()),
    "named tuple": Pair(Hostile()),
    "dataclass": Data(Hostile()),
    "endless list": endless(list),
    "endless dict": endless(dict),
    "deep": deep(3_000),
    "huge": 10**5_000,
    "half a surrogate": "\ud800",
    "odd keys": {Pair(1): 1, None: 2, 1: 3, "1": 4},
    "exception": ValueError(Hostile()),
    "empty dict": {},
    "nothing": None,
}
every_value = pytest.mark.parametrize("name", VALUES)


async def collect(stream):
    async with aclosing(stream) as items:
        return [item async for item in items]


def giving(value):
    return RunnableLambda(lambda _: value)


def streaming(value):
    def twice(_):
        yield value
        yield value

    return RunnableLambda(twice)


TAKE = RunnableLambda(lambda x: x)


@every_value
def test_the_output_of_a_watched_chain_is_the_object_itself(name):
    value, config = VALUES[name], {"callbacks": [LiveState(), BaseCallbackHandler()]}
    for chain in (
        giving(value),
        giving(value) | TAKE,
        giving(value).with_retry(),
        giving(value).with_fallbacks([TAKE]),
    ):
        assert chain.invoke(1, config) is value
        assert chain.batch([1, 2], config)[1] is value
        assert asyncio.run(chain.ainvoke(1, config)) is value
        assert list(chain.stream(1, config))[-1] is value
        assert asyncio.run(collect(chain.astream(1, config)))[-1] is value
    assert TAKE.invoke(value, config) is value
    chosen = RunnableBranch((lambda x: True, TAKE), TAKE)
    assert list(chosen.stream(value, config))[-1] is value
    assigned = RunnablePassthrough.assign(a=giving(value))
    assert assigned.invoke({"x": value}, config)["a"] is value
    assert list((assigned | RunnablePick("x")).stream({"x": value}, config)) is not None


@every_value
def test_a_stream_of_it_is_watched_to_its_end(name):
    value, live = VALUES[name], LiveState()
    chunks = list(streaming(value).stream(1, {"callbacks": [live]}))
    assert len(chunks) == 2
    assert all(chunk is value for chunk in chunks)
    both = RunnableParallel(a=giving(value), b=streaming(value))
    assert len(list(both.stream(1, {"callbacks": [live]}))) == 3
    assert len(asyncio.run(collect(both.astream(1, {"callbacks": [live]})))) == 3
    json.dumps(live.snapshot())
    assert {run["status"] for run in live.snapshot()["state"]["runs"]} == {"done"}


@every_value
def test_it_goes_through_logs_and_events(name):
    value = VALUES[name]
    chain = giving(value) | RunnableParallel(a=TAKE, b=streaming(value))
    for version in ("v1", "v2"):
        events = asyncio.run(collect(chain.astream_events(1, version=version)))
        assert events[-1]["data"]["output"]["a"] is value
    patches = asyncio.run(collect(chain.astream_log(1)))
    repr(patches)
    log = patches[0]
    for patch in patches[1:]:
        log = log + patch
    repr(log)
    assert set(log.state["final_output"]) == {"a", "b"}
    for state in asyncio.run(collect(chain.astream_log(1, diff=False))):
        repr(state)
    assert list(chain.stream_log(1))
    assert list(chain.stream_events(1))[-1]["data"]["output"]["a"] is value
    for state in asyncio.run(collect(streaming(value).astream_log(1, diff=False))):
        repr(state)


@every_value
def test_it_may_be_metadata_an_event_or_in_an_error(name):
    value, live = VALUES[name], LiveState()
    config = {"callbacks": [live], "metadata": {"k": value}, "configurable": {"k": value}}

    def reports(x):
        dispatch_custom_event("seen", value)
        raise ValueError(value)

    assert TAKE.invoke(1, config) == 1
    with pytest.raises(ValueError):  # its text cannot be had
        RunnableLambda(reports).invoke(1, config)
    json.dumps(live.snapshot())
    assert [run["status"] for run in live.snapshot()["state"]["runs"]] == ["done", "failed"]
    seen = []
    assert giving(value).with_listeners(on_end=seen.append).invoke(1) is value
    assert seen[0].output is value
    repr(seen[0])


@every_value
def test_it_is_shown_in_a_terminal_and_saved_as_a_page(name, tmp_path):
    value, out = VALUES[name], io.StringIO()
    chain = giving(value) | RunnablePassthrough() | RunnableParallel(a=TAKE, b=giving(value))
    live = LiveState()
    with contextlib.redirect_stdout(out):
        assert chain.view(1)["a"] is value
    chain.invoke(1, {"callbacks": [live]})
    page = Path(save(live, tmp_path / "run.html"))
    assert "RunnableParallel" in page.read_text()
    assert list((giving(value) | TAKE).with_listeners().stream(1))[-1] is value


@every_value
def test_a_cell_shows_it(name, shell):
    shell.user_ns.clear()
    shell.init_user_ns()
    shell.run_cell("from workbench import *")
    shell.user_ns.update(give=giving(VALUES[name]), value=VALUES[name])
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        for cell in (
            "%%chain shown input=1\ngive",
            "%%chain shown input=1\ngive | RunnableParallel(a=RunnablePassthrough(), b=lambda x: x)",
            "%%chain shown input=value\nRunnablePassthrough() | str.__class__ | (lambda x: 1)",
            "%runs",
        ):
            result = shell.run_cell(cell)
            assert not isinstance(result.error_in_exec, Boom | ValueError), out.getvalue()[-2_000:]
        result = shell.run_cell(f"%runs {workbench.runs[-1].number}")
        assert result.error_in_exec is None
    statuses = [run.status for run in workbench.runs]
    assert "waiting" not in statuses
    assert "streaming" not in statuses


# Runs of every type, with everything that may watch them

TYPES = ("chain", "chat_model", "llm", "prompt", "parser", "retriever", "tool")
every_type = pytest.mark.parametrize("run_type", TYPES)


def typed(kind, fn):
    """A step whose runs are of that type, as a user's own class may be."""
    return type("Typed", (RunnableLambda,), {"run_type": kind})(fn)


class Handler(BaseCallbackHandler):
    """Takes every callback there is, and looks at none of what it is given."""

    raise_error = True


for _name in dir(BaseCallbackHandler):
    if _name.startswith("on_"):
        setattr(Handler, _name, lambda self, *args, **kwargs: None)


def watchers():
    return [LiveState(), Timings(), CallMeter(), Handler(), BaseCallbackHandler()]


@every_type
@every_value
def test_a_run_of_any_type_may_take_and_give_it(name, run_type):
    value = VALUES[name]

    def twice(_):
        yield value
        yield value

    async def atwice(_):
        yield value
        yield value

    give, take = typed(run_type, lambda _: value), typed(run_type, lambda _: 1)
    for step, input in ((give, 1), (typed(run_type, twice), 1), (take, value)):
        expected = 1 if step is take else value
        watching = watchers()
        config = {"callbacks": watching}
        if step in (give, take):
            assert step.invoke(input, config) is expected
            assert step.batch([input, input], config)[1] is expected
            assert asyncio.run(step.ainvoke(input, config)) is expected
        assert list(step.stream(input, config))[-1] is expected
        if step in (give, take):  # what cannot be added is not gathered from two chunks
            assert list((step | TAKE).stream(input, config))[-1] is expected
        chunks = asyncio.run(collect(typed(run_type, atwice).astream(input, config)))
        assert chunks[-1] is value
        live, timings, meter = watching[:3]
        json.dumps(live.snapshot())
        assert {run["status"] for run in live.snapshot()["state"]["runs"]} == {"done"}
        assert str(StepTable(timings.rows))
        assert all(map(str, (meter, repr(meter), meter._repr_html_())))
        assert asyncio.run(collect(step.astream_events(input)))
        for patch in asyncio.run(collect(step.astream_log(input))):
            repr(patch)


class OddUsage:
    """An answer whose facts are of other kinds than they should be."""

    content = "x"

    def __init__(self, usage: Any) -> None:
        self.usage_metadata = usage
        self.response_metadata = {"model_name": "gpt-4o", "cached": usage, "usage_metadata": usage}


@pytest.mark.parametrize(
    "usage",
    [
        *VALUES.values(),
        {"input_tokens": {"a": 1}, "output_tokens": "x", "total_tokens": [1]},
        {"input_tokens": 1, "output_tokens": True, "input_token_details": 5},
        {
            "input_tokens": 1,
            "output_tokens": 2,
            "input_token_details": {"cache_read": {"a": 1}, "audio": "x"},
        },
        {"input_tokens": float("nan"), "output_tokens": 10**400},
        {key: Hostile() for key in ("input_tokens", "output_tokens", "output_token_details")},
    ],
    ids=lambda _: "",
)
def test_what_an_answer_says_of_its_tokens_may_be_anything(usage):
    watching = watchers()
    live, timings, meter = watching[:3]

    def waits(_):
        dispatch_custom_event("rate_limited", {"waited_s": usage})
        return OddUsage(usage)

    step = typed("chat_model", waits)
    assert type(step.invoke(1, {"callbacks": watching})) is OddUsage
    json.dumps(live.snapshot())
    assert str(StepTable(timings.rows))
    assert str(meter)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        (step | (lambda _: "done")).view(1)
    assert "done" in out.getvalue()


class Masked(Hostile):
    """Not even its class can be asked for."""

    @property
    def __class__(self):
        raise Boom("class")


@every_type
def test_a_value_whose_class_cannot_be_asked_for_goes_through(run_type):
    """Without an event loop: ``asyncio.run`` itself asks for it."""
    value = Masked()

    def twice(_):
        yield value
        yield value

    give, take, watching = typed(run_type, lambda _: value), typed(run_type, lambda _: 1), watchers()
    config = {"callbacks": watching}
    assert give.invoke(1, config) is value
    assert take.invoke(value, config) == 1
    assert list(typed(run_type, twice).stream(1, config))[-1] is value
    assert (give | TAKE | RunnableParallel(a=TAKE)).invoke(1, config)["a"] is value
    assert [repr(patch) for patch in give.stream_log(1)]
    for version in ("v1", "v2"):
        assert list(give.stream_events(1, version=version))
    json.dumps(watching[0].snapshot())


@pytest.mark.parametrize("name", [*VALUES, "masked"])
def test_a_tool_takes_and_gives_it(name):
    value = {**VALUES, "masked": Masked()}[name]
    config = {"callbacks": watchers()}

    @tool
    def given(x: Any) -> Any:
        """Give it."""
        return value

    assert given.invoke({"x": 1}, config) is value
    assert given.invoke({"x": value}, config) is value
    message = given.invoke({"type": "tool_call", "name": "given", "id": "1", "args": {"x": 1}}, config)
    assert type(message.content) is str or message.content == [value]
    model = FakeChatModel(responses=["a b"]).bind(odd=value)
    assert model.invoke("q", config).content == "a b"
    assert len(list(model.stream("q", config))) >= 3


@every_value
def test_a_run_that_is_saved_is_read_back_as_it_was_shown(name, tmp_path):
    live = LiveState()
    (giving(VALUES[name]) | TAKE).invoke(1, {"callbacks": [live]})
    path = save(live, tmp_path / "run.json")
    assert live_from(path).snapshot()["state"] == live.snapshot()["state"]


def test_a_file_that_is_no_saved_run_is_told(tmp_path):
    path = tmp_path / "run.html"
    for content in (b"<!doctype html>", b"", b"[1]", b"\x89PNG\xff"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="expected a run that was saved as JSON"):
            live_from(path)
    path.write_text('{"status": "done", "runs": [1]}')
    with pytest.raises(ValueError, match="expected a document"):
        live_from(path)


@every_value
def test_cells_that_time_it_come_to_their_end(name, shell):
    shell.run_cell("from workbench import *")
    shell.user_ns.update(give=giving(VALUES[name]), value=VALUES[name])
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        for cell in (
            "%%timechain --inputs [1,2] --repeat 2\ngive",
            "%%timechain --inputs [value,value] --repeat 2\nRunnableLambda(lambda x: 1)",
            "%chain give input=1",
            "%chains",
        ):
            result = shell.run_cell(cell)
            assert result.error_in_exec is None, out.getvalue()[-2_000:]


@pytest.fixture(scope="module")
def server():
    chains = {name.replace(" ", "_"): giving(value) for name, value in VALUES.items()}
    chains |= {f"{name.replace(' ', '_')}_twice": streaming(value) for name, value in VALUES.items()}
    app = create_app({f"/{name}": chain for name, chain in chains.items()})
    with running(app) as url:
        yield url


@every_value
def test_a_server_answers_with_a_value_or_a_clear_error(name, server):
    """Nothing hangs, and no error is without its reason."""
    for path in (name.replace(" ", "_"), f"{name.replace(' ', '_')}_twice"):
        remote = RemoteRunnable(f"{server}/{path}")
        calls = {
            "invoke": lambda remote=remote: remote.invoke(1),
            "batch": lambda remote=remote: remote.batch([1, 2]),
            "stream": lambda remote=remote: list(remote.stream(1)),
            "astream": lambda remote=remote: asyncio.run(collect(remote.astream(1))),
            "astream_log": lambda remote=remote: asyncio.run(collect(remote.astream_log(1))),
            "astream_events": lambda remote=remote: asyncio.run(collect(remote.astream_events(1))),
        }
        for how, call in calls.items():
            try:
                call()
            except Exception as error:
                assert "JSON form" in str(error) or "failed with" in str(error), (how, repr(error))


@every_value
def test_callbacks_that_are_mocks_or_cannot_be_compared_observe(name):
    """A mock has every attribute that an observer may have, and none of them as it should be."""
    value = VALUES[name]
    for observer in (MagicMock(), Called()):
        assert giving(value).invoke(1, {"callbacks": [observer, observer]}) is value
        assert next(streaming(value).stream(1, {"callbacks": [observer]})) is value


class Called:
    seen = 0

    def __call__(self, event):
        self.seen += 1

    __eq__ = _raises("eq")
    __hash__ = None


@pytest.mark.parametrize(("value", "shown"), [({}, "{}"), ([], "[]"), ((), "[]"), (0, "0"), (False, "false")])
def test_an_empty_output_is_shown_in_a_terminal(value, shown):
    for chain in (
        giving(value),
        giving(value) | TAKE,
        streaming(value) | TAKE if value == {} else giving(value),
    ):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            chain.view(1)
        assert out.getvalue().splitlines()[0] == shown


def test_a_parser_whose_values_cannot_be_compared_streams():
    from workbench import BaseCumulativeTransformOutputParser

    class Arrays(BaseCumulativeTransformOutputParser):
        def parse(self, text):
            return numpy.array([len(text), 1])

    chain = FakeChatModel(responses=["one two"]) | Arrays()
    assert list(chain.stream("q"))[-1].tolist() == [7, 1] == chain.invoke("q").tolist()
