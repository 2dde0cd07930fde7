"""The developer-tools panel of LLM chains, inside the notebook.

Everything people use is importable from here and loaded on first use, so that ``import workbench`` stays
light. In a notebook: ``%load_ext workbench``, then ``%%chain``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .components.history import (
        BaseChatMessageHistory,
        InMemoryChatMessageHistory,
        RunnableWithMessageHistory,
    )
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
    from .engine.config import RunnableConfig, merge_configs, patch_config
    from .engine.runs import Run, RunEvent
    from .engine.scope import ensure_config
    from .models.base import BaseChatModel
    from .models.factory import init_chat_model
    from .models.fake import FakeChatModel
    from .models.local import ChatLocal
    from .models.openai import ChatOpenAI
    from .notebook.nested import allow_nested_loops
    from .runnables.alternatives import RunnableConfigurableAlternatives
    from .runnables.base import Runnable
    from .runnables.binding import RunnableBinding
    from .runnables.branch import RunnableBranch
    from .runnables.configurable import RunnableConfigurableFields
    from .runnables.configurable_specs import (
        ConfigurableField,
        ConfigurableFieldMultiOption,
        ConfigurableFieldSingleOption,
        ConfigurableFieldSpec,
    )
    from .runnables.decorator import chain
    from .runnables.each import RunnableEach
    from .runnables.fallbacks import RunnableWithFallbacks
    from .runnables.function import RunnableGenerator, RunnableLambda
    from .runnables.parallel import RunnableMap, RunnableParallel
    from .runnables.passthrough import RunnableAssign, RunnablePassthrough, RunnablePick
    from .runnables.retry import ExponentialJitterParams, RunnableRetry
    from .runnables.router import RouterInput, RouterRunnable
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
    "BaseChatMessageHistory",
    "BaseChatModel",
    "BaseMessage",
    "BaseOutputParser",
    "ChatLocal",
    "ChatMessage",
    "ChatOpenAI",
    "ChatPromptTemplate",
    "ChatPromptValue",
    "ChatPromptValueConcrete",
    "ConfigurableField",
    "ConfigurableFieldMultiOption",
    "ConfigurableFieldSingleOption",
    "ConfigurableFieldSpec",
    "ExponentialJitterParams",
    "FakeChatModel",
    "FunctionMessage",
    "HumanMessage",
    "InMemoryChatMessageHistory",
    "LiveState",
    "LogEntry",
    "MessagesPlaceholder",
    "PromptTemplate",
    "RouterInput",
    "RouterRunnable",
    "Run",
    "RunEvent",
    "RunLog",
    "RunLogPatch",
    "RunState",
    "Runnable",
    "RunnableAssign",
    "RunnableBinding",
    "RunnableBranch",
    "RunnableConfig",
    "RunnableConfigurableAlternatives",
    "RunnableConfigurableFields",
    "RunnableEach",
    "RunnableGenerator",
    "RunnableLambda",
    "RunnableMap",
    "RunnableParallel",
    "RunnablePassthrough",
    "RunnablePick",
    "RunnableRetry",
    "RunnableSequence",
    "RunnableSerializable",
    "RunnableWithFallbacks",
    "RunnableWithMessageHistory",
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
    "chain",
    "compare",
    "dispatch_custom_event",
    "ensure_config",
    "init_chat_model",
    "load_ipython_extension",
    "merge_configs",
    "patch_config",
]

__version__ = "0.1.0"

_HOMES = {
    "components.history": "BaseChatMessageHistory InMemoryChatMessageHistory RunnableWithMessageHistory",
    "components.messages": "AIMessage AIMessageChunk BaseMessage ChatMessage FunctionMessage HumanMessage "
    "SystemMessage ToolMessage",
    "components.parsers": "BaseOutputParser StrOutputParser",
    "components.prompts": "ChatPromptTemplate ChatPromptValue ChatPromptValueConcrete MessagesPlaceholder "
    "PromptTemplate StringPromptValue",
    "engine.chunks": "AddableDict",
    "engine.config": "RunnableConfig merge_configs patch_config",
    "engine.runs": "Run RunEvent",
    "engine.scope": "ensure_config",
    "models.base": "BaseChatModel",
    "models.factory": "init_chat_model",
    "models.fake": "FakeChatModel",
    "models.local": "ChatLocal",
    "models.openai": "ChatOpenAI",
    "notebook.nested": "allow_nested_loops",
    "runnables.alternatives": "RunnableConfigurableAlternatives",
    "runnables.base": "Runnable",
    "runnables.binding": "RunnableBinding",
    "runnables.branch": "RunnableBranch",
    "runnables.configurable": "RunnableConfigurableFields",
    "runnables.configurable_specs": "ConfigurableField ConfigurableFieldMultiOption "
    "ConfigurableFieldSingleOption ConfigurableFieldSpec",
    "runnables.decorator": "chain",
    "runnables.each": "RunnableEach",
    "runnables.fallbacks": "RunnableWithFallbacks",
    "runnables.function": "RunnableGenerator RunnableLambda",
    "runnables.parallel": "RunnableMap RunnableParallel",
    "runnables.passthrough": "RunnableAssign RunnablePassthrough RunnablePick",
    "runnables.retry": "ExponentialJitterParams RunnableRetry",
    "runnables.router": "RouterInput RouterRunnable",
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
