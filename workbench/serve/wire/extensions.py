"""What our clients and servers say to each other beyond LangServe's protocol.

A client names in the header ``Workbench-Wire`` the format that it can read, and the server in the same header
of its answer the format that it sends:

- ``values``: values are typed (see ``values``), and in ``/stream_log`` an operation that adds a chunk of the
  root's output says with ``"sum": true`` that the operations which replace its ``final_output`` were left
  out: the client computes them from the chunk.
- ``runs``: ``/stream_log`` sends records of runs (see ``run_records``) instead of patches.
- ``frames``: ``/stream_log`` sends the frames of a live view.

Other clients get LangServe's format. It sends a growing text whole each time, but only when it has grown by a
quarter, so that the bytes sent stay in proportion to the text.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["FILTERS", "HEADER", "WireFormat", "format_of"]

WireFormat = Literal["", "values", "runs", "frames"]
HEADER = "Workbench-Wire"

FILTERS = tuple(f"{verb}_{what}" for verb in ("include", "exclude") for what in ("names", "types", "tags"))
"""Keys of a body that choose the runs which a log or an event stream covers."""


def format_of(text: str) -> WireFormat:
    """The format that a header names; "" is LangServe's."""
    return text if text in ("values", "runs", "frames") else ""  # type: ignore[return-value]  # just checked
