"""BaseRetriever: from a query to the documents that answer it."""

from __future__ import annotations

from typing import Any

from ..engine.modes import AnyScope
from ..runnables.run_manager import StepRun
from ..runnables.serializable import RunnableSerializable
from ..runnables.signatures import accepts
from ..text.excerpts import typed_repr
from .documents import Document

__all__ = ["BaseRetriever"]


class BaseRetriever(RunnableSerializable[str, list[Document]]):
    """Subclass and define ``_get_relevant_documents(query)``, and ``_aget_relevant_documents`` if it can
    await; either may take a ``run_manager`` (a ``StepRun``) by keyword. TypeError if the query is no
    text.

    >>> from workbench import BaseRetriever, Document
    >>> class Containing(BaseRetriever):
    ...     texts: list[str]
    ...     def _get_relevant_documents(self, query):
    ...         return [Document(text) for text in self.texts if query in text]
    >>> Containing(texts=["bears sleep", "cats purr"]).invoke("bears")
    [Document(page_content='bears sleep')]
    """

    run_type = "retriever"

    def _get_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
        raise NotImplementedError(f"{type(self).__name__} must define _get_relevant_documents(query)")

    async def _aget_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
        raise NotImplementedError

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> list[Document]:
        __tracebackhide__ = True
        if not isinstance(input, str):
            raise TypeError(f"{self.get_name()}: expected a query as text, got {typed_repr(input)}")
        has_async = type(self)._aget_relevant_documents is not BaseRetriever._aget_relevant_documents
        awaits = has_async and not scope.blocking
        retrieve: Any = self._aget_relevant_documents if awaits else self._get_relevant_documents
        if accepts(retrieve, "run_manager"):
            scope = scope.leaf()
            kwargs["run_manager"] = StepRun(scope)
        return await scope.call(retrieve, awaits, input, **kwargs)  # type: ignore[no-any-return]  # user code
