"""Jinja2 templates in a sandbox: conditions, loops and filters over values, without access to Python.

No attribute of any value is ever read (``{{ user["name"] }}`` is an item of a dict, ``{{ user.name }}`` is
refused; ``loop.index`` and its like are Jinja's own), no value is ever called, and there are no imports or
includes. Filters and operators that make a text enormous or reach for attributes are left out. How long
loops may run is not limited: a template is still a program.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, wraps
from typing import Any

from ...errors import MissingDependencyError
from ...text.excerpts import short_repr
from .base import Template, refusal

try:
    from jinja2 import TemplateError, TemplateSyntaxError, meta, nodes
    from jinja2.exceptions import SecurityError
    from jinja2.runtime import LoopContext, Macro
    from jinja2.sandbox import SandboxedEnvironment
except ImportError as error:
    raise MissingDependencyError.for_extra('template_format="jinja2"', "jinja2", "jinja") from error

__all__ = ["JinjaTemplate"]

_FILTERS = (
    "abs capitalize count d default dictsort e escape first float forceescape groupby int items join "
    "last length list lower map max min reject rejectattr reverse round safe select selectattr sort "
    "string striptags sum title trim truncate unique upper urlencode wordcount wordwrap"
)
_LIMITED = ("batch", "center", "indent", "slice", "tojson")
"""Filters whose numeric argument sets the size of their output."""
_LOOP = "cycle changed depth depth0 first index index0 last length nextitem previtem revindex revindex0"
_WIDEST = 1_000
_LONGEST = 10_000
"""Items that ``*`` may repeat a text or list to; bits of a power."""
_LONGEST_TEXT = 10_000_000
"""Characters of what ``replace`` makes longer."""


class _Sandbox(SandboxedEnvironment):
    """An environment whose templates see only the items of what they are given."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(autoescape=False)
        known = self.filters
        self.filters = {name: known[name] for name in _FILTERS.split()}
        self.filters |= {name: _limited(known[name]) for name in _LIMITED}
        self.filters["replace"] = _replaced
        self.globals = {"range": self.globals["range"]}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return isinstance(obj, LoopContext) and attr in _LOOP.split()

    def is_safe_callable(self, obj: Any) -> bool:
        own = getattr(obj, "__self__", None)  # of a method: loop.cycle, loop.changed
        return (
            isinstance(obj, Macro | LoopContext)
            or isinstance(own, LoopContext)
            or obj is self.globals["range"]
        )

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in _LOOP.split():
            return getattr(obj, attribute)
        raise SecurityError(
            f"the attribute {attribute!r} of a value is refused; for a dict write [{attribute!r}]"
        )

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping | list | tuple | str):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                pass
        return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and isinstance(left, str | bytes):
            raise SecurityError("% on a text is refused; put values in with {{ }}")
        if operator == "*" and (size := _repeated(left, right) or _repeated(right, left)) > _LONGEST:
            raise SecurityError(f"* that makes {size:,} items is refused; the most is {_LONGEST:,}")
        if operator == "**" and not _is_small_power(left, right):
            raise SecurityError("** of numbers as large as these is refused")
        return super().call_binop(context, operator, left, right)


def _repeated(thing: Any, times: Any) -> int:
    if isinstance(thing, str | bytes | list | tuple) and isinstance(times, int):
        return len(thing) * times
    return 0


def _is_small_power(base: Any, exponent: Any) -> bool:
    if isinstance(base, int) and isinstance(exponent, int):
        return base.bit_length() * max(exponent, 0) <= _LONGEST
    return isinstance(base, int | float) and isinstance(exponent, int | float)


def _replaced(value: Any, s: Any, new: Any, count: int | None = None) -> str:
    text, old, new = str(value), str(s), str(new)
    places = text.count(old) if count is None or count < 0 else min(text.count(old), count)
    if (size := len(text) + places * (len(new) - len(old))) > max(_LONGEST_TEXT, len(text)):
        raise SecurityError(f"replace that makes {size:,} characters is refused; most is {_LONGEST_TEXT:,}")
    return text.replace(old, new, -1 if count is None else count)


def _limited(make: Any) -> Any:
    """The filter, but refusing numbers above the limit, and texts of that length where it takes a number."""
    own = 2 if hasattr(make, "jinja_pass_arg") else 1  # the context, where it wants that, and the value

    @wraps(make)
    def limited(*args: Any, **options: Any) -> Any:
        for given in (*args[own:], *options.values()):
            if (len(given) if isinstance(given, str) else given if isinstance(given, int) else 0) > _WIDEST:
                raise SecurityError(f"more than {_WIDEST:,} is refused")
        return make(*args, **options)

    return limited


@lru_cache(maxsize=1)
def _box() -> _Sandbox:
    return _Sandbox()


class JinjaTemplate(Template):
    """See the module. A variable may be of any kind."""

    template_format = "jinja2"

    def __init__(self, source: str) -> None:
        super().__init__(source)
        box = _box()
        try:
            tree = box.parse(source)
            _check(source, tree)
            self._template = box.from_string(source)
        except TemplateSyntaxError as error:
            raise refusal(source, _line_start(source, error.lineno), str(error.message)) from None
        except (RecursionError, SyntaxError):
            raise ValueError(
                f"template {short_repr(source)}: too much of it is inside of something else"
            ) from None
        unknown = meta.find_undeclared_variables(tree) - set(box.globals)
        found = dict.fromkeys(name.name for name in tree.find_all(nodes.Name) if name.name in unknown)
        self.variables = tuple(found)
        self.structured = frozenset(found)

    def format(self, values: Mapping[str, Any]) -> str:
        try:
            return self._template.render(values)
        except TemplateError as error:
            raise ValueError(f"template {short_repr(self.source)}: {error}") from error


def _check(source: str, tree: nodes.Template) -> None:
    for node in tree.find_all((nodes.Getattr, nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        if not isinstance(node, nodes.Getattr):
            problem = "a template includes, imports and extends no other"
        elif isinstance(node.node, nodes.Name) and node.node.name == "loop" and node.attr in _LOOP.split():
            continue
        else:
            problem = f"the attribute .{node.attr} of a value is refused; for a dict write [{node.attr!r}]"
        raise refusal(source, _line_start(source, node.lineno), problem)


def _line_start(source: str, line: int) -> int:
    at = 0
    for _ in range(line - 1):
        at = source.find("\n", at) + 1
    return at
