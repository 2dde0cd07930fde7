"""Which tests run where, in which order, and how often. The hooks here are those of ``conftest.py``.

Each test has the markers that its fixtures call for: ``browser`` (a real Chromium), ``model`` (the local
model); ``timed`` (it measures time) makes it ``slow`` too. ``pytest`` without paths runs in several processes
(xdist): a file is run by one of them, all tests of the model by one. A timed test that fails beside the
others is repeated when they have ended, and skipped in the end if other programs keep the machine busy.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
from _pytest.runner import runtestprotocol

from .browser import Browser

try:
    import fcntl

    from xdist.scheduler import LoadScopeScheduling
except ImportError:  # one process then
    LoadScopeScheduling = object

__all__ = [
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
]

MARKERS = ("browser", "model", "slow", "timed")
FAST = "not browser and not model and not slow"
REPEATS = 2
BUSY_CORES = 0.5  # others use more: a measurement may be wrong for that
LONG = ("test_known_delays", "test_compare", "test_remote", "test_terminal", "test_server_faults")
"""Files whose tests wait for ten seconds and more, all in all."""
MOST_PROCESSES = 6  # each may have a JupyterLab and a Chromium of its own
SHARED = pytest.StashKey[tempfile.TemporaryDirectory[str]]()
"""A folder for what the processes tell each other: the groups of the tests, and a lock for being alone."""
LEFT_OUT = pytest.StashKey[Counter[str]]()
LOCK = pytest.StashKey[TextIO]()
OTHERS = pytest.StashKey[float]()
"""How many cores everything else used while a timed test ran."""
AGAIN = pytest.StashKey[dict[pytest.Item, list[pytest.TestReport]]]()
"""The timed tests that have failed, with what is reported of them if they cannot be repeated."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """A process more than there are cores, for tests that wait; this one if paths are given. Or ``-n``."""
    if "numprocesses" not in vars(config.option) or hasattr(config, "workerinput"):
        return
    everything = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if config.option.numprocesses is None and everything and not config.option.usepdb:
        config.option.numprocesses = min((os.cpu_count() or 1) + 1, MOST_PROCESSES)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    if SHARED not in node.config.stash:
        node.config.stash[SHARED] = tempfile.TemporaryDirectory(prefix="workbench-tests-")
    node.workerinput["shared"] = node.config.stash[SHARED].name


def _shared(config: pytest.Config) -> Path | None:
    """The folder, in a process that xdist has started."""
    shared = getattr(config, "workerinput", {}).get("shared")
    return Path(shared) if shared else None


def pytest_unconfigure(config: pytest.Config) -> None:
    if shared := config.stash.get(SHARED, None):
        shared.cleanup()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Each process holds a share of the lock until its tests have ended."""
    if shared := _shared(session.config):
        # The other processes use the other cores: two threads that wait for each other take more of them.
        os.environ.setdefault("WORKBENCH_THREADS", "1")
        session.config.stash[LOCK] = (shared / "lock").open("w")
        fcntl.flock(session.config.stash[LOCK], fcntl.LOCK_SH)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if lock := session.config.stash.get(LOCK, None):
        lock.close()
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(session.config.stash.get(LEFT_OUT, {}))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What collection makes stays to the end. Garbage collections, of which tests ask for some, pass it over:
    half a second each otherwise."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Set the markers before tests are selected by them. Order the tests when pytest has put those with the
    same parameters together."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        for marker, needs in (("browser", "browser"), ("model", "local_model"), ("slow", None)):
            if needs in fixtures or (needs is None and item.get_closest_marker("timed")):
                item.add_marker(marker)
    yield
    items.sort(key=_place)
    if (shared := _shared(config)) and config.workerinput["workerid"] == "gw0":  # type: ignore[attr-defined]  # xdist
        (shared / "groups.json").write_text(json.dumps({item.nodeid: _group(item) for item in items}))


def _place(item: pytest.Item) -> int:
    """What takes longest first, so that the processes end together."""
    markers = (bool(item.get_closest_marker(name)) for name in ("model", "browser"))
    return next((place for place, has in enumerate((*markers, item.path.stem in LONG)) if has), 3)


def _group(item: pytest.Item) -> str:
    return "model" if item.get_closest_marker("model") else item.nodeid.split("::")[0]


