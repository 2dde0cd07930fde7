"""The kinds of messages, by who speaks.

Content is text, or a list of parts: text, or dicts such as ``{"type": "text", "text": ...}`` and
``{"type": "image_url", "image_url": {"url": ...}}``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator, with_config
from typing_extensions import TypedDict  # pydantic asks for this one below Python 3.12

from ..runnables.provided import provided
from ..runnables.schema import Described, without_examples
from .html import message_html

__all__ = [
    "AIMessage",
    "AnyMessage",
    "BaseMessage",
    "ChatMessage",
    "Content",
    "FunctionMessage",
    "HumanMessage",
    "InputTokenDetails",
    "InvalidToolCall",
    "OutputTokenDetails",
    "RemoveMessage",
    "SystemMessage",
    "ToolCall",
    "ToolCallChunk",
    "ToolMessage",
    "UsageMetadata",
]

Content = str | list[str | dict[str, Any]]


class InputTokenDetails(TypedDict, total=False):
    """Kinds of tokens among those that were read."""

    audio: int
    cache_creation: int
    cache_read: int


class OutputTokenDetails(TypedDict, total=False):
    """Kinds of tokens among those that were written."""

    audio: int
    reasoning: int


class UsageMetadata(TypedDict, total=False):
    """Tokens of one call; details only as far as the provider counts them."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_token_details: InputTokenDetails
    output_token_details: OutputTokenDetails


@with_config(ConfigDict(extra="allow", json_schema_extra=without_examples))
class ToolCall(TypedDict):
    """A model's request to call a tool.

    >>> from workbench import ToolCall, tool
    >>> @tool
    ... def add(x: int, y: int) -> int:
    ...     "The sum of two numbers."
    ...     return x + y
    >>> add.invoke(ToolCall(name="add", args={"x": 1, "y": 2}, id="call-1", type="tool_call")).content
    '3'
    """

    name: str
    args: dict[str, Any]
    id: str | None
    type: Literal["tool_call"]


class InvalidToolCall(TypedDict, total=False):
    """A request to call a tool whose arguments, ``args``, are no JSON object; ``error`` says why."""

    name: str | None
    args: str | None
    id: str | None
    error: str | None
    type: Literal["invalid_tool_call"]


class ToolCallChunk(TypedDict):
    """A piece of a tool call; pieces with the same index add up, ``args`` being JSON text."""

    name: str | None
    args: str | None
    id: str | None
    index: int | None


_ABOUT_THE_CALL = ("id", "response_metadata", "usage_metadata", "chunk_position")


