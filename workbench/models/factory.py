"""init_chat_model and init_embeddings: a model from a short name, or the best one that is available."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from ..retrieval.embeddings import Embeddings
from .chat import BaseChatModel
from .openai.client import without_password

if TYPE_CHECKING:
    from .configurable import ConfigurableModel

__all__ = ["init_chat_model", "init_embeddings"]

OLLAMA_URL = "http://localhost:11434/v1"

_said: set[str] = set()


@overload
def init_chat_model(
    model: str | None = None,
    *,
    model_provider: str | None = None,
    configurable_fields: None = None,
    config_prefix: None = None,
    **options: Any,
) -> BaseChatModel: ...
@overload
def init_chat_model(
    model: str | None = None,
    *,
    model_provider: str | None = None,
    configurable_fields: Literal["any"] | Sequence[str],
    config_prefix: str | None = None,
    **options: Any,
) -> ConfigurableModel: ...
def init_chat_model(
    model: str | None = None,
    *,
    model_provider: str | None = None,
    configurable_fields: Literal["any"] | Sequence[str] | None = None,
    config_prefix: str | None = None,
    **options: Any,
) -> BaseChatModel | ConfigurableModel:
    """A chat model by name: ``"openai:gpt-4o"``, ``"local:smollm2"``, ``"ollama:llama3.2"``,
    ``"azure_openai:DEPLOYMENT"``, or any name with the ``base_url`` of an OpenAI-compatible server.

    Without a name: OpenAI's model if OPENAI_API_KEY or OPENAI_BASE_URL is set (its name from OPENAI_MODEL),
    else the local model; a line on stderr says which, once. A provider alone, ``"local"``, has
    its usual model. A name without a provider is looked for among the local models, then taken as OpenAI's.
    *options* go to the model's class.

    ``configurable_fields``: options (``"model"``, ``"temperature"``, ...; ``"any"`` for all) that a call may
    set under ``config["configurable"]``, there called ``PREFIX_NAME`` with a *config_prefix*. "any" lets the
    caller choose address and key, too. ValueError lists the providers there are.

    >>> from workbench import init_chat_model
    >>> model = init_chat_model("openai:gpt-4o-mini", temperature=0, api_key="...")
    >>> type(model).__name__, model.model_name, model.temperature
    ('ChatOpenAI', 'gpt-4o-mini', 0.0)
    >>> init_chat_model("my-model", base_url="http://localhost:8000/v1", api_key="none").model_name
    'my-model'
    """
    if configurable_fields is not None:
        from .configurable import ConfigurableModel

        given = {"model": model, "model_provider": model_provider, **options}
        given = {name: value for name, value in given.items() if value is not None}
        return ConfigurableModel(init_chat_model, given, configurable_fields, config_prefix or "")
    if config_prefix is not None:
        raise ValueError(
            "init_chat_model: config_prefix needs configurable_fields, which it is the prefix of"
        )
    if model is None and model_provider is None:
        return _default(options)
    provider, name = _split(model, model_provider, options)
    try:
        make = _PROVIDERS[provider]
    except KeyError:
        raise ValueError(
            f"unknown provider {provider!r} in {model!r}: expected one of {', '.join(_PROVIDERS)}, "
            'as in "local:smollm2"; for any other OpenAI-compatible server give its base_url'
        ) from None
    return make(name, options)


def init_embeddings(model: str | None = None, *, provider: str | None = None, **options: Any) -> Embeddings:
    """Embeddings by name: ``"openai:text-embedding-3-small"``, ``"azure_openai:DEPLOYMENT"`` or ``"local"``;
    the provider may be given by itself.

    Without a name: OpenAI's if OPENAI_API_KEY is set, else local ones; a line on stderr says which, once.
    ValueError lists the providers there are.

    >>> from workbench import init_embeddings
    >>> embeddings = init_embeddings("openai:text-embedding-3-small", api_key="...")
    >>> type(embeddings).__name__
    'OpenAIEmbeddings'
    """
    if provider is not None:
        model = f"{provider}:{model}" if model else provider
    if model is None:
        model = "openai" if os.environ.get("OPENAI_API_KEY") else "local"
        _say(f"using {model} embeddings")
    provider, _, name = model.partition(":")
    if provider == "openai":
        from .openai.embeddings import OpenAIEmbeddings

        return OpenAIEmbeddings(**_with_model(name, options))
    if provider == "azure_openai":
        from .openai.azure import AzureOpenAIEmbeddings

        return AzureOpenAIEmbeddings(**_with_model(name, options))
    if model == "local":
        from .local.embeddings import LocalEmbeddings

        return LocalEmbeddings(**options)
    raise ValueError(
        f'unknown embeddings {model!r}: expected "local", "openai:NAME" or "azure_openai:DEPLOYMENT"'
    )


def _default(options: dict[str, Any]) -> BaseChatModel:
    if options.get("base_url"):
        raise ValueError(
            f"init_chat_model: which model at {options['base_url']}? Give its name first, "
            'as in init_chat_model("NAME", base_url=...)'
        )
    if os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"):
        name = os.environ.get("OPENAI_MODEL")
        chosen = _openai(name, options)
        at = os.environ.get("OPENAI_BASE_URL", "OpenAI")
        _say(f"using {chosen.model} at {without_password(at)} (from the environment)")
        return chosen
    local = _local(None, options)
    _say(f"using the local model {local.model} (no OPENAI_API_KEY is set)")
    return local


def _split(model: str | None, provider: str | None, options: Mapping[str, Any]) -> tuple[str, str | None]:
    if provider is not None:
        return provider, model
    if not isinstance(model, str) or not model.strip():
        raise TypeError(f'init_chat_model: expected a name such as "local:smollm2", got {model!r}')
    head, colon, tail = model.partition(":")
    if head in _PROVIDERS and (colon or not options.get("base_url")):
        return head, tail or None
    if options.get("base_url"):
        return "openai", model  # that server's own name, in which a colon may stand for anything
    if colon:
        return head, tail
    from .local.weights import KNOWN

    return ("local" if model in KNOWN else "openai"), model


def _openai(name: str | None, options: dict[str, Any]) -> BaseChatModel:
    from .openai.chat import ChatOpenAI

    return ChatOpenAI(**_with_model(name, options))


def _azure(name: str | None, options: dict[str, Any]) -> BaseChatModel:
    from .openai.azure import AzureChatOpenAI

    return AzureChatOpenAI(**_with_model(name, options))


def _local(name: str | None, options: dict[str, Any]) -> BaseChatModel:
    from .local.chat import ChatLocal
    from .local.weights import KNOWN

    if name is not None and name not in KNOWN:
        raise ValueError(f"unknown local model {name!r}: expected one of {', '.join(KNOWN)}")
    return ChatLocal(**_with_model(name, options))


def _with_model(name: str | None, options: dict[str, Any]) -> dict[str, Any]:
    return {"model": name, **options} if name else options


def _ollama(name: str | None, options: dict[str, Any]) -> BaseChatModel:
    from .openai.chat import ChatOpenAI

    if not name:
        raise ValueError('init_chat_model: expected a model after "ollama:", as in "ollama:llama3.2"')
    return ChatOpenAI(**{"model": name, "base_url": OLLAMA_URL, "api_key": "ollama", **options})


_PROVIDERS: dict[str, Callable[[str | None, dict[str, Any]], BaseChatModel]] = {
    "local": _local,
    "openai": _openai,
    "ollama": _ollama,
    "azure_openai": _azure,
}


def _say(line: str) -> None:
    if line not in _said:
        _said.add(line)
        print(f"workbench: {line}", file=sys.stderr)
