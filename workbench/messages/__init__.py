"""Messages: what chat models take and give, whole or in chunks that add up.

The kinds are in ``types``, their pieces in ``chunks``, other forms in ``conversion``, what is done to lists
of them in ``lists``. Everything is importable from here.
"""

from .chunks import (
    AIMessageChunk,
    BaseMessageChunk,
    ChatMessageChunk,
    FunctionMessageChunk,
    HumanMessageChunk,
    SystemMessageChunk,
    ToolMessageChunk,
    message_chunk_to_message,
    parse_tool_calls,
)
from .conversion import (
    convert_to_message,
    convert_to_messages,
    convert_to_openai_messages,
    get_buffer_string,
    message_class,
    message_to_dict,
    messages_from_dict,
    messages_to_dict,
)
from .lists import count_tokens_approximately, filter_messages, merge_message_runs, trim_messages
from .types import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    InputTokenDetails,
    InvalidToolCall,
    OutputTokenDetails,
    RemoveMessage,
    SystemMessage,
    ToolCall,
    ToolCallChunk,
    ToolMessage,
    UsageMetadata,
)

__all__ = [
    "AIMessage",
    "AIMessageChunk",
    "AnyMessage",
    "BaseMessage",
    "BaseMessageChunk",
    "ChatMessage",
    "ChatMessageChunk",
    "FunctionMessage",
    "FunctionMessageChunk",
    "HumanMessage",
    "HumanMessageChunk",
    "InputTokenDetails",
    "InvalidToolCall",
    "OutputTokenDetails",
    "RemoveMessage",
    "SystemMessage",
    "SystemMessageChunk",
    "ToolCall",
    "ToolCallChunk",
    "ToolMessage",
    "ToolMessageChunk",
    "UsageMetadata",
    "convert_to_message",
    "convert_to_messages",
    "convert_to_openai_messages",
    "count_tokens_approximately",
    "filter_messages",
    "get_buffer_string",
    "merge_message_runs",
    "message_chunk_to_message",
    "message_class",
    "message_to_dict",
    "messages_from_dict",
    "messages_to_dict",
    "parse_tool_calls",
    "trim_messages",
]
