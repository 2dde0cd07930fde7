"""The page that the project was made from, cell by cell: its code runs with only its imports changed, and
gives what the page shows.

Cells run in a real IPython shell, since they use its ``await``, ``%%time`` and display, against an
OpenAI-compatible server over HTTP that gives the page's tokens. What the page prints is compared as text,
with ids and times made equal. Its first cell, ``%pip install``, is left out.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from textwrap import dedent
from typing import Any, get_type_hints

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.lib.pretty import pretty

from tests.chat_server import ChatServer
from tests.runnables.test_schema import (
    SEED_MODEL_INPUT,
    SEED_MODEL_OUTPUT,
    SEED_PROMPT_INPUT,
    as_pydantic_1,
    without_what_came_since,
)
from tests.tracing.event_steps import events_of
from workbench import (
    LLM,
    AIMessage,
    AIMessageChunk,
    ChatPromptValue,
    Document,
    HumanMessage,
    LogEntry,
    RunnableLambda,
    RunState,
    SystemMessage,
)

CHAIN = """
from workbench import ChatPromptTemplate
from workbench import ChatOpenAI

model = ChatOpenAI()
prompt = ChatPromptTemplate.from_template("tell me a joke about {topic}")
chain = prompt | model
"""

RETRIEVAL_CHAIN = '''
from workbench import FAISS
from workbench import StrOutputParser
from workbench import RunnablePassthrough
from workbench import OpenAIEmbeddings

template = """Answer the question based only on the following context:
{context}

Question: {question}
"""
prompt = ChatPromptTemplate.from_template(template)

vectorstore = FAISS.from_texts(
    ["harrison worked at kensho"], embedding=OpenAIEmbeddings()
)
retriever = vectorstore.as_retriever()

retrieval_chain = (
    {
        "context": retriever.with_config(run_name="Docs"),
        "question": RunnablePassthrough(),
    }
    | prompt
    | model.with_config(run_name="my_llm")
    | StrOutputParser()
)
'''

COMBINED = """
from workbench import RunnableParallel

chain1 = ChatPromptTemplate.from_template("tell me a joke about {topic}") | model
chain2 = (
    ChatPromptTemplate.from_template("write a short (2 line) poem about {topic}")
    | model
)
combined = RunnableParallel(joke=chain1, poem=chain2)
"""

STREAMED_JOKE = """Sure, here's a bear-themed joke for you:

Why don't bears wear shoes?

