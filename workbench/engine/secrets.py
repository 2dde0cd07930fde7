"""Find and mask options that may hold secrets: those with secret names, headers and query parameters."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["is_secret_name", "masked"]

_SECRET_NAME = re.compile(
    r"(.*[-_])?(authorization|(api|access|private|secret|subscription)[-_]?key|passwd|password|secret|cookie|"
    r"credentials?|signature|((access|auth|authorization|bearer|refresh|session)[-_]?)?token)",
    re.IGNORECASE,
)
_SENT_WITH_SECRETS = frozenset(
    {"headers", "default_headers", "extra_headers", "default_query", "extra_query"}
)


def is_secret_name(name: Any) -> bool:
    """Whether a value of this name is a secret.

    >>> is_secret_name("X-Api-Key"), is_secret_name("max_tokens")
    (True, False)
    """
    return isinstance(name, str) and _SECRET_NAME.fullmatch(name) is not None


def masked(options: Any) -> Any:
    """Options, at any depth, with ``***`` for secrets. The properties of a JSON schema are not secrets.

    >>> masked({"a": [{"api_key": "x", "model": "m"}], "extra_headers": {"b": "c"}})
    {'a': [{'api_key': '***', 'model': 'm'}], 'extra_headers': '***'}
    """
    if type(options) in (list, tuple):
        return type(options)(map(masked, options))
    if not isinstance(options, dict):
        return options
    return {name: _masked(name, value) for name, value in options.items()}


def _masked(name: Any, value: Any) -> Any:
    if value is None:
        return None
    if name == "properties" and isinstance(value, dict):
        return {name: masked(one) for name, one in value.items()}
    return "***" if is_secret_name(name) or name in _SENT_WITH_SECRETS else masked(value)
