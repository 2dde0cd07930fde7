"""The forms in which people write the pieces of a chat prompt: pairs, texts, dicts, messages, templates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..messages.conversion import OPENAI_ROLE
from ..messages.types import BaseMessage
from ..text.excerpts import short_repr, typed_repr
from .base import BaseChatPromptTemplate
from .message_templates import (
    AIMessagePromptTemplate,
    BaseMessagePromptTemplate,
    HumanMessagePromptTemplate,
    MessagesPlaceholder,
    MessageTemplate,
    SystemMessagePromptTemplate,
)
from .string import StringPromptTemplate
from .templates import TemplateFormat

__all__ = ["as_piece", "is_pair"]

_KINDS: dict[str, type[MessageTemplate]] = {
    "human": HumanMessagePromptTemplate,
    "user": HumanMessagePromptTemplate,
    "ai": AIMessagePromptTemplate,
    "assistant": AIMessagePromptTemplate,
    "system": SystemMessagePromptTemplate,
    "developer": SystemMessagePromptTemplate,
}


def is_pair(item: Any) -> bool:
    """Whether *item* is a ``(role, template)`` pair, rather than a tuple of two messages."""
    if not isinstance(item, tuple) or len(item) != 2:
        return False
    role = item[0]
    return role in (*_KINDS, "placeholder") if isinstance(role, str) else isinstance(role, type)


def as_piece(item: Any, template_format: TemplateFormat) -> Any:
    """A message, a template of one, a placeholder or a prompt, from an *item* in one of these forms.
    TypeError or ValueError for anything else."""
    if isinstance(item, BaseMessagePromptTemplate | BaseChatPromptTemplate | BaseMessage):
        return item
    if isinstance(item, str):
        return HumanMessagePromptTemplate.from_template(item, template_format)
    if isinstance(item, StringPromptTemplate):
        return HumanMessagePromptTemplate(prompt=item)
    if isinstance(item, Mapping) and {"role", "content"} <= set(item):
        return _of_role(item["role"], item["content"], template_format)
    if isinstance(item, tuple | list) and len(item) == 2:
        return _of_role(item[0], item[1], template_format)
    raise TypeError(
        "ChatPromptTemplate: expected messages, ('role', 'template') pairs or placeholders, "
        f"got {typed_repr(item)}"
    )


def _of_role(role: Any, template: Any, template_format: TemplateFormat) -> Any:
    if role == "placeholder":
        return _placeholder(template)
    if isinstance(role, type) and issubclass(role, BaseMessage):
        role = role.model_fields["type"].default
    kind = _KINDS.get(role) if isinstance(role, str) else None
    if kind is None:
        raise ValueError(
            f"unknown role {short_repr(role)}: expected one of {', '.join(_KINDS)} or placeholder; "
            "for another ChatMessagePromptTemplate.from_template(template, role=...)"
        )
    more: dict[str, Any] = {"additional_kwargs": {OPENAI_ROLE: role}} if role == "developer" else {}
    if isinstance(template, StringPromptTemplate):
        return kind(template, **more)
    return kind.from_template(template, template_format, **more)


def _placeholder(template: Any) -> MessagesPlaceholder:
    optional = True
    if isinstance(template, list | tuple) and len(template) == 2 and isinstance(template[1], bool):
        template, optional = template
    place = re.fullmatch(r"\{{1,2}\s*([^{}]+?)\s*\}{1,2}", template) if isinstance(template, str) else None
    if place is None:
        raise ValueError(
            f"placeholder: expected a variable's name in braces such as '{{history}}', got {template!r}"
        )
    return MessagesPlaceholder(place[1], optional=optional)
