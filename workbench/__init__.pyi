# The public names, each once, under the module that defines it. Type checkers read this file, and so does
# ``workbench.__getattr__``, which imports a module when one of its names is first used.

from typing import Any

from .errors import (
    OutputParserError as OutputParserError,
    OutputParserException as OutputParserException,
    ToolException as ToolException,
)
from .engine.chunks import (
    AddableDict as AddableDict,
)
from .engine.config import (
    RunnableConfig as RunnableConfig,
    merge_configs as merge_configs,
    patch_config as patch_config,
)
from .engine.runs import (
    Run as Run,
    RunEvent as RunEvent,
)
from .engine.scope import (
    ensure_config as ensure_config,
)
from .tracing.callbacks import (
    AsyncCallbackHandler as AsyncCallbackHandler,
    BaseCallbackHandler as BaseCallbackHandler,
    StdOutCallbackHandler as StdOutCallbackHandler,
    UsageMetadataCallbackHandler as UsageMetadataCallbackHandler,
)
from .tracing.calls import (
    CallMeter as CallMeter,
    CallStats as CallStats,
)
from .tracing.custom import (
    adispatch_custom_event as adispatch_custom_event,
    dispatch_custom_event as dispatch_custom_event,
)
from .tracing.events import (
    StreamEvent as StreamEvent,
)
from .tracing.log.patches import (
    RunLog as RunLog,
    RunLogPatch as RunLogPatch,
)
from .tracing.log.state import (
    LogEntry as LogEntry,
    RunState as RunState,
)
from .tracing.prices import (
    Price as Price,
    prices as prices,
    set_price as set_price,
)
from .runnables.alternatives import (
    RunnableConfigurableAlternatives as RunnableConfigurableAlternatives,
)
from .runnables.base import (
    Runnable as Runnable,
)
from .runnables.binding import (
    RunnableBinding as RunnableBinding,
)
from .runnables.branch import (
    RunnableBranch as RunnableBranch,
)
from .runnables.configurable import (
    RunnableConfigurableFields as RunnableConfigurableFields,
)
from .runnables.configurable_specs import (
    ConfigurableField as ConfigurableField,
    ConfigurableFieldMultiOption as ConfigurableFieldMultiOption,
    ConfigurableFieldSingleOption as ConfigurableFieldSingleOption,
    ConfigurableFieldSpec as ConfigurableFieldSpec,
)
from .runnables.decorator import (
    chain as chain,
)
from .runnables.each import (
    RunnableEach as RunnableEach,
)
from .runnables.fallbacks import (
    RunnableWithFallbacks as RunnableWithFallbacks,
)
from .runnables.function import (
    RunnableGenerator as RunnableGenerator,
    RunnableLambda as RunnableLambda,
)
from .runnables.parallel import (
    RunnableMap as RunnableMap,
    RunnableParallel as RunnableParallel,
)
from .runnables.passthrough import (
    RunnableAssign as RunnableAssign,
    RunnablePassthrough as RunnablePassthrough,
    RunnablePick as RunnablePick,
)
from .runnables.retry import (
    ExponentialJitterParams as ExponentialJitterParams,
    RunnableRetry as RunnableRetry,
)
from .runnables.router import (
    RouterInput as RouterInput,
    RouterRunnable as RouterRunnable,
)
from .runnables.sequence import (
    RunnableSequence as RunnableSequence,
)
from .runnables.serializable import (
    RunnableSerializable as RunnableSerializable,
)
from .messages import (
    AIMessage as AIMessage,
    AIMessageChunk as AIMessageChunk,
    AnyMessage as AnyMessage,
    BaseMessage as BaseMessage,
    BaseMessageChunk as BaseMessageChunk,
    ChatMessage as ChatMessage,
    ChatMessageChunk as ChatMessageChunk,
    FunctionMessage as FunctionMessage,
    FunctionMessageChunk as FunctionMessageChunk,
    HumanMessage as HumanMessage,
    HumanMessageChunk as HumanMessageChunk,
    RemoveMessage as RemoveMessage,
    SystemMessage as SystemMessage,
    SystemMessageChunk as SystemMessageChunk,
    ToolCall as ToolCall,
    ToolMessage as ToolMessage,
    ToolMessageChunk as ToolMessageChunk,
    convert_to_messages as convert_to_messages,
    convert_to_openai_messages as convert_to_openai_messages,
    count_tokens_approximately as count_tokens_approximately,
    filter_messages as filter_messages,
    get_buffer_string as get_buffer_string,
    merge_message_runs as merge_message_runs,
    message_chunk_to_message as message_chunk_to_message,
    messages_from_dict as messages_from_dict,
    messages_to_dict as messages_to_dict,
    trim_messages as trim_messages,
)
from .messages.chat_history import (
    BaseChatMessageHistory as BaseChatMessageHistory,
    InMemoryChatMessageHistory as InMemoryChatMessageHistory,
    RunnableWithMessageHistory as RunnableWithMessageHistory,
)
from .tools.openai_format import (
    convert_to_openai_function as convert_to_openai_function,
    convert_to_openai_tool as convert_to_openai_tool,
)
from .tools.rendering import (
    render_text_description as render_text_description,
    render_text_description_and_args as render_text_description_and_args,
)
from .tools.base import (
    BaseTool as BaseTool,
)
from .tools.decorator import (
    tool as tool,
)
from .tools.function_tools import (
    StructuredTool as StructuredTool,
    Tool as Tool,
)
from .tools.arguments import (
    InjectedToolArg as InjectedToolArg,
    InjectedToolCallId as InjectedToolCallId,
)
from .retrieval.documents import (
    Document as Document,
)
from .retrieval.embeddings import (
    DeterministicFakeEmbedding as DeterministicFakeEmbedding,
    Embeddings as Embeddings,
)
from .retrieval.retriever import (
    BaseRetriever as BaseRetriever,
)
from .retrieval.retriever_tool import (
    create_retriever_tool as create_retriever_tool,
)
from .retrieval.stores.base import (
    VectorStore as VectorStore,
    VectorStoreRetriever as VectorStoreRetriever,
)
from .retrieval.stores.faiss import (
    FAISS as FAISS,
)
from .retrieval.stores.memory import (
    InMemoryVectorStore as InMemoryVectorStore,
)
from .retrieval.text_splitters import (
    CharacterTextSplitter as CharacterTextSplitter,
    RecursiveCharacterTextSplitter as RecursiveCharacterTextSplitter,
    TextSplitter as TextSplitter,
)
from .prompts.base import (
    BaseChatPromptTemplate as BaseChatPromptTemplate,
    BasePromptTemplate as BasePromptTemplate,
)
from .prompts.chat import (
    ChatPromptTemplate as ChatPromptTemplate,
)
from .prompts.dict_template import (
    DictPromptTemplate as DictPromptTemplate,
)
from .prompts.documents import (
    aformat_document as aformat_document,
    format_document as format_document,
)
from .prompts.example_selectors import (
    BaseExampleSelector as BaseExampleSelector,
    LengthBasedExampleSelector as LengthBasedExampleSelector,
    MaxMarginalRelevanceExampleSelector as MaxMarginalRelevanceExampleSelector,
    SemanticSimilarityExampleSelector as SemanticSimilarityExampleSelector,
)
from .prompts.few_shot import (
    FewShotChatMessagePromptTemplate as FewShotChatMessagePromptTemplate,
    FewShotPromptTemplate as FewShotPromptTemplate,
)
from .prompts.message_templates import (
    AIMessagePromptTemplate as AIMessagePromptTemplate,
    BaseMessagePromptTemplate as BaseMessagePromptTemplate,
    ChatMessagePromptTemplate as ChatMessagePromptTemplate,
    HumanMessagePromptTemplate as HumanMessagePromptTemplate,
    MessagesPlaceholder as MessagesPlaceholder,
    SystemMessagePromptTemplate as SystemMessagePromptTemplate,
)
from .prompts.string import (
    PromptTemplate as PromptTemplate,
    StringPromptTemplate as StringPromptTemplate,
)
from .prompts.templates import (
    get_template_variables as get_template_variables,
)
from .prompts.values import (
    ChatPromptValue as ChatPromptValue,
    ChatPromptValueConcrete as ChatPromptValueConcrete,
    PromptValue as PromptValue,
    StringPromptValue as StringPromptValue,
)
from .parsers.base import (
    BaseCumulativeTransformOutputParser as BaseCumulativeTransformOutputParser,
    BaseGenerationOutputParser as BaseGenerationOutputParser,
    BaseLLMOutputParser as BaseLLMOutputParser,
    BaseOutputParser as BaseOutputParser,
    BaseTransformOutputParser as BaseTransformOutputParser,
    StrOutputParser as StrOutputParser,
)
from .parsers.fixing import (
    OutputFixingParser as OutputFixingParser,
    RetryOutputParser as RetryOutputParser,
    RetryWithErrorOutputParser as RetryWithErrorOutputParser,
)
from .parsers.function_calls import (
    JsonKeyOutputFunctionsParser as JsonKeyOutputFunctionsParser,
    JsonOutputFunctionsParser as JsonOutputFunctionsParser,
    PydanticAttrOutputFunctionsParser as PydanticAttrOutputFunctionsParser,
    PydanticOutputFunctionsParser as PydanticOutputFunctionsParser,
)
from .parsers.json import (
    JsonOutputParser as JsonOutputParser,
    PydanticOutputParser as PydanticOutputParser,
    SimpleJsonOutputParser as SimpleJsonOutputParser,
)
from .parsers.lists import (
    CommaSeparatedListOutputParser as CommaSeparatedListOutputParser,
    ListOutputParser as ListOutputParser,
    MarkdownListOutputParser as MarkdownListOutputParser,
    NumberedListOutputParser as NumberedListOutputParser,
)
from .parsers.tool_calls import (
    JsonOutputKeyToolsParser as JsonOutputKeyToolsParser,
    JsonOutputToolsParser as JsonOutputToolsParser,
    PydanticToolsParser as PydanticToolsParser,
)
from .parsers.values import (
    DatetimeOutputParser as DatetimeOutputParser,
    EnumOutputParser as EnumOutputParser,
    RegexParser as RegexParser,
)
from .parsers.xml import (
    XMLOutputParser as XMLOutputParser,
)
from .text.partial_json import (
    parse_partial_json as parse_partial_json,
)
from .models.chat import (
    BaseChatModel as BaseChatModel,
    SimpleChatModel as SimpleChatModel,
)
from .models.factory import (
    init_chat_model as init_chat_model,
    init_embeddings as init_embeddings,
)
from .models.fake import (
    FakeChatModel as FakeChatModel,
    FakeListLLM as FakeListLLM,
    GenericFakeChatModel as GenericFakeChatModel,
)
from .models.generations import (
    ChatGeneration as ChatGeneration,
    ChatGenerationChunk as ChatGenerationChunk,
    ChatResult as ChatResult,
    Generation as Generation,
    GenerationChunk as GenerationChunk,
    LLMResult as LLMResult,
)
from .models.language import (
    BaseLanguageModel as BaseLanguageModel,
)
from .models.llm import (
    BaseLLM as BaseLLM,
    LLM as LLM,
)
from .models.local.chat import (
    ChatLocal as ChatLocal,
)
from .models.local.embeddings import (
    LocalEmbeddings as LocalEmbeddings,
)
from .models.openai.azure import (
    AzureChatOpenAI as AzureChatOpenAI,
    AzureOpenAI as AzureOpenAI,
    AzureOpenAIEmbeddings as AzureOpenAIEmbeddings,
)
from .models.openai.chat import (
    ChatOpenAI as ChatOpenAI,
)
from .models.openai.completions import (
    OpenAI as OpenAI,
)
from .models.openai.embeddings import (
    OpenAIEmbeddings as OpenAIEmbeddings,
)
from .models.rate_limits import (
    BaseRateLimiter as BaseRateLimiter,
    InMemoryRateLimiter as InMemoryRateLimiter,
)
from .models.recorded.caches import (
    BaseCache as BaseCache,
    InMemoryCache as InMemoryCache,
    SQLiteCache as SQLiteCache,
    get_llm_cache as get_llm_cache,
    set_llm_cache as set_llm_cache,
)
from .models.recorded.cassettes import (
    cassette as cassette,
)
from .live.state import (
    LiveState as LiveState,
)
from .timing.comparison import (
    Comparison as Comparison,
)
from .notebook.compare import (
    batch_against_one_by_one as batch_against_one_by_one,
    compare as compare,
    parallel_against_alone as parallel_against_alone,
)
from .notebook.display import (
    display as display,
)
from .notebook.nested_loops import (
    allow_nested_loops as allow_nested_loops,
)
from .notebook.session import (
    runs as runs,
)
from .notebook.view import (
    view as view,
)
from .notebook.watch import (
    watch as watch,
)
from .serve.client.remote import (
    RemoteRunnable as RemoteRunnable,
)
from .serve.server.app import (
    add_routes as add_routes,
)
from .serve.server.listening import (
    ServedChain as ServedChain,
    serve_chain as serve_chain,
)

__version__: str

def load_ipython_extension(shell: Any) -> None: ...