Because they already have bear feet!"""

JOKE, POEM = "tell me a joke about ", "write a short (2 line) poem about "

ANSWER = ["H", "arrison", " worked", " at", " Kens", "ho", "."]


class Page:
    """The page as a notebook: ``cell`` runs one, ``says`` sets what the model answers to what."""

    def __init__(self, shell: InteractiveShell, server: ChatServer) -> None:
        self.shell = shell
        self.server = server
        self.answers: dict[str, list[str]] = {}
        server.tokens = lambda body: self.answers.get(body["messages"][-1]["content"], ANSWER)

    def says(self, answers: dict[str, str]) -> None:
        self.answers = {asked: re.findall(r"\s*\S+", answer) for asked, answer in answers.items()}

    def cell(self, source: str) -> Any:
        """Run a cell; gives its last value. ``printed`` is what it printed."""
        out = io.StringIO()
        with redirect_stdout(out):
            done = self.shell.run_cell(dedent(source).strip("\n"))
        done.raise_error()
        self.printed = out.getvalue().split("Out[")[0]
        return done.result


@pytest.fixture(scope="module")
def shell() -> Iterator[InteractiveShell]:
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.fixture
def page(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    shell.user_ns.clear()
    shell.init_user_ns()
    with ChatServer() as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        page = Page(shell, server)
        page.cell(CHAIN)
        yield page


@pytest.fixture
def retrieval(page: Page) -> Page:
    page.cell(RETRIEVAL_CHAIN)
    return page


# Schemas


def test_the_input_schemas_are_as_printed(page: Page) -> None:
    of_prompt = {**SEED_PROMPT_INPUT, "required": ["topic"]}  # pydantic 2 also says what has to be there
    chain = """
        # 체인의 입력 스키마는 첫 번째 부분인 프롬프트의 입력 스키마입니다.

        chain.input_schema.schema()
        """
    assert page.cell(chain) == of_prompt
    assert page.cell("prompt.input_schema.schema()") == of_prompt
    of_model = as_pydantic_1(page.cell("model.input_schema.schema()"))
    assert without_what_came_since(of_model) == SEED_MODEL_INPUT


def test_the_output_schema_is_as_printed(page: Page) -> None:
    chain = """
        # 체인의 출력 스키마는 마지막 부분인 ChatModel의 출력 스키마입니다. ChatModel은 ChatMessage를 출력합니다.

        chain.output_schema.schema()
        """  # noqa: E501
    assert without_what_came_since(as_pydantic_1(page.cell(chain))) == SEED_MODEL_OUTPUT


# The ways to run a chain


def test_stream_prints_the_joke_token_by_token(page: Page) -> None:
    page.says({JOKE + "bears": STREAMED_JOKE})
    page.cell(
        """
        for s in chain.stream({"topic": "bears"}):
            print(s.content, end="", flush=True)
        """
    )
    assert page.printed == STREAMED_JOKE
    assert page.server.sent == [len(page.answers[JOKE + "bears"])]


def test_invoke_shows_a_message(page: Page) -> None:
    page.says({JOKE + "bears": "Why don't bears wear shoes? \n\nBecause they have bear feet!"})
    message = page.cell('chain.invoke({"topic": "bears"})')
    assert pretty(message) == (
        'AIMessage(content="Why don\'t bears wear shoes? \\n\\nBecause they have bear feet!")'
    )


@pytest.mark.parametrize("config", ["", ', config={"max_concurrency": 5}'])
def test_batch_shows_the_messages_in_order(page: Page, config: str) -> None:
    page.says(
        {
            JOKE + "bears": STREAMED_JOKE.replace("bear-themed", "bear"),
            JOKE + "cats": "Why don't cats play poker in the wild?\n\nToo many cheetahs!",
        }
    )
    messages = page.cell(f'chain.batch([{{"topic": "bears"}}, {{"topic": "cats"}}]{config})')
    assert pretty(messages, max_width=400) == (
        "[AIMessage(content=\"Sure, here's a bear joke for you:\\n\\nWhy don't bears wear shoes?\\n\\n"
        'Because they already have bear feet!"), '
        'AIMessage(content="Why don\'t cats play poker in the wild?\\n\\nToo many cheetahs!")]'
    )


def test_batch_keeps_to_max_concurrency(page: Page) -> None:
    page.server.delay_s = 0.02
    page.cell('chain.batch([{"topic": n} for n in range(12)], config={"max_concurrency": 5})')
    assert page.server.peak == 5


def test_the_asynchronous_forms_give_the_same(page: Page) -> None:
    joke = "Why don't bears wear shoes?\n\nBecause they have bear feet!"
    page.says({JOKE + "bears": joke})
    page.cell(
        """
        async for s in chain.astream({"topic": "bears"}):
            print(s.content, end="", flush=True)
        """
    )
    assert page.printed == joke
    shown = f"AIMessage(content={joke!r})"
    assert pretty(page.cell('await chain.ainvoke({"topic": "bears"})')) == shown
    assert pretty(page.cell('await chain.abatch([{"topic": "bears"}])')) == f"[{shown}]"


@pytest.mark.parametrize("given", ["hello", [HumanMessage("hello")], "prompt value"])
def test_a_chat_model_takes_text_messages_or_a_prompt_value(page: Page, given: Any) -> None:
    if given == "prompt value":
        given = page.shell.user_ns["prompt"].invoke({"topic": "bears"})
        assert isinstance(given, ChatPromptValue)
    assert isinstance(page.shell.user_ns["model"].invoke(given), AIMessage)


def test_the_other_components_take_and_give_what_the_first_table_says(retrieval: Page) -> None:
    names = retrieval.shell.user_ns
    filled_in = names["prompt"].invoke({"context": "c", "question": "q"})
    assert isinstance(filled_in, ChatPromptValue)
    for given in ("hello", [HumanMessage("hello")], filled_in):
        assert FakeLLM().invoke(given) == "Hello human!"
    for given in ("x", AIMessage("x")):
        assert names["StrOutputParser"]().invoke(given) == "x"
    assert repr(names["retriever"].invoke("where?")) == "[Document(page_content='harrison worked at kensho')]"
    retrieval.cell(SOME_TOOL)
    assert names["some_tool"].invoke({"x": 1, "y": "2"}) == {"x": 1, "y": "2"}


# The table of events, a row each


class FakeLLM(LLM):
    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        return "Hello human!"

    def _stream(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[str]:
        yield "Hello"
        yield " human!"


TEMPLATE = """
from workbench import ChatPromptTemplate
template = ChatPromptTemplate.from_messages(
    [("system", "You are Cat Agent 007"), ("human", "{question}")]
).with_config({"run_name": "my_template", "tags": ["my_template"]})
"""

FORMAT_DOCS = """
from typing import List
from workbench import Document, RunnableLambda
def format_docs(docs: List[Document]) -> str:
    '''문서를 포맷합니다.'''
    return ", ".join([doc.page_content for doc in docs])

