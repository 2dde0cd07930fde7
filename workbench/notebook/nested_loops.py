"""An opt-in for users' own synchronous code that runs an event loop inside the notebook's running one."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module

__all__ = ["allow_nested_loops"]


def allow_nested_loops() -> None:
    """Let ``asyncio.run`` and ``run_until_complete`` be called in a cell, where a loop already runs.

    Nothing of the workbench needs this: its chains run beside the notebook's loop. It patches asyncio for
    the whole process, and under ipykernel 7 a cell that blocks in a nested loop holds up the kernel's
    messages (queued cells, Stop); a warning says so.

    In a cell::

        import asyncio
        from workbench import allow_nested_loops

        allow_nested_loops()
        asyncio.run(asyncio.sleep(0.01, "done"))
    """
    kernel = sys.modules.get("ipykernel")
    if kernel is not None and int(str(kernel.__version__).split(".")[0]) >= 7:
        warnings.warn(
            f"ipykernel {kernel.__version__}: while a cell blocks in a nested loop, the kernel's messages "
            "wait; prefer `await` in the cell",
            stacklevel=2,
        )
    for name in ("nest_asyncio2", "nest_asyncio"):  # the maintained continuation first
        try:
            import_module(name).apply()
            return
        except ImportError:
            continue
    raise ImportError("allow_nested_loops needs nest-asyncio: pip install nest-asyncio")
