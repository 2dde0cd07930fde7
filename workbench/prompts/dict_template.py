"""DictPromptTemplate: data with templates in it, such as the part of a message that is an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..engine.modes import AnyScope
from ..runnables.serializable import RunnableSerializable
from ..text.excerpts import typed_repr
from .templates import Template, TemplateFormat, compile_template

__all__ = ["DictPromptTemplate"]


class DictPromptTemplate(RunnableSerializable[Any, dict[str, Any]]):
    """A dict whose texts, however deep, are templates: a part of a message such as
    ``{"type": "image_url", "image_url": {"url": "{url}"}}``. Keys are not templates, and nothing is loaded
    from a path or a URL.

    >>> from workbench import DictPromptTemplate
    >>> DictPromptTemplate({"type": "image_url", "image_url": {"url": "{url}"}}).format(url="a.png")
    {'type': 'image_url', 'image_url': {'url': 'a.png'}}
    """

    run_type = "prompt"
    template: dict[str, Any]
    template_format: TemplateFormat = "f-string"

    def __init__(self, template: Mapping[str, Any], template_format: str = "f-string", **fields: Any) -> None:
        super().__init__(**{"template": dict(template), "template_format": template_format, **fields})
        self._derive()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in type(self).model_fields:
            self._derive()

    def _derive(self) -> None:
        self.__dict__["_parts"] = parts = _parts(self.template, self.template_format)
        self.__dict__["_variables"] = list(dict.fromkeys(_variables(parts)))

    @property
    def input_variables(self) -> list[str]:
        return self.__dict__["_variables"]  # type: ignore[no-any-return]  # set by _derive

    def format(self, /, **kwargs: Any) -> dict[str, Any]:
        """The dict with these values filled in. KeyError names the first that is missing."""
        return _filled(self.__dict__["_parts"], kwargs)  # type: ignore[no-any-return]  # a dict of a dict

    async def aformat(self, /, **kwargs: Any) -> dict[str, Any]:
        """``format`` on the running event loop."""
        return self.format(**kwargs)

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> dict[str, Any]:
        __tracebackhide__ = True
        if not isinstance(input, Mapping):
            raise TypeError(
                f"{self.get_name()}: expected a dict with {self.input_variables}, got {typed_repr(input)}"
            )
        return self.format(**input)

    def pretty_repr(self, html: bool = False) -> str:
        return repr(self.template)


def _parts(value: Any, template_format: str) -> Any:
    if isinstance(value, str):
        return compile_template(value, template_format)
    if isinstance(value, Mapping):
        return {key: _parts(item, template_format) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_parts(item, template_format) for item in value]
    return value


def _variables(parts: Any) -> list[str]:
    if isinstance(parts, Template):
        return list(parts.variables)
    inside = parts.values() if isinstance(parts, Mapping) else parts if isinstance(parts, list) else ()
    return [name for part in inside for name in _variables(part)]


def _filled(parts: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(parts, Template):
        return parts.format(values)
    if isinstance(parts, Mapping):
        return {key: _filled(part, values) for key, part in parts.items()}
    if isinstance(parts, list):
        return [_filled(part, values) for part in parts]
    return parts
