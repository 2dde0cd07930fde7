"""What a service allows, and the runs that are active in an application."""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ...engine.config import KEYS

__all__ = ["ActiveRuns", "ErrorDetail", "Limits", "RouteOptions", "ServedRun", "as_tokens", "checked_path"]

ErrorDetail = Literal["typed", "hidden", "traceback"]
"""How much a caller learns of a failure of the chain: its type and message, nothing, or the traceback too."""

ConfigModifier = Callable[[dict[str, Any], Any], dict[str, Any] | Awaitable[dict[str, Any]]]

_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_NEVER = ("callbacks", "run_name")


@dataclass(frozen=True)
class Limits:
    """``body_bytes``: the most bytes of one request. ``batch_size``: the most inputs of one ``/batch``.
    ``run_s``: the seconds that a run may take, its stream included. ``runs``: how many runs may be active at
    once in the application; further requests get a 503, which asks to try again later."""

    body_bytes: int = 4_000_000
    batch_size: int = 100
    run_s: float = 600.0
    runs: int = 1_000

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise ValueError(f"Limits.{name}: expected a number above 0, got {value!r}")


@dataclass(frozen=True)
class RouteOptions:
    """How one chain is served.

    ``config_keys``: the keys of a caller's config that are used; all others are dropped, except that
    ``configurable`` is an error (422) where it is not allowed. ``tokens``: the bearer tokens that are
    accepted; without any, everyone may call. ``errors``: how much a caller learns of a failure of the chain.
    ``config_modifier`` is given the config and the request, and returns the config to run with.
    """

    config_keys: tuple[str, ...] = ("configurable",)
    limits: Limits = Limits()
    tokens: tuple[str, ...] = field(default=(), repr=False)
    errors: ErrorDetail = "typed"
    config_modifier: ConfigModifier | None = None
    playground: bool = True

    def __post_init__(self) -> None:
        for key in self.config_keys:
            if key in _NEVER or key not in KEYS:
                known = ", ".join(sorted(KEYS - set(_NEVER)))
                raise ValueError(f"config_keys: expected some of {known}, got {key!r}")
        for token in self.tokens:
            if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]{8,}", token):
                raise ValueError("tokens: expected texts of 8 or more visible ASCII characters")
        if not isinstance(self.limits, Limits):
            raise TypeError(f"limits: expected Limits(...), got {type(self.limits).__name__}")
        if self.config_modifier is not None and not callable(self.config_modifier):
            kind = type(self.config_modifier).__name__
            raise TypeError(f"per_req_config_modifier: expected a function of config and request, got {kind}")
        if self.errors not in ("typed", "hidden", "traceback"):
            raise ValueError(f"errors: expected 'typed', 'hidden' or 'traceback', got {self.errors!r}")

    def lets_in(self, authorization: str) -> bool:
        """Whether an ``Authorization`` header has one of the tokens. It takes equally long for every wrong
        one, so that its time reveals nothing."""
        if not self.tokens:
            return True
        scheme, _, given = authorization.partition(" ")
        given_bytes = given.strip().encode("latin-1", "replace")
        found = [hmac.compare_digest(token.encode(), given_bytes) for token in self.tokens]
        return scheme.lower() == "bearer" and any(found)


class ServedRun(Protocol):
    """A run that is being answered."""

    def stop(self) -> None: ...


class ActiveRuns:
    """The active runs of an application; at a shutdown they are ended."""

    def __init__(self) -> None:
        self.runs: set[ServedRun] = set()
        self.is_stopping = False

    async def shut_down(self, grace_s: float, in_a_hurry: Callable[[], bool] = lambda: False) -> None:
        """Refuse new runs; give the active ones *grace_s* seconds, then stop them."""
        self.is_stopping = True
        loop = asyncio.get_running_loop()
        end = loop.time() + grace_s
        while self.runs and loop.time() < end and not in_a_hurry():
            await asyncio.sleep(0.02)
        for run in list(self.runs):
            run.stop()
        end = loop.time() + 1.0
        while self.runs and loop.time() < end:
            await asyncio.sleep(0.01)


def checked_path(path: str) -> str:
    """The path of a chain, without a slash at its end. ValueError for what is no plain path.

    >>> checked_path("/joke/"), checked_path("/")
    ('/joke', '')
    """
    plain = path.rstrip("/") if isinstance(path, str) else ""
    if not isinstance(path, str) or (path and not path.startswith("/")) or not _PATH.fullmatch(plain):
        raise ValueError(f"path: expected one such as '/joke' (letters, digits, - _ . ~), got {path!r}")
    return plain


def as_tokens(tokens: str | Sequence[str] | None) -> tuple[str, ...]:
    """One token, several or none."""
    return () if tokens is None else (tokens,) if isinstance(tokens, str) else tuple(tokens)