format_docs = RunnableLambda(format_docs)
"""

SOME_TOOL = """
from workbench import tool
@tool
def some_tool(x: int, y: str) -> dict:
    '''Some_tool.'''
    return {"x": x, "y": y}
"""

CAT_AGENT = [SystemMessage("You are Cat Agent 007"), HumanMessage("hello")]


def rows(chain: Any, input: Any, name: str, **options: Any) -> list[tuple[str, Any]]:
    """The events of one step: (event, data)."""
    events = events_of(chain, input, version="v1", **options)
    return [(event["event"], event["data"]) for event in events if event["name"] == name]


def test_events_of_a_chat_model(page: Page) -> None:
    page.cell(TEMPLATE)
    page.says({"hello": "hello"})
    template, model = page.shell.user_ns["template"], page.shell.user_ns["model"]
    seen = rows(template | model, {"question": "hello"}, "ChatOpenAI")
    asked = {"messages": [CAT_AGENT]}
    assert seen[0] == ("on_chat_model_start", {"input": asked})
    chunks = [data["chunk"] for event, data in seen if event == "on_chat_model_stream"]
    assert repr([chunk for chunk in chunks if chunk.content]) == "[AIMessageChunk(content='hello')]"
    event, data = seen[-1]
    assert (event, data["input"]) == ("on_chat_model_end", asked)
    assert data["output"]["llm_output"] is None
    [[generation]] = data["output"]["generations"]
    assert generation["text"] == "hello"
    assert isinstance(generation["message"], AIMessageChunk)


def test_events_of_an_llm() -> None:
    assert rows(FakeLLM(), "hello", "FakeLLM") == [
        ("on_llm_start", {"input": "hello"}),
        ("on_llm_stream", {"chunk": "Hello"}),
        ("on_llm_stream", {"chunk": " human!"}),
        ("on_llm_end", {"output": "Hello human!"}),
    ]


def test_events_of_a_function(page: Page) -> None:
    page.cell(FORMAT_DOCS)
    docs = [Document("hello world!"), Document("goodbye world!")]
    chain = RunnableLambda(lambda _: docs) | page.shell.user_ns["format_docs"]
    assert rows(chain, "hello", "format_docs") == [
        ("on_chain_start", {}),  # the input is not all there yet
        ("on_chain_stream", {"chunk": "hello world!, goodbye world!"}),
        ("on_chain_end", {"input": docs, "output": "hello world!, goodbye world!"}),
    ]


def test_events_of_a_tool(page: Page) -> None:
    page.cell(SOME_TOOL)
    given = {"x": 1, "y": "2"}
    assert rows(page.shell.user_ns["some_tool"], given, "some_tool") == [
        ("on_tool_start", {"input": given}),
        ("on_tool_stream", {"chunk": given}),
        ("on_tool_end", {"output": given}),
    ]


def test_events_of_a_retriever(retrieval: Page) -> None:
    retriever = retrieval.shell.user_ns["retriever"]
    asked, found = {"query": "hello"}, {"documents": retriever.invoke("hello")}
    assert rows(retriever | str, "hello", "VectorStoreRetriever") == [
        ("on_retriever_start", {"input": asked}),
        ("on_retriever_end", {"input": asked, "output": found}),
    ]
    # The page's table calls it on_retriever_chunk; no version ever had an event of that name.
    assert rows(retriever, "hello", "VectorStoreRetriever")[1] == (
        "on_retriever_stream",
        {"chunk": found["documents"]},
    )


def test_events_of_a_prompt(page: Page) -> None:
    page.cell(TEMPLATE)
    given = {"question": "hello"}
    seen = rows(page.shell.user_ns["template"] | page.shell.user_ns["model"], given, "my_template")
    assert seen == [
        ("on_prompt_start", {"input": given}),
        ("on_prompt_end", {"input": given, "output": ChatPromptValue(messages=CAT_AGENT)}),
    ]
    alone = rows(page.shell.user_ns["template"], given, "my_template", include_tags=["my_template"])
    assert alone[0] == seen[0]


# The retrieval chain


def test_the_events_print_as_the_page_shows(retrieval: Page) -> None:
    retrieval.cell(
        """
        async for event in retrieval_chain.astream_events(
            "where did harrison work?", version="v1", include_names=["Docs", "my_llm"]
        ):
            kind = event["event"]
            if kind == "on_chat_model_stream":
                print(event["data"]["chunk"].content, end="|")
            elif kind in {"on_chat_model_start"}:
                print()
                print("Streaming LLM:")
            elif kind in {"on_chat_model_end"}:
                print()
                print("Done streaming LLM.")
            elif kind == "on_retriever_end":
                print("--")
                print("Retrieved the following documents:")
                print(event["data"]["output"]["documents"])
            elif kind == "on_tool_end":
                print(f"Ended tool: {event['name']}")
            else:
                pass
        """
    )
    assert retrieval.printed == dedent(
        """\
        --
        Retrieved the following documents:
        [Document(page_content='harrison worked at kensho')]

        Streaming LLM:
        |H|arrison| worked| at| Kens|ho|.||
        Done streaming LLM.
        """
    )


def test_the_log_has_the_types_that_the_page_declares(page: Page) -> None:
    page.cell(
        '''
        from typing import Any, Dict, List, Optional, TypedDict
        class LogEntry(TypedDict):
            id: str
            """서브 런의 ID."""
            name: str
            """실행 중인 객체의 이름."""
            type: str
            """실행 중인 객체의 유형, 예: prompt, chain, llm 등."""
            tags: List[str]
            """런의 태그 목록."""
            metadata: Dict[str, Any]
            """런의 메타데이터 키-값 쌍."""
            start_time: str
            """런이 시작된 시점의 ISO-8601 타임스탬프."""

            streamed_output_str: List[str]
            """이 런에서 스트리밍된 LLM 토큰 목록, 해당되는 경우."""
            final_output: Optional[Any]
            """런의 최종 출력.
            런이 성공적으로 완료된 후에만 사용할 수 있습니다."""
            end_time: Optional[str]
            """런이 종료된 시점의 ISO-8601 타임스탬프.
            런이 종료된 후에만 사용할 수 있습니다."""


        class RunState(TypedDict):
            id: str
            """런의 ID."""
            streamed_output: List[Any]
            """Runnable.stream()에서 스트리밍된 출력 청크 목록"""
            final_output: Optional[Any]
            """런의 최종 출력, 일반적으로 스트리밍된 출력의 집계(`+`) 결과.
            런이 성공적으로 완료된 후에만 사용할 수 있습니다."""

            logs: Dict[str, LogEntry]
            """런 이름에서 서브 런으로의 매핑. 필터가 제공된 경우, 이 목록은 필터와 일치하는 런만 포함합니다."""
        '''  # noqa: E501
    )
    for ours, name in ((LogEntry, "LogEntry"), (RunState, "RunState")):
        declared, have = page.shell.user_ns[name].__annotations__, get_type_hints(ours)
        assert declared.keys() <= have.keys()
        same = {key for key in declared if same_type(declared[key], have[key])}
        assert declared.keys() - same <= {"logs"}  # of the page's own LogEntry


def same_type(declared: Any, have: Any) -> bool:
    """As text: List[str] is list[str], and what may be Any may be None."""
    spelled = [str(each).replace("typing.", "").lower() for each in (declared, have)]
    return spelled[0].replace("optional[any]", "any") == spelled[1].replace("str | none", "optional[str]")


FIRST_PATCHES = """\
----------------------------------------
RunLogPatch({'op': 'replace',
  'path': '',
  'value': {'final_output': None,
            'id': '82e9b4b1-3dd6-4732-8db9-90e79c4da48c',
            'logs': {},
            'name': 'RunnableSequence',
            'streamed_output': [],
            'type': 'chain'}})
