"""What model calls cost: a small table of prices, as of a stated month, that users can extend.

The keys are model names, as servers give them in their answers. A name with a date at its end
(``gpt-4o-2024-08-06``) that is not in the table has the price of the name without the date. A model that is
not in the table has no price: ``cost`` is then None, never zero::

    workbench.set_price("my-model", input=0.2, output=0.6)          # USD per million tokens
    workbench.prices["my-model"]                                      # the same table as a dict
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..text.excerpts import short_repr

__all__ = ["PRICES_AS_OF", "PRICES_SOURCE", "Price", "cost", "price_of", "prices", "set_price"]

PRICES_AS_OF = "2025-11"
"""The month in which the table below was right, according to its source. Users set later changes."""
PRICES_SOURCE = "OpenAI, API pricing, standard tier, text tokens"

_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True)
class Price:
    """USD per million tokens. ``cached_input``: for the part of the prompt that the provider had in its own
    cache; None where that costs as much as the rest.

    >>> from workbench import Price, prices
    >>> prices["house-model"] = Price(input=0.5, output=1.5)
    >>> prices["house-model"].output
    1.5
    >>> del prices["house-model"]
    """

    input: float
    output: float
    cached_input: float | None = None

    def __post_init__(self) -> None:
        for name in ("input", "output", "cached_input"):
            value = getattr(self, name)
            if value is None and name == "cached_input":
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(
                    f"{name}: expected USD per million tokens as a number, got {short_repr(value)}"
                )
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name}: expected USD per million tokens, 0 or more, got {value!r}")


prices: dict[str, Price] = {
    "gpt-5.1": Price(1.25, 10.0, 0.125),
    "gpt-5": Price(1.25, 10.0, 0.125),
    "gpt-5-mini": Price(0.25, 2.0, 0.025),
    "gpt-5-nano": Price(0.05, 0.4, 0.005),
    "gpt-4.1": Price(2.0, 8.0, 0.5),
    "gpt-4.1-mini": Price(0.4, 1.6, 0.1),
    "gpt-4.1-nano": Price(0.1, 0.4, 0.025),
    "gpt-4o": Price(2.5, 10.0, 1.25),
    "gpt-4o-2024-05-13": Price(5.0, 15.0),
    "gpt-4o-mini": Price(0.15, 0.6, 0.075),
    "gpt-4-turbo": Price(10.0, 30.0),
    "gpt-4": Price(30.0, 60.0),
    "gpt-3.5-turbo": Price(0.5, 1.5),
    "o1": Price(15.0, 60.0, 7.5),
    "o3": Price(2.0, 8.0, 0.5),
    "o3-mini": Price(1.1, 4.4, 0.55),
    "o4-mini": Price(1.1, 4.4, 0.275),
}
"""Prices by model; change it as you like."""


def set_price(model: str, *, input: float, output: float, cached_input: float | None = None) -> None:
    """Give *model* a price, in USD per million tokens, in place of one it may have.

    >>> from workbench import prices, set_price
    >>> set_price("house-model", input=0.5, output=1.5)
    >>> prices["house-model"].input
    0.5
    >>> del prices["house-model"]
    """
    if not isinstance(model, str) or not model:
        raise TypeError(f"set_price: expected a model's name, got {short_repr(model)}")
    prices[model] = Price(input, output, cached_input)


def price_of(model: str | None) -> Price | None:
    """The price of a model; None if it is not known.

    >>> price_of("gpt-4o-mini-2024-07-18") == price_of("gpt-4o-mini")
    True
    >>> price_of("ft:gpt-4o-mini:me") is price_of(None) is None
    True
    """
    if model is None:
        return None
    return prices.get(model) or prices.get(_DATE.sub("", model))


def cost(model: str | None, usage: Mapping[str, Any] | None) -> float | None:
    """What a call cost in USD, by its ``usage_metadata``; None where the price or the tokens are not known,
    or where some tokens are not text: those have another price.

    >>> cost("gpt-4o", {"input_tokens": 1_000_000, "output_tokens": 100_000})
    3.5
    >>> usage = {"input_tokens": 1000, "output_tokens": 0, "input_token_details": {"cache_read": 1000}}
    >>> cost("gpt-4o", usage), cost("unheard-of", usage), cost("gpt-4o", {"output_tokens": 7})
    (0.00125, None, None)
    """
    price, usage = price_of(model), usage or {}
    read: Any = usage.get("input_tokens")
    written: Any = usage.get("output_tokens")
    if price is None or not _is_number(read) or not _is_number(written):
        return None
    details, of_output = _details(usage, "input_token_details"), _details(usage, "output_token_details")
    if details.get("audio") or of_output.get("audio"):
        return None
    cached = min(details.get("cache_read") or 0, read)
    cached_price = price.input if price.cached_input is None else price.cached_input
    total = (read - cached) * price.input + cached * cached_price + written * price.output
    return float(total / 1e6)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _details(usage: Mapping[str, Any], key: str) -> dict[str, Any]:
    details = usage.get(key)
    return details if isinstance(details, dict) else {}