class BaseMessage(Described):
    """A message; its ``type`` names the speaker. Its repr shows the content; ``str`` and views also show what
    is known of the call that it came from.

    >>> from workbench import HumanMessage
    >>> message = HumanMessage("hi", name="ada")
    >>> message.type, message.content, message.name
    ('human', 'hi', 'ada')
    """

    model_config = ConfigDict(extra="allow")

    content: Content
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)
    response_metadata: dict[str, Any] = Field(default_factory=dict)
    type: str
    name: str | None = None
    id: str | None = None

    _titles: ClassVar[dict[str, str]] = {"ai": "Ai", "human": "Human", "system": "System", "tool": "Tool"}

    def __init__(self, content: Content | None = None, /, **fields: Any) -> None:
        if content is not None:
            fields["content"] = content
        super().__init__(**fields)

    @property
    def text(self) -> str:
        """The text of the content, without its other parts."""
        if isinstance(self.content, str):
            return self.content
        return "".join(
            part if isinstance(part, str) else str(part.get("text", ""))
            for part in self.content
            if isinstance(part, str) or part.get("type", "text") == "text"
        )

    def __add__(self, other: Any) -> Any:
        """A prompt (``ChatPromptTemplate``) of this message and what follows it."""
        return provided("ChatPromptTemplate")([self]) + other

    def pretty_repr(self, html: bool = False) -> str:
        """The message under a heading that names the speaker; with *html*, the heading in bold for a
        terminal."""
        heading = f"{f' {self._title()} ':=^80}"
        if html:
            heading = f"\033[1m{heading}\033[0m"
        named = f"\nName: {self.name}" if self.name else ""
        return f"{heading}{named}\n\n{self._pretty_body()}"

    def pretty_print(self) -> None:
        print(self.pretty_repr())

    def _title(self) -> str:
        return f"{self._titles.get(self.type, self.type.title())} Message"

    def _pretty_body(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "\n".join(_shown_part(part) for part in self.content)

    def __view_data__(self) -> dict[str, Any]:
        """What a view shows: the fields that are set."""
        return {"type": self.type, "content": self.content, **self._set_fields()}

    def _set_fields(self) -> dict[str, Any]:
        fields = type(self).model_fields
        shown = {}
        for name, field in fields.items():
            value = getattr(self, name)
            if name in ("content", "type") or value in (None, [], {}) or value == field.default:
                continue
            shown[name] = value
        return shown

    def __repr_args__(self) -> Any:
        yield "content", self.content
        yield from (
            (name, value) for name, value in self._set_fields().items() if name not in _ABOUT_THE_CALL
        )

    def __str__(self) -> str:
        shown = {"content": self.content, **self._set_fields()}
        return " ".join(f"{key}={value!r}" for key, value in shown.items())

    def _repr_html_(self) -> str:
        return message_html(self)


class HumanMessage(BaseMessage):
    """A Message from a human.

    >>> from workbench import FakeChatModel, HumanMessage
    >>> FakeChatModel(responses=["a bear"]).invoke([HumanMessage("What is this?")])
    AIMessage(content='a bear')
    """

    type: Literal["human"] = "human"
    example: bool = False


class SystemMessage(BaseMessage):
    """A Message for priming AI behavior, usually passed in as the first of a sequence
    of input messages.

    >>> from workbench import FakeChatModel, HumanMessage, SystemMessage
    >>> FakeChatModel(responses=["Arr!"]).invoke([SystemMessage("You are a pirate."), HumanMessage("hi")])
    AIMessage(content='Arr!')
    """

    type: Literal["system"] = "system"


class AIMessage(BaseMessage):
    """A Message from an AI.

    >>> from workbench import AIMessage
    >>> AIMessage("The sum is 3.", usage_metadata={"input_tokens": 9, "output_tokens": 5, "total_tokens": 14})
    AIMessage(content='The sum is 3.')
    >>> asked = AIMessage("", tool_calls=[{"name": "add", "args": {"x": 1, "y": 2}, "id": "call-1"}])
    >>> asked.tool_calls[0]["args"]
    {'x': 1, 'y': 2}
    """

    type: Literal["ai"] = "ai"
    example: bool = False
    tool_calls: list[ToolCall] = Field(default_factory=list)
    invalid_tool_calls: list[dict[str, Any]] = Field(default_factory=list)
    usage_metadata: dict[str, Any] | None = None

    @field_validator("tool_calls", mode="before")
    @classmethod
    def _with_type(cls, calls: Any) -> Any:
        """Calls may be given without their ``type``."""
        if not isinstance(calls, list):
            return calls
        return [{**call, "type": "tool_call"} if _is_untyped(call) else call for call in calls]

    def _pretty_body(self) -> str:
        lines = [super()._pretty_body()]
        for title, calls in (
            ("Tool Calls", self.tool_calls),
            ("Invalid Tool Calls", self.invalid_tool_calls),
        ):
            if calls:
                lines += [f"{title}:", *map(_shown_call, calls)]
        return "\n".join(filter(None, lines))


class ToolMessage(BaseMessage):
    """A Message for passing the result of executing a tool back to a model.

    >>> from workbench import ToolMessage, tool
    >>> @tool
    ... def add(x: int, y: int) -> int:
    ...     "The sum of two numbers."
    ...     return x + y
    >>> add.invoke({"name": "add", "args": {"x": 1, "y": 2}, "id": "call-1", "type": "tool_call"})
    ToolMessage(content='3', name='add', tool_call_id='call-1')
    """

    type: Literal["tool"] = "tool"
    tool_call_id: str
    artifact: Any = None
    status: Literal["success", "error"] = "success"

    @field_validator("content", mode="before")
    @classmethod
    def _as_content(cls, content: Any) -> Any:
        """What a tool gave, such as a number, becomes text."""
        if isinstance(content, tuple):
            content = list(content)
        if isinstance(content, list):
            return [part if isinstance(part, str | dict) else str(part) for part in content]
        return content if isinstance(content, str) else str(content)

    @field_validator("tool_call_id", mode="before")
    @classmethod
    def _as_id(cls, id: Any) -> Any:
        """Ids may be given as numbers or UUIDs."""
        return str(id) if isinstance(id, int | float | UUID) else id


class FunctionMessage(BaseMessage):
    """A Message for passing the result of executing a function back to a model.

    >>> from workbench import FunctionMessage
    >>> FunctionMessage("3", name="add")
    FunctionMessage(content='3', name='add')
    """

    type: Literal["function"] = "function"
    name: str


class ChatMessage(BaseMessage):
    """A Message that can be assigned an arbitrary speaker (i.e. role).

    >>> from workbench import ChatMessage
    >>> ChatMessage("To be, or not to be", role="hamlet")
    ChatMessage(content='To be, or not to be', role='hamlet')
    """

    type: Literal["chat"] = "chat"
    role: str


class RemoveMessage(BaseMessage):
    """Stands for the removal of the message with that ``id`` from a history; it has no content.

    >>> from workbench import RemoveMessage
    >>> RemoveMessage("msg-1").id
    'msg-1'
    """

    type: Literal["remove"] = "remove"
    content: Content = ""
    id: str

    def __init__(self, id: str, **fields: Any) -> None:
        if fields.pop("content", ""):
            raise ValueError("RemoveMessage: expected only the id of the message to remove, got content")
        super().__init__(id=id, **fields)


AnyMessage = AIMessage | HumanMessage | ChatMessage | SystemMessage | FunctionMessage | ToolMessage


def _shown_part(part: str | dict[str, Any]) -> str:
    if isinstance(part, str):
        return part
    if part.get("type", "text") == "text":
        return str(part.get("text", ""))
    return f"[{part.get('type')}]"


def _shown_call(call: Any) -> str:
    args = call.get("args")
    given = args.items() if isinstance(args, dict) else [("(not JSON)", args)]
    lines = [f"  {call.get('name')} ({call.get('id')})", *(f"    {key}: {value}" for key, value in given)]
    if call.get("error"):
        lines.append(f"    error: {call['error']}")
    return "\n".join(lines)


def _is_untyped(call: Any) -> bool:
    return isinstance(call, dict) and "type" not in call
