"""What all models behind the ``openai`` package share: options, connections, what errors say.

Retries (with backoff, and as long as ``Retry-After`` says), keys and transport are the package's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, field_validator, model_validator

from ...engine.secrets import masked
from ...errors import ModelError
from ...http.connections import Connections
from ..recorded.call_data import secrets_of, without_secrets

__all__ = ["OpenAIClient", "without_password"]


class OpenAIClient(BaseModel):
    """A mixin. Without *api_key* and *base_url* it takes OPENAI_API_KEY and OPENAI_BASE_URL from the
    environment; a server with an address of its own needs no key. ``timeout`` is in seconds: a number,
    ``(connect, read)``, or an ``httpx.Timeout``; ``read`` bounds the wait for each next piece of an answer.
    ``max_retries`` counts retries after the first try, with backoff. ``openai_proxy`` is a proxy's URL.
    Clients given as ``http_client`` and ``http_async_client`` are used as they are, and left open."""

    # A key in the wrong place must not end up in an error message.
    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, protected_namespaces=(), hide_input_in_errors=True
    )

    api_key: SecretStr | None = Field(default=None, alias="openai_api_key", repr=False)
    base_url: str | None = Field(default=None, alias="openai_api_base")
    organization: str | None = Field(default=None, alias="openai_organization")
    project: str | None = None
    timeout: Any = Field(default=None, alias="request_timeout")
    max_retries: int = Field(default=2, ge=0)
    default_headers: dict[str, str] | None = Field(default=None, repr=False)
    default_query: dict[str, Any] | None = Field(default=None, repr=False)
    openai_proxy: str | None = Field(default=None, repr=False)
    http_client: Any = Field(default=None, exclude=True, repr=False)
    http_async_client: Any = Field(default=None, exclude=True, repr=False)

    _key_variables: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY",)
    _connections: Connections = PrivateAttr(default_factory=Connections)

    @model_validator(mode="before")
    @classmethod
    def _known_parameters_only(cls, given: Any) -> Any:
        if isinstance(given, dict):
            fields = cls.model_fields
            known = {*fields, *(str(field.alias) for field in fields.values() if field.alias)}
            if unknown := [name for name in given if name not in known]:
                raise ValueError(cls._refusal(unknown[0], known))
        return given

    @classmethod
    def _refusal(cls, name: str, known: set[str]) -> str:
        near = get_close_matches(name, known, 1)
        meant = f": did you mean {near[0]!r}?" if near else ""
        others = "; what only the server knows goes into extra_body={...}" if "extra_body" in known else ""
        return f"{cls.__name__} has no parameter {name!r}{meant}{others}"

    @field_validator("api_key")
    @classmethod
    def _without_line_breaks(cls, key: SecretStr | None) -> SecretStr | None:
        return None if key is None else SecretStr(key.get_secret_value().strip())  # a file ends in one

    @field_validator("timeout")
    @classmethod
    def _is_a_time(cls, timeout: Any) -> Any:
        if timeout is None or hasattr(timeout, "as_dict"):  # an httpx.Timeout, of whichever httpx
            return timeout
        times = timeout if isinstance(timeout, (tuple, list)) and 2 <= len(timeout) <= 4 else [timeout]
        for each in times:
            if each is None and len(times) > 1:
                continue
            if isinstance(each, bool) or not isinstance(each, (int, float)) or not each > 0:
                raise ValueError(
                    "timeout: expected seconds above 0, (connect, read) or an httpx.Timeout, "
                    f"got a {type(timeout).__name__}"
                    + (f": {timeout!r}" if isinstance(timeout, (int, float)) else "")
                )
        return tuple(times) if len(times) > 1 else timeout

    def model_copy(self, *, update: Any = None, deep: bool = False) -> Self:
        copy = super().model_copy(update=update, deep=deep)
        copy._connections = Connections()  # the copy may lead elsewhere
        return copy

    def __repr_args__(self) -> Any:
        for name, value in super().__repr_args__():
            if name == "base_url" and isinstance(value, str):
                value = without_password(value)
            yield name, masked({name: value})[name]

    # Clients

    def _client_options(self, asynchronous: bool) -> dict[str, Any]:
        """Arguments for the ``openai`` client. May block; called in a thread where a loop is running."""
        options: dict[str, Any] = {"max_retries": self.max_retries}
        for name in ("base_url", "organization", "project", "default_headers", "default_query"):
            if (value := getattr(self, name)) is not None:
                options[name] = value
        if self.timeout is not None:
            options["timeout"] = _as_timeout(self.timeout)
        if (client := self.http_async_client if asynchronous else self.http_client) is not None:
            options["http_client"] = client
        elif proxy := self.openai_proxy or os.environ.get("OPENAI_PROXY"):
            options["http_client"] = _through_proxy(proxy, asynchronous)
        return {**options, **self._credentials()}

    def _credentials(self) -> dict[str, Any]:
        """The arguments that authenticate. Raises ModelError if there is no key and one is needed."""
        if self.api_key is not None:
            return {"api_key": self.api_key.get_secret_value()}
        if key := os.environ.get("OPENAI_API_KEY", "").strip():
            return {"api_key": key}
        if self.base_url or os.environ.get("OPENAI_BASE_URL"):
            return {"api_key": "none"}  # the package asks for one even where the server does not
        raise ModelError(
            f"{type(self).__name__} has no key: set OPENAI_API_KEY or give api_key=..., "
            'or base_url=... of a server that needs none; init_chat_model("local:smollm2") needs neither'
        )

    def _make_client(self, asynchronous: bool) -> Any:
        import openai

        make: Any = openai.AsyncOpenAI if asynchronous else openai.OpenAI
        return make(**self._client_options(asynchronous))

    def _connected(self) -> Any:
        return self._connections.client(self._make_client, keep_open=self.http_client is not None)

    async def _async_connected(self) -> Any:
        return await self._connections.async_client(
            self._make_client, keep_open=self.http_async_client is not None
        )

    # Errors

    def _label(self, client: Any) -> str:
        """Model and address, as errors name them."""
        where = client.base_url.copy_with(userinfo=b"", query=None)  # where passwords may be
        return f"model {getattr(self, 'model', None)!r} at {where}"

    @contextmanager
    def _reaching(self, client: Any) -> Iterator[None]:
        """Add the model and its address to an error of the API, and remove keys from it."""
        import openai

        try:
            yield
        except openai.APIError as error:
            if type(error.__cause__).__name__ == "LocalProtocolError":  # its message is the header's value
                raise ValueError(
                    f"{type(self).__name__}: the key or another header holds what no header may, "
                    "such as a line break; expected one line of visible characters"
                ) from None
            self._hide_secrets(error)
            label = self._label(client)
            if label not in str(error):
                error.add_note(self._note(error, label, client))
            raise

    def _hide_secrets(self, error: Any) -> None:
        """Some servers repeat the key that they refuse in their message."""
        secrets = secrets_of(self)
        error.message = without_secrets(error.message, secrets)
        error.args = tuple(without_secrets(one, secrets) for one in error.args)
        error.body = without_secrets(error.body, secrets)

    def _note(self, error: Any, label: str, client: Any) -> str:
        import openai

        where = label.partition(" at ")[2]
        if isinstance(error, openai.APITimeoutError):
            time = _shown_timeout(client.timeout)
            return f"no answer from {where} ({label.partition(' at ')[0]}) within {time}: raise it if need be"
        if isinstance(error, openai.APIConnectionError):
            return f"no answer from {where}: is the server running, and the address right?"
        if isinstance(error, openai.AuthenticationError):
            return f"{label}; {self._key_source()}"
        return label

    def _key_source(self) -> str:
        if self.api_key is not None:
            return "the key is the one given as api_key"
        for variable in self._key_variables:
            if os.environ.get(variable):
                return f"the key is the one in the environment variable {variable}"
        return f"no key was given: set {self._key_variables[0]} or give api_key=..."


def without_password(address: str) -> str:
    """An address without user, password and query, which may be shown.

    >>> without_password("http://user:secret@host:8000/v1?key=secret")
    'http://host:8000/v1'
    """
    return re.sub(r"//[^/@]*@", "//", address).partition("?")[0]


def _as_timeout(timeout: Any) -> Any:
    import openai

    if not isinstance(timeout, tuple):
        return timeout
    connect, read, *others = timeout
    write, pool = [*others, None, None][:2]
    return openai.Timeout(connect=connect, read=read, write=write, pool=pool)


def _shown_timeout(timeout: Any) -> str:
    if not hasattr(timeout, "as_dict"):
        return f"timeout={timeout:g} s"
    times = {name: value for name, value in timeout.as_dict().items() if value is not None}
    return f"timeout=({', '.join(f'{name} {value:g} s' for name, value in times.items())})"


def _through_proxy(proxy: str, asynchronous: bool) -> Any:
    import openai

    make = openai.DefaultAsyncHttpxClient if asynchronous else openai.DefaultHttpxClient
    return make(proxy=proxy)
