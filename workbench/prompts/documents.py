"""Documents as text, each formatted by a prompt."""

from __future__ import annotations

from typing import Any

from ..retrieval.documents import Document
from .base import BasePromptTemplate

__all__ = ["aformat_document", "format_document"]


def format_document(doc: Document, prompt: BasePromptTemplate) -> str:
    """A document as text: *prompt* with its ``page_content`` and metadata. ValueError names metadata that
    the prompt needs and the document lacks.

    >>> from workbench import Document, PromptTemplate
    >>> format_document(Document("bears", metadata={"page": 3}), PromptTemplate("{page}: {page_content}"))
    '3: bears'
    """
    return prompt.format(**_about(doc, prompt))


async def aformat_document(doc: Document, prompt: BasePromptTemplate) -> str:
    """``format_document`` on the running event loop.

    >>> import asyncio
    >>> from workbench import Document, PromptTemplate, aformat_document
    >>> document = Document("bears", metadata={"page": 3})
    >>> asyncio.run(aformat_document(document, PromptTemplate("{page}: {page_content}")))
    '3: bears'
    """
    return await prompt.aformat(**_about(doc, prompt))


def _about(doc: Document, prompt: BasePromptTemplate) -> dict[str, Any]:
    known = {**doc.metadata, "page_content": doc.page_content}
    if missing := [name for name in prompt.input_variables if name not in known]:
        raise ValueError(
            f"the document's metadata lacks {missing}: the prompt needs {prompt.input_variables}, "
            f"the metadata has {sorted(map(str, doc.metadata))}"
        )
    return {name: known[name] for name in prompt.input_variables}