----------------------------------------
RunLogPatch({'op': 'add',
  'path': '/logs/Docs',
  'value': {'end_time': None,
            'final_output': None,
            'id': '9206e94a-57bd-48ee-8c5e-fdd1c52a6da2',
            'metadata': {},
            'name': 'Docs',
            'start_time': '2024-01-19T22:33:55.902+00:00',
            'streamed_output': [],
            'streamed_output_str': [],
            'tags': ['map:key:context', 'FAISS', 'OpenAIEmbeddings'],
            'type': 'retriever'}})
----------------------------------------
RunLogPatch({'op': 'add',
  'path': '/logs/Docs/final_output',
  'value': {'documents': [Document(page_content='harrison worked at kensho')]}},
 {'op': 'add',
  'path': '/logs/Docs/end_time',
  'value': '2024-01-19T22:33:56.064+00:00'})
----------------------------------------
RunLogPatch({'op': 'add', 'path': '/streamed_output/-', 'value': ''},
 {'op': 'replace', 'path': '/final_output', 'value': ''})
----------------------------------------
RunLogPatch({'op': 'add', 'path': '/streamed_output/-', 'value': 'H'},
 {'op': 'replace', 'path': '/final_output', 'value': 'H'})
----------------------------------------
RunLogPatch({'op': 'add', 'path': '/streamed_output/-', 'value': 'arrison'},
 {'op': 'replace', 'path': '/final_output', 'value': 'Harrison'})
