"""The config of a call: the dict people pass as ``config=``, and how two of them merge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict
from uuid import UUID

__all__ = ["KEYS", "RunnableConfig", "check_config", "merge_configs", "patch_config"]


class RunnableConfig(TypedDict, total=False):
    """Options of one call. All keys are optional; unknown keys are kept and passed on.

    tags and metadata are inherited by nested runs, run_name and run_id are not. callbacks: a list of
    observers (callables that take a RunEvent) and callback handlers. max_concurrency: the most leaf
    calls (functions, model requests) in flight at once, nested ones included. recursion_limit: how often
    a function may return another runnable. configurable: values for configurable fields.

    >>> from workbench import FakeChatModel
    >>> model = FakeChatModel(responses=["a bear"])
    >>> model.invoke("What is this?", {"run_name": "guess", "tags": ["demo"], "metadata": {"user": "ada"}})
    AIMessage(content='a bear')
    >>> model.batch(["this?", "that?"], {"max_concurrency": 1})
    [AIMessage(content='a bear'), AIMessage(content='a bear')]
    """

    tags: list[str]
    metadata: dict[str, Any]
    callbacks: Any
    run_name: str
    run_id: UUID | str
    max_concurrency: int | None
    recursion_limit: int
    configurable: dict[str, Any]


KEYS = frozenset(RunnableConfig.__annotations__)

_EXPECTED: dict[str, tuple[type, ...]] = {
    "tags": (list, tuple),
    "metadata": (dict,),
    "run_name": (str,),
    "max_concurrency": (int,),
    "recursion_limit": (int,),
    "configurable": (dict,),
}


def check_config(config: object) -> dict[str, Any]:
    """The config as a dict. Raises TypeError or ValueError that names the key and what came."""
    if not isinstance(config, dict):
        raise TypeError(f"config: expected a dict such as {{'tags': ['mine']}}, got {type(config).__name__}")
    for key, kinds in _EXPECTED.items():
        value = config.get(key)
        if value is not None and not isinstance(value, kinds):
            raise TypeError(f"config[{key!r}]: expected {kinds[0].__name__}, got {value!r}")
    limit = config.get("max_concurrency")
    if limit is not None and limit < 1:
        raise ValueError(f"config['max_concurrency']: expected 1 or more, got {limit}")
    return config


def merge_configs(*configs: RunnableConfig | None) -> RunnableConfig:
    """One config from several: tags and callbacks add up, metadata and configurable merge, of the other
    keys the last one wins. None stands for an empty config; no argument is changed.

    >>> from workbench import merge_configs
    >>> merge_configs({"tags": ["a"], "run_name": "one"}, None, {"tags": ["b"], "run_name": "two"})
    {'tags': ['a', 'b'], 'run_name': 'two'}
    """
    merged: dict[str, Any] = {}
    for config in configs:
        for key, value in check_config(config or {}).items():
            if value is None:
                continue
            old = merged.get(key)
            if old is None:
                merged[key] = (
                    list(value) if key == "tags" else dict(value) if isinstance(value, dict) else value
                )
            elif key == "tags":
                merged[key] = unique([*old, *value])
            elif key in ("metadata", "configurable"):
                merged[key] = {**old, **value}
            elif key == "callbacks":
                merged[key] = [*as_list(old), *as_list(value)]
            else:
                merged[key] = value
    return merged  # type: ignore[return-value]  # built key by key from RunnableConfigs


def patch_config(
    config: RunnableConfig | None,
    *,
    callbacks: Any = None,
    recursion_limit: int | None = None,
    max_concurrency: int | None = None,
    run_name: str | None = None,
    configurable: dict[str, Any] | None = None,
) -> RunnableConfig:
    """A copy of a config with some keys replaced; configurable values are added to those it has. With
    new callbacks it is another run's, so the name and id of the old one are left out.

    >>> from workbench import patch_config
    >>> patch_config({"tags": ["a"], "run_name": "one"}, run_name="two", max_concurrency=4)
    {'tags': ['a'], 'run_name': 'two', 'max_concurrency': 4}
    """
    patched: dict[str, Any] = dict(merge_configs(config))
    if callbacks is not None:
        patched.pop("run_name", None)
        patched.pop("run_id", None)
    changes = {
        "callbacks": callbacks,
        "recursion_limit": recursion_limit,
        "max_concurrency": max_concurrency,
        "run_name": run_name,
        "configurable": {**patched.get("configurable", {}), **configurable} if configurable else None,
    }
    patched.update({key: value for key, value in changes.items() if value is not None})
    return patched  # type: ignore[return-value]  # its keys are RunnableConfig's


def unique(tags: Sequence[str]) -> list[str]:
    """The tags in their order, each once."""
    return list(dict.fromkeys(tags))


def as_list(callbacks: Any) -> list[Any]:
    """The callbacks of a config, which may be one, several or none, as a list."""
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
