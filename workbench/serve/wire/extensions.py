"""What both ends being ours adds to LangServe's wire.

A client says in the header ``Workbench-Wire`` what it can read, and the server in the same header of its
answer what it sends:

- ``values``: values are typed (see ``values``), and in ``/stream_log`` an operation that adds a chunk of the
  root's output says with ``"sum": true`` that the ones which replace its ``final_output`` were left out:
  the client makes them of the chunk.
- ``runs``: ``/stream_log`` tells of runs (see ``run_records``) in the place of patches.
- ``frames``: ``/stream_log`` sends the frames of a live view.

Anybody else gets LangServe's wire, in which texts that grow travel whole, but only when they have grown by a
quarter: their sum stays in proportion to the text.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["FILTERS", "HEADER", "Wire", "wire_of"]

Wire = Literal["", "values", "runs", "frames"]
HEADER = "Workbench-Wire"

FILTERS = tuple(f"{verb}_{what}" for verb in ("include", "exclude") for what in ("names", "types", "tags"))
"""Keys of a body that choose the runs which a log or an event stream tells of."""


def wire_of(text: str) -> Wire:
    """The wire that a header names; "" is LangServe's."""
    return text if text in ("values", "runs", "frames") else ""  # type: ignore[return-value]  # just checked
