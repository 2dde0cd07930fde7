"""HTTP clients read the machine's certificates when they are made, for 40 ms. The tests make hundreds, for
servers without TLS."""

from __future__ import annotations

import ssl
from typing import Any

__all__ = ["load_when_used"]


def load_when_used() -> None:
    """From now on, contexts of this process load their certificates with their first connection."""
    load = ssl.SSLContext.load_verify_locations

    def note(context: Any, *args: Any, **keywords: Any) -> None:
        context.__dict__.setdefault("_to_load", []).append((args, keywords))

    def loading(wrap: Any) -> Any:
        def wrapped(context: Any, *args: Any, **keywords: Any) -> Any:
            for where, what in context.__dict__.pop("_to_load", ()):
                load(context, *where, **what)
            return wrap(context, *args, **keywords)

        return wrapped

    ssl.SSLContext.load_verify_locations = note  # type: ignore[method-assign]
    for name in ("wrap_bio", "wrap_socket"):
        setattr(ssl.SSLContext, name, loading(getattr(ssl.SSLContext, name)))
