"""The ``openai`` package's clients, and the options that everything behind them shares.

Clients are made on first use, one for all threads and one an event loop.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr

__all__ = ["OpenAIClient"]


class OpenAIClient(BaseModel):
    """A mixin. Without *api_key* and *base_url* it takes OPENAI_API_KEY and OPENAI_BASE_URL from the
    environment. ``timeout`` is in seconds; ``max_retries`` counts retries after the first try, with
    backoff."""

    # A key in the wrong place must not end up in an error message.
    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, protected_namespaces=(), hide_input_in_errors=True
    )

    api_key: SecretStr | None = Field(default=None, alias="openai_api_key", repr=False)
    base_url: str | None = Field(default=None, alias="openai_api_base")
    organization: str | None = None
    timeout: float | None = Field(default=None, gt=0)
    max_retries: int = Field(default=2, ge=0)
    default_headers: dict[str, str] | None = Field(default=None, repr=False)

    _lock: Any = PrivateAttr(default_factory=threading.Lock)
    _client: Any = PrivateAttr(None)
    _async_clients: Any = PrivateAttr(default_factory=WeakKeyDictionary)

    def __repr_args__(self) -> Any:
        for name, value in super().__repr_args__():
            if name == "base_url" and isinstance(value, str):
                value = re.sub(r"//[^/@]*@", "//", value)  # a password in the address stays out of it
            yield name, value

    def _client_options(self, asynchronous: bool) -> dict[str, Any]:
        """Arguments for the ``openai`` client. May block; called in a thread where a loop is running."""
        options: dict[str, Any] = {"max_retries": self.max_retries}
        for name in ("base_url", "organization", "timeout", "default_headers"):
            if (value := getattr(self, name)) is not None:
                options[name] = value
        if self.api_key is not None:
            options["api_key"] = self.api_key.get_secret_value()
        return options

    @contextmanager
    def _reaching(self, client: Any) -> Iterator[None]:
        """Add to an error of the connection where it was meant to lead."""
        import openai

        try:
            yield
        except openai.APIConnectionError as error:
            where = client.base_url.copy_with(userinfo=b"")  # a password in the address stays out of it
            error.add_note(f"no answer from {where}: is the server running, and the address right?")
            raise

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                import openai

                self._client = openai.OpenAI(**self._client_options(False))
            return self._client

    async def _async_connected(self) -> Any:
        # A client used from two loops fails ("bound to a different event loop"): each has its own.
        loop = asyncio.get_running_loop()
        client = self._async_clients.get(loop)
        if client is None:
            client = await asyncio.to_thread(self._new_async_client)
            client = self._async_clients.setdefault(loop, client)
        return client

    def _new_async_client(self) -> Any:
        import openai

        return openai.AsyncOpenAI(**self._client_options(True))
