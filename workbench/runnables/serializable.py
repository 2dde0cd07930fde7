"""RunnableSerializable: a runnable whose options are pydantic fields. The base of prompts, models, tools."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from .base import Runnable

__all__ = ["RunnableSerializable"]

Input = TypeVar("Input")
Output = TypeVar("Output")


class RunnableSerializable(BaseModel, Runnable[Input, Output]):
    """Declare options as fields; unknown ones are an error that lists what came.

    ``name``, ``tags`` and ``metadata`` are those of its own runs.

    >>> from workbench import RunnableSerializable
    >>> class Repeat(RunnableSerializable):
    ...     times: int = 2
    ...     def invoke(self, input, config=None, **kwargs):
    ...         return input * self.times
    >>> (Repeat(times=3) | len).invoke("ab")
    6
    """

    model_config = ConfigDict(
        arbitrary_types_allowed=True, extra="forbid", populate_by_name=True, protected_namespaces=()
    )

    name: str | None = Field(default=None, repr=False)
    tags: list[str] | None = Field(default=None, repr=False)
    metadata: dict[str, Any] | None = Field(default=None, repr=False)

    def __repr__(self) -> str:
        shown = ((key, value) for key, value in self.__repr_args__() if value is not None)
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in shown)})"

    __str__ = __repr__
