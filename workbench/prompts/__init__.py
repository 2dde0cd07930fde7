"""Prompt templates: from a dict of values to a text or to messages.

Templates are in ``templates``, prompts that are one text in ``string``, chat prompts in ``chat`` and their
parts in ``message_templates``, prompts with examples in ``few_shot`` and ``example_selectors``, what prompts
give in ``values``. Everything is importable from here.
"""

from .base import BaseChatPromptTemplate, BasePromptTemplate
from .chat import ChatPromptTemplate
from .dict_template import DictPromptTemplate
from .documents import aformat_document, format_document
from .example_selectors import (
    BaseExampleSelector,
    LengthBasedExampleSelector,
    MaxMarginalRelevanceExampleSelector,
    SemanticSimilarityExampleSelector,
)
from .few_shot import FewShotChatMessagePromptTemplate, FewShotPromptTemplate
from .message_templates import (
    AIMessagePromptTemplate,
    BaseMessagePromptTemplate,
    ChatMessagePromptTemplate,
    HumanMessagePromptTemplate,
    MessagesPlaceholder,
    SystemMessagePromptTemplate,
)
from .string import PromptTemplate, StringPromptTemplate
from .templates import get_template_variables
from .values import ChatPromptValue, ChatPromptValueConcrete, PromptValue, StringPromptValue

__all__ = [
    "AIMessagePromptTemplate",
    "BaseChatPromptTemplate",
    "BaseExampleSelector",
    "BaseMessagePromptTemplate",
    "BasePromptTemplate",
    "ChatMessagePromptTemplate",
    "ChatPromptTemplate",
    "ChatPromptValue",
    "ChatPromptValueConcrete",
    "DictPromptTemplate",
    "FewShotChatMessagePromptTemplate",
    "FewShotPromptTemplate",
    "HumanMessagePromptTemplate",
    "LengthBasedExampleSelector",
    "MaxMarginalRelevanceExampleSelector",
    "MessagesPlaceholder",
    "PromptTemplate",
    "PromptValue",
    "SemanticSimilarityExampleSelector",
    "StringPromptTemplate",
    "StringPromptValue",
    "SystemMessagePromptTemplate",
    "aformat_document",
    "format_document",
    "get_template_variables",
]
