"""Functions of upper floors that methods of lower ones call: for ``chain.view()``, ``chain.as_tool()`` and
``message + "..."``.

Such a method stands in its class, where help(), tab completion and type checkers look for it, but its work is
done on a floor that the class must not import. So ``workbench/__init__.py``, which is above all floors and
runs before any module of them, provides the function. It provides a loader and not the function itself, since
the upper floors (pydantic, IPython) are imported only when the method is called.

The other ways were worse: an upper module that sets ``Runnable.view`` when it is imported would not be
imported yet in a program that only imports ``RunnableLambda``, and type checkers would not see the method.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["provide", "provided"]

_loaders: dict[str, Callable[[], Any]] = {}


def provide(name: str, load: Callable[[], Any]) -> None:
    """Register *load*, which returns the function or class *name*; it is called when that is needed."""
    _loaders[name] = load


def provided(name: str) -> Any:
    """The function or class that was provided under *name*."""
    return _loaders[name]()
