"""An error as data for views and callers: type, message, and a traceback that is safe to show."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

from ..tracing.encode import cut, without_keys

__all__ = ["error_data"]


def error_data(error: BaseException) -> dict[str, str]:
    """Its ``type``, ``message`` and ``traceback``: without keys, and with the user's frames only."""
    try:
        message = str(error)
    except Exception as second:  # a user's __str__
        message = f"(its text raised {type(second).__name__})"
    shown = traceback.TracebackException.from_exception(error)
    _keep_users_frames(shown)
    return {
        "type": type(error).__name__,
        "message": cut(without_keys(message), 10_000),
        "traceback": cut(without_keys(_with_short_names("".join(shown.format()))), 20_000),
    }


_CELL = re.compile(r'File "[^"\n]*[\\/]ipykernel_\d+[\\/]\d+\.py"')
_INSTALLED = re.compile(r'File "[^"\n]*[\\/](?:site-packages|dist-packages|python3\.\d+)[\\/]')


def _with_short_names(text: str) -> str:
    """A traceback that names a notebook's cell as "Cell", not by the file in which the kernel keeps it.
    An installed file is named by its path from the package on: the rest is of no use to other readers.

    >>> _with_short_names('File "/tmp/ipykernel_7/1462423455.py", line 3, in shout')
    'Cell, line 3, in shout'
    >>> _with_short_names('File "/env/lib/python3.11/site-packages/httpx/_client.py", line 3')
    'File "httpx/_client.py", line 3'
    """
    return _INSTALLED.sub('File "', _CELL.sub("Cell", text))


_OWN = str(Path(__file__).resolve().parent.parent)


def _keep_users_frames(shown: traceback.TracebackException | None) -> None:
    """Leave out the workbench's own frames: readers look for their own code."""
    while shown is not None:
        theirs = [frame for frame in shown.stack if not frame.filename.startswith(_OWN)]
        shown.stack = traceback.StackSummary.from_list(theirs)
        if shown.__context__ is not shown.__cause__:
            _keep_users_frames(shown.__context__)
        shown = shown.__cause__
