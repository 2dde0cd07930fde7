"""Document: a text with what is known about it, as retrievers and vector stores give it.

>>> Document("harrison worked at kensho", metadata={"page": 3})
Document(page_content='harrison worked at kensho', metadata={'page': 3})
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ..runnables.schema import Described

__all__ = ["Document"]


class Document(Described):
    """A text and its metadata; ``id`` is a store's name for it, which its repr leaves out.

    >>> from workbench import Document
    >>> Document("bears sleep in winter", metadata={"page": 3})
    Document(page_content='bears sleep in winter', metadata={'page': 3})
    """

    page_content: str
    metadata: dict[str, Any] = Field(default_factory=dict)
    id: str | None = None
    type: Literal["Document"] = Field(default="Document", repr=False)

    def __init__(self, page_content: str | None = None, /, **fields: Any) -> None:
        if page_content is not None:
            fields["page_content"] = page_content
        super().__init__(**fields)

    def __view_data__(self) -> dict[str, Any]:
        """What a view shows: the fields that are set."""
        return {**dict(self.__repr_args__()), **({} if self.id is None else {"id": self.id})}

    def __repr_args__(self) -> Any:
        yield "page_content", self.page_content
        if self.metadata:
            yield "metadata", self.metadata
