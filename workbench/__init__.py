"""The developer-tools panel of LLM chains, inside the notebook.

Everything people use is importable from here and loaded on first use, so that ``import workbench`` stays
light. In a notebook: ``%load_ext workbench``, then ``%%chain``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .components.documents import Document
    from .components.embeddings import DeterministicFakeEmbedding, Embeddings
    from .components.fixing_parsers import (
        OutputFixingParser,
        RetryOutputParser,
        RetryWithErrorOutputParser,
    )
    from .components.function_parsers import (
        JsonKeyOutputFunctionsParser,
        JsonOutputFunctionsParser,
        PydanticAttrOutputFunctionsParser,
        PydanticOutputFunctionsParser,
    )
    from .components.history import (
        BaseChatMessageHistory,
        InMemoryChatMessageHistory,
        RunnableWithMessageHistory,
    )
    from .components.json_parsers import (
        JsonOutputParser,
        PydanticOutputParser,
        SimpleJsonOutputParser,
    )
    from .components.list_parsers import (
        CommaSeparatedListOutputParser,
        ListOutputParser,
        MarkdownListOutputParser,
        NumberedListOutputParser,
    )
    from .components.messages import (
        AIMessage,
        AIMessageChunk,
        AnyMessage,
        BaseMessage,
        BaseMessageChunk,
        ChatMessage,
        ChatMessageChunk,
        FunctionMessage,
        FunctionMessageChunk,
        HumanMessage,
        HumanMessageChunk,
        RemoveMessage,
        SystemMessage,
        SystemMessageChunk,
        ToolCall,
        ToolMessage,
        ToolMessageChunk,
        convert_to_messages,
        convert_to_openai_messages,
        count_tokens_approximately,
        filter_messages,
        get_buffer_string,
        merge_message_runs,
        message_chunk_to_message,
        messages_from_dict,
        messages_to_dict,
        trim_messages,
    )
    from .components.openai_tools import (
        convert_to_openai_function,
        convert_to_openai_tool,
    )
    from .components.parsers import (
        BaseCumulativeTransformOutputParser,
        BaseGenerationOutputParser,
        BaseLLMOutputParser,
        BaseOutputParser,
        BaseTransformOutputParser,
        StrOutputParser,
    )
    from .components.partial_json import (
        parse_partial_json,
    )
    from .components.prompts import (
        AIMessagePromptTemplate,
        BaseChatPromptTemplate,
        BaseExampleSelector,
        BaseMessagePromptTemplate,
        BasePromptTemplate,
        ChatMessagePromptTemplate,
        ChatPromptTemplate,
        ChatPromptValue,
        ChatPromptValueConcrete,
        DictPromptTemplate,
        FewShotChatMessagePromptTemplate,
        FewShotPromptTemplate,
        HumanMessagePromptTemplate,
        LengthBasedExampleSelector,
        MaxMarginalRelevanceExampleSelector,
        MessagesPlaceholder,
        PromptTemplate,
        PromptValue,
        SemanticSimilarityExampleSelector,
        StringPromptTemplate,
        StringPromptValue,
        SystemMessagePromptTemplate,
        aformat_document,
        format_document,
        get_template_variables,
    )
    from .components.retriever_tools import (
        create_retriever_tool,
    )
    from .components.retrievers import BaseRetriever
    from .components.single_tools import (
        Tool,
    )
    from .components.text_splitters import (
        CharacterTextSplitter,
        RecursiveCharacterTextSplitter,
        TextSplitter,
    )
    from .components.tool_parsers import (
        JsonOutputKeyToolsParser,
        JsonOutputToolsParser,
        PydanticToolsParser,
    )
    from .components.tool_texts import (
        render_text_description,
        render_text_description_and_args,
    )
    from .components.tools import (
        BaseTool,
        InjectedToolArg,
        InjectedToolCallId,
        StructuredTool,
        ToolException,
        tool,
    )
    from .components.value_parsers import (
        DatetimeOutputParser,
        EnumOutputParser,
        RegexParser,
    )
    from .components.xml_parsers import (
        XMLOutputParser,
    )
    from .engine.chunks import AddableDict
    from .engine.config import RunnableConfig, merge_configs, patch_config
    from .engine.runs import Run, RunEvent
    from .engine.scope import ensure_config
    from .errors import (
        OutputParserError,
        OutputParserException,
    )
    from .models.azure_openai import AzureChatOpenAI, AzureOpenAI, AzureOpenAIEmbeddings
    from .models.base import (
        BaseChatModel,
        ChatGeneration,
        ChatGenerationChunk,
        ChatResult,
        SimpleChatModel,
    )
    from .models.caches import BaseCache, InMemoryCache, SQLiteCache, get_llm_cache, set_llm_cache
    from .models.cassettes import cassette
    from .models.factory import init_chat_model, init_embeddings
    from .models.fake import FakeChatModel, FakeListLLM, GenericFakeChatModel
    from .models.language import BaseLanguageModel
    from .models.llm import LLM, BaseLLM, Generation, GenerationChunk, LLMResult
    from .models.local import ChatLocal
    from .models.local_embeddings import LocalEmbeddings
    from .models.openai import ChatOpenAI
    from .models.openai_completions import OpenAI
    from .models.openai_embeddings import OpenAIEmbeddings
    from .models.rate_limits import BaseRateLimiter, InMemoryRateLimiter
    from .notebook.comparing import batch_against_one_by_one, compare, parallel_against_alone
    from .notebook.display import display
    from .notebook.nested import allow_nested_loops
    from .notebook.session import runs
    from .notebook.watch import view, watch
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
    from .serve.app import add_routes
    from .serve.remote import RemoteRunnable
    from .serve.server import ServedChain, serve_chain
    from .timing.comparison import Comparison
    from .tracing.callbacks import (
        AsyncCallbackHandler,
        BaseCallbackHandler,
        StdOutCallbackHandler,
        UsageMetadataCallbackHandler,
    )
    from .tracing.calls import CallMeter, CallStats
    from .tracing.custom import adispatch_custom_event, dispatch_custom_event
    from .tracing.events import StreamEvent
    from .tracing.live import LiveState
    from .tracing.log import LogEntry, RunLog, RunLogPatch, RunState
    from .tracing.prices import Price, prices, set_price
    from .vectorstores.base import VectorStore
    from .vectorstores.faiss import FAISS
    from .vectorstores.memory import InMemoryVectorStore
    from .vectorstores.retriever import VectorStoreRetriever

__all__ = [
    "FAISS",
    "LLM",
    "AIMessage",
    "AIMessageChunk",
    "AIMessagePromptTemplate",
    "AddableDict",
    "AnyMessage",
    "AsyncCallbackHandler",
    "AzureChatOpenAI",
    "AzureOpenAI",
    "AzureOpenAIEmbeddings",
    "BaseCache",
    "BaseCallbackHandler",
    "BaseChatMessageHistory",
    "BaseChatModel",
    "BaseChatPromptTemplate",
    "BaseCumulativeTransformOutputParser",
    "BaseExampleSelector",
    "BaseGenerationOutputParser",
    "BaseLLM",
    "BaseLLMOutputParser",
    "BaseLanguageModel",
    "BaseMessage",
    "BaseMessageChunk",
    "BaseMessagePromptTemplate",
    "BaseOutputParser",
    "BasePromptTemplate",
    "BaseRateLimiter",
    "BaseRetriever",
    "BaseTool",
    "BaseTransformOutputParser",
    "CallMeter",
    "CallStats",
    "CharacterTextSplitter",
    "ChatGeneration",
    "ChatGenerationChunk",
    "ChatLocal",
    "ChatMessage",
    "ChatMessageChunk",
    "ChatMessagePromptTemplate",
    "ChatOpenAI",
    "ChatPromptTemplate",
    "ChatPromptValue",
    "ChatPromptValueConcrete",
    "ChatResult",
    "CommaSeparatedListOutputParser",
    "Comparison",
    "ConfigurableField",
    "ConfigurableFieldMultiOption",
    "ConfigurableFieldSingleOption",
    "ConfigurableFieldSpec",
    "DatetimeOutputParser",
    "DeterministicFakeEmbedding",
    "DictPromptTemplate",
    "Document",
    "Embeddings",
    "EnumOutputParser",
    "ExponentialJitterParams",
    "FakeChatModel",
    "FakeListLLM",
    "FewShotChatMessagePromptTemplate",
    "FewShotPromptTemplate",
    "FunctionMessage",
    "FunctionMessageChunk",
    "Generation",
    "GenerationChunk",
    "GenericFakeChatModel",
    "HumanMessage",
    "HumanMessageChunk",
    "HumanMessagePromptTemplate",
    "InMemoryCache",
    "InMemoryChatMessageHistory",
    "InMemoryRateLimiter",
    "InMemoryVectorStore",
    "InjectedToolArg",
    "InjectedToolCallId",
    "JsonKeyOutputFunctionsParser",
    "JsonOutputFunctionsParser",
    "JsonOutputKeyToolsParser",
    "JsonOutputParser",
    "JsonOutputToolsParser",
    "LLMResult",
    "LengthBasedExampleSelector",
    "ListOutputParser",
    "LiveState",
    "LocalEmbeddings",
    "LogEntry",
    "MarkdownListOutputParser",
    "MaxMarginalRelevanceExampleSelector",
    "MessagesPlaceholder",
    "NumberedListOutputParser",
    "OpenAI",
    "OpenAIEmbeddings",
    "OutputFixingParser",
    "OutputParserError",
    "OutputParserException",
    "Price",
    "PromptTemplate",
    "PromptValue",
    "PydanticAttrOutputFunctionsParser",
    "PydanticOutputFunctionsParser",
    "PydanticOutputParser",
    "PydanticToolsParser",
    "RecursiveCharacterTextSplitter",
    "RegexParser",
    "RemoteRunnable",
    "RemoveMessage",
    "RetryOutputParser",
    "RetryWithErrorOutputParser",
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
    "SQLiteCache",
    "SemanticSimilarityExampleSelector",
    "ServedChain",
    "SimpleChatModel",
    "SimpleJsonOutputParser",
    "StdOutCallbackHandler",
    "StrOutputParser",
    "StreamEvent",
    "StringPromptTemplate",
    "StringPromptValue",
    "StructuredTool",
    "SystemMessage",
    "SystemMessageChunk",
    "SystemMessagePromptTemplate",
    "TextSplitter",
    "Tool",
    "ToolCall",
    "ToolException",
    "ToolMessage",
    "ToolMessageChunk",
    "UsageMetadataCallbackHandler",
    "VectorStore",
    "VectorStoreRetriever",
    "XMLOutputParser",
    "__version__",
    "add_routes",
    "adispatch_custom_event",
    "aformat_document",
    "allow_nested_loops",
    "batch_against_one_by_one",
    "cassette",
    "chain",
    "compare",
    "convert_to_messages",
    "convert_to_openai_function",
    "convert_to_openai_messages",
    "convert_to_openai_tool",
    "count_tokens_approximately",
    "create_retriever_tool",
    "dispatch_custom_event",
    "display",
    "ensure_config",
    "filter_messages",
    "format_document",
    "get_buffer_string",
    "get_llm_cache",
    "get_template_variables",
    "init_chat_model",
    "init_embeddings",
    "load_ipython_extension",
    "merge_configs",
    "merge_message_runs",
    "message_chunk_to_message",
    "messages_from_dict",
    "messages_to_dict",
    "parallel_against_alone",
    "parse_partial_json",
    "patch_config",
    "prices",
    "render_text_description",
    "render_text_description_and_args",
    "runs",
    "serve_chain",
    "set_llm_cache",
    "set_price",
    "tool",
    "trim_messages",
    "view",
    "watch",
]

__version__ = "0.1.0"

_HOMES = {
    "components.documents": "Document",
    "components.embeddings": "DeterministicFakeEmbedding Embeddings",
    "components.fixing_parsers": "OutputFixingParser RetryOutputParser RetryWithErrorOutputParser",
    "components.function_parsers": "JsonKeyOutputFunctionsParser JsonOutputFunctionsParser "
    "PydanticAttrOutputFunctionsParser PydanticOutputFunctionsParser",
    "components.history": "BaseChatMessageHistory InMemoryChatMessageHistory RunnableWithMessageHistory",
    "components.json_parsers": "JsonOutputParser PydanticOutputParser SimpleJsonOutputParser",
    "components.list_parsers": "CommaSeparatedListOutputParser ListOutputParser "
    "MarkdownListOutputParser NumberedListOutputParser",
    "components.messages": "AIMessage AIMessageChunk AnyMessage BaseMessage BaseMessageChunk ChatMessage "
    "ChatMessageChunk FunctionMessage FunctionMessageChunk HumanMessage HumanMessageChunk "
    "RemoveMessage SystemMessage SystemMessageChunk ToolCall ToolMessage ToolMessageChunk "
    "convert_to_messages convert_to_openai_messages count_tokens_approximately "
    "filter_messages get_buffer_string merge_message_runs message_chunk_to_message "
    "messages_from_dict messages_to_dict trim_messages",
    "components.openai_tools": "convert_to_openai_function convert_to_openai_tool",
    "components.parsers": "BaseCumulativeTransformOutputParser BaseGenerationOutputParser "
    "BaseLLMOutputParser BaseOutputParser BaseTransformOutputParser StrOutputParser",
    "components.partial_json": "parse_partial_json",
    "components.prompts": "AIMessagePromptTemplate BaseChatPromptTemplate BaseExampleSelector "
    "BaseMessagePromptTemplate BasePromptTemplate ChatMessagePromptTemplate "
    "ChatPromptTemplate ChatPromptValue ChatPromptValueConcrete DictPromptTemplate "
    "FewShotChatMessagePromptTemplate FewShotPromptTemplate HumanMessagePromptTemplate "
    "LengthBasedExampleSelector MaxMarginalRelevanceExampleSelector MessagesPlaceholder "
    "PromptTemplate PromptValue SemanticSimilarityExampleSelector StringPromptTemplate "
    "StringPromptValue SystemMessagePromptTemplate aformat_document format_document "
    "get_template_variables",
    "components.retriever_tools": "create_retriever_tool",
    "components.retrievers": "BaseRetriever",
    "components.single_tools": "Tool",
    "components.text_splitters": "CharacterTextSplitter RecursiveCharacterTextSplitter TextSplitter",
    "components.tool_parsers": "JsonOutputKeyToolsParser JsonOutputToolsParser PydanticToolsParser",
    "components.tool_texts": "render_text_description render_text_description_and_args",
    "components.tools": "BaseTool InjectedToolArg InjectedToolCallId StructuredTool ToolException tool",
    "components.value_parsers": "DatetimeOutputParser EnumOutputParser RegexParser",
    "components.xml_parsers": "XMLOutputParser",
    "engine.chunks": "AddableDict",
    "engine.config": "RunnableConfig merge_configs patch_config",
    "engine.runs": "Run RunEvent",
    "engine.scope": "ensure_config",
    "errors": "OutputParserError OutputParserException",
    "models.azure_openai": "AzureChatOpenAI AzureOpenAI AzureOpenAIEmbeddings",
    "models.base": "BaseChatModel ChatGeneration ChatGenerationChunk ChatResult SimpleChatModel",
    "models.caches": "BaseCache InMemoryCache SQLiteCache get_llm_cache set_llm_cache",
    "models.cassettes": "cassette",
    "models.factory": "init_chat_model init_embeddings",
    "models.fake": "FakeChatModel FakeListLLM GenericFakeChatModel",
    "models.language": "BaseLanguageModel",
    "models.llm": "LLM BaseLLM Generation GenerationChunk LLMResult",
    "models.local": "ChatLocal",
    "models.local_embeddings": "LocalEmbeddings",
    "models.openai": "ChatOpenAI",
    "models.openai_completions": "OpenAI",
    "models.openai_embeddings": "OpenAIEmbeddings",
    "models.rate_limits": "BaseRateLimiter InMemoryRateLimiter",
    "notebook.comparing": "batch_against_one_by_one compare parallel_against_alone",
    "notebook.display": "display",
    "notebook.nested": "allow_nested_loops",
    "notebook.session": "runs",
    "notebook.watch": "view watch",
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
    "serve.app": "add_routes",
    "serve.remote": "RemoteRunnable",
    "serve.server": "ServedChain serve_chain",
    "timing.comparison": "Comparison",
    "tracing.callbacks": "AsyncCallbackHandler BaseCallbackHandler StdOutCallbackHandler "
    "UsageMetadataCallbackHandler",
    "tracing.calls": "CallMeter CallStats",
    "tracing.custom": "adispatch_custom_event dispatch_custom_event",
    "tracing.events": "StreamEvent",
    "tracing.live": "LiveState",
    "tracing.log": "LogEntry RunLog RunLogPatch RunState",
    "tracing.prices": "Price prices set_price",
    "vectorstores.base": "VectorStore",
    "vectorstores.faiss": "FAISS",
    "vectorstores.memory": "InMemoryVectorStore",
    "vectorstores.retriever": "VectorStoreRetriever",
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
    """``%load_ext workbench``: the magics ``%%chain``, ``%chain``, ``%chains`` and ``%runs``.

    In a cell::

        %load_ext workbench
        %chains
    """
    from .notebook.magics import load

    load(shell)