----------------------------------------
RunLogPatch({'op': 'add', 'path': '/streamed_output/-', 'value': ' worked'},
 {'op': 'replace', 'path': '/final_output', 'value': 'Harrison worked'})
----------------------------------------
RunLogPatch({'op': 'add', 'path': '/streamed_output/-', 'value': ' at'},
 {'op': 'replace', 'path': '/final_output', 'value': 'Harrison worked at'})
----------------------------------------
RunLogPatch({'op': 'add', 'path': '/streamed_output/-', 'value': ' Kens'},
 {'op': 'replace', 'path': '/final_output', 'value': 'Harrison worked at Kens'})
----------------------------------------
RunLogPatch({'op': 'add', 'path': '/streamed_output/-', 'value': 'ho'},
 {'op': 'replace',
  'path': '/final_output',
  'value': 'Harrison worked at Kensho'})
----------------------------------------
RunLogPatch({'op': 'add', 'path': '/streamed_output/-', 'value': '.'},
 {'op': 'replace',
  'path': '/final_output',
  'value': 'Harrison worked at Kensho.'})
----------------------------------------
RunLogPatch({'op': 'add', 'path': '/streamed_output/-', 'value': ''})
"""


def test_the_patches_print_as_the_page_shows(retrieval: Page) -> None:
    retrieval.cell(
        """
        async for chunk in retrieval_chain.astream_log(
            "where did harrison work?", include_names=["Docs"]
        ):
            print("-" * 40)
            print(chunk)
        """
    )
    assert without_ids_and_times(retrieval.printed) == without_ids_and_times(FIRST_PATCHES)


DOCS_RUNNING = """{'Docs': {'end_time': None,
                   'final_output': None,
                   'id': '8de10b49-d6af-4cb7-a4e7-fbadf6efa01e',
                   'metadata': {},
                   'name': 'Docs',
                   'start_time': '2024-01-19T22:33:56.939+00:00',
                   'streamed_output': [],
                   'streamed_output_str': [],
                   'tags': ['map:key:context', 'FAISS', 'OpenAIEmbeddings'],
                   'type': 'retriever'}}"""

DOCS_DONE = """{'Docs': {'end_time': '2024-01-19T22:33:57.120+00:00',
                   'final_output': {'documents': [Document(page_content='harrison worked at kensho')]},
                   'id': '8de10b49-d6af-4cb7-a4e7-fbadf6efa01e',
                   'metadata': {},
                   'name': 'Docs',
                   'start_time': '2024-01-19T22:33:56.939+00:00',
                   'streamed_output': [],
                   'streamed_output_str': [],
                   'tags': ['map:key:context', 'FAISS', 'OpenAIEmbeddings'],
                   'type': 'retriever'}}"""

STATES = [
    ("None", "{}", "[]"),
    ("None", DOCS_RUNNING, "[]"),
    ("None", DOCS_DONE, "[]"),
    ("''", DOCS_DONE, "['']"),
    ("'H'", DOCS_DONE, "['', 'H']"),
    ("'Harrison'", DOCS_DONE, "['', 'H', 'arrison']"),
    ("'Harrison worked'", DOCS_DONE, "['', 'H', 'arrison', ' worked']"),
    ("'Harrison worked at'", DOCS_DONE, "['', 'H', 'arrison', ' worked', ' at']"),
    ("'Harrison worked at Kens'", DOCS_DONE, "['', 'H', 'arrison', ' worked', ' at', ' Kens']"),
    ("'Harrison worked at Kensho'", DOCS_DONE, "['', 'H', 'arrison', ' worked', ' at', ' Kens', 'ho']"),
    ("'Harrison worked at Kensho.'", DOCS_DONE, "['', 'H', 'arrison', ' worked', ' at', ' Kens', 'ho', '.']"),
    (
        "'Harrison worked at Kensho.'",
        DOCS_DONE,
        """['',
                     'H',
                     'arrison',
                     ' worked',
                     ' at',
                     ' Kens',
                     'ho',
                     '.',
                     '']""",
    ),
]
"""What changes from state to state of the page: final_output, logs, streamed_output."""


def state(final_output: str, logs: str, streamed_output: str) -> str:
    """A RunLog as the page prints it."""
    return f"""\
{"-" * 70}
RunLog({{'final_output': {final_output},
 'id': '431d1c55-7c50-48ac-b3a2-2f5ba5f35172',
 'logs': {logs},
 'name': 'RunnableSequence',
 'streamed_output': {streamed_output},
 'type': 'chain'}})
