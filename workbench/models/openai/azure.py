"""OpenAI's models where Azure serves them, through the SDK's Azure clients."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from ...errors import ModelError
from .chat import ChatOpenAI
from .client import OpenAIClient
from .completions import OpenAI
from .embeddings import OpenAIEmbeddings

__all__ = ["AzureChatOpenAI", "AzureOpenAI", "AzureOpenAIEmbeddings"]


class AzureClient(OpenAIClient):
    """A mixin: the address of a deployment, and the key or token.

    *azure_endpoint* (``https://NAME.openai.azure.com``), *api_version* and the key come from
    AZURE_OPENAI_ENDPOINT, OPENAI_API_VERSION and AZURE_OPENAI_API_KEY (or AZURE_OPENAI_AD_TOKEN) where they
    are not given. ``azure_deployment`` is the name the model was deployed under; without it ``model`` is
    taken for that. ``azure_ad_token_provider`` is a function, maybe an asynchronous one for the asynchronous
    forms, that returns a token; it is called for every request.
    """

    azure_endpoint: str | None = None
    azure_deployment: str | None = Field(default=None, alias="deployment_name")
    api_version: str | None = Field(default=None, alias="openai_api_version")
    azure_ad_token: SecretStr | None = Field(default=None, repr=False)
    azure_ad_token_provider: Callable[[], Any] | None = Field(default=None, exclude=True, repr=False)

    if TYPE_CHECKING:
        model: str  # of the class that this is mixed into, with its default

    _key_variables: ClassVar[tuple[str, ...]] = (
        "AZURE_OPENAI_API_KEY",
        "OPENAI_API_KEY",
        "AZURE_OPENAI_AD_TOKEN",
    )

    @model_validator(mode="after")
    def _deployment_is_the_model(self) -> Self:
        if self.azure_deployment is not None and "model" not in self.model_fields_set:
            self.model = self.azure_deployment  # only Azure knows which model is deployed there
        return self

    def _credentials(self) -> dict[str, Any]:
        options = self._place()
        if self.azure_ad_token_provider is not None:
            return {**options, "azure_ad_token_provider": self.azure_ad_token_provider}
        if self.azure_ad_token is not None:
            return {**options, "azure_ad_token": self.azure_ad_token.get_secret_value()}
        if self.api_key is not None:
            return {**options, "api_key": self.api_key.get_secret_value()}
        for variable in self._key_variables:
            if key := os.environ.get(variable):
                return {**options, ("azure_ad_token" if variable.endswith("TOKEN") else "api_key"): key}
        raise ModelError(
            f"{type(self).__name__} has no key: set AZURE_OPENAI_API_KEY, or give api_key=..., "
            "azure_ad_token=... or azure_ad_token_provider=..."
        )

    def _place(self) -> dict[str, Any]:
        version = self.api_version or os.environ.get("OPENAI_API_VERSION")
        if not version:
            raise ModelError(
                f'{type(self).__name__} has no API version: give api_version="2024-10-21" (or a later one '
                "that your resource knows), or set OPENAI_API_VERSION"
            )
        options: dict[str, Any] = {"api_version": version}
        if self.base_url is not None:  # a deployment's whole address
            return options
        endpoint = self.azure_endpoint or os.environ.get("AZURE_OPENAI_ENDPOINT")
        if not endpoint:
            raise ModelError(
                f'{type(self).__name__} has no address: give azure_endpoint="https://NAME.openai.azure.com", '
                "or set AZURE_OPENAI_ENDPOINT"
            )
        if "model" not in self.model_fields_set:
            raise ModelError(
                f"{type(self).__name__}: which model? Give azure_deployment=..., the name it was deployed "
                "under"
            )
        options["azure_endpoint"] = endpoint
        if self.azure_deployment is not None:
            options["azure_deployment"] = self.azure_deployment
        return options

    def _make_client(self, asynchronous: bool) -> Any:
        import openai

        options = self._client_options(asynchronous)
        provider = self.azure_ad_token_provider
        if not asynchronous and inspect.iscoroutinefunction(provider):
            raise TypeError(
                "azure_ad_token_provider is asynchronous: call ainvoke, astream or abatch, "
                "or give a synchronous function"
            )
        make: Any = openai.AsyncAzureOpenAI if asynchronous else openai.AzureOpenAI
        return make(**options)

    def _key_source(self) -> str:
        if self.azure_ad_token_provider is not None:
            return "the token is the one azure_ad_token_provider returned"
        if self.azure_ad_token is not None:
            return "the token is the one given as azure_ad_token"
        return super()._key_source()


class AzureChatOpenAI(AzureClient, ChatOpenAI):
    """A chat model deployed on Azure; all else is as for ``ChatOpenAI``.

    *azure_endpoint*, *api_version* and the key come from AZURE_OPENAI_ENDPOINT, OPENAI_API_VERSION and
    AZURE_OPENAI_API_KEY (or AZURE_OPENAI_AD_TOKEN) where they are not given. ``azure_deployment`` is the name
    the model was deployed under. ``azure_ad_token_provider`` returns a token for each request.

    >>> from workbench import AzureChatOpenAI
    >>> model = AzureChatOpenAI(
    ...     azure_endpoint="https://NAME.openai.azure.com",
    ...     azure_deployment="gpt-4o",
    ...     api_version="2024-10-21",
    ...     api_key="...",
    ... )
    >>> model.azure_deployment, model.api_version
    ('gpt-4o', '2024-10-21')
    """

    @property
    def _llm_type(self) -> str:
        return "azure-openai-chat"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        return {**super()._get_ls_params(stop, **kwargs), "ls_provider": "azure"}


class AzureOpenAI(AzureClient, OpenAI):
    """A model of text deployed on Azure: as ``OpenAI``, with the address of ``AzureChatOpenAI``.

    >>> from workbench import AzureOpenAI
    >>> model = AzureOpenAI(azure_deployment="instruct", api_version="2024-10-21", api_key="...")
    >>> model.model
    'instruct'
    """

    @property
    def _llm_type(self) -> str:
        return "azure"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        return {**super()._get_ls_params(stop, **kwargs), "ls_provider": "azure"}


class AzureOpenAIEmbeddings(AzureClient, OpenAIEmbeddings):
    """Embeddings deployed on Azure: as ``OpenAIEmbeddings``, with the address of ``AzureChatOpenAI``.

    >>> from workbench import AzureOpenAIEmbeddings
    >>> AzureOpenAIEmbeddings(azure_deployment="embed", api_version="2024-10-21", api_key="...").model
    'embed'
    """