class ByGroup(LoadScopeScheduling):  # type: ignore[misc, valid-type]  # of xdist, if it is there
    """Hands the groups of tests to the processes, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        if not hasattr(self, "_groups"):
            text = Path(self.config.stash[SHARED].name, "groups.json").read_text()
            self._groups: dict[str, str] = json.loads(text)
        return self._groups[nodeid]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    config.option.loadscopereorder = False
    return ByGroup(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if not item.get_closest_marker("browser"):
        # An open one leaves a loop running in the main thread, under which no test could call asyncio.run.
        Browser.close_all()
    if not item.get_closest_marker("timed"):
        return None
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    if any(report.failed for report in reports):
        item.config.stash.setdefault(AGAIN, {})[item] = reports
    else:
        _log(item, reports)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[object]:
    """Without the end of fixtures: what a process did that has ended with them is known to nobody."""
    if not item.get_closest_marker("timed"):
        return (yield)
    others_work = OthersWork()
    try:
        return (yield)
    finally:
        item.stash[OTHERS] = others_work.cores()


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[object]:
    result = yield
    again = session.config.stash.get(AGAIN, {})
    if again and not (session.shouldstop or session.shouldfail):
        _wait_until_alone(session.config)
        for item, following in zip(again, [*list(again)[1:], None], strict=True):
            again[item] = _repeated(item, following)
    for item, reports in again.items():
        for plugin in session.config.pluginmanager.get_plugins():
            if hasattr(plugin, "item_index"):  # xdist's: the test that a report is of
                plugin.item_index = session.items.index(item)
        _log(item, reports)
    return result


def _repeated(item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    """What is reported of a timed test in the end."""
    attempts = 1
    for _ in range(REPEATS):
        attempts += 1
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        busy_cores = item.stash.get(OTHERS, 0.0)
        if busy_cores > BUSY_CORES or not any(report.failed for report in reports):
            break
    for report in reports:
        report.user_properties.append(("attempts", attempts))
        if report.failed and busy_cores > BUSY_CORES:
            said = str(report.longrepr).splitlines()[-1]
            reason = f"Skipped: other programs use {busy_cores:.1f} cores: {said}"
            report.outcome, report.longrepr = "skipped", (str(item.path), item.location[1] or 0, reason)
    return reports


def _log(item: pytest.Item, reports: list[pytest.TestReport]) -> None:
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _wait_until_alone(config: pytest.Config) -> None:
    """Until the other processes have ended, or wait for this as well: then one after another."""
    lock = config.stash.get(LOCK, None)
    end = time.monotonic() + 900
    while lock and time.monotonic() < end:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(0.05)


class OthersWork:
    """How many cores everything but this process and its children has used since."""

    def __init__(self) -> None:
        self._started, self._machine, self._own = time.perf_counter(), *_busy_s()

    def cores(self) -> float:
        machine, own = _busy_s()
        return (machine - self._machine - (own - self._own)) / (time.perf_counter() - self._started)


def _busy_s() -> tuple[float, float]:
    """Seconds that all cores have worked, those another machine had of them included; and those for us."""
    import psutil

    times, own = psutil.cpu_times(), os.times()
    idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "guest", 0.0)
    children = 0.0
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            children += sum(child.cpu_times()[:2])
    return sum(times) - idle, sum(own[:4]) + children


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        counts = item.config.stash.setdefault(LEFT_OUT, Counter())
        counts.update([name for name in MARKERS if item.get_closest_marker(name)] or ["unmarked"])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if left_out := getattr(node, "workeroutput", {}).get("left_out"):
        node.config.stash[LEFT_OUT] = Counter(left_out)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say how many tests ran in a real browser and on the real model, since they may be skipped, which
    measurements were right only when repeated, and how many tests were left out."""
    for what, marks in (
        ("browser", ("_browser.py",)),
        ("local model", ("models/local/test_chat.py", "models/local/test_server.py")),
    ):
        outcomes = Counter(
            report.outcome
            for report in _reports(terminalreporter)
            if report.when == ("setup" if report.skipped else "call")
            and any(mark in report.nodeid for mark in marks)
        )
        ran = outcomes["passed"] + outcomes["failed"]
        terminalreporter.write_line(f"{what} tests: {ran} ran, {outcomes['skipped']} skipped")
    for report in _reports(terminalreporter):
        attempts = dict(report.user_properties).get("attempts", 1)
        if report.when == "call" and attempts > 1:
            terminalreporter.write_line(f"{report.nodeid}: {report.outcome} at attempt {attempts}")
    if left_out := config.stash.get(LEFT_OUT, None):
        counted = ", ".join(f"{number} {name}" for name, number in sorted(left_out.items()))
        terminalreporter.write_line(f"left out: {counted} (a test may have several markers); all: pytest")


def _reports(terminalreporter: Any) -> Iterator[pytest.TestReport]:
    for outcome in ("passed", "failed", "skipped", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            if isinstance(report, pytest.TestReport):
                yield report
