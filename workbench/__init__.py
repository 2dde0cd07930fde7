"""The developer-tools panel of LLM chains, inside the notebook.

Everything people use is importable from here and loaded on first use, so that ``import workbench`` stays
light. In a notebook: ``%load_ext workbench``, then ``%%chain``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .components.messages import (
        AIMessage,
        AIMessageChunk,
        BaseMessage,
        ChatMessage,
        FunctionMessage,
        HumanMessage,
        SystemMessage,
        ToolMessage,
    )
    from .components.parsers import BaseOutputParser, StrOutputParser
    from .components.prompts import (
        ChatPromptTemplate,
        ChatPromptValue,
        ChatPromptValueConcrete,
        MessagesPlaceholder,
        PromptTemplate,
        StringPromptValue,
    )
    from .engine.chunks import AddableDict
    from .engine.config import RunnableConfig, merge_configs
    from .engine.runs import Run, RunEvent
    from .models.base import BaseChatModel
    from .models.factory import init_chat_model
    from .models.fake import FakeChatModel
    from .models.local import ChatLocal
    from .models.openai import ChatOpenAI
    from .notebook.nested import allow_nested_loops
    from .runnables.base import Runnable
    from .runnables.binding import RunnableBinding
    from .runnables.function import RunnableGenerator, RunnableLambda
    from .runnables.parallel import RunnableMap, RunnableParallel
    from .runnables.passthrough import RunnableAssign, RunnablePassthrough, RunnablePick
    from .runnables.sequence import RunnableSequence
    from .runnables.serializable import RunnableSerializable
    from .timing.compare import compare
    from .tracing.callbacks import (
        AsyncCallbackHandler,
        BaseCallbackHandler,
        StdOutCallbackHandler,
        UsageMetadataCallbackHandler,
    )
    from .tracing.custom import adispatch_custom_event, dispatch_custom_event
    from .tracing.events import StreamEvent
    from .tracing.live import LiveState
    from .tracing.log import LogEntry, RunLog, RunLogPatch, RunState

__all__ = [
    "AIMessage",
    "AIMessageChunk",
    "AddableDict",
    "AsyncCallbackHandler",
    "BaseCallbackHandler",
    "BaseChatModel",
    "BaseMessage",
    "BaseOutputParser",
    "ChatLocal",
    "ChatMessage",
    "ChatOpenAI",
    "ChatPromptTemplate",
    "ChatPromptValue",
    "ChatPromptValueConcrete",
    "FakeChatModel",
    "FunctionMessage",
    "HumanMessage",
    "LiveState",
    "LogEntry",
    "MessagesPlaceholder",
    "PromptTemplate",
    "Run",
    "RunEvent",
    "RunLog",
    "RunLogPatch",
    "RunState",
    "Runnable",
    "RunnableAssign",
    "RunnableBinding",
    "RunnableConfig",
    "RunnableGenerator",
    "RunnableLambda",
    "RunnableMap",
    "RunnableParallel",
    "RunnablePassthrough",
    "RunnablePick",
    "RunnableSequence",
    "RunnableSerializable",
    "StdOutCallbackHandler",
    "StrOutputParser",
    "StreamEvent",
    "StringPromptValue",
    "SystemMessage",
    "ToolMessage",
    "UsageMetadataCallbackHandler",
    "__version__",
    "adispatch_custom_event",
    "allow_nested_loops",
    "compare",
    "dispatch_custom_event",
    "init_chat_model",
    "load_ipython_extension",
    "merge_configs",
]

__version__ = "0.1.0"

_HOMES = {
    "components.messages": "AIMessage AIMessageChunk BaseMessage ChatMessage FunctionMessage HumanMessage "
    "SystemMessage ToolMessage",
    "components.parsers": "BaseOutputParser StrOutputParser",
    "components.prompts": "ChatPromptTemplate ChatPromptValue ChatPromptValueConcrete MessagesPlaceholder "
    "PromptTemplate StringPromptValue",
    "engine.chunks": "AddableDict",
    "engine.config": "RunnableConfig merge_configs",
    "engine.runs": "Run RunEvent",
    "models.base": "BaseChatModel",
    "models.factory": "init_chat_model",
    "models.fake": "FakeChatModel",
    "models.local": "ChatLocal",
    "models.openai": "ChatOpenAI",
    "notebook.nested": "allow_nested_loops",
    "runnables.base": "Runnable",
    "runnables.binding": "RunnableBinding",
    "runnables.function": "RunnableGenerator RunnableLambda",
    "runnables.parallel": "RunnableMap RunnableParallel",
    "runnables.passthrough": "RunnableAssign RunnablePassthrough RunnablePick",
    "runnables.sequence": "RunnableSequence",
    "runnables.serializable": "RunnableSerializable",
    "timing.compare": "compare",
    "tracing.callbacks": "AsyncCallbackHandler BaseCallbackHandler StdOutCallbackHandler "
    "UsageMetadataCallbackHandler",
    "tracing.custom": "adispatch_custom_event dispatch_custom_event",
    "tracing.events": "StreamEvent",
    "tracing.live": "LiveState",
    "tracing.log": "LogEntry RunLog RunLogPatch RunState",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext workbench``: the ``%%chain`` magic."""
    from .notebook.magics import ChainMagics

    shell.register_magics(ChainMagics)
