"""What importing costs a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

from .case import Case

__all__ = ["cases"]

PEER = "langchain_core.runnables, langchain_core.prompts"

SCRIPT = """
import sys, time, resource
def rss():
    return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize() / 2**20
before, started = rss(), time.perf_counter()
import {module}
print(time.perf_counter() - started, rss() - before)
"""


def cases() -> list[Case]:
    return [
        Case("import", "s", lambda: _cost("workbench")[0], lambda: _cost(PEER)[0], 1 / 5),
        Case("memory after import", "MiB", lambda: _cost("workbench")[1], lambda: _cost(PEER)[1], 1 / 5),
    ]


def _cost(module: str) -> tuple[float, float]:
    """Seconds, and MiB of resident memory."""
    command = [sys.executable, "-c", SCRIPT.format(module=module)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seconds, mib = map(float, out.split())
    return seconds, mib
