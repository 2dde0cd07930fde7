"""Fixtures for all tests: one chain in four forms, and what must not be left running."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import hypothesis
import pytest

from workbench.engine.chunks import Fold

from . import certificates

# Here for all folders: imported in the conftest of each, every folder would have a browser of its own.
from .browser import browser, jupyter, lab
from .local_model import local_model
from .schedule import (
    pytest_cmdline_main,
    pytest_collection,
    pytest_collection_modifyitems,
    pytest_configure_node,
    pytest_deselected,
    pytest_runtest_call,
    pytest_runtest_protocol,
    pytest_runtestloop,
    pytest_sessionfinish,
    pytest_sessionstart,
    pytest_terminal_summary,
    pytest_testnodedown,
    pytest_unconfigure,
    pytest_xdist_make_scheduler,
)

# How long an example takes is no property of ours: other work may hold up the machine.
hypothesis.settings.register_profile("any pace", deadline=None)
hypothesis.settings.load_profile("any pace")

__all__ = [
    "FORMS",
    "Recorder",
    "browser",
    "collect",
    "jupyter",
    "lab",
    "local_model",
    "pytest_cmdline_main",
    "pytest_collection",
    "pytest_collection_modifyitems",
    "pytest_configure_node",
    "pytest_deselected",
    "pytest_runtest_call",
    "pytest_runtest_protocol",
    "pytest_runtestloop",
    "pytest_sessionfinish",
    "pytest_sessionstart",
    "pytest_terminal_summary",
    "pytest_testnodedown",
    "pytest_unconfigure",
    "pytest_xdist_make_scheduler",
    "recorder",
    "run_chain",
]

collect_ignore = ["bench"]  # its modules have no tests, and import the peer
certificates.load_when_used()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background, as CI may be: tests of Ctrl-C, and the processes they start, need it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _added(chunks: Any) -> Any:
    total = Fold()
    for chunk in chunks:
        total.add(chunk)
    return total.value


async def _astream(chain: Any, input: Any, config: Any) -> Any:
    total = Fold()
    async with aclosing(chain.astream(input, config)) as chunks:
        async for chunk in chunks:
            total.add(chunk)
    return total.value


FORMS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "invoke": lambda chain, input, config: chain.invoke(input, config),
    "stream": lambda chain, input, config: _added(chain.stream(input, config)),
    "ainvoke": lambda chain, input, config: asyncio.run(chain.ainvoke(input, config)),
    "astream": lambda chain, input, config: asyncio.run(_astream(chain, input, config)),
}


@pytest.fixture(params=FORMS)
def run_chain(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Run a chain in one of its four forms; streams are added up."""
    form = FORMS[request.param]

    def run(chain: Any, input: Any, config: Any = None) -> Any:
        return form(chain, input, config)

    run.form = request.param  # type: ignore[attr-defined]
    return run


@pytest.fixture(params=["stream", "astream"])
def collect(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    """The list of chunks of a chain's stream, synchronous and asynchronous."""

    async def gathered(chain: Any, input: Any, config: Any) -> list[Any]:
        async with aclosing(chain.astream(input, config)) as chunks:
            return [chunk async for chunk in chunks]

    def run(chain: Any, input: Any, config: Any = None) -> list[Any]:
        if request.param == "stream":
            return list(chain.stream(input, config))
        return asyncio.run(gathered(chain, input, config))

    return run


class Recorder:
    """An observer that keeps what runs report, as short tuples."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def __call__(self, event: Any) -> None:
        self.events.append(event)

    def kinds(self, *wanted: str) -> list[tuple[str, str]]:
        return [(e.kind, e.run.name) for e in self.events if not wanted or e.kind in wanted]

    def values(self, kind: str) -> dict[str, Any]:
        return {e.run.name: e.value for e in self.events if e.kind == kind}

    def unended(self) -> list[str]:
        started = [e.run for e in self.events if e.kind == "start"]
        ended = [e.run for e in self.events if e.kind in ("end", "error")]
        return [run.name for run in started if ended.count(run) != 1]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()
