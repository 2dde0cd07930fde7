"""The ``openai`` package's clients, and the options that everything behind them shares.

Clients are made on first use, one for all threads and one an event loop.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr

__all__ = ["OpenAIClient"]


class OpenAIClient(BaseModel):
    """A mixin. Without *api_key* and *base_url* it takes OPENAI_API_KEY and OPENAI_BASE_URL from the
    environment. ``timeout`` is in seconds; ``max_retries`` counts retries after the first try, with
    backoff."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, protected_namespaces=())

    api_key: SecretStr | None = Field(default=None, alias="openai_api_key", repr=False)
    base_url: str | None = Field(default=None, alias="openai_api_base")
    organization: str | None = None
    timeout: float | None = Field(default=None, gt=0)
    max_retries: int = Field(default=2, ge=0)
    default_headers: dict[str, str] | None = Field(default=None, repr=False)

    _lock: Any = PrivateAttr(default_factory=threading.Lock)
    _client: Any = PrivateAttr(None)
    _async_clients: Any = PrivateAttr(default_factory=WeakKeyDictionary)

    def _client_options(self, asynchronous: bool) -> dict[str, Any]:
        """Arguments for the ``openai`` client. May block; called in a thread where a loop is running."""
        options: dict[str, Any] = {"max_retries": self.max_retries}
        for name in ("base_url", "organization", "timeout", "default_headers"):
            if (value := getattr(self, name)) is not None:
                options[name] = value
        if self.api_key is not None:
            options["api_key"] = self.api_key.get_secret_value()
        return options

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
