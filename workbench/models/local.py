"""ChatLocal: the model that runs in this process, behind the same client as any other.

The first call pulls the weights if they are not there, and starts the server on a loopback port.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from ..components.messages import BaseMessage
from .openai import ChatOpenAI

__all__ = ["ChatLocal"]


class ChatLocal(ChatOpenAI):
    """A chat model in this process, on llama.cpp; see ``workbench models list`` for what there is.

    ``max_tokens`` is 256 unless told otherwise: small models like to go on.
    """

    model: str = Field(default="smollm2", alias="model_name")
    max_tokens: int | None = Field(default=256, ge=1)

    # llama.cpp ends a cancelled request at its next token, but notices the end of one that does not stream
    # only after seconds.
    _prefers_streaming: ClassVar[bool] = True
    _is_free: ClassVar[bool] = True
    _server: Any = PrivateAttr(None)

    @property
    def _llm_type(self) -> str:
        return "local"

    def _client_options(self, asynchronous: bool) -> dict[str, Any]:
        import openai

        from .server import get_server

        self._server = get_server(self.model)
        # A proxy from the environment must not see what goes to this very process.
        make = openai.DefaultAsyncHttpxClient if asynchronous else openai.DefaultHttpxClient
        return {
            **super()._client_options(asynchronous),
            "base_url": self._server.base_url,
            "http_client": make(trust_env=False),
        }

    def _credentials(self) -> dict[str, Any]:
        return {"api_key": self._server.api_key}

    def _request(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        extra: Mapping[str, Any],
        stream: bool = False,
    ) -> dict[str, Any]:
        from .server import REQUEST_OPTIONS

        # With these a stream can be cancelled while its prompt is still being read.
        return super()._request(messages, stop, {**REQUEST_OPTIONS, **extra} if stream else extra, stream)