"""


def test_the_states_print_as_the_page_shows(retrieval: Page) -> None:
    retrieval.cell(
        """
        async for chunk in retrieval_chain.astream_log(
            "where did harrison work?", include_names=["Docs"], diff=False
        ):
            print("-" * 70)
            print(chunk)
        """
    )
    shown = "".join(state(*each) for each in STATES)
    assert without_ids_and_times(retrieval.printed) == without_ids_and_times(shown)


def without_ids_and_times(text: str) -> str:
    """Ids by the order in which they come, times alike."""
    ids: dict[str, str] = {}
    text = re.sub(
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        lambda found: ids.setdefault(found[0], f"id {len(ids)}"),
        text,
    )
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", "a time", text)


# Parallel


@pytest.fixture
def slow(page: Page) -> Page:
    """The page with a model that takes its time: far longer than anything else here."""
    page.cell(COMBINED)
    page.says(
        {
            JOKE + "bears": "Why don't bears wear shoes?\n\nBecause they already have bear feet!",
            POEM + "bears": "In forest's embrace,\nMajestic bears pace.",
            JOKE + "cats": "Why don't cats play poker in the wild?\n\nToo many cheetahs!",
            POEM + "cats": "Whiskers grace, eyes gleam,\nCats dance through the moonbeam.",
        }
    )
    page.server.delay_s = 0.4
    page.cell("model.batch(['a', 'b'])")  # connections made, libraries loaded
    return page


def timed(page: Page, source: str) -> tuple[Any, float]:
    """A cell's value and seconds; the cell says them, too."""
    started = time.perf_counter()
    value = page.cell("%%time\n" + source)
    assert "Wall time:" in page.printed
    return value, time.perf_counter() - started


@pytest.mark.timed
def test_combined_branches_take_as_long_as_one(slow: Page) -> None:
    joke, joke_s = timed(slow, 'chain1.invoke({"topic": "bears"})')
    poem, poem_s = timed(slow, 'chain2.invoke({"topic": "bears"})')
    both, both_s = timed(slow, 'combined.invoke({"topic": "bears"})')
    assert pretty(poem) == r"""AIMessage(content="In forest's embrace,\nMajestic bears pace.")"""
    assert list(both) == ["joke", "poem"]
    assert (both["joke"].content, both["poem"].content) == (joke.content, poem.content)
    assert both_s < joke_s + poem_s


@pytest.mark.timed
def test_combined_batches_take_as_long_as_one(slow: Page) -> None:
    topics = '[{"topic": "bears"}, {"topic": "cats"}]'
    jokes, jokes_s = timed(slow, f"chain1.batch({topics})")
    poems, poems_s = timed(slow, f"chain2.batch({topics})")
    slow.server.peak = 0
    both, both_s = timed(slow, f"combined.batch({topics})")
    assert [each.content.split()[2] for each in jokes] == ["bears", "cats"]
    assert [each.content.split()[0] for each in poems] == ["In", "Whiskers"]
    assert [(each["joke"].content, each["poem"].content) for each in both] == [
        (joke.content, poem.content) for joke, poem in zip(jokes, poems, strict=True)
    ]
    assert slow.server.peak == 4
    assert both_s < jokes_s + poems_s
