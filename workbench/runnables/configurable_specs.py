"""What can be set at call time, under ``config["configurable"]``: the declarations, not the runnables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from ..text.excerpts import short_repr

__all__ = [
    "AnyConfigurableField",
    "ConfigurableField",
    "ConfigurableFieldMultiOption",
    "ConfigurableFieldSingleOption",
    "ConfigurableFieldSpec",
    "literal",
    "unique_specs",
]


class ConfigurableField(NamedTuple):
    """A value to be given at call time as ``configurable[id]``; *is_shared*: all steps use the same value.

    >>> from workbench import ConfigurableField, PromptTemplate
    >>> prompt = PromptTemplate.from_template("a joke about {topic}").configurable_fields(
    ...     template=ConfigurableField(id="prompt", name="Prompt", description="What is asked")
    ... )
    >>> prompt.invoke("bears", {"configurable": {"prompt": "a poem about {topic}"}}).to_string()
    'a poem about bears'
    """

    id: str
    name: str | None = None
    description: str | None = None
    annotation: Any = None
    is_shared: bool = False

    def value(self, given: Any) -> Any:
        return given


class ConfigurableFieldSingleOption(NamedTuple):
    """One of several named values; ``configurable[id]`` is the name.

    >>> from workbench import ConfigurableFieldSingleOption, PromptTemplate
    >>> styles = {"joke": "a joke about {topic}", "poem": "a poem about {topic}"}
    >>> prompt = PromptTemplate.from_template("{topic}").configurable_fields(
    ...     template=ConfigurableFieldSingleOption(id="style", options=styles, default="joke")
    ... )
    >>> prompt.invoke("bears", {"configurable": {"style": "poem"}}).to_string()
    'a poem about bears'
    """

    id: str
    options: Mapping[str, Any]
    default: str
    name: str | None = None
    description: str | None = None
    is_shared: bool = False

    def value(self, given: Any) -> Any:
        return _option(self, given)


class ConfigurableFieldMultiOption(NamedTuple):
    """Some of several named values; ``configurable[id]`` is a list of names.

    >>> from workbench import ConfigurableFieldMultiOption, FakeListLLM
    >>> model = FakeListLLM(responses=["yes"]).configurable_fields(
    ...     responses=ConfigurableFieldMultiOption(
    ...         id="moods", options={"sunny": "hooray", "sad": "alas"}, default=["sunny"]
    ...     )
    ... )
    >>> model.invoke("hi"), model.invoke("hi", {"configurable": {"moods": ["sad"]}})
    ('hooray', 'alas')
    """

    id: str
    options: Mapping[str, Any]
    default: Sequence[str]
    name: str | None = None
    description: str | None = None
    is_shared: bool = False

    def value(self, given: Any) -> list[Any]:
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise ValueError(f"configurable[{self.id!r}]: expected a list of names, got {short_repr(given)}")
        return [_option(self, name) for name in given]


AnyConfigurableField = ConfigurableField | ConfigurableFieldSingleOption | ConfigurableFieldMultiOption


class ConfigurableFieldSpec(NamedTuple):
    """The description of one configurable value of a runnable; see ``Runnable.config_specs``.

    >>> from workbench import ConfigurableField, PromptTemplate
    >>> prompt = PromptTemplate.from_template("a joke about {topic}").configurable_fields(
    ...     template=ConfigurableField(id="prompt")
    ... )
    >>> [(spec.id, spec.default) for spec in prompt.config_specs]
    [('prompt', 'a joke about {topic}')]
    """

    id: str
    annotation: Any
    name: str | None = None
    description: str | None = None
    default: Any = None
    is_shared: bool = False
    dependencies: list[str] | None = None


def unique_specs(specs: Iterable[ConfigurableFieldSpec]) -> list[ConfigurableFieldSpec]:
    """The specs by id, each once. Raises ValueError where two of one id differ."""
    by_id: dict[str, ConfigurableFieldSpec] = {}
    for spec in specs:
        if by_id.setdefault(spec.id, spec) != spec:
            raise ValueError(
                f"configurable[{spec.id!r}] is declared in two ways, as {by_id[spec.id]} and as {spec}; "
                "give them different ids, or set is_shared and the same default"
            )
    return [by_id[id] for id in sorted(by_id)]


def literal(names: Iterable[str]) -> Any:
    """The type of "one of these names"."""
    return Literal[tuple(names)]


def _option(field: ConfigurableFieldSingleOption | ConfigurableFieldMultiOption, name: Any) -> Any:
    try:
        return field.options[name]
    except (KeyError, TypeError):
        raise ValueError(
            f"configurable[{field.id!r}]: expected one of {', '.join(map(repr, field.options))}, "
            f"got {short_repr(name)}"
        ) from None
