"""chain-workbench: the developer-tools panel of LLM chains, inside the notebook.

Everything people use is importable from here and loaded on first use, so that ``import workbench`` stays
light. In a notebook: ``%load_ext workbench``, then ``%%chain``.

The public names stand in one place, the stub ``__init__.pyi``.
"""

import re
from functools import partial
from importlib import import_module
from typing import Any

from .runnables.provided import provide

__version__ = "0.1.0"


def _homes() -> dict[str, str]:
    """The public names, each with the module that defines it, as the stub beside this file lists them."""
    stub = __loader__.get_data(f"{__path__[0]}/__init__.pyi").decode()  # type: ignore[name-defined]
    return {
        name: home
        for home, names in re.findall(r"^from (\.[\w.]+) import \(([^)]*)\)", stub, re.M)
        for name in re.findall(r"(\w+) as ", names)
    }


_HOME_OF = _homes()

__all__ = sorted([*_HOME_OF, "__version__", "load_ipython_extension"])


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    value = getattr(import_module(home, __name__), name)
    globals()[name] = value
    return value


# Methods of the lower floors call these: chain.view(), chain.as_tool(), message + "...".
for _name in ("ChatPromptTemplate", "tool", "view"):
    provide(_name, partial(__getattr__, _name))


def __dir__() -> list[str]:
    return list(__all__)


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext workbench``: the magics ``%%chain``, ``%chain``, ``%chains`` and ``%runs``.

    In a cell::

        %load_ext workbench
        %chains
    """
    from chain_workbench import load_ipython_extension as load

    load(shell)
